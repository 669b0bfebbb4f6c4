//! Which parts of a plan the cluster's runtime runs. The largest sub-plans that it can run, and that mean the same there as here,
//! become one SELECT each ([`write`]) and a leaf of the plan ([`leaf`]); what is left is the engine's, as is a plan over a snapshot.
//!
//! Not `datafusion-federation` (0.5.8): it chooses by the tables of a sub-plan alone, and neither a function that the runtime lacks nor a
//! cross join can veto it; `x IN (SELECT …)` anywhere in a plan is an error to it. Nor the engine's unparser: its literals lose their
//! types, and it merges steps into one SELECT by rules of its own, where here what is not known to be right is not written.

mod expr;
mod halves;
mod leaf;
mod literal;
mod meaning;
mod sql;
#[cfg(test)]
mod tests;
pub mod typed;
mod write;

use std::{any::Any, collections::HashSet, sync::Arc};

use datafusion::{
    common::{
        Column,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    datasource::source_as_provider,
    error::Result,
    logical_expr::{Aggregate, Expr, Extension, LogicalPlan, Projection, Sort, SortExpr, TableScan},
};

use self::{
    expr::unaliased,
    leaf::RuntimeQuery,
    meaning::{Meaning, is_utc},
    write::Writer,
};
use crate::{
    query::walk::plan::{Walk, WalkPlan},
    source::{RuntimeSource, Source, runtime::RuntimeTable},
};

pub use leaf::RoutePlanner;

/// Where queries run: `restate.route`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// In the runtime as far as it can run them well.
    #[default]
    Auto,
    /// There as it was typed, where that may be ([`typed`]); else the same.
    Runtime,
    /// Here, except for scans.
    Local,
}

/// Replaces the largest sub-plans of an optimized `plan` that its runtime can run. Where the plan reads no runtime, or its runtime
/// cannot be asked what it has, the plan stays as it is.
async fn route(plan: LogicalPlan, options: &ConfigOptions) -> Result<LogicalPlan> {
    let Some(source) = source(&plan)? else {
        return Ok(plan);
    };
    let Ok(introspection) = source.introspect().await else {
        return Ok(plan);
    };
    let meaning = Meaning::new(&introspection);
    let router = Router {
        source: &source,
        meaning: &meaning,
        is_utc: options.execution.time_zone.as_deref().is_none_or(is_utc),
    };
    router.root(plan)
}

/// The runtime that a plan reads; the first, should there ever be two.
pub(super) fn source(plan: &LogicalPlan) -> Result<Option<RuntimeSource>> {
    let mut found = None;
    plan.walk_with_subqueries(&mut |plan| {
        if let LogicalPlan::TableScan(scan) = plan {
            found = with_table(scan, |table| table.source().clone());
        }
        Ok(match found {
            Some(_) => TreeNodeRecursion::Stop,
            None => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

/// Calls `f` with the runtime's table that is scanned, if it is one.
pub(super) fn with_table<T>(scan: &TableScan, f: impl FnOnce(&RuntimeTable) -> T) -> Option<T> {
    let provider = source_as_provider(&scan.source).ok()?;
    (provider.as_ref() as &dyn Any).downcast_ref().map(f)
}

/// Levels of a plan at which leaves are looked for: deeper ones are chains of thousands, and the search goes down by recursion.
const DEPTH_MAX: usize = 100;

struct Router<'a> {
    source: &'a RuntimeSource,
    meaning: &'a Meaning<'a>,
    /// The session's zone is UTC.
    is_utc: bool,
}

impl Router<'_> {
    /// The statement's own plan: only as the root of a plan is a leaf sure to keep its rows' order.
    fn root(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        match self.leaf(&plan, true) {
            Some((leaf, _)) => Ok(leaf),
            None => self.parts(plan, true, 0),
        }
    }

    /// A plan that is not the runtime's as a whole.
    fn parts(&self, plan: LogicalPlan, ordered: bool, depth: usize) -> Result<LogicalPlan> {
        if let LogicalPlan::Aggregate(aggregate) = &plan
            && let Some(halved) = self.halved(aggregate)?
        {
            return Ok(halved);
        }
        self.below(narrowed(cut_early(plan)?)?, ordered, depth)
    }

    /// Any other plan. `ordered`: the order of its rows is that of the statement's.
    fn plan(&self, plan: LogicalPlan, ordered: bool, depth: usize) -> Result<LogicalPlan> {
        if depth > DEPTH_MAX {
            return Ok(plan);
        }
        match self.leaf(&plan, ordered) {
            Some((leaf, is_ordered)) if !(ordered && is_ordered) => Ok(leaf),
            // Few rows come back of a TopK: they are cheap to sort again, and a sorted leaf below other steps is sorted no more.
            Some((leaf, _)) => match &plan {
                LogicalPlan::Sort(sort) if sort.fetch.is_some() => Ok(LogicalPlan::Sort(Sort {
                    input: Arc::new(leaf),
                    ..sort.clone()
                })),
                _ => self.below(plan, true, depth),
            },
            None => self.parts(plan, ordered, depth),
        }
    }

    /// The plan's inputs and subqueries, each by itself.
    fn below(&self, plan: LogicalPlan, ordered: bool, depth: usize) -> Result<LogicalPlan> {
        let ordered = ordered && keeps_order(&plan);
        plan.map_children(|input| self.plan(input, ordered, depth + 1).map(Transformed::yes))?
            .data
            .map_subqueries(|plan| match plan {
                LogicalPlan::Subquery(mut subquery) => {
                    let inner = Arc::unwrap_or_clone(subquery.subquery);
                    subquery.subquery = Arc::new(self.plan(inner, false, depth + 1)?);
                    Ok(Transformed::yes(LogicalPlan::Subquery(subquery)))
                }
                plan => Ok(Transformed::no(plan)),
            })
            .map(|transformed| transformed.data)
    }

    /// The plan as a leaf, and whether its rows come in an order that the plan asks for. A bare scan is none: the engine's own way
    /// to read a table is that very leaf.
    fn leaf(&self, plan: &LogicalPlan, ordered: bool) -> Option<(LogicalPlan, bool)> {
        if matches!(plan, LogicalPlan::TableScan(_)) {
            return None;
        }
        let writer = || Writer::new(self.source, self.meaning);
        let query = writer().query(plan, ordered)?;
        // Only where a text stands can one be taken for an id.
        let veiled = query.has_text.then(|| writer().veiled().query(plan, ordered)).flatten();
        let leaf = RuntimeQuery {
            source: self.source.clone(),
            sql: query.sql,
            fallback: veiled.map(|query| query.sql),
            shape: query.shape,
            load: query.load,
            schema: Arc::clone(plan.schema()),
        };
        let leaf = LogicalPlan::Extension(Extension { node: Arc::new(leaf) });
        Some((leaf, query.ordered))
    }
}

/// `ORDER BY … LIMIT` over a projection that the runtime cannot compute, as a projection over ORDER BY … LIMIT: only what is left is
/// fetched. Where a key is computed by the projection, the plan stays as it is.
fn cut_early(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Sort(Sort {
        expr,
        input,
        fetch: fetch @ Some(_),
    }) = &plan
    else {
        return Ok(plan);
    };
    let LogicalPlan::Projection(projection) = input.as_ref() else {
        return Ok(plan);
    };
    let below = |key: &SortExpr| {
        let Expr::Column(column) = &key.expr else { return None };
        let index = input.schema().maybe_index_of_column(column)?;
        match unaliased(projection.expr.get(index)?) {
            expr @ Expr::Column(_) => Some(SortExpr {
                expr: expr.clone(),
                ..key.clone()
            }),
            _ => None,
        }
    };
    let Some(keys) = expr.iter().map(below).collect::<Option<Vec<_>>>() else {
        return Ok(plan);
    };
    let sort = LogicalPlan::Sort(Sort {
        expr: keys,
        input: Arc::clone(&projection.input),
        fetch: *fetch,
    });
    let schema = Arc::clone(&projection.schema);
    Projection::try_new_with_schema(projection.expr.clone(), Arc::new(sort), schema).map(LogicalPlan::Projection)
}

/// A step over no more columns than it looks at: what its input has beside them (the keys of a join) is then not fetched.
fn narrowed(plan: LogicalPlan) -> Result<LogicalPlan> {
    let (LogicalPlan::Projection(Projection { input, .. }) | LogicalPlan::Aggregate(Aggregate { input, .. })) = &plan
    else {
        return Ok(plan);
    };
    if !matches!(
        input.as_ref(),
        LogicalPlan::Join(_) | LogicalPlan::Filter(_) | LogicalPlan::Window(_)
    ) {
        return Ok(plan);
    }
    // One of columns alone is no wider than it must be.
    if matches!(&plan, LogicalPlan::Projection(own) if own.expr.iter().all(|expr| matches!(expr, Expr::Column(_)))) {
        return Ok(plan);
    }
    let mut used = HashSet::new();
    let mut has_subquery = false;
    plan.walk_expressions(&mut |expr| {
        used.extend(expr.column_refs().into_iter().cloned());
        has_subquery |= expr.has(&mut |expr| {
            Ok(matches!(
                expr,
                Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)
            ))
        })?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    let columns: Vec<Column> = input.schema().columns();
    let kept: Vec<Expr> = columns
        .iter()
        .filter(|column| used.contains(column))
        .cloned()
        .map(Expr::Column)
        .collect();
    if has_subquery || kept.is_empty() || kept.len() == columns.len() {
        return Ok(plan);
    }
    let narrow = Projection::try_new(kept, Arc::clone(input))?;
    let exprs = plan.expressions();
    plan.with_new_exprs(exprs, vec![LogicalPlan::Projection(narrow)])
}

/// Whether a step's rows come in the order of its input's.
fn keeps_order(plan: &LogicalPlan) -> bool {
    matches!(
        plan,
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::Limit(_) | LogicalPlan::SubqueryAlias(_)
    )
}
