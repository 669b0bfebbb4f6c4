//! Plans that are right and that the engine (DataFusion 55.2) then fails on, said in another way. A runtime is an engine of the same
//! kind, of some version: what is avoided here is not sent there either.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arrow::datatypes::DataType;
use datafusion::{
    common::{
        Column, DFSchema, ScalarValue,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    config::ConfigOptions,
    error::Result,
    functions_aggregate::array_agg::array_agg_udaf,
    functions_nested::string::array_to_string_udf,
    logical_expr::{
        Aggregate, BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, Projection, SortExpr, WindowFrame,
        WindowFrameBound, WindowFrameUnits, cast, expr::AggregateFunction, expr_rewriter::NamePreserver, lit,
    },
    optimizer::AnalyzerRule,
};

use super::{by_length, guarded::guarded};
use crate::{
    catalog::functions,
    query::walk::plan::{Walk, WalkPlan},
};

/// The rule that all plans go through before they are optimized.
#[derive(Debug)]
pub struct Sound;

impl AnalyzerRule for Sound {
    fn name(&self) -> &str {
        "sound"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.rewrite_up_with_subqueries(&mut |plan| {
            let names = NamePreserver::new(&plan);
            let input = match plan.inputs().as_slice() {
                [input] => Some(Arc::clone(input.schema())),
                _ => None,
            };
            let mut changed = false;
            let plan = plan
                .rewrite_expressions(&mut |expr| {
                    let name = names.save(&expr);
                    let sound = expr.rewrite_up(&mut |expr| sound(expr, input.as_deref()))?;
                    let sound = match input.as_deref() {
                        Some(input) => sound
                            .transform_data(|expr| expr.rewrite_up(&mut |expr| by_length::compared(expr, input)))?
                            .transform_data(|expr| guarded(expr, input))?,
                        None => sound,
                    };
                    changed |= sound.transformed;
                    Ok(match sound.transformed {
                        true => Transformed::yes(name.restore(sound.data)),
                        false => sound,
                    })
                })?
                .data;
            let plan = match plan {
                LogicalPlan::Distinct(Distinct::On(mut distinct)) => {
                    distinct.sort_expr = distinct.sort_expr.map(|keys| once(keys).0);
                    LogicalPlan::Distinct(Distinct::On(distinct))
                }
                LogicalPlan::Aggregate(aggregate) => match of_any_keys(&aggregate)? {
                    Some(of_any) => return Ok(Transformed::yes(of_any)),
                    None => LogicalPlan::Aggregate(aggregate),
                },
                plan => plan,
            };
            let plan = match by_length::step(plan)? {
                of_lengths if of_lengths.transformed => return Ok(of_lengths),
                of_lengths => of_lengths.data,
            };
            if !changed {
                return Ok(Transformed::no(plan));
            }
            plan.recompute_schema().map(Transformed::yes)
        })
        .map(|transformed| transformed.data)
    }
}

/// A plan as it comes from the planner, its aggregates as the engine knows them.
pub fn grouped(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.rewrite_up_with_subqueries(&mut |plan| match plan {
        LogicalPlan::Aggregate(aggregate) => match of_columns(aggregate)? {
            Transformed {
                data: LogicalPlan::Aggregate(aggregate),
                ..
            } => in_orders(aggregate).map(Transformed::yes),
            plan => Ok(plan),
        },
        plan => Ok(Transformed::no(plan)),
    })
    .map(|transformed| transformed.data)
}

/// `string_agg(x, ',' ORDER BY a), string_agg(y, ',' ORDER BY b)`: the engine sorts the rows once for all that must have them sorted.
/// What gathers an array sorts it itself, and a text can be made of that.
fn in_orders(aggregate: Aggregate) -> Result<LogicalPlan> {
    let ordered = |call: &Expr| match unaliased(call) {
        Expr::AggregateFunction(AggregateFunction { func, params }) if func.name() == "string_agg" => {
            Some(params.order_by.clone()).filter(|order| !order.is_empty())
        }
        _ => None,
    };
    let first = aggregate.aggr_expr.iter().find_map(ordered);
    let other = |call: &Expr| ordered(call).is_some_and(|order| Some(order) != first);
    if !aggregate.aggr_expr.iter().any(other) {
        return Ok(LogicalPlan::Aggregate(aggregate));
    }
    let mut calls = Vec::with_capacity(aggregate.aggr_expr.len());
    // By the columns that calls give, what their texts are made of.
    let mut separators: HashMap<usize, Expr> = HashMap::new();
    let keys = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
    for (index, call) in aggregate.aggr_expr.iter().enumerate() {
        let gathered = match unaliased(call) {
            Expr::AggregateFunction(AggregateFunction { params, .. }) if other(call) => match params.args.as_slice() {
                [of, separator @ Expr::Literal(value, _)] if !value.is_null() => {
                    let mut params = params.clone();
                    params.args = vec![of.clone()];
                    let is_text = of.clone().is_not_null();
                    params.filter = Some(Box::new(match params.filter {
                        Some(filter) => filter.and(is_text),
                        None => is_text,
                    }));
                    separators.insert(keys + index, separator.clone());
                    let func = array_agg_udaf();
                    Expr::AggregateFunction(AggregateFunction { func, params }).alias(format!("__texts_{index}"))
                }
                _ => call.clone(),
            },
            _ => call.clone(),
        };
        calls.push(gathered);
    }
    let gathered = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), calls)?;
    let columns = gathered.schema.columns().into_iter().enumerate();
    let list = columns
        .zip(aggregate.schema.iter())
        .map(|((index, column), (qualifier, field))| {
            let value = Expr::Column(column);
            let value = match separators.get(&index) {
                Some(separator) => {
                    let text = array_to_string_udf().call(vec![value, separator.clone()]);
                    cast(text, field.data_type().clone())
                }
                None => value,
            };
            value.alias_qualified(qualifier.cloned(), field.name())
        });
    let list = list.collect();
    let gathered = Arc::new(LogicalPlan::Aggregate(gathered));
    Projection::try_new_with_schema(list, gathered, Arc::clone(&aggregate.schema)).map(LogicalPlan::Projection)
}

/// Grouping sets of columns alone: where something within one is coerced or rewritten, the engine gives the set an alias, which it then
/// takes for one key. What else there is in them is computed below.
fn of_columns(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let unchanged = |aggregate| Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else {
        return unchanged(aggregate);
    };
    let computed = sets
        .distinct_expr()
        .into_iter()
        .filter(|expr| !matches!(expr, Expr::Column(_)));
    let computed: HashMap<Expr, Column> = computed
        .map(|expr| (expr.clone(), Column::new_unqualified(expr.schema_name().to_string())))
        .collect();
    let input = aggregate.input.schema();
    if computed.is_empty()
        || computed
            .values()
            .any(|column| input.has_column_with_unqualified_name(&column.name))
    {
        return unchanged(aggregate);
    }
    let columns = input.columns().into_iter().map(Expr::Column);
    let list = columns.chain(computed.iter().map(|(expr, column)| expr.clone().alias(&column.name)));
    let below = Projection::try_new(list.collect(), Arc::clone(&aggregate.input))?;
    let named = |expr: Expr| {
        expr.rewrite_down(&mut |expr| {
            Ok(match computed.get(&expr) {
                Some(column) => Transformed::new(Expr::Column(column.clone()), true, TreeNodeRecursion::Jump),
                None => Transformed::no(expr),
            })
        })
        .map(|transformed| transformed.data)
    };
    let group_expr = aggregate
        .group_expr
        .iter()
        .cloned()
        .map(named)
        .collect::<Result<Vec<_>>>()?;
    // `grouping(x)` asks for a key.
    let aggr_expr = aggregate.aggr_expr.iter().cloned().map(|expr| match unaliased(&expr) {
        Expr::AggregateFunction(function) if function.func.name() == "grouping" => named(expr),
        _ => Ok(expr),
    });
    let aggr_expr = aggr_expr.collect::<Result<Vec<_>>>()?;
    let below = Arc::new(LogicalPlan::Projection(below));
    Aggregate::try_new(below, group_expr, aggr_expr)
        .map(|aggregate| Transformed::yes(LogicalPlan::Aggregate(aggregate)))
}

/// Grouping sets over keys of which nothing is known. One that is the same in all rows (`WHERE k = 'x'`, a literal) the engine takes for
/// the same in all groups: it does not sort by it, though it is NULL in some.
fn of_any_keys(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let is_opaque = |expr: &Expr| matches!(unaliased(expr), Expr::ScalarFunction(call) if call.name() == "pg_opaque");
    let is_done = match aggregate.input.as_ref() {
        LogicalPlan::Projection(projection) => projection.expr.iter().any(is_opaque),
        _ => false,
    };
    let has_sets = aggregate
        .group_expr
        .iter()
        .any(|key| matches!(key, Expr::GroupingSet(_)));
    if !has_sets || is_done {
        return Ok(None);
    }
    let keys: HashSet<Column> = aggregate
        .group_expr
        .iter()
        .flat_map(|key| key.column_refs().into_iter().cloned().collect::<Vec<_>>())
        .collect();
    let columns = aggregate.input.schema().columns().into_iter();
    let columns = columns.map(|column| match keys.contains(&column) {
        true => functions::opaque(Expr::Column(column.clone())).alias_qualified(column.relation, column.name),
        false => Expr::Column(column),
    });
    let below = Projection::try_new(columns.collect(), Arc::clone(&aggregate.input))?;
    Aggregate::try_new(
        Arc::new(LogicalPlan::Projection(below)),
        aggregate.group_expr.clone(),
        aggregate.aggr_expr.clone(),
    )
    .map(|aggregate| Some(LogicalPlan::Aggregate(aggregate)))
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        expr => expr,
    }
}

/// An expression of a step over `input`, if that is one.
fn sound(expr: Expr, input: Option<&DFSchema>) -> Result<Transformed<Expr>> {
    // `x IS TRUE` is never NULL in a logical plan's schema and may be in the physical one's, of `x IS NOT DISTINCT FROM TRUE`: where it
    // becomes a column of its own (as a subexpression that is needed twice), planning ends in an internal error.
    let test = |value: Box<Expr>, op, constant: bool| {
        Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(value, op, Box::new(lit(constant)))))
    };
    Ok(match expr {
        Expr::IsTrue(value) => test(value, Operator::IsNotDistinctFrom, true),
        Expr::IsNotTrue(value) => test(value, Operator::IsDistinctFrom, true),
        Expr::IsFalse(value) => test(value, Operator::IsNotDistinctFrom, false),
        Expr::IsNotFalse(value) => test(value, Operator::IsDistinctFrom, false),
        Expr::IsUnknown(value) => Transformed::yes(Expr::IsNull(value)),
        Expr::IsNotUnknown(value) => Transformed::yes(Expr::IsNotNull(value)),
        // What is in no array of known values may be what an unknown one is.
        Expr::ScalarFunction(call) if call.name() == "array_has" && !is_of_known(call.args.first()) => {
            let unknown = call.args.first().cloned().and_then(functions::unknown_in);
            match unknown {
                Some(unknown) => Transformed::yes(Expr::ScalarFunction(call).or(unknown)),
                None => Transformed::no(Expr::ScalarFunction(call)),
            }
        }
        // `first_value(x ORDER BY a, a)` panics: one part of it counts the keys as written, another the different ones.
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let (keys, shorter) = once(params.order_by);
            params.order_by = keys;
            let aggregate = Expr::AggregateFunction(AggregateFunction { func, params });
            match shorter {
                true => Transformed::yes(aggregate),
                false => Transformed::no(aggregate),
            }
        }
        // No window by RANGE, which is what an ORDER BY means, is known over durations; over their number of units it is. Nor over bytes
        // and intervals: rows with the same key are a group, and nothing else is asked of them where no distance is said.
        Expr::WindowFunction(mut window) => {
            let params = &mut window.params;
            let key = params.order_by.first_mut().map(|key| &mut key.expr);
            let key = key.filter(|_| params.window_frame.units == WindowFrameUnits::Range);
            let ty = key
                .as_ref()
                .zip(input)
                .and_then(|(key, input)| key.get_type(input).ok());
            match (key, ty) {
                (Some(key), Some(DataType::Duration(_))) => {
                    *key = cast(key.clone(), DataType::Int64);
                    Transformed::yes(Expr::WindowFunction(window))
                }
                (Some(_), Some(ty))
                    if (ty.is_binary() || matches!(ty, DataType::Interval(_)))
                        && !says_distance(&params.window_frame) =>
                {
                    params.window_frame.units = WindowFrameUnits::Groups;
                    Transformed::yes(Expr::WindowFunction(window))
                }
                _ => Transformed::no(Expr::WindowFunction(window)),
            }
        }
        expr => Transformed::no(expr),
    })
}

/// Whether a frame begins or ends at a distance from its row.
fn says_distance(frame: &WindowFrame) -> bool {
    [&frame.start_bound, &frame.end_bound]
        .into_iter()
        .any(|bound| match bound {
            WindowFrameBound::Preceding(distance) | WindowFrameBound::Following(distance) => !distance.is_null(),
            WindowFrameBound::CurrentRow => false,
        })
}

/// Whether an array is written out with no NULL in it.
fn is_of_known(array: Option<&Expr>) -> bool {
    match array {
        Some(Expr::Literal(ScalarValue::List(list), _)) => list.values().null_count() == 0,
        Some(Expr::ScalarFunction(call)) if call.name() == "make_array" => call
            .args
            .iter()
            .all(|arg| matches!(arg, Expr::Literal(value, _) if !value.is_null())),
        Some(Expr::Cast(cast)) => is_of_known(Some(&cast.expr)),
        _ => false,
    }
}

/// The keys without those that an earlier one decides already, and whether there were any.
fn once(keys: Vec<SortExpr>) -> (Vec<SortExpr>, bool) {
    let before = keys.len();
    let mut seen = HashSet::new();
    let keys: Vec<SortExpr> = keys.into_iter().filter(|key| seen.insert(key.expr.clone())).collect();
    let shorter = keys.len() < before;
    (keys, shorter)
}
