//! A runtime's table as the engine sees it: projection, filters and limit become one `SELECT` that the runtime runs.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::{
    catalog::{Session, TableProvider},
    error::Result as DataFusionResult,
    logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType},
    physical_plan::ExecutionPlan,
};
use futures::future::{BoxFuture, ready};

use super::{
    Load, RuntimeSource,
    column::listed,
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

/// Those that do so as well on one table each: the key of the object or workflow that a row is of.
const SERVICE_KEYS: [(&str, &str); 6] = [
    ("state", "service_key"),
    ("sys_inbox", "service_key"),
    ("sys_invocation", "target_service_key"),
    ("sys_invocation_status", "target_service_key"),
    ("sys_keyed_service_status", "service_key"),
    ("sys_promise", "service_key"),
];

/// Since 1.7 rows with a scope lie elsewhere: where a table has this column, only a filter that it is NULL makes a service key one.
const SCOPE: &str = "scope";

/// The tables whose `id` is an invocation's, by which the runtime finds their rows.
const OF_INVOCATIONS: [&str; 4] = [
    "sys_invocation",
    "sys_invocation_status",
    "sys_journal",
    "sys_journal_events",
];

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

    /// Whether it lies in the memory of a node or two: reading it whole costs as little as looking one row up.
    pub(crate) fn is_in_memory(&self) -> bool {
        OUTSIDE_STORAGE.contains(&self.name.as_str())
    }

    /// What a scan with these filters costs the runtime.
    pub(crate) fn load(&self, filters: &[Expr]) -> Load {
        let service_key = self.service_key().filter(|_| self.finds_service_keys(filters));
        let is_key = |name: &str| KEYS.contains(&name) || Some(name) == service_key;
        if self.is_in_memory() || filters.iter().any(|filter| pins(filter, &is_key)) {
            Load::Lookup
        } else {
            Load::Scan
        }
    }

    /// The column by which rows of one object or workflow are found.
    pub(crate) fn service_key(&self) -> Option<&'static str> {
        let found = SERVICE_KEYS.iter().find(|(table, _)| *table == self.name);
        found.map(|(_, column)| *column)
    }

    /// Whether it has a column for the scope of its rows.
    pub(crate) fn has_scopes(&self) -> bool {
        self.schema.index_of(SCOPE).is_ok()
    }

    /// Whether these filters let the runtime find rows by a service key, if they say one.
    fn finds_service_keys(&self, filters: &[Expr]) -> bool {
        let unscoped = |filter: &Expr| matches!(filter, Expr::IsNull(inner) if is_column(inner, SCOPE));
        !self.has_scopes() || filters.iter().any(unscoped)
    }

    /// Whether a scan that says one value, or a few, of `column` beside these filters is a lookup.
    pub(crate) fn finds_by(&self, column: &str, filters: &[Expr]) -> bool {
        let by_service = Some(column) == self.service_key() && self.finds_service_keys(filters);
        !self.is_in_memory() && !self.avoid().contains(&column) && (KEYS.contains(&column) || by_service)
    }

    /// Whether `column` is the id of an invocation: to compare it with what cannot be one is an error in the runtime.
    pub(crate) fn is_invocation_id(&self, column: &str) -> bool {
        column == "id" && OF_INVOCATIONS.contains(&self.name.as_str())
    }

    /// Whether these are all of its columns, in their order. Their names would take a runtime longer to resolve (0.3 ms for 38 of them)
    /// than it takes to find a row.
    fn is_whole(&self, columns: &Schema) -> bool {
        columns.fields().len() > 1 && columns.fields() == self.schema.fields()
    }

    /// The SELECT that yields `columns` of the rows that pass `filters`.
    fn sql(&self, columns: &Schema, filters: &[String], limit: Option<usize>) -> String {
        let list = match columns.fields().is_empty() {
            true => "1".to_owned(),
            false if self.is_whole(columns) => "*".to_owned(),
            false => columns
                .fields()
                .iter()
                .map(|field| match listed(&self.schema, columns, field.name()) {
                    plain if plain == quote(field.name()) => plain,
                    value => format!("{value} AS {}", quote(field.name())),
                })
                .collect::<Vec<_>>()
                .join(", "),
        };
        let mut sql = format!("SELECT {list} FROM {}", quote(&self.name));
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

    /// The step that yields the columns at `projection` of the rows that pass `filters`, at most `limit`.
    fn select(
        &self,
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
        } else if self.is_whole(&schema) {
            RowShape::Named
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

// `scan` is written out as `async_trait` would have it, but for the future: nothing here waits, and the compiler need not prove for seconds
// that one which holds filters is `Send`.
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

    fn scan<'life0, 'life1, 'life2, 'life3, 'async_trait>(
        &'life0 self,
        _state: &'life1 dyn Session,
        projection: Option<&'life2 Vec<usize>>,
        filters: &'life3 [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'async_trait, DataFusionResult<Arc<dyn ExecutionPlan>>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
        'life3: 'async_trait,
    {
        Box::pin(ready(self.select(projection, filters, limit)))
    }
}

/// Whether only rows with one of a few keys pass.
pub(crate) fn pins(filter: &Expr, is_key: &dyn Fn(&str) -> bool) -> bool {
    let is_key_column = |expr: &Expr| matches!(expr, Expr::Column(column) if is_key(&column.name));
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::Eq => is_key_column(left) || is_key_column(right),
            Operator::And => pins(left, is_key) || pins(right, is_key),
            Operator::Or => pins(left, is_key) && pins(right, is_key),
            _ => false,
        },
        Expr::InList(list) => !list.negated && list.list.len() <= limits::LOOKUP_KEYS_MAX && is_key_column(&list.expr),
        _ => false,
    }
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}
