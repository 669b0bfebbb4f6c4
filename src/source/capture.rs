//! Captures a running cluster as a snapshot: each table streamed into a Parquet file of its own. Nothing is visible under its final
//! name before it is whole, and the manifest comes last.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use chrono::{SecondsFormat, Utc};
use futures::StreamExt;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use tokio::sync::mpsc;

use super::{
    RuntimeSource, Source,
    runtime::{from_datafusion, quote},
    snapshot::{MANIFEST_FILE_NAME, Manifest, SnapshotSource, TableFile, file_name},
};
use crate::{Error, Result, SqlState};

/// Rows of a row group: small enough to prune by, large enough to compress.
const ROW_GROUP_ROWS_MAX: usize = 64 * 1024;

/// Encoded bytes of a row group, which stay in memory until it ends; state values and journal entries can be large.
const ROW_GROUP_SIZE_MAX: usize = 32 * 1024 * 1024;

/// zstd's own default: higher levels cost more than the disk they save here.
const ZSTD_LEVEL: i32 = 3;

/// Batches between the network and the encoder, of 128 rows each.
const BATCHES_IN_FLIGHT: usize = 16;

/// Reported at least after so many rows.
const PROGRESS_ROWS: u64 = 10_000;

/// How far a capture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The table that is being written.
    pub table: &'a str,
    /// Its rows so far.
    pub rows: u64,
    /// The size of its file, once the table is done.
    pub bytes: Option<u64>,
    /// Tables that are done, and how many there are.
    pub tables_done: usize,
    pub tables_total: usize,
}

/// Captures every introspection table of `source` into `dir`, which is created if it does not exist. An older snapshot there is
/// replaced; a directory that holds anything else is refused (55000).
pub async fn capture(
    source: &RuntimeSource,
    dir: impl AsRef<Path>,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<Manifest> {
    let dir = dir.as_ref();
    let old = prepare(dir)?;
    let introspection = source.introspect().await?;
    let captured_at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut manifest = Manifest::new(
        introspection.version.clone(),
        captured_at,
        introspection.functions.clone(),
    );

    let tables_total = introspection.tables.len();
    for (tables_done, table) in introspection.tables.keys().enumerate() {
        let path = partial(dir, &file_name(table)?);
        let mut report = |rows, bytes: Option<u64>| {
            let tables_done = tables_done + usize::from(bytes.is_some());
            progress(Progress {
                table,
                rows,
                bytes,
                tables_done,
                tables_total,
            });
        };
        let file = capture_table(source, table, &path, |rows| report(rows, None)).await?;
        report(file.rows, Some(file.bytes));
        manifest.tables.insert(table.clone(), file);
    }
    publish(dir, &manifest, old.as_ref())?;
    Ok(manifest)
}

/// Makes the directory, or sees that it may be written to. Returns the manifest of the snapshot that is there.
fn prepare(dir: &Path) -> Result<Option<Manifest>> {
    fs::create_dir_all(dir).map_err(|error| unwritable(dir, error))?;
    match fs::read(dir.join(MANIFEST_FILE_NAME)) {
        Ok(json) => return Manifest::parse(&json).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(dir, error)),
    }
    for entry in fs::read_dir(dir).map_err(|error| unwritable(dir, error))? {
        let name = entry.map_err(|error| unwritable(dir, error))?.file_name();
        // What a capture that was interrupted leaves behind.
        if !name.to_string_lossy().ends_with(PARTIAL_SUFFIX) {
            return Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("directory \"{}\" is not empty and not a snapshot", dir.display()),
            ));
        }
    }
    Ok(None)
}

const PARTIAL_SUFFIX: &str = ".partial";

fn partial(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}{PARTIAL_SUFFIX}"))
}

/// Streams one table into `path`. Encoding runs beside the network, on a thread that may block.
async fn capture_table(
    source: &RuntimeSource,
    table: &str,
    path: &Path,
    mut progress: impl FnMut(u64),
) -> Result<TableFile> {
    let mut stream = source
        .query(&format!("SELECT * FROM \"public\".{}", quote(table)))
        .await?;
    let schema = stream.schema();
    let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
    let path = path.to_owned();
    let encoder = tokio::task::spawn_blocking(move || encode(&path, schema, receiver));

    let (mut rows, mut reported) = (0u64, 0u64);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(from_datafusion)?;
        rows += u64::try_from(batch.num_rows()).map_err(Error::internal)?;
        if sender.send(batch).await.is_err() {
            // The encoder failed; it says below why.
            break;
        }
        if rows - reported >= PROGRESS_ROWS {
            reported = rows;
            progress(rows);
        }
    }
    drop(sender);
    encoder.await.map_err(Error::internal)?
}

fn encode(path: &Path, schema: SchemaRef, mut batches: mpsc::Receiver<RecordBatch>) -> Result<TableFile> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(Error::internal)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .build();
    let failed = |error: parquet::errors::ParquetError| unwritable(path, error);
    let file = File::create(path).map_err(|error| unwritable(path, error))?;
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(failed)?;
    while let Some(batch) = batches.blocking_recv() {
        writer.write(&batch).map_err(failed)?;
        if writer.in_progress_size() > ROW_GROUP_SIZE_MAX {
            writer.flush().map_err(failed)?;
        }
    }
    let footer = writer.finish().map_err(failed)?;
    let rows = u64::try_from(footer.file_metadata().num_rows()).map_err(Error::internal)?;
    let file = writer.inner();
    file.sync_all().map_err(|error| unwritable(path, error))?;
    let bytes = file.metadata().map_err(|error| unwritable(path, error))?.len();
    Ok(TableFile { rows, bytes })
}

/// Gives everything its name: tables, then the manifest; then what only the older snapshot had goes.
fn publish(dir: &Path, manifest: &Manifest, old: Option<&Manifest>) -> Result<()> {
    for table in manifest.tables.keys() {
        rename(dir, &file_name(table)?)?;
    }
    let json = serde_json::to_vec_pretty(manifest).map_err(Error::internal)?;
    fs::write(partial(dir, MANIFEST_FILE_NAME), json).map_err(|error| unwritable(dir, error))?;
    rename(dir, MANIFEST_FILE_NAME)?;
    for table in old.into_iter().flat_map(|old| old.tables.keys()) {
        if !manifest.tables.contains_key(table) {
            fs::remove_file(dir.join(file_name(table)?)).map_err(|error| unwritable(dir, error))?;
        }
    }
    // What was captured must be what can be opened.
    SnapshotSource::open(dir).map(drop)
}

fn rename(dir: &Path, name: &str) -> Result<()> {
    fs::rename(partial(dir, name), dir.join(name)).map_err(|error| unwritable(dir, error))
}

fn unwritable(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new(
        SqlState::IO_ERROR,
        format!("could not write snapshot \"{}\": {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, LargeStringArray, RecordBatch, UInt64Array};

    use super::*;
    use crate::source::runtime::testing::{self, Server};

    fn batch(start: u64, rows: u64) -> RecordBatch {
        let ids: ArrayRef = Arc::new(
            (start..start + rows)
                .map(|n| (n % 7 != 0).then(|| format!("inv_{n}")))
                .collect::<LargeStringArray>(),
        );
        let keys: ArrayRef = Arc::new(UInt64Array::from_iter_values(start..start + rows));
        RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("partition_key", keys, true)]).unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    async fn run(server: &Server, dir: &Path) -> Result<Manifest> {
        capture(&RuntimeSource::new(&server.url)?, dir, |_| ()).await
    }

    #[tokio::test]
    async fn a_capture_is_a_cluster_with_the_same_tables_and_rows() {
        let journal: Vec<RecordBatch> = (0..200).map(|n| batch(n * 128, 128)).collect();
        let server = testing::runtime("1.7.12", vec![("sys_journal", journal), ("state", vec![batch(0, 0)])]).await;
        let source = RuntimeSource::new(&server.url).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("made/by/capture");
        let mut seen = Vec::new();
        let manifest = capture(&source, &dir, |at| {
            seen.push((at.table.to_owned(), at.rows, at.bytes.is_some(), at.tables_done))
        })
        .await
        .unwrap();
        assert_eq!(names(&dir), ["manifest.json", "state.parquet", "sys_journal.parquet"]);
        assert_eq!(manifest.tables["sys_journal"].rows, 25_600);
        assert_eq!(seen.first(), Some(&("state".to_owned(), 0, true, 1)));
        assert_eq!(seen.last(), Some(&("sys_journal".to_owned(), 25_600, true, 2)));
        assert!(seen.len() > 3, "progress within a table: {seen:?}");

        let snapshot = SnapshotSource::open(&dir).unwrap();
        assert_eq!(snapshot.manifest(), &manifest);
        assert_eq!(snapshot.introspect().await.unwrap(), source.introspect().await.unwrap());
    }

    #[tokio::test]
    async fn a_directory_with_anything_else_in_it_is_refused_and_left_alone() {
        let server = testing::runtime("1.7.12", vec![("state", vec![batch(0, 1)])]).await;
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "years of work").unwrap();
        let error = run(&server, dir.path()).await.unwrap_err();
        assert_eq!(error.code(), SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
        assert_eq!(names(dir.path()), ["thesis.tex"]);
        assert_eq!(server.requests().len(), 0);
    }

    #[tokio::test]
    async fn an_older_snapshot_is_replaced_and_what_an_interrupted_capture_left_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("state.parquet.partial"), "half").unwrap();
        let old = testing::runtime(
            "1.6.1",
            vec![("state", vec![batch(0, 1)]), ("sys_idempotency", vec![batch(0, 0)])],
        )
        .await;
        run(&old, dir.path()).await.unwrap();
        let new = testing::runtime("1.7.12", vec![("state", vec![batch(0, 2)])]).await;
        run(&new, dir.path()).await.unwrap();
        assert_eq!(names(dir.path()), ["manifest.json", "state.parquet"]);
        assert_eq!(
            SnapshotSource::open(dir.path()).unwrap().manifest().runtime_version,
            "1.7.12"
        );
    }

    #[tokio::test]
    async fn a_capture_that_fails_leaves_the_older_snapshot_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let old = testing::runtime("1.6.1", vec![("state", vec![batch(0, 1)])]).await;
        let manifest = run(&old, dir.path()).await.unwrap();
        let broken = testing::runtime(
            "1.7.12",
            vec![("state", vec![batch(0, 2)]), ("../evil", vec![batch(0, 1)])],
        )
        .await;
        assert!(run(&broken, dir.path()).await.is_err());
        assert_eq!(SnapshotSource::open(dir.path()).unwrap().manifest(), &manifest);
    }
}
