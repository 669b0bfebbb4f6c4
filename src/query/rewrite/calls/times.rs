//! Functions of dates and times.

use datafusion::sql::sqlparser::ast::{DataType, Expr, Function, FunctionArg, FunctionArgExpr, TimezoneInfo};

use super::{
    super::build::{call, cast, number},
    renamed,
};

pub fn replaced(function: &Function, name: &str, args: &[Expr]) -> Option<Expr> {
    let now = || call("now", Vec::new());
    Some(match (name, args) {
        ("age", [of]) => {
            let timestamp = DataType::Timestamp(None, TimezoneInfo::None);
            let today = cast(cast(now(), DataType::Date), timestamp);
            call("age", vec![today, of.clone()])
        }
        ("date", [of]) => cast(of.clone(), DataType::Date),
        ("date_part", [_, _]) => Expr::Function(renamed(function, "pg_date_part")),
        ("statement_timestamp" | "transaction_timestamp", []) => now(),
        _ => return None,
    })
}

/// `make_interval(days => 10)`, by position.
pub fn make_interval(args: &[FunctionArg]) -> Option<Expr> {
    const NAMES: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
    let mut places: Vec<Expr> = NAMES.iter().map(|_| number(0)).collect();
    for (index, arg) in args.iter().enumerate() {
        let (place, value) = match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (index, value),
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(value),
                ..
            }
            | FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                ..
            } => (
                NAMES.iter().position(|known| name.value.eq_ignore_ascii_case(known))?,
                value,
            ),
            _ => return None,
        };
        *places.get_mut(place)? = value.clone();
    }
    Some(call("make_interval", places))
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_of_times() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select make_interval(days => 10) = interval '10 days', make_interval(1, secs => 2) = interval '1 year 2 seconds'",
                "true|true",
            ),
            ("select age(now()::date::timestamp) = interval '0'", "true"),
            ("select date('2024-01-02') - date('2024-01-01')", "1"),
            ("select date_part('day', timestamp '2024-01-02 03:04:05')", "2.0"),
            (
                "select statement_timestamp() = now(), transaction_timestamp() = now()",
                "true|true",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
        assert!(
            engine
                .error("select make_interval(decades => 1)")
                .await
                .contains("make_interval")
        );
    }
}
