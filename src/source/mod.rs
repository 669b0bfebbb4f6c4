//! Rows of one cluster, from its runtime (HTTP `/query`, Arrow stream) or from a snapshot (Parquet). Does not know who asked.

pub mod capture;
pub mod runtime;
pub mod snapshot;

use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{catalog::TableProvider, execution::object_store::ObjectStoreUrl};
use object_store::ObjectStore;

use crate::Result;

pub use runtime::RuntimeSource;
pub use snapshot::SnapshotSource;

/// What a cluster has: discovered, never hard-coded, for column sets differ between runtime versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Introspection {
    /// The runtime's own version (`1.7.12`).
    pub version: String,
    /// Table name → schema, types exactly as they come over Arrow IPC.
    pub tables: BTreeMap<String, SchemaRef>,
    /// Function names that the runtime can evaluate, lower case (`information_schema.routines`).
    pub functions: std::collections::BTreeSet<String>,
}

/// Where rows of one cluster come from.
#[async_trait]
pub trait Source: Send + Sync + fmt::Debug {
    /// What the cluster has. Cheap when nothing changed: implementations cache by the runtime's version.
    async fn introspect(&self) -> Result<Arc<Introspection>>;

    /// A table for the engine. `schema` is the discovered schema of `table` with metadata laid over it (same names, same
    /// types, same order); batches come with exactly that schema.
    fn table(&self, table: &str, schema: SchemaRef) -> Arc<dyn TableProvider>;

    /// Stores that this source's tables read from: the engine registers them in the `RuntimeEnv` that runs their plans. Each URL
    /// is unique in the process, so the stores of many sources live side by side.
    fn object_stores(&self) -> Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)> {
        Vec::new()
    }
}
