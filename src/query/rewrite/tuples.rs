//! Comparisons of rows, `(a, b) < (c, d)`, as comparisons of what they hold; rows that are values, as ROW(…).

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Select, SelectItem, Value,
};

use super::{call, take};

/// `(a, b)` where it is a value: ROW(a, b).
fn value(expr: &mut Expr) {
    if let Expr::Tuple(items) = expr {
        *expr = record(items.iter_mut().map(take).collect());
    }
}

/// A row whose fields have the names that PostgreSQL gives them.
pub fn record(values: Vec<Expr>) -> Expr {
    let fields = values.into_iter().enumerate().flat_map(|(index, value)| {
        let name = Value::SingleQuotedString(format!("f{}", index + 1));
        [Expr::value(name), value]
    });
    call("pg_record", fields.collect())
}

/// Rows that are cast, or are arguments of a function.
pub fn within(expr: &mut Expr) {
    match expr {
        Expr::Cast { expr: of, .. } => value(of),
        Expr::Function(Function {
            args: FunctionArguments::List(list),
            ..
        }) => {
            for arg in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                    value(expr);
                }
            }
        }
        _ => {}
    }
}

/// Rows in a SELECT list.
pub fn select(select: &mut Select) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            value(expr);
        }
    }
}

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
            ("select count(distinct (relkind, relpages)) > 1 from pg_class", "true"),
            (
                "select (1, 'a')::text, to_json((1, 'a'))::text",
                "(1,a)|{\"f1\":1,\"f2\":\"a\"}",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
