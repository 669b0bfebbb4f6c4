//! Functions of single values: texts, numbers, arrays, rows; and casts that are written as calls.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CaseWhen, DataType, Expr, Function, UnaryOperator, Value,
    helpers::attached_token::AttachedToken,
};
use postgres_types::Type;

use super::{
    super::{
        build::{binary, call, cast, nested, number, text},
        casts::array_literal,
        literals::string,
        patterns, tuples,
    },
    renamed,
};

/// Types whose name is also that of a function that casts to them.
const CASTS: [&str; 20] = [
    "bool",
    "bpchar",
    "bytea",
    "float4",
    "float8",
    "inet",
    "int2",
    "int4",
    "int8",
    "json",
    "jsonb",
    "name",
    "numeric",
    "pg_lsn",
    "text",
    "timestamptz",
    "uuid",
    "varchar",
    "xid",
    "xid8",
];

pub fn replaced(function: &Function, name: &str, args: &[Expr]) -> Option<Expr> {
    Some(match (name, args) {
        // `int4(x)`: a type's name before a value is a cast.
        (name, [of]) if CASTS.contains(&name) => cast(of.clone(), DataType::Custom(function.name.clone(), Vec::new())),
        ("row", [_, ..]) => tuples::record(args.to_vec()),
        // A quoted literal is of no type yet.
        ("pg_typeof", [of]) if is_open(of) => call("regtype", vec![text(Type::UNKNOWN.oid().to_string())]),
        // As a CASE, of which the planner knows that the literal is an array where the others are.
        ("coalesce", [others @ .., last]) if args.iter().any(|arg| array_literal(arg).is_some()) => {
            first_of(others, last)
        }
        ("substring", [text, pattern]) if string(pattern).is_some() => patterns::matched(text.clone(), pattern.clone()),
        ("round" | "trunc", [of, places]) => {
            let places = places_of(places)?;
            call(name, vec![of.clone(), number(places), text(places.to_string())])
        }
        ("ceiling", [_]) => Expr::Function(renamed(function, "ceil")),
        ("mod", [left, right]) => nested(binary(
            nested(left.clone()),
            BinaryOperator::Modulo,
            nested(right.clone()),
        )),
        ("array_remove", [_, _]) => Expr::Function(renamed(function, "array_remove_all")),
        ("array_replace", [_, _, _]) => Expr::Function(renamed(function, "array_replace_all")),
        ("array_positions", [_, _]) => {
            let list = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Int4(None)), None);
            cast(Expr::Function(function.clone()), DataType::Array(list))
        }
        ("array_position" | "array_ndims" | "regexp_count" | "regexp_instr", _) => {
            cast(Expr::Function(function.clone()), DataType::Int4(None))
        }
        _ => return None,
    })
}

/// `COALESCE(others, last)` spelled out.
fn first_of(others: &[Expr], last: &Expr) -> Expr {
    let conditions = others.iter().map(|other| CaseWhen {
        condition: Expr::IsNotNull(Box::new(other.clone())),
        result: other.clone(),
    });
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: conditions.collect(),
        else_result: Some(Box::new(last.clone())),
    }
}

fn is_open(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_) | Value::Null))
}

/// The places of `round(x, n)` where they are written as a number.
fn places_of(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Cast {
            expr,
            data_type: DataType::Int4(None),
            ..
        } => places_of(expr),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => places_of(expr).map(|places| -places),
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_by_other_names() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select int4('5') + 1, text(5) || 'a', bool('t')", "6|5a|true"),
            ("select row(1, (2, 'a'))::text", "(1,\"(2,a)\")"),
            ("select pg_typeof('a')::text, pg_typeof(1)::text", "unknown|integer"),
            ("select coalesce(null, '{1,2}', array['3'])", "[1, 2]"),
            (
                "select round(1.256, 2), round(125, -1), trunc(1.256, 1)",
                "1.26|130|1.2",
            ),
            ("select mod(7 + 1, 3), ceiling(1.2)", "2|2"),
            (
                "select array_remove(array[1, 2, 1], 1), array_replace(array[1, 2], 1, 3), array_positions(array[1, 2, 1], 1)",
                "[2]|[3, 2]|[1, 3]",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
        let answer = engine
            .run("select array_position(array['a', 'b'], 'b'), array_ndims(array[1])")
            .await
            .unwrap();
        assert_eq!(answer.types, [Some("integer".to_owned()), Some("integer".to_owned())]);
    }
}
