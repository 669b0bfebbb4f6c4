//! Comparisons of rows, `(a, b) < (c, d)`, and their tests, `(a, b) IS NULL`, as those of what they hold; rows that are values, as ROW(…).

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Select, SelectItem, UnaryOperator,
};

use super::{
    arguments,
    build::{binary, joined, nested},
    call, function_name,
    growth::Growth,
    take, text,
};

/// Rows that are compared or tested, however they are written: `ROW(a, b)` is `(a, b)`.
pub fn operands(expr: &mut Expr) {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
            if matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq) && is_row(left) && is_row(right) {
                tuple(left);
                tuple(right);
            }
        }
        Expr::InList { expr: of, list, .. } if is_row(of) => {
            tuple(of);
            list.iter_mut().for_each(tuple);
        }
        Expr::InSubquery { expr: of, .. } => tuple(of),
        // A row is NULL where all that it holds is, and is not where none is.
        Expr::IsNull(of) => {
            let tests = tests(of, Expr::IsNull);
            replace(expr, tests, BinaryOperator::And);
        }
        Expr::IsNotNull(of) => {
            let tests = tests(of, Expr::IsNotNull);
            replace(expr, tests, BinaryOperator::And);
        }
        Expr::IsDistinctFrom(left, right) => {
            let pairs = pairs(left, right);
            let of = pairs.map(|pairs| pairs.map(|(left, right)| Expr::IsDistinctFrom(left, right)).collect());
            replace(expr, of, BinaryOperator::Or);
        }
        Expr::IsNotDistinctFrom(left, right) => {
            let pairs = pairs(left, right);
            let of = pairs.map(|pairs| {
                pairs
                    .map(|(left, right)| Expr::IsNotDistinctFrom(left, right))
                    .collect()
            });
            replace(expr, of, BinaryOperator::And);
        }
        _ => {}
    }
}

fn is_row(expr: &Expr) -> bool {
    items(expr).is_some()
}

/// What a row that is written out holds.
fn items(expr: &Expr) -> Option<Vec<&Expr>> {
    match expr {
        Expr::Tuple(items) => Some(items.iter().collect()),
        Expr::Function(function) if function_name(function) == "row" && function.over.is_none() => {
            arguments(function).filter(|items| !items.is_empty())
        }
        _ => None,
    }
}

fn tuple(expr: &mut Expr) {
    if let Expr::Function(_) = expr
        && let Some(items) = items(expr)
    {
        *expr = Expr::Tuple(items.into_iter().cloned().collect());
    }
}

/// A test of each item of a row.
fn tests(row: &Expr, test: fn(Box<Expr>) -> Expr) -> Option<Vec<Expr>> {
    Some(
        items(row)?
            .into_iter()
            .map(|item| test(Box::new(item.clone())))
            .collect(),
    )
}

fn pairs(left: &Expr, right: &Expr) -> Option<impl Iterator<Item = (Box<Expr>, Box<Expr>)> + use<>> {
    let (left, right) = (items(left)?, items(right)?);
    let boxed = |items: Vec<&Expr>| items.into_iter().cloned().map(Box::new).collect::<Vec<_>>();
    (left.len() == right.len()).then(|| boxed(left).into_iter().zip(boxed(right)))
}

fn replace(expr: &mut Expr, by: Option<Vec<Expr>>, op: BinaryOperator) {
    if let Some(joined) = by.and_then(|conditions| joined(conditions, &op)) {
        *expr = nested(joined);
    }
}

/// `(a, b)` where it is a value: ROW(a, b).
fn value(expr: &mut Expr) {
    if let Expr::Tuple(items) = expr {
        *expr = record(items.iter_mut().map(take).collect());
    }
}

/// A row whose fields have the names that PostgreSQL gives them.
pub fn record(values: Vec<Expr>) -> Expr {
    let fields = values
        .into_iter()
        .enumerate()
        .flat_map(|(index, value)| [text(format!("f{}", index + 1)), value]);
    call("pg_record", fields.collect())
}

/// Rows that are compared, are cast, or are arguments of a function.
pub fn expr(expr: &mut Expr, growth: &Growth) {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            if let (Expr::Tuple(first), Expr::Tuple(second)) = (left.as_mut(), right.as_mut())
                && let Some(compared) = pair(op, first, second, growth)
            {
                *expr = compared;
            }
        }
        Expr::InList {
            expr: of,
            list,
            negated,
        } => {
            if let Expr::Tuple(first) = of.as_ref()
                && let Some(any) = among(first, list, growth)
            {
                *expr = match negated {
                    true => Expr::UnaryOp {
                        op: UnaryOperator::Not,
                        expr: Box::new(any),
                    },
                    false => any,
                };
            }
        }
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

/// An operator between two rows.
fn pair(op: &BinaryOperator, first: &mut [Expr], second: &mut [Expr], growth: &Growth) -> Option<Expr> {
    match op {
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => compared(op, first, second, growth).map(nested),
        BinaryOperator::Overlaps => {
            let points = first.iter_mut().chain(second).map(take);
            Some(call("pg_overlaps", points.collect()))
        }
        _ => None,
    }
}

/// Whether a row is equal to one of several; `None` where one of them is no row of its length.
fn among(row: &[Expr], list: &[Expr], growth: &Growth) -> Option<Expr> {
    let equal = list.iter().map(|item| match item {
        Expr::Tuple(other) => compared(&BinaryOperator::Eq, row, other, growth),
        _ => None,
    });
    joined(equal.collect::<Option<Vec<_>>>()?, &BinaryOperator::Or).map(nested)
}

/// A comparison of two rows, as comparisons of what they hold: the first that differs decides.
fn compared(op: &BinaryOperator, first: &[Expr], second: &[Expr], growth: &Growth) -> Option<Expr> {
    if first.len() != second.len() {
        return None;
    }
    // Beside those of an equality they stand in the branches behind their own.
    let branches = |index: usize| match op {
        BinaryOperator::Eq | BinaryOperator::NotEq => 1,
        _ => first.len() - index,
    };
    let mut operands = first.iter().enumerate().chain(second.iter().enumerate());
    if !operands.all(|(index, operand)| growth.allows(operand, branches(index))) {
        return None;
    }
    let compare = |op: &BinaryOperator, (left, right): (&Expr, &Expr)| binary(left.clone(), op.clone(), right.clone());
    let pairs = || first.iter().zip(second);
    let strict = match op {
        BinaryOperator::Eq => return joined(pairs().map(|pair| compare(op, pair)).collect(), &BinaryOperator::And),
        BinaryOperator::NotEq => return joined(pairs().map(|pair| compare(op, pair)).collect(), &BinaryOperator::Or),
        BinaryOperator::Lt | BinaryOperator::LtEq => BinaryOperator::Lt,
        _ => BinaryOperator::Gt,
    };
    let last = first.len().checked_sub(1)?;
    let branches = (0..first.len()).map(|index| {
        let op = if index == last { op } else { &strict };
        let equal = pairs().take(index).map(|pair| compare(&BinaryOperator::Eq, pair));
        let deciding = pairs().nth(index).map(|pair| compare(op, pair));
        joined(equal.chain(deciding).collect(), &BinaryOperator::And).map(nested)
    });
    joined(branches.collect::<Option<Vec<_>>>()?, &BinaryOperator::Or)
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
                "select row(1, 2) = row(1, 2), row(1, null) = row(1, null), row(1, null) = row(2, null), row(1, 2) < (1, 3)",
                "true||false|true",
            ),
            (
                "select (1, null) is null, row(null, null) is null, row(1, 2) is not null, (1, null) is not null",
                "false|true|true|false",
            ),
            (
                "select (1, null) is distinct from (1, null), row(1, 2) is not distinct from row(1, null)",
                "false|false",
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
