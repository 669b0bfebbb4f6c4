//! `VALUES (1::bigint), (2)`: a column has one type, which a cast in any of its rows may say. The engine wants every row to
//! say the same, so a cast is laid on all of them.

use datafusion::sql::sqlparser::ast::{Expr, Value, ValueWithSpan, Values};

/// Casts the constants of a column to the type that the first cast in it names. Other expressions have types of their own.
pub fn values(values: &mut Values) {
    let columns = values
        .rows
        .iter()
        .map(|row| row.content.len())
        .max()
        .unwrap_or_default();
    for column in 0..columns {
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
            continue;
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
}
