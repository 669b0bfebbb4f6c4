//! Keys that a subquery gives. A runtime looks a literal key up; what a subquery gives it compares with every row, and where the subquery
//! is an `IN`, it reads both sides as a join. So the subquery is asked first, and what it gives is looked up.
//!
//! Before (340 ms over 120,000 invocations):
//! ```sql
//! SELECT * FROM sys_journal WHERE id = (SELECT max(id) FROM sys_invocation_status WHERE target_service_key = 'ada')
//! SELECT * FROM sys_journal WHERE id IN (SELECT id FROM sys_invocation_state)
//! ```
//! After (1.9 ms and what the subquery takes):
//! ```sql
//! SELECT * FROM sys_journal WHERE id = 'inv_…'
//! SELECT * FROM sys_journal WHERE id IN ('inv_…', …)
//! ```
//!
//! A scalar subquery is run once in any case; one of an `IN` only where it is a lookup itself and gives at most
//! [`INLINED_KEYS_MAX`](limits::INLINED_KEYS_MAX) keys. Constants that casts and functions are applied to need no rule: the engine
//! folds them before a filter is written.

use datafusion::{
    common::{Column, ExprSchema, Result, ScalarValue, tree_node::TreeNodeRecursion},
    logical_expr::{
        BinaryExpr, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, lit,
        utils::{conjunction, split_conjunction},
    },
};

use super::{first::Answers, invocation_id, unscoped};
use crate::{
    limits,
    query::{route::with_table, walk::plan::WalkPlan},
    source::runtime::{Load, RuntimeTable},
};

/// A key that rows are found by, and what is to be compared with it.
struct Key {
    column: Column,
    is_invocation_id: bool,
}

/// `key = (subquery)`, either way round.
struct Comparison<'a> {
    key: Key,
    subquery: &'a LogicalPlan,
}

/// The scalar subqueries of a filter that keys of its input are compared with.
pub(super) fn scalars(predicate: &Expr, input: &LogicalPlan) -> Vec<LogicalPlan> {
    split_conjunction(predicate)
        .into_iter()
        .filter_map(|conjunct| comparison(conjunct, input))
        .map(|comparison| comparison.subquery.clone())
        .collect()
}

/// The filter with what its subqueries gave.
pub(super) fn with_scalars(predicate: &Expr, input: &LogicalPlan, answers: &Answers) -> Option<Expr> {
    let mut changed = false;
    let conjuncts: Vec<Expr> = split_conjunction(predicate)
        .into_iter()
        .map(|conjunct| {
            let answered = comparison(conjunct, input).and_then(|comparison| {
                let values = answers.values(comparison.subquery)?;
                let key = comparison.key;
                Some(match literals(values, &key, input)?.pop() {
                    Some(value) => Expr::Column(key.column).eq(value),
                    // NULL, or what is no row's id.
                    None => lit(false),
                })
            });
            changed |= answered.is_some();
            answered.unwrap_or_else(|| conjunct.clone())
        })
        .collect();
    conjunction(conjuncts).filter(|_| changed)
}

fn comparison<'a>(conjunct: &'a Expr, input: &LogicalPlan) -> Option<Comparison<'a>> {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = conjunct
    else {
        return None;
    };
    let (column, subquery) = match (left.as_ref(), uncast(right), right.as_ref(), uncast(left)) {
        (Expr::Column(column), Expr::ScalarSubquery(subquery), ..)
        | (_, _, Expr::Column(column), Expr::ScalarSubquery(subquery)) => (column, subquery),
        _ => return None,
    };
    let key = key(column, input).filter(|_| subquery.outer_ref_columns.is_empty())?;
    Some(Comparison {
        key,
        subquery: &subquery.subquery,
    })
}

fn uncast(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) => uncast(&cast.expr),
        expr => expr,
    }
}

/// The subquery of an `IN` that became a join, where its keys are worth asking for: at most so many of them, and one more.
pub(super) fn keys(join: &Join) -> Result<Option<LogicalPlan>> {
    let (JoinType::LeftSemi, [(Expr::Column(column), other)], None) =
        (join.join_type, join.on.as_slice(), &join.filter)
    else {
        return Ok(None);
    };
    if key(column, &join.left).is_none() || !is_lookup(&join.right)? {
        return Ok(None);
    }
    LogicalPlanBuilder::from(join.right.as_ref().clone())
        .project([other.clone()])?
        .limit(0, Some(limits::INLINED_KEYS_MAX + 1))?
        .build()
        .map(Some)
}

/// The join's left side, of which only rows with those keys are left.
pub(super) fn with_keys(join: &Join, values: &[ScalarValue]) -> Result<Option<LogicalPlan>> {
    let [(Expr::Column(column), _)] = join.on.as_slice() else {
        return Ok(None);
    };
    let Some(list) = key(column, &join.left).and_then(|key| literals(values, &key, &join.left)) else {
        return Ok(None);
    };
    let filter = match list.is_empty() {
        true => lit(false),
        false => Expr::Column(column.clone()).in_list(list, false),
    };
    LogicalPlanBuilder::from(join.left.as_ref().clone())
        .filter(filter)?
        .build()
        .map(Some)
}

/// Values as literals of the key's type, each once; those that no row can have are left out.
fn literals(values: &[ScalarValue], key: &Key, plan: &LogicalPlan) -> Option<Vec<Expr>> {
    let ty = plan.schema().field_from_column(&key.column).ok()?.data_type().clone();
    let mut literals: Vec<Expr> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for value in values.iter().filter(|value| !value.is_null()) {
        let value = value.cast_to(&ty).ok()?;
        let possible = !key.is_invocation_id || value.try_as_str().flatten().is_some_and(invocation_id::is_valid);
        if possible && seen.insert(value.clone()) {
            literals.push(lit(value));
        }
    }
    Some(literals)
}

/// Whether a plan costs the runtimes that it reads no more than lookups, and takes nothing from around it.
fn is_lookup(plan: &LogicalPlan) -> Result<bool> {
    let mut is_lookup = true;
    plan.walk_with_subqueries(&mut |plan| {
        if let LogicalPlan::TableScan(scan) = plan {
            let load = with_table(scan, |table| table.load(&scan.filters));
            is_lookup &= load.is_none_or(|load| load == Load::Lookup);
        }
        is_lookup &= plan.all_out_ref_exprs().is_empty();
        Ok(match is_lookup {
            true => TreeNodeRecursion::Continue,
            false => TreeNodeRecursion::Stop,
        })
    })?;
    Ok(is_lookup)
}

/// The key of a runtime's table that a column of a plan is: one by which rows are found, and which nothing pins yet.
fn key(column: &Column, plan: &LogicalPlan) -> Option<Key> {
    let index = plan.schema().maybe_index_of_column(column)?;
    let is_invocation_id = of_scan(plan, index)?;
    Some(Key {
        column: column.clone(),
        is_invocation_id,
    })
}

/// Follows a column down to the scan that it comes from.
fn of_scan(plan: &LogicalPlan, index: usize) -> Option<bool> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let column = scan.projected_schema.fields().get(index)?.name();
            with_table(scan, |table| {
                finds_by(table, column, &scan.filters).then(|| table.is_invocation_id(column))
            })?
            .filter(|_| scan.fetch.is_none())
        }
        LogicalPlan::SubqueryAlias(alias) => of_scan(&alias.input, index),
        LogicalPlan::Filter(filter) => of_scan(&filter.input, index),
        LogicalPlan::Projection(projection) => match projection.expr.get(index)? {
            Expr::Column(column) => of_scan(
                &projection.input,
                projection.input.schema().maybe_index_of_column(column)?,
            ),
            _ => None,
        },
        _ => None,
    }
}

fn finds_by(table: &RuntimeTable, column: &str, filters: &[Expr]) -> bool {
    let is_pinned = table.load(filters) == Load::Lookup;
    let by_service = || Some(column) == table.service_key() && unscoped::is_known(table);
    !is_pinned && (table.finds_by(column, filters) || by_service())
}
