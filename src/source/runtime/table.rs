//! A runtime's table as the engine sees it: projection, filters and limit become one `SELECT` that the runtime runs.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    error::Result as DataFusionResult,
    logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType},
    physical_plan::ExecutionPlan,
};

use super::{
    Load, RuntimeSource,
    column::column,
    exec::{RowShape, RuntimeExec},
    filter::{FilterWriter, quote},
    to_datafusion,
};
use crate::{Error, SqlState, limits};

/// The tables on which runtimes before 1.7 cannot compare `partition_key`.
const PARTITION_KEY_BROKEN: [&str; 2] = ["sys_invocation_status", "sys_invocation_state"];

/// The tables that do not lie in storage: metadata of a node, and what a partition's leader has in memory.
const OUTSIDE_STORAGE: [&str; 6] = [
    "sys_deployment",
    "sys_invocation_state",
    "sys_rules",
    "sys_scheduler",
    "sys_service",
    "sys_user_limits",
];

/// The columns by which a runtime finds rows without reading all of them, on whatever table has them.
const KEYS: [&str; 2] = ["id", "partition_key"];

#[derive(Debug)]
pub(crate) struct RuntimeTable {
    source: RuntimeSource,
    name: String,
    schema: SchemaRef,
}

impl RuntimeTable {
    pub(super) fn new(source: RuntimeSource, name: &str, schema: SchemaRef) -> Self {
        RuntimeTable {
            source,
            name: name.to_owned(),
            schema,
        }
    }

    /// The runtime that the table is of.
    pub(crate) fn source(&self) -> &RuntimeSource {
        &self.source
    }

    /// The table's own name, in the schema `public`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Columns that this runtime cannot compare.
    pub(crate) fn avoid(&self) -> &'static [&'static str] {
        let broken = PARTITION_KEY_BROKEN.contains(&self.name.as_str()) && !self.source.compares_partition_key();
        if broken { &["partition_key"] } else { &[] }
    }

    /// What a scan with these filters costs the runtime.
    pub(crate) fn load(&self, filters: &[Expr]) -> Load {
        if OUTSIDE_STORAGE.contains(&self.name.as_str()) || filters.iter().any(pins_a_key) {
            Load::Lookup
        } else {
            Load::Scan
        }
    }

    /// The SELECT that yields `columns` of the rows that pass `filters`.
    fn sql(&self, columns: &Schema, filters: &[String], limit: Option<usize>) -> String {
        let list = match columns.fields().is_empty() {
            true => "1".to_owned(),
            false => columns
                .fields()
                .iter()
                .map(|field| match column(&self.schema, "", field.name(), false) {
                    plain if plain == quote(field.name()) => plain,
                    value => format!("{value} AS {}", quote(field.name())),
                })
                .collect::<Vec<_>>()
                .join(", "),
        };
        let mut sql = format!("SELECT {list} FROM \"public\".{}", quote(&self.name));
        for (index, filter) in filters.iter().enumerate() {
            sql.push_str(if index == 0 { " WHERE " } else { " AND " });
            sql.push_str(&format!("({filter})"));
        }
        if let Some(limit) = limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        // No column is asked for, only how many rows there are: the runtime counts them.
        match (columns.fields().is_empty(), limit) {
            (false, _) => sql,
            (true, None) => sql.replacen("SELECT 1 ", "SELECT count(*) ", 1),
            (true, Some(_)) => format!("SELECT count(*) FROM ({sql})"),
        }
    }
}

#[async_trait]
impl TableProvider for RuntimeTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        let mut writer = FilterWriter::for_offer(&self.schema, self.avoid());
        Ok(filters
            .iter()
            .map(|filter| match writer.write(filter) {
                Some(_) => TableProviderFilterPushDown::Exact,
                None => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => self.schema.clone(),
        };
        let load = self.load(filters);
        let written = |mut writer: FilterWriter| -> Option<Vec<String>> {
            filters.iter().map(|filter| writer.write(filter)).collect()
        };
        let writer = || FilterWriter::for_scan(&self.schema, self.avoid());
        let Some(plain) = written(writer()) else {
            let error = Error::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "statement has too many filters on one table",
            )
            .with_detail(format!("Table \"{}\".", self.name));
            return Err(to_datafusion(error));
        };
        let sql = self.sql(&schema, &plain, limit);
        let veiled = written(writer().veiled()).filter(|veiled| *veiled != plain);
        let fallback = veiled.map(|filters| self.sql(&schema, &filters, limit));
        let shape = if schema.fields().is_empty() {
            RowShape::Count
        } else {
            RowShape::Columns
        };
        Ok(Arc::new(
            RuntimeExec::new(self.source.clone(), sql, schema, shape)
                .with_load(load)
                .with_fallback(fallback),
        ))
    }
}

/// Whether only rows with one of a few keys pass.
fn pins_a_key(filter: &Expr) -> bool {
    let is_key = |expr: &Expr| matches!(expr, Expr::Column(column) if KEYS.contains(&column.name.as_str()));
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::Eq => is_key(left) || is_key(right),
            Operator::And => pins_a_key(left) || pins_a_key(right),
            Operator::Or => pins_a_key(left) && pins_a_key(right),
            _ => false,
        },
        Expr::InList(list) => !list.negated && list.list.len() <= limits::LOOKUP_KEYS_MAX && is_key(&list.expr),
        _ => false,
    }
}
