//! Invocations that run, or wait to be tried again. The view takes their status from what partition leaders have in memory, and yet reads
//! every stored invocation to find them; their ids are few and asked for first.
//!
//! Before (286 ms over 120,000 invocations):
//! ```sql
//! SELECT id, target FROM sys_invocation WHERE status = 'running'
//! ```
//! After (2 ms and, where it gives any ids, 5):
//! ```sql
//! SELECT id FROM sys_invocation_state WHERE in_flight LIMIT 301
//! SELECT id, target FROM sys_invocation WHERE status = 'running' AND id IN ('inv_…', …)
//! ```
//!
//! Which statuses take a row in memory is read from the view's definition: `running` and `backing-off` do. `ready` does not: it is what
//! is left when nothing else holds, and with vqueues such invocations are in no leader's memory. Beyond
//! [`INLINED_KEYS_MAX`](limits::INLINED_KEYS_MAX) ids the statement stays as it is. The two questions are two moments, as are the two
//! sides of the view's own join.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    common::{Column, ScalarValue},
    datasource::provider_as_source,
    logical_expr::{BinaryExpr, EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder, Operator, TableScan, lit},
    prelude::col,
};

use crate::{
    limits,
    source::{
        Source,
        runtime::{INVOCATION_VIEW, InvocationView, RuntimeTable, STATE_TABLE, pins},
    },
};

/// The ids that a scan could give, as a plan; `None` where that is no help.
pub(super) fn question(scan: &TableScan, table: &RuntimeTable) -> Option<LogicalPlan> {
    if table.name() != INVOCATION_VIEW || scan.filters.iter().any(says_ids) {
        return None;
    }
    let view = table.source().invocation_view()?;
    let flag = scan.filters.iter().find_map(|filter| live(filter, &view))?;
    let schema = table.source().schema_of(STATE_TABLE)?;
    let state = provider_as_source(table.source().table(STATE_TABLE, schema));
    let mut ids = LogicalPlanBuilder::scan(STATE_TABLE, state, None).ok()?;
    if let Some(flag) = flag {
        ids = ids.filter(col(flag)).ok()?;
    }
    ids.project([col("id")])
        .and_then(|ids| ids.limit(0, Some(limits::INLINED_KEYS_MAX + 1)))
        .and_then(LogicalPlanBuilder::build)
        .ok()
}

/// Whether a filter names the ids already.
fn says_ids(filter: &Expr) -> bool {
    match filter {
        Expr::InList(list) => matches!(list.expr.as_ref(), Expr::Column(column) if column.name == "id"),
        filter => pins(filter, &|name| name == "id"),
    }
}

/// Whether only invocations in memory pass a filter, and with which column true.
fn live(filter: &Expr, view: &InvocationView) -> Option<Option<String>> {
    let statuses = statuses(filter)?;
    let flags: Option<BTreeSet<Option<&str>>> = statuses.iter().map(|status| view.live_status(status)).collect();
    let flags = flags?;
    match flags.len() {
        0 => None,
        1 => Some(flags.into_iter().next().flatten().map(str::to_owned)),
        _ => Some(None),
    }
}

/// The values of `status` of which a filter takes one.
fn statuses(filter: &Expr) -> Option<Vec<&str>> {
    let is_status = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == "status");
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::Eq if is_status(left) => literal(right).map(|status| vec![status]),
            Operator::Or => {
                let mut both = statuses(left)?;
                both.extend(statuses(right)?);
                Some(both)
            }
            _ => None,
        },
        Expr::InList(list) if !list.negated && is_status(&list.expr) => list.list.iter().map(literal).collect(),
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str()?,
        _ => None,
    }
}

/// The scan of those ids only, which a runtime gave itself.
pub(super) fn with_ids(scan: &TableScan, ids: &[ScalarValue]) -> Option<LogicalPlan> {
    if ids.is_empty() {
        return Some(LogicalPlan::EmptyRelation(EmptyRelation {
            produce_one_row: false,
            schema: Arc::clone(&scan.projected_schema),
        }));
    }
    let ty = scan.source.schema().field_with_name("id").ok()?.data_type().clone();
    let ids: Option<Vec<Expr>> = ids.iter().map(|id| id.cast_to(&ty).ok().map(lit)).collect();
    let id = Expr::Column(Column::new(Some(scan.table_name.clone()), "id"));
    let mut scan = scan.clone();
    scan.filters.push(id.in_list(ids?, false));
    Some(LogicalPlan::TableScan(scan))
}
