//! Rows of one cluster, from its runtime (HTTP `/query`, Arrow stream) or from a snapshot (Parquet). Does not know who asked.

use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;

use crate::Result;

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
}
