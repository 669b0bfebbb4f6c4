//! Intervals sort, group and compare by how long they are: a month is thirty days, a day is 24 hours. The engine knows them by their
//! months first, and takes `1 day` and `24:00:00` for two.

use std::sync::Arc;

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::{
    common::{Column, DFSchema, tree_node::Transformed},
    error::Result,
    functions_aggregate::first_last::first_value_udaf,
    logical_expr::{
        Aggregate, Between, BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, Projection, Sort,
        expr::{AggregateFunction, AggregateFunctionParams, InList},
    },
};

use crate::catalog::functions;

fn is_interval(expr: &Expr, input: &DFSchema) -> bool {
    matches!(expr.get_type(input), Ok(DataType::Interval(IntervalUnit::MonthDayNano)))
}

fn by_length(expr: &mut Expr) {
    let value = std::mem::take(expr);
    *expr = functions::interval_order(value);
}

/// An expression of a step over `input` that compares intervals.
pub fn compared(mut expr: Expr, input: &DFSchema) -> Result<Transformed<Expr>> {
    let all = |values: &[&Expr]| values.iter().all(|value| is_interval(value, input));
    let changed = match &mut expr {
        Expr::Between(Between { expr, low, high, .. }) if all(&[expr, low, high]) => {
            [expr, low, high].into_iter().for_each(|value| by_length(value));
            true
        }
        Expr::InList(InList { expr, list, .. }) if all(&[expr]) && all(&list.iter().collect::<Vec<_>>()) => {
            by_length(expr);
            list.iter_mut().for_each(by_length);
            true
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::IsDistinctFrom | Operator::IsNotDistinctFrom,
            right,
        }) if all(&[left, right]) => {
            by_length(left);
            by_length(right);
            true
        }
        Expr::WindowFunction(window) => {
            let keys = window.params.order_by.iter_mut().map(|key| &mut key.expr);
            let keys = keys.chain(&mut window.params.partition_by);
            keys.filter(|key| is_interval(key, input)).map(by_length).count() > 0
        }
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            let keys = params.order_by.iter_mut().map(|key| &mut key.expr);
            let sorted = keys.filter(|key| is_interval(key, input)).map(by_length).count() > 0;
            match (func.name(), params.args.as_mut_slice()) {
                ("count", [of]) if params.distinct && is_interval(of, input) => {
                    by_length(of);
                    true
                }
                (name @ ("min" | "max"), [of]) if is_interval(of, input) => {
                    let key = functions::interval_order(of.clone()).sort(name == "min", false);
                    let params = AggregateFunctionParams {
                        distinct: false,
                        order_by: vec![key],
                        ..params.clone()
                    };
                    let func = first_value_udaf();
                    expr = Expr::AggregateFunction(AggregateFunction { func, params });
                    true
                }
                _ => sorted,
            }
        }
        _ => false,
    };
    Ok(Transformed::new_transformed(expr, changed))
}

/// A step that sorts or groups by intervals.
pub fn step(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Sort(mut sort) => {
            let Sort { expr, input, .. } = &mut sort;
            let keys = expr.iter_mut().map(|key| &mut key.expr);
            let changed = keys
                .filter(|key| is_interval(key, input.schema()))
                .map(by_length)
                .count()
                > 0;
            Ok(Transformed::new_transformed(LogicalPlan::Sort(sort), changed))
        }
        LogicalPlan::Aggregate(aggregate) => grouped(&aggregate).map(|grouped| match grouped {
            Some(grouped) => Transformed::yes(grouped),
            None => Transformed::no(LogicalPlan::Aggregate(aggregate)),
        }),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let keys: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
            if !keys.iter().any(|key| is_interval(key, input.schema())) {
                return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::All(input))));
            }
            let aggregate = Aggregate::try_new(Arc::clone(&input), keys, Vec::new())?;
            let grouped = grouped(&aggregate)?;
            Ok(Transformed::yes(grouped.unwrap_or(LogicalPlan::Aggregate(aggregate))))
        }
        plan => Ok(Transformed::no(plan)),
    }
}

/// Groups by the length of their intervals, each called by the first of them.
fn grouped(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let input = aggregate.input.schema();
    let is_key = |key: &Expr| is_interval(key, input);
    let has_sets = aggregate
        .group_expr
        .iter()
        .any(|key| matches!(key, Expr::GroupingSet(_)));
    if has_sets || !aggregate.group_expr.iter().any(is_key) {
        return Ok(None);
    }
    let mut keys = aggregate.group_expr.clone();
    let mut calls = aggregate.aggr_expr.clone();
    let mut outputs: Vec<Expr> = aggregate.schema.columns().into_iter().map(Expr::Column).collect();
    for (index, key) in keys.iter_mut().enumerate().filter(|(_, key)| is_key(key)) {
        let name = format!("__first_of_{index}");
        calls.push(first_value_udaf().call(vec![key.clone()]).alias(&name));
        let length = functions::interval_order(key.clone());
        *key = length.alias(format!("__length_{index}"));
        if let (Some(output), (relation, field)) = (outputs.get_mut(index), aggregate.schema.qualified_field(index)) {
            let first = Expr::Column(Column::new_unqualified(name));
            *output = first.alias_qualified(relation.cloned(), field.name());
        }
    }
    let below = Aggregate::try_new(Arc::clone(&aggregate.input), keys, calls)?;
    Projection::try_new(outputs, Arc::new(LogicalPlan::Aggregate(below)))
        .map(|projection| Some(LogicalPlan::Projection(projection)))
}
