//! An aggregate that the runtime cannot compute, as one over an aggregate that it can: where only a key is beyond it (`to_char(date_trunc(…))`),
//! it groups by what it knows of that key (`date_trunc(…)`), and what is left to be grouped here is as small as the answer.

use std::sync::Arc;

use datafusion::{
    common::{
        Column,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    error::Result,
    functions_aggregate::sum::sum_udaf,
    logical_expr::{
        Aggregate, Expr, ExprSchemable, LogicalPlan, Projection,
        expr::{AggregateFunction, AggregateFunctionParams},
        lit, when,
    },
};

use super::{
    Router,
    expr::unaliased,
    meaning::{is_duration, is_time},
};

/// Aggregates of aggregates that are those of all rows.
const OF_THEMSELVES: [&str; 5] = ["bool_and", "bool_or", "max", "min", "sum"];

impl Router<'_> {
    /// The aggregate in two steps, of which the first is the runtime's, if it can be.
    pub(super) fn halved(&self, aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
        let is_plain = |expr: &Expr| !matches!(expr, Expr::GroupingSet(_)) && !expr.is_volatile();
        if aggregate.group_expr.is_empty() || !aggregate.group_expr.iter().all(is_plain) {
            return Ok(None);
        }
        // The keys as the runtime knows them, and what is made of them here.
        let mut known: Vec<Expr> = Vec::new();
        let mut keys = Vec::with_capacity(aggregate.group_expr.len());
        for key in &aggregate.group_expr {
            match self.key(aggregate, unaliased(key), &mut known)? {
                Some(key) => keys.push(key),
                None => return Ok(None),
            }
        }
        if known.is_empty() {
            return Ok(None);
        }
        let mut calls = Vec::with_capacity(aggregate.aggr_expr.len());
        for (index, call) in aggregate.aggr_expr.iter().enumerate() {
            if !is_decomposed(call, aggregate)? {
                return Ok(None);
            }
            calls.push(unaliased(call).clone().alias(format!("__half_{index}")));
        }
        let first = Aggregate::try_new(Arc::clone(&aggregate.input), known, calls)?;
        let Some((first, _)) = self.leaf(&LogicalPlan::Aggregate(first), false) else {
            return Ok(None);
        };
        let first = Arc::new(first);
        let again: Vec<Expr> = aggregate
            .aggr_expr
            .iter()
            .enumerate()
            .filter_map(|(index, call)| again(call, index))
            .collect();
        let keys_count = keys.len();
        let second = Aggregate::try_new(first, keys, again)?;
        // The columns of before, by name and type.
        let columns = second.schema.columns();
        let mut list = Vec::with_capacity(columns.len());
        for (index, (column, (qualifier, field))) in columns.into_iter().zip(aggregate.schema.iter()).enumerate() {
            let mut value = Expr::Column(column);
            let counts = aggregate
                .aggr_expr
                .get(index.wrapping_sub(keys_count))
                .is_some_and(|call| name(call) == Some("count"));
            if index >= keys_count && counts {
                // It is never NULL.
                value = when(value.clone().is_null(), lit(0_i64)).otherwise(value)?;
            }
            let value = value.cast_to(field.data_type(), &second.schema)?;
            list.push(value.alias_qualified(qualifier.cloned(), field.name()));
        }
        let second = Arc::new(LogicalPlan::Aggregate(second));
        Projection::try_new_with_schema(list, second, Arc::clone(&aggregate.schema))
            .map(|plan| Some(LogicalPlan::Projection(plan)))
    }

    /// A key over columns that stand for the largest parts of it which the runtime knows; those are added to `known`.
    fn key(&self, aggregate: &Aggregate, key: &Expr, known: &mut Vec<Expr>) -> Result<Option<Expr>> {
        let mut possible = true;
        let key = key.clone().transform_down(|part| {
            if matches!(part, Expr::Literal(..)) {
                return Ok(Transformed::no(part));
            }
            if !self.groups_by(aggregate, &part)? {
                // A column that is not known is one of nothing that is.
                possible &= !matches!(
                    part,
                    Expr::Column(_) | Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)
                );
                return Ok(Transformed::no(part));
            }
            let (qualifier, name) = part.qualified_name();
            if !known.contains(&part) {
                known.push(part);
            }
            let column = Expr::Column(Column::new(qualifier, name));
            Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
        })?;
        Ok(possible.then_some(key.data))
    }

    /// Whether the runtime can group by an expression, and that may leave fewer rows. A time as it is has as many values as rows.
    fn groups_by(&self, aggregate: &Aggregate, part: &Expr) -> Result<bool> {
        let ty = part.get_type(aggregate.input.schema())?;
        if matches!(part, Expr::Column(_)) && (is_time(&ty) || is_duration(&ty)) || ty.is_floating() {
            return Ok(false);
        }
        let alone = Aggregate::try_new(Arc::clone(&aggregate.input), vec![part.clone()], Vec::new())?;
        Ok(self.leaf(&LogicalPlan::Aggregate(alone), false).is_some())
    }
}

fn name(call: &Expr) -> Option<&str> {
    match unaliased(call) {
        Expr::AggregateFunction(function) => Some(function.func.name()),
        _ => None,
    }
}

/// Whether the aggregate of all rows is one of its parts'.
fn is_decomposed(call: &Expr, aggregate: &Aggregate) -> Result<bool> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = unaliased(call) else {
        return Ok(false);
    };
    if params.distinct || !params.order_by.is_empty() || params.null_treatment.is_some() {
        return Ok(false);
    }
    // A sum of floats depends on its order.
    let is_exact = !unaliased(call).get_type(aggregate.input.schema())?.is_floating();
    Ok(func.name() == "count" || is_exact && OF_THEMSELVES.contains(&func.name()))
}

/// The same aggregate of the parts' aggregates.
fn again(call: &Expr, index: usize) -> Option<Expr> {
    let Expr::AggregateFunction(AggregateFunction { func, .. }) = unaliased(call) else {
        return None;
    };
    let func = match func.name() {
        "count" => sum_udaf(),
        _ => Arc::clone(func),
    };
    let params = AggregateFunctionParams {
        args: vec![Expr::Column(Column::new_unqualified(format!("__half_{index}")))],
        distinct: false,
        filter: None,
        order_by: Vec::new(),
        null_treatment: None,
    };
    Some(Expr::AggregateFunction(AggregateFunction { func, params }))
}
