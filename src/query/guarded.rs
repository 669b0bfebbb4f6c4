//! `b <> 0 AND a / b > 1`: what may fail is computed only where the conditions beside it let it be. PostgreSQL stops at the first operand
//! that decides; the engine computes an operand for all rows of a batch, in the order that suits it, and so do the rules that push
//! conditions apart. Here each such operand carries those that cannot fail with it, in a CASE: that stays true wherever it is moved. Of
//! two that may fail neither guards the other.

use std::collections::HashSet;

use arrow::datatypes::DataType;
use datafusion::{
    common::{
        DFSchema, ScalarValue, TableReference,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    error::Result,
    logical_expr::{BinaryExpr, Case, Cast, Expr, ExprSchemable, Operator},
};

use crate::{catalog::functions, query::walk::plan::Walk};

/// Operands of one AND or OR that are looked at,
const OPERANDS_MAX: usize = 40;

/// and expressions that are added to it at most: beyond them its operands are computed as the engine will.
const ADDED_MAX: usize = 2_000;

/// The branches that a CASE of conditions has at least: one of fewer the engine says with AND and OR again, which is what it must not be.
const BRANCHES_MIN: usize = 3;

/// An expression of a step over `input` with its operands guarded.
pub fn guarded(expr: Expr, input: &DFSchema) -> Result<Transformed<Expr>> {
    if !expr.has(&mut |expr| may_fail_itself(expr, input))? {
        return Ok(Transformed::no(expr));
    }
    expr.rewrite_down(&mut |expr| match expr {
        Expr::BinaryExpr(BinaryExpr {
            op: op @ (Operator::And | Operator::Or),
            ..
        }) => {
            let operands = operands(expr, op);
            let (operands, changed) = each_guarded(operands, op, input)?;
            let chain = operands
                .into_iter()
                .reduce(|left, right| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))));
            // There are two at least.
            let chain = chain.unwrap_or_else(|| Expr::Literal(ScalarValue::Null, None));
            Ok(Transformed::new(chain, changed, TreeNodeRecursion::Jump))
        }
        Expr::Case(case) if case.expr.is_none() => branched(case, input),
        expr => Ok(Transformed::no(expr)),
    })
}

/// The operands of a chain of one operator, from left to right, without recursion: such chains are the deep ones.
fn operands(expr: Expr, chain: Operator) -> Vec<Expr> {
    let mut operands = Vec::new();
    let mut rest = vec![expr];
    while let Some(expr) = rest.pop() {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if op == chain => rest.extend([*right, *left]),
            operand => operands.push(operand),
        }
    }
    operands
}

fn each_guarded(operands: Vec<Expr>, op: Operator, input: &DFSchema) -> Result<(Vec<Expr>, bool)> {
    let failing = operands
        .iter()
        .map(|operand| may_fail(operand, input))
        .collect::<Result<Vec<_>>>()?;
    if operands.len() > OPERANDS_MAX || !failing.contains(&true) {
        return Ok((operands, false));
    }
    // What decides before.
    let (mut deciding, mut size) = (Vec::new(), 0);
    for (operand, fails) in operands.iter().zip(&failing) {
        if !fails && !is_guarded(operand) && !is_bound(operand)? {
            size += size_of(operand)?;
            deciding.push((operand, relations(operand)));
        }
    }
    let failing_count = failing.iter().filter(|fails| **fails).count();
    if size * failing_count * 2 * BRANCHES_MIN > ADDED_MAX {
        return Ok((operands, false));
    }
    let deciding: Vec<_> = deciding
        .into_iter()
        .map(|(operand, of)| (operand.clone(), of))
        .collect();
    let mut changed = false;
    let mut each = Vec::with_capacity(operands.len());
    for (operand, fails) in operands.into_iter().zip(failing) {
        if !fails {
            each.push(operand);
            continue;
        }
        let inner = guarded(operand, input)?;
        changed |= inner.transformed;
        let operand = inner.data;
        let own = relations(&operand);
        let guards = deciding.iter().filter(|(_, of)| of.is_subset(&own));
        let guard = guards
            .map(|(guard, _)| guard.clone())
            .reduce(|left, right| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))));
        each.push(match guard {
            Some(guard) if !is_bound(&operand)? => {
                changed = true;
                // Where the others decide, the operand is what they are.
                let decided = match op {
                    Operator::And => Expr::Not(Box::new(guard.clone())),
                    _ => guard.clone(),
                };
                let branches = vec![(Box::new(decided), Box::new(guard)); BRANCHES_MIN];
                Expr::Case(Case::new(None, branches, Some(Box::new(operand))))
            }
            _ => operand,
        });
    }
    Ok((each, changed))
}

/// A CASE of conditions with branches enough.
fn branched(mut case: Case, input: &DFSchema) -> Result<Transformed<Expr>> {
    let is_condition = |(_, then): &(Box<Expr>, Box<Expr>)| matches!(then.get_type(input), Ok(DataType::Boolean));
    let last = case.when_then_expr.last().filter(|last| is_condition(last)).cloned();
    match last {
        Some((_, then)) if case.when_then_expr.len() < BRANCHES_MIN => {
            let never = Box::new(Expr::Literal(ScalarValue::from(false), None));
            case.when_then_expr.resize(BRANCHES_MIN, (never, then));
            Ok(Transformed::yes(Expr::Case(case)))
        }
        _ => Ok(Transformed::no(Expr::Case(case))),
    }
}

/// Whether an expression may have an error for a row instead of a value.
fn may_fail(expr: &Expr, input: &DFSchema) -> Result<bool> {
    Ok(!is_guarded(expr) && expr.has(&mut |expr| may_fail_itself(expr, input))?)
}

/// Whether this is what [`each_guarded`] makes: a plan may come here more than once.
fn is_guarded(expr: &Expr) -> bool {
    let Expr::Case(Case {
        expr: None,
        when_then_expr,
        ..
    }) = expr
    else {
        return false;
    };
    matches!(when_then_expr.as_slice(), [first, others @ ..] if others.len() + 1 == BRANCHES_MIN && others.iter().all(|other| other == first))
}

fn size_of(expr: &Expr) -> Result<usize> {
    let mut size = 0;
    expr.walk(&mut |_| {
        size += 1;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(size)
}

fn may_fail_itself(expr: &Expr, input: &DFSchema) -> Result<bool> {
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr {
            op: Operator::Divide | Operator::Modulo,
            right,
            ..
        }) => !is_constant(right),
        Expr::Cast(Cast { expr, field }) => !is_text(field.data_type()) && is_read(expr, input),
        // The same, once it is known who reads it.
        Expr::ScalarFunction(call) if call.name() == "pg_cast" => call.args.iter().all(|arg| is_read(arg, input)),
        Expr::ScalarFunction(call) => {
            let divides = call.name() == "pg_divide"
                || functions::operator(&call.func).is_some_and(|operator| operator == Operator::Divide);
            match call.args.as_slice() {
                [_, divisor] if divides => !is_constant(divisor),
                _ => PARTIAL.contains(&call.name()),
            }
        }
        _ => false,
    })
}

/// Whether what is cast is text that may be anything.
fn is_read(expr: &Expr, input: &DFSchema) -> bool {
    !matches!(expr, Expr::Literal(..) | Expr::Placeholder(_))
        && matches!(expr.get_type(input), Ok(data_type) if is_text(&data_type))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Functions of numbers that some have no value of.
const PARTIAL: [&str; 9] = ["sqrt", "ln", "log", "log2", "log10", "power", "acos", "asin", "div"];

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => true,
        Expr::Cast(Cast { expr, .. }) => is_constant(expr),
        _ => false,
    }
}

/// Whether an expression must stay where it is, and be there once.
fn is_bound(expr: &Expr) -> Result<bool> {
    let looks_around = expr.has(&mut |expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::OuterReferenceColumn(..)
        ))
    })?;
    Ok(looks_around || expr.is_volatile())
}

fn relations(expr: &Expr) -> HashSet<Option<TableReference>> {
    expr.column_refs()
        .into_iter()
        .map(|column| column.relation.clone())
        .collect()
}
