//! A relation of `pg_catalog` or `information_schema` for the engine: one batch in memory, made when it is first read.

use std::sync::{Arc, OnceLock};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    datasource::memory::MemorySourceConfig,
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{Expr, TableType},
    physical_plan::ExecutionPlan,
};

use super::{
    facts::SessionFacts,
    information_schema,
    model::{Model, PG_CATALOG, Relation},
    pg_catalog, rows,
};
use crate::{Error, Result, SqlState};

/// Relations whose rows depend on the session that asks or on the time, hence are made for each scan.
const OF_THE_SESSION: [&str; 5] = [
    "pg_settings",
    "pg_stat_activity",
    "pg_stat_ssl",
    "pg_stat_gssapi",
    "pg_timezone_names",
];

/// Relations that only a superuser may read.
const FORBIDDEN: [&str; 3] = ["pg_authid", "pg_shadow", "pg_user_mapping"];

#[derive(Debug)]
pub struct CatalogTable {
    model: Arc<Model>,
    index: usize,
    schema: SchemaRef,
    batch: OnceLock<RecordBatch>,
}

impl CatalogTable {
    pub(super) fn new(model: Arc<Model>, index: usize) -> CatalogTable {
        let schema = match model.relations.get(index) {
            Some(relation) => rows::schema(relation),
            None => Arc::new(arrow::datatypes::Schema::empty()),
        };
        CatalogTable {
            model,
            index,
            schema,
            batch: OnceLock::new(),
        }
    }

    fn batch(&self, facts: Option<&SessionFacts>) -> Result<RecordBatch> {
        let relation = self
            .model
            .relations
            .get(self.index)
            .ok_or_else(|| Error::internal("no such relation"))?;
        if FORBIDDEN.contains(&relation.name.as_str()) {
            let message = format!("permission denied for table {}", relation.name);
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        if OF_THE_SESSION.contains(&relation.name.as_str()) {
            return self.make(relation, facts);
        }
        if let Some(batch) = self.batch.get() {
            return Ok(batch.clone());
        }
        let batch = self.make(relation, None)?;
        Ok(self.batch.get_or_init(|| batch).clone())
    }

    fn make(&self, relation: &Relation, facts: Option<&SessionFacts>) -> Result<RecordBatch> {
        let rows = match relation.namespace {
            PG_CATALOG => pg_catalog::rows(&self.model, &relation.name, facts),
            _ => information_schema::rows(&self.model, &relation.name),
        };
        rows::batch(relation, Arc::clone(&self.schema), &rows)
    }
}

#[async_trait]
impl TableProvider for CatalogTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let facts = SessionFacts::of(state.config_options());
        let batch = self
            .batch(facts)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let exec = MemorySourceConfig::try_new_exec(&[vec![batch]], Arc::clone(&self.schema), projection.cloned())?;
        Ok(exec)
    }
}
