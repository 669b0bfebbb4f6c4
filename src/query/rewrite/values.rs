//! `VALUES (1::bigint), (2)`: a column has one type, which a cast in any of its rows may say. The engine wants every row to
//! say the same, so a cast is laid on all of them. What else of a column differs from row to row is hidden from the engine ([`CELL`]),
//! until the plan's annotation finds the type that all of it has.

use datafusion::sql::sqlparser::ast::{Expr, Value, ValueWithSpan, Values};

/// The function that hides what is said of an expression's type; of a quoted literal even that it is text.
pub const CELL: &str = "pg_cell";

/// Makes the cells of each column look alike to the engine.
pub fn values(values: &mut Values) {
    let columns = values
        .rows
        .iter()
        .map(|row| row.content.len())
        .max()
        .unwrap_or_default();
    for column in 0..columns {
        cast(values, column);
        let mut kinds = values.rows.iter().filter_map(|row| row.content.get(column)).map(kind);
        let first = kinds.next().flatten();
        if values.rows.len() > 1 && (first.is_none() || kinds.any(|kind| kind != first)) {
            for cell in values.rows.iter_mut().filter_map(|row| row.content.get_mut(column)) {
                *cell = super::call(CELL, vec![super::take(cell)]);
            }
        }
    }
}

/// What a cell is, as far as its looks tell.
#[derive(PartialEq)]
enum Kind {
    Open,
    Boolean,
    Integer,
    Bigint,
    Numeric,
    Cast(String),
}

fn kind(cell: &Expr) -> Option<Kind> {
    match cell {
        Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::SingleQuotedString(_) | Value::Null => Some(Kind::Open),
            Value::Boolean(_) => Some(Kind::Boolean),
            Value::Number(digits, _) if digits.parse::<i32>().is_ok() => Some(Kind::Integer),
            Value::Number(digits, _) if digits.parse::<i64>().is_ok() => Some(Kind::Bigint),
            Value::Number(..) => Some(Kind::Numeric),
            _ => None,
        },
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => kind(expr).filter(|kind| *kind != Kind::Open),
        Expr::Cast { data_type, .. } => Some(Kind::Cast(data_type.to_string())),
        Expr::TypedString(typed) => Some(Kind::Cast(typed.data_type.to_string())),
        Expr::Interval(_) => Some(Kind::Cast("INTERVAL".to_owned())),
        _ => None,
    }
}

/// Casts the constants of a column to the type that the first cast in it names. Other expressions have types of their own.
fn cast(values: &mut Values, column: usize) {
    let named = values.rows.iter().find_map(|row| match row.content.get(column) {
        Some(cast @ Expr::Cast { .. }) => Some(cast.clone()),
        _ => None,
    });
    let Some(Expr::Cast {
        kind,
        data_type,
        array,
        format,
        ..
    }) = named
    else {
        return;
    };
    for cell in values
        .rows
        .iter_mut()
        .filter_map(|row| row.content.get_mut(column))
        .filter(|cell| is_constant(cell))
    {
        *cell = Expr::Cast {
            kind: kind.clone(),
            expr: Box::new(super::take(cell)),
            data_type: data_type.clone(),
            array,
            format: format.clone(),
        };
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value, .. }) => !matches!(value, Value::Placeholder(_)),
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => is_constant(expr),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test]
    async fn a_cast_in_one_row_is_a_cast_of_its_column() {
        let engine = Engine::new();
        for sql in [
            "select * from (values (1::bigint, 'a'), (-2, null), (3, 'c')) t(n, s) order by n desc",
            "select * from (values (1, 'a'), (-2::bigint, null::text), (3, 'c')) t(n, s) order by n desc",
        ] {
            assert_eq!(engine.rows(sql).await, ["3|c", "1|a", "-2|"], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_column_has_the_type_that_its_cells_have_in_common() {
        let engine = Engine::new();
        for (sql, pg_type, rows) in [
            ("(1), (null), ('2')", "integer", ["1", "", "2"]),
            ("(null), (5000000000), (1)", "bigint", ["", "5000000000", "1"]),
            ("(1), (2.5), (-3)", "numeric", ["1.0", "2.5", "-3.0"]),
            ("('a'), (current_user), (null)", "name", ["a", "demo", ""]),
            ("('7'), (1 + 1), (3000000000)", "bigint", ["7", "2", "3000000000"]),
            ("('t'), (1 = 2), (null)", "boolean", ["true", "false", ""]),
            (
                "('2024-01-02'), (date '2024-01-01' + 2), (null)",
                "date",
                ["2024-01-02", "2024-01-03", ""],
            ),
            ("('a'), (null), ('b')", "text", ["a", "", "b"]),
        ] {
            let sql = format!("select x, pg_typeof(x)::text from (values {sql}) t(x)");
            let expected = rows.map(|row| format!("{row}|{pg_type}"));
            assert_eq!(engine.rows(&sql).await, expected, "{sql}");
        }
        let sql = "select v.k, v.x from pg_class c cross join lateral (values ('a', c.relname), ('b', c.relkind)) v(k, x) where oid = 1259";
        assert_eq!(engine.rows(sql).await, ["a|pg_class", "b|r"]);
        // Operators know the type, too.
        let sql = "select sum(x), max(x + interval '1 day') from (values (interval '1 day'), (null), ('2 days'), (interval '1 day' * 2)) t(x)";
        assert_eq!(engine.rows(sql).await, ["5 days|3 days"]);
        assert!(engine.run("select * from (values (1), (true)) t(x)").await.is_err());
    }
}
