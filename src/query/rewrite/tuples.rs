//! Comparisons of rows, `(a, b) < (c, d)`, as comparisons of what they hold.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

pub fn joined(conditions: Vec<Expr>, op: BinaryOperator) -> Option<Expr> {
    conditions.into_iter().reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(right),
    })
}

/// A comparison of two rows, as comparisons of what they hold: the first that differs decides.
pub fn compared(op: &BinaryOperator, first: &[Expr], second: &[Expr]) -> Option<Expr> {
    if first.len() != second.len() {
        return None;
    }
    let compare = |op: &BinaryOperator, (left, right): (&Expr, &Expr)| Expr::BinaryOp {
        left: Box::new(left.clone()),
        op: op.clone(),
        right: Box::new(right.clone()),
    };
    let pairs = || first.iter().zip(second);
    let strict = match op {
        BinaryOperator::Eq => return joined(pairs().map(|pair| compare(op, pair)).collect(), BinaryOperator::And),
        BinaryOperator::NotEq => return joined(pairs().map(|pair| compare(op, pair)).collect(), BinaryOperator::Or),
        BinaryOperator::Lt | BinaryOperator::LtEq => BinaryOperator::Lt,
        _ => BinaryOperator::Gt,
    };
    let last = first.len().checked_sub(1)?;
    let branches = (0..first.len()).map(|index| {
        let op = if index == last { op } else { &strict };
        let equal = pairs().take(index).map(|pair| compare(&BinaryOperator::Eq, pair));
        let deciding = pairs().nth(index).map(|pair| compare(op, pair));
        joined(equal.chain(deciding).collect(), BinaryOperator::And).map(|branch| Expr::Nested(Box::new(branch)))
    });
    joined(branches.collect::<Option<Vec<_>>>()?, BinaryOperator::Or)
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_first_difference_decides() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select (1, 2) < (1, 3), (2, 1) < (1, 9), (1, 2) <= (1, 2), (1, 2) > (1, 2)",
                "true|false|true|false",
            ),
            (
                "select (1, 2) = (1, 2), (1, 2) <> (1, 2), (1, null) <> (2, 1)",
                "true|false|true",
            ),
            (
                "select (1, 2) in ((3, 4), (1, 2)), (1, 2) not in ((1, 2))",
                "true|false",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
