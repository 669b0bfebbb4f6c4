//! A snapshot's table as the engine sees it: a scan of its Parquet file. The engine's optimizer moves filters and limits into it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Statistics, stats::Precision},
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileScanConfigBuilder, ParquetSource, parquet::CachedParquetFileReaderFactory},
        source::DataSourceExec,
    },
    error::Result as DataFusionResult,
    execution::object_store::ObjectStoreUrl,
    logical_expr::{Expr, TableType},
    physical_plan::ExecutionPlan,
};

use super::{TableFile, file_name};
use crate::{Error, SqlState, source::runtime::to_datafusion};

#[derive(Debug)]
pub(super) struct SnapshotTable {
    name: String,
    /// Absent where the snapshot has no such table: then scanning fails.
    file: Option<TableFile>,
    schema: SchemaRef,
    store: ObjectStoreUrl,
}

impl SnapshotTable {
    pub(super) fn new(name: &str, file: Option<TableFile>, schema: SchemaRef, store: ObjectStoreUrl) -> Self {
        SnapshotTable {
            name: name.to_owned(),
            file,
            schema,
            store,
        }
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let Some(file) = self.file else {
            let message = format!("relation \"{}\" does not exist", self.name);
            return Err(to_datafusion(Error::new(SqlState::UNDEFINED_TABLE, message)));
        };
        let rows = usize::try_from(file.rows).map_or(Precision::Absent, Precision::Exact);
        // Filters that the optimizer moves into the scan are applied while decoding, columns that they do not need skipped.
        let runtime = state.runtime_env();
        let reader = CachedParquetFileReaderFactory::new(
            runtime.object_store(&self.store)?,
            runtime.cache_manager.get_file_metadata_cache(),
        );
        let source = ParquetSource::new(self.schema.clone())
            .with_parquet_file_reader_factory(Arc::new(reader))
            .with_pushdown_filters(true)
            .with_enable_page_index(true);
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file(PartitionedFile::new(
                file_name(&self.name).map_err(to_datafusion)?,
                file.bytes,
            ))
            .with_statistics(Statistics::new_unknown(&self.schema).with_num_rows(rows))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
