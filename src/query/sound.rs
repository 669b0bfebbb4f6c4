//! Plans that are right and that the engine (DataFusion 55.2) then fails on, said in another way. A runtime is an engine of the same
//! kind, of some version: what is avoided here is not sent there either.

use std::{collections::HashSet, sync::Arc};

use arrow::datatypes::DataType;
use datafusion::{
    common::{
        DFSchema,
        tree_node::{Transformed, TreeNode},
    },
    config::ConfigOptions,
    error::Result,
    logical_expr::{
        BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, SortExpr, WindowFrameUnits, cast,
        expr::AggregateFunction, expr_rewriter::NamePreserver, lit,
    },
    optimizer::AnalyzerRule,
};

/// The rule that all plans go through before they are optimized.
#[derive(Debug)]
pub struct Sound;

impl AnalyzerRule for Sound {
    fn name(&self) -> &str {
        "sound"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            let input = match plan.inputs().as_slice() {
                [input] => Some(Arc::clone(input.schema())),
                _ => None,
            };
            let mut changed = false;
            let plan = plan
                .map_expressions(|expr| {
                    let name = names.save(&expr);
                    let sound = expr.transform_up(|expr| sound(expr, input.as_deref()))?;
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
                plan => plan,
            };
            if !changed {
                return Ok(Transformed::no(plan));
            }
            plan.recompute_schema().map(Transformed::yes)
        })
        .map(|transformed| transformed.data)
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
        // No window by RANGE, which is what an ORDER BY means, is known over durations; over their number of units it is.
        Expr::WindowFunction(mut window) => {
            let key = window.params.order_by.first_mut().map(|key| &mut key.expr);
            let is_range = window.params.window_frame.units == WindowFrameUnits::Range;
            match (key, input) {
                (Some(key), Some(input)) if is_range && matches!(key.get_type(input), Ok(DataType::Duration(_))) => {
                    *key = cast(key.clone(), DataType::Int64);
                    Transformed::yes(Expr::WindowFunction(window))
                }
                _ => Transformed::no(Expr::WindowFunction(window)),
            }
        }
        expr => Transformed::no(expr),
    })
}

/// The keys without those that an earlier one decides already, and whether there were any.
fn once(keys: Vec<SortExpr>) -> (Vec<SortExpr>, bool) {
    let before = keys.len();
    let mut seen = HashSet::new();
    let keys: Vec<SortExpr> = keys.into_iter().filter(|key| seen.insert(key.expr.clone())).collect();
    let shorter = keys.len() < before;
    (keys, shorter)
}
