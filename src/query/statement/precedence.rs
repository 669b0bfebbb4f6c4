//! `a IS DISTINCT FROM b AND c`: the parser takes all that follows for what `a` is compared with. In PostgreSQL AND and OR bind less than
//! IS: what is compared is the first operand alone. `-2 ^ 2`: a sign binds more than a power.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value, VisitMut, VisitorMut};

use crate::query::walk::syntax::walk_mut;

/// Gives every such comparison its own operand, in parentheses: whoever reads the text of the tree reads the same.
pub(super) fn mend<T: VisitMut>(tree: &mut T) {
    let _ = walk_mut(tree, &mut Mend);
}

struct Mend;

impl VisitorMut for Mend {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        regrouped(expr);
        ControlFlow::Continue(())
    }
}

/// Puts `expr` in place of the first operand of the chain that its own last operand is. No parser gives such an operand without parentheses
/// around it, but where one of these comparisons stood at the end of it.
fn regrouped(expr: &mut Expr) {
    let Some((operand, ops)) = last_operand(expr) else {
        return;
    };
    let is_chain = matches!(&*operand, Expr::BinaryOp { op, .. } if ops.contains(op));
    if !is_chain {
        return;
    }
    let mut chain = take(operand);
    let first = first_operand(&mut chain, ops);
    *operand = take(first);
    let own = take(expr);
    *first = match own {
        Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => Expr::Nested(Box::new(own)),
        own => own,
    };
    *expr = chain;
}

/// The operand at the end of an expression, and the operators that bind less than the expression itself.
fn last_operand(expr: &mut Expr) -> Option<(&mut Expr, &'static [BinaryOperator])> {
    const BOTH: &[BinaryOperator] = &[BinaryOperator::And, BinaryOperator::Or];
    match expr {
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => Some((right, BOTH)),
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } => Some((expr, BOTH)),
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            expr,
        } => Some((expr, &[BinaryOperator::PGExp])),
        Expr::BinaryOp {
            op: BinaryOperator::And,
            right,
            ..
        } => Some((right, BOTH)),
        Expr::BinaryOp {
            op: BinaryOperator::Or,
            right,
            ..
        } => Some((right, &[BinaryOperator::Or])),
        _ => None,
    }
}

fn first_operand<'a>(mut expr: &'a mut Expr, ops: &[BinaryOperator]) -> &'a mut Expr {
    while matches!(&*expr, Expr::BinaryOp { op, .. } if ops.contains(op)) {
        match expr {
            Expr::BinaryOp { left, .. } => expr = left.as_mut(),
            _ => break,
        }
    }
    expr
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

#[cfg(test)]
mod tests {
    use crate::query::statement::{Piece, Statement};

    #[test]
    fn is_distinct_from_binds_more_than_and() {
        for (condition, expected) in [
            ("a is distinct from b", "a IS DISTINCT FROM b"),
            ("a is distinct from b and c", "(a IS DISTINCT FROM b) AND c"),
            ("z and a is distinct from b or c", "z AND (a IS DISTINCT FROM b) OR c"),
            (
                "z or a is not distinct from b and c",
                "z OR (a IS NOT DISTINCT FROM b) AND c",
            ),
            ("z or a is distinct from b or c", "z OR (a IS DISTINCT FROM b) OR c"),
            ("not a is distinct from b and c", "NOT (a IS DISTINCT FROM b) AND c"),
            ("-a ^ b ^ c", "-a ^ b ^ c"),
            ("-2 ^ 2 = 4", "-2 ^ 2 = 4"),
            (
                "a is distinct from b and c is distinct from d or e",
                "(a IS DISTINCT FROM b) AND (c IS DISTINCT FROM d) OR e",
            ),
            ("a is distinct from b + 1 and c", "(a IS DISTINCT FROM b + 1) AND c"),
            ("a is distinct from (b and c)", "a IS DISTINCT FROM (b AND c)"),
            ("(a is distinct from b) and c or d", "(a IS DISTINCT FROM b) AND c OR d"),
            ("a and b or c and not d", "a AND b OR c AND NOT d"),
        ] {
            let sql = format!("select 1 from t where {condition}");
            let Statement::Query(query) = Statement::parse(Piece::whole(&sql)).unwrap() else {
                panic!("{sql}");
            };
            assert_eq!(query.to_string(), format!("SELECT 1 FROM t WHERE {expected}"), "{sql}");
            // Written again and read again, it is the same.
            let Statement::Query(again) = Statement::parse(Piece::whole(&query.to_string())).unwrap() else {
                panic!("{sql}");
            };
            assert_eq!(again.to_string(), query.to_string());
            assert_eq!(shape(&again), shape(&query), "{sql}");
        }
    }

    /// The tree without places.
    fn shape(query: &datafusion::sql::sqlparser::ast::Statement) -> String {
        let text = format!("{query:?}").to_lowercase();
        let mut shape = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("location(") {
            shape.push_str(before);
            rest = after.split_once(')').map_or("", |(_, rest)| rest);
        }
        shape + rest
    }
}
