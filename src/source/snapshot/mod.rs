//! A cluster as it once was: one Parquet file for each table and a manifest, in a directory or compiled into the program. Files are
//! read by DataFusion's own Parquet scan, in batches, with projection, filters and limits pushed into it.

mod manifest;
mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::{catalog::TableProvider, execution::object_store::ObjectStoreUrl};
use futures::FutureExt;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem, memory::InMemory};
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    file::reader::ChunkReader,
};

use crate::{
    Error, Result,
    source::{Introspection, Source},
};

pub(crate) use manifest::{FILE_NAME as MANIFEST_FILE_NAME, broken, file_name};
pub use manifest::{Manifest, TableFile};

/// Numbers the stores of this process, so that each has a URL of its own.
static STORES: AtomicU64 = AtomicU64::new(0);

/// A snapshot, opened.
#[derive(Debug)]
pub struct SnapshotSource {
    introspection: Arc<Introspection>,
    manifest: Manifest,
    url: ObjectStoreUrl,
    store: Arc<dyn ObjectStore>,
}

impl SnapshotSource {
    /// Opens a snapshot's directory: reads its manifest and the footer of each file. Fails (58030) naming the file that is missing
    /// or broken. Only files that the manifest implies are opened, and only regular ones.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let manifest = fs::read(dir.join(MANIFEST_FILE_NAME)).map_err(|error| broken(MANIFEST_FILE_NAME, error))?;
        let manifest = Manifest::parse(&manifest)?;
        let tables = schemas(&manifest, |name| {
            let path = dir.join(name);
            let metadata = fs::symlink_metadata(&path).map_err(|error| broken(name, error))?;
            if !metadata.is_file() {
                return Err(broken(name, "it is not a regular file"));
            }
            Ok((File::open(&path).map_err(|error| broken(name, error))?, metadata.len()))
        })?;
        let store = LocalFileSystem::new_with_prefix(dir).map_err(|error| broken(MANIFEST_FILE_NAME, error))?;
        Self::new(manifest, tables, Arc::new(store))
    }

    /// Opens a snapshot that is part of the program: its manifest, and each file's name (`state.parquet`) and content.
    pub fn embedded(manifest: &'static [u8], files: &'static [(&'static str, &'static [u8])]) -> Result<Self> {
        let manifest = Manifest::parse(manifest)?;
        let files: BTreeMap<&str, Bytes> = files
            .iter()
            .map(|(name, content)| (*name, Bytes::from_static(content)))
            .collect();
        let tables = schemas(&manifest, |name| {
            let content = files.get(name).cloned().ok_or_else(|| broken(name, "it is missing"))?;
            let size = u64::try_from(content.len()).map_err(Error::internal)?;
            Ok((content, size))
        })?;
        let store = InMemory::new();
        for (name, content) in files {
            // Storing in memory has nothing to wait for.
            match store.put(&name.into(), PutPayload::from_bytes(content)).now_or_never() {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(name, error)),
                None => return Err(Error::internal("a store in memory made its caller wait")),
            }
        }
        Self::new(manifest, tables, Arc::new(store))
    }

    fn new(manifest: Manifest, tables: BTreeMap<String, SchemaRef>, store: Arc<dyn ObjectStore>) -> Result<Self> {
        let url = format!("restate-snapshot://{}", STORES.fetch_add(1, Ordering::Relaxed));
        Ok(SnapshotSource {
            introspection: Arc::new(Introspection {
                version: manifest.runtime_version.clone(),
                tables,
                functions: manifest.functions.clone(),
            }),
            manifest,
            url: ObjectStoreUrl::parse(url).map_err(Error::internal)?,
            store,
        })
    }

    /// What the snapshot is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Each table's schema, from the footer of its file.
fn schemas<R: ChunkReader>(
    manifest: &Manifest,
    open: impl Fn(&str) -> Result<(R, u64)>,
) -> Result<BTreeMap<String, SchemaRef>> {
    let mut schemas = BTreeMap::new();
    for (table, file) in &manifest.tables {
        let name = file_name(table)?;
        let (reader, size) = open(&name)?;
        if size != file.bytes {
            return Err(broken(
                &name,
                format!("it has {size} bytes where the manifest says {}", file.bytes),
            ));
        }
        let footer =
            ArrowReaderMetadata::load(&reader, ArrowReaderOptions::new()).map_err(|error| broken(&name, error))?;
        if u64::try_from(footer.metadata().file_metadata().num_rows()) != Ok(file.rows) {
            return Err(broken(&name, "its number of rows is not the manifest's"));
        }
        // What else the file says about itself is not part of what a runtime's schema is.
        schemas.insert(table.clone(), Arc::new(Schema::new(footer.schema().fields().clone())));
    }
    Ok(schemas)
}

#[async_trait]
impl Source for SnapshotSource {
    async fn introspect(&self) -> Result<Arc<Introspection>> {
        Ok(self.introspection.clone())
    }

    fn table(&self, table: &str, schema: SchemaRef) -> Arc<dyn TableProvider> {
        let file = self.manifest.tables.get(table).copied();
        Arc::new(table::SnapshotTable::new(table, file, schema, self.url.clone()))
    }

    fn object_stores(&self) -> Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)> {
        vec![(self.url.clone(), self.store.clone())]
    }
}
