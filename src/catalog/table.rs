//! A relation of `pg_catalog` or `information_schema` for the engine: one batch in memory, made when it is first read.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::DFSchema,
    datasource::memory::MemorySourceConfig,
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{EmptyRelation, Expr, LogicalPlan, TableType},
    physical_plan::ExecutionPlan,
};

use super::{
    facts::Reader,
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

    fn relation(&self) -> Option<&Relation> {
        self.model.relations.get(self.index)
    }

    /// Whether its rows are made for each scan; those of the others never change.
    pub fn is_of_session(&self) -> bool {
        let name = self.relation().map(|relation| relation.name.as_str());
        name.is_some_and(|name| OF_THE_SESSION.contains(&name))
    }

    fn batch(&self, reader: Option<Reader>) -> Result<RecordBatch> {
        let relation = self.relation().ok_or_else(|| Error::internal("no such relation"))?;
        if FORBIDDEN.contains(&relation.name.as_str()) {
            let message = format!("permission denied for table {}", relation.name);
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        if self.is_of_session() {
            return self.make(relation, reader);
        }
        if let Some(batch) = self.batch.get() {
            return Ok(batch.clone());
        }
        let batch = self.make(relation, None)?;
        Ok(self.batch.get_or_init(|| batch).clone())
    }

    fn make(&self, relation: &Relation, reader: Option<Reader>) -> Result<RecordBatch> {
        if pg_catalog::is_same_everywhere(&relation.name) {
            return self.shared(relation);
        }
        let rows = match relation.namespace {
            PG_CATALOG => pg_catalog::rows(&self.model, &relation.name, reader),
            _ => information_schema::rows(&self.model, &relation.name),
        };
        rows::batch(relation, Arc::clone(&self.schema), &rows)
    }

    /// The batch of a relation that is the same in every database, made once for all clusters of this process.
    fn shared(&self, relation: &Relation) -> Result<RecordBatch> {
        static BATCHES: LazyLock<Mutex<HashMap<u32, RecordBatch>>> = LazyLock::new(Mutex::default);
        let mut batches = BATCHES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = batches.get(&relation.oid) {
            return Ok(batch.clone());
        }
        let batch = rows::batch(relation, Arc::clone(&self.schema), &pg_catalog::seeded(&relation.name))?;
        batches.insert(relation.oid, batch.clone());
        Ok(batch)
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

    /// A relation without rows is planned as such: what most catalogue statements join then falls away before they run.
    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        if self.is_of_session() || self.batch(None).ok()?.num_rows() > 0 {
            return None;
        }
        let schema = DFSchema::try_from(Arc::clone(&self.schema)).ok()?;
        Some(Cow::Owned(LogicalPlan::EmptyRelation(EmptyRelation {
            produce_one_row: false,
            schema: Arc::new(schema),
        })))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let batch = self
            .batch(Reader::of(state))
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let exec = MemorySourceConfig::try_new_exec(&[vec![batch]], Arc::clone(&self.schema), projection.cloned())?;
        Ok(exec)
    }
}
