//! Arithmetic that is computed here, so that it does not leave its type: the engine's own integers wrap, and its floats become infinite.
//! What a runtime computes is the runtime's: this goes over what is left of a plan once its parts have been sent, and not before. (The
//! engine also plans a chain of operators faster than one of functions.)

use arrow::datatypes::DataType;
use datafusion::{
    common::{DFSchema, tree_node::Transformed},
    error::Result,
    logical_expr::{
        BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, expr::ScalarFunction, expr_rewriter::NamePreserver,
    },
};

use super::route::with_table;
use crate::{
    catalog::functions,
    query::walk::plan::{Walk, WalkPlan},
};

/// The plan with every such operator as one that is checked.
pub fn checked(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.rewrite_up_with_subqueries(&mut |plan| {
        // What a runtime's table is filtered by is said to the runtime.
        if matches!(&plan, LogicalPlan::TableScan(scan) if with_table(scan, |_| ()).is_some()) {
            return Ok(Transformed::no(plan));
        }
        let names = NamePreserver::new(&plan);
        let mut input = DFSchema::empty();
        match &plan {
            LogicalPlan::TableScan(scan) => input = scan.projected_schema.as_ref().clone(),
            plan => plan.inputs().iter().for_each(|below| input.merge(below.schema())),
        }
        plan.rewrite_expressions(&mut |expr| {
            if !expr.has(&mut |expr| Ok(is_arithmetic(expr)))? {
                return Ok(Transformed::no(expr));
            }
            let name = names.save(&expr);
            // From the top: what an operand is of is asked of the operators that it still has.
            let checked = expr.rewrite_down(&mut |expr| {
                let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &expr else {
                    return Ok(Transformed::no(expr));
                };
                let types = (left.get_type(&input), right.get_type(&input));
                let function = match types {
                    (Ok(left), Ok(right)) if left == right => name_of(*op, &left).and_then(functions::arithmetic),
                    _ => None,
                };
                Ok(match (function, expr) {
                    (Some(function), Expr::BinaryExpr(BinaryExpr { left, right, .. })) => Transformed::yes(
                        Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![*left, *right])),
                    ),
                    (_, expr) => Transformed::no(expr),
                })
            })?;
            Ok(match checked.transformed {
                true => Transformed::yes(name.restore(checked.data)),
                false => checked,
            })
        })
    })
    .map(|checked| checked.data)
}

fn is_arithmetic(expr: &Expr) -> bool {
    use Operator::{Divide, Minus, Multiply, Plus};
    matches!(
        expr,
        Expr::BinaryExpr(BinaryExpr {
            op: Plus | Minus | Multiply | Divide,
            ..
        })
    )
}

/// The function that does an operator's work without leaving the type.
fn name_of(op: Operator, data_type: &DataType) -> Option<&'static str> {
    let is_float = matches!(data_type, DataType::Float32 | DataType::Float64);
    let is_integer = data_type.is_signed_integer();
    match op {
        Operator::Plus if is_integer || is_float => Some("pg_add"),
        Operator::Minus if is_integer || is_float => Some("pg_subtract"),
        Operator::Multiply if is_integer || is_float => Some("pg_multiply"),
        Operator::Divide if is_float => Some("pg_quotient"),
        _ => None,
    }
}
