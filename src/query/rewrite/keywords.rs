//! Words of SQL that are functions or literals in another dress: `LOCALTIMESTAMP`, `CURRENT_ROLE`, `U&'…'`, `every`.

use datafusion::sql::sqlparser::ast::{DataType, Expr, FunctionArguments, Ident, ObjectName, TimezoneInfo, Value};

use super::{call, cast, function_name};

pub fn expr(expr: &mut Expr) {
    match expr {
        Expr::Function(function) => match function_name(function).as_str() {
            // A precision that they may carry has no say: they are as precise as the clock.
            "localtimestamp" => *expr = local(),
            "localtime" => *expr = local_time(),
            "current_timestamp" => *expr = call("now", Vec::new()),
            "current_time" => function.args = FunctionArguments::None,
            "every" => function.name = ObjectName::from(vec![Ident::new("bool_and")]),
            _ => {}
        },
        Expr::Identifier(ident) if ident.quote_style.is_none() => match ident.value.to_ascii_lowercase().as_str() {
            "current_role" => *expr = call("current_user", Vec::new()),
            "localtime" => *expr = local_time(),
            _ => {}
        },
        Expr::Value(value) => {
            if let Value::UnicodeStringLiteral(text) | Value::NationalStringLiteral(text) = &mut value.value {
                value.value = Value::SingleQuotedString(std::mem::take(text));
            }
        }
        _ => {}
    }
}

/// The time of the session's zone, without the zone.
fn local() -> Expr {
    cast(call("now", Vec::new()), DataType::Timestamp(None, TimezoneInfo::None))
}

fn local_time() -> Expr {
    cast(local(), DataType::Time(None, TimezoneInfo::None))
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn words_that_are_functions() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select localtimestamp = now()::timestamp, localtimestamp(3) is null",
                "true|false",
            ),
            (
                "select localtime = now()::timestamp::time, current_time is null",
                "true|false",
            ),
            ("select current_timestamp(3) = now()", "true"),
            ("select current_role = current_user", "true"),
            (r"select U&'d\0061t\+000061', N'n'", "data|n"),
            (
                "select every(relkind = 'r') from pg_class where relname = 'pg_class'",
                "true",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
        assert_eq!(
            engine
                .run("select localtimestamp, current_role, every(true)")
                .await
                .unwrap()
                .names,
            ["localtimestamp", "current_role", "every"]
        );
    }
}
