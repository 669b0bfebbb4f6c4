//! Constants. An integer that fits is of four bytes, as in PostgreSQL, where the engine has eight for all; where a query has a
//! position and no value (LIMIT, ORDER BY 1, a frame's rows) it stays as it was. Bit strings, which the engine lacks.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, GroupByExpr, LimitClause, NamedWindowExpr, OrderByKind,
    Query, Select, TableFactor, Value, WindowFrame, WindowFrameBound, WindowType,
};

use super::{call, cast, take, text};

/// Expressions, from the leaves up.
pub fn expr(expr: &mut Expr) {
    let Expr::Value(value) = expr else { return };
    match &value.value {
        Value::Number(digits, false) if digits.parse::<i32>().is_ok() => {
            *expr = cast(take(expr), DataType::Int4(None));
        }
        Value::SingleQuotedByteStringLiteral(bits) => *expr = call("pg_bits", vec![text(bits.as_str())]),
        Value::HexStringLiteral(digits) => {
            let bits = digits.chars().map(|digit| match digit.to_digit(16) {
                Some(value) => format!("{value:04b}"),
                None => digit.to_string(),
            });
            *expr = call("pg_bits", vec![text(bits.collect::<String>())]);
        }
        _ => {}
    }
}

/// What a quoted constant says.
pub fn string(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The integer under [`expr`]'s cast, for places that take a position and no value.
fn constant(expr: &mut Expr) {
    if let Expr::Cast {
        expr: literal,
        data_type: DataType::Int4(None),
        ..
    } = expr
        && matches!(literal.as_ref(), Expr::Value(value) if matches!(value.value, Value::Number(..)))
    {
        *expr = take(literal);
    }
}

/// Undoes [`expr`] where a query has numbers that are no values: LIMIT, OFFSET and ORDER BY's positions.
pub fn query(query: &mut Query) {
    if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
        limit.iter_mut().for_each(constant);
        offset.iter_mut().for_each(|offset| constant(&mut offset.value));
    }
    if let Some(order_by) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order_by.kind
    {
        keys.iter_mut().for_each(|key| constant(&mut key.expr));
    }
}

/// The same for the bounds of a relation that the engine makes: it takes integers of eight bytes.
pub fn table_factor(factor: &mut TableFactor) {
    let TableFactor::Table { args: Some(args), .. } = factor else {
        return;
    };
    for arg in &mut args.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(bound)) = arg {
            plain(bound);
        }
    }
}

/// The constant of a bound, whatever sign and parentheses are around it.
fn plain(bound: &mut Expr) {
    match bound {
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => plain(expr.as_mut()),
        other => constant(other),
    }
}

/// The same in a SELECT: GROUP BY's positions, frames of named windows.
pub fn select(select: &mut Select) {
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        keys.iter_mut().for_each(constant);
    }
    for window in &mut select.named_window {
        if let NamedWindowExpr::WindowSpec(spec) = &mut window.1 {
            spec.window_frame.iter_mut().for_each(bounds);
        }
    }
}

pub fn frame(function: &mut Function) {
    if let Some(WindowType::WindowSpec(spec)) = &mut function.over {
        spec.window_frame.iter_mut().for_each(bounds);
    }
}

fn bounds(frame: &mut WindowFrame) {
    for bound in std::iter::once(&mut frame.start_bound).chain(frame.end_bound.as_mut()) {
        if let WindowFrameBound::Preceding(Some(rows)) | WindowFrameBound::Following(Some(rows)) = bound {
            constant(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[test]
    fn values_are_cast_and_positions_are_not() {
        let engine = Engine::new();
        for (before, after) in [
            ("SELECT a + 1 AS b FROM t", "SELECT a + 1::INT4 AS b FROM t"),
            ("SELECT a + 3000000000 AS b FROM t", "SELECT a + 3000000000 AS b FROM t"),
            (
                "SELECT a, count(*) AS c FROM t GROUP BY 1 ORDER BY 2 LIMIT 3 OFFSET 4",
                "SELECT a, count(*) AS c FROM t GROUP BY 1 ORDER BY 2 LIMIT 3 OFFSET 4",
            ),
            (
                "SELECT max(a) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) AS m FROM t",
                "SELECT max(a) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) AS m FROM t",
            ),
        ] {
            assert_eq!(engine.rewritten(before), after);
        }
    }
}
