//! Casts to types that are names of something: `'pg_class'::regclass`, `x::oid`; and `::text` of what such a cast gives.
//!
//! A cast becomes the function of the type's name: with a literal the planner folds it to a number, with a column the
//! function does at run time what the column's type asks for.

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, CastKind, CharacterLength, DataType, Expr, Value};

use super::{call, cast, number, parts, take};
use crate::catalog::types::REG_TYPES;

/// The `reg*` type or `oid` that a SQL type names.
fn oid_type(data_type: &DataType) -> Option<&'static str> {
    let name = match data_type {
        DataType::Custom(name, modifiers) if modifiers.is_empty() => parts(name),
        DataType::Regclass => vec!["regclass".to_owned()],
        _ => return None,
    };
    let name = match name.as_slice() {
        [name] => name,
        [schema, name] if schema == "pg_catalog" => name,
        _ => return None,
    };
    REG_TYPES.iter().copied().chain(["oid"]).find(|reg| reg == name)
}

/// Whether a type's values are character strings.
fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Text | DataType::Varchar(None) | DataType::CharacterVarying(None)
    ) || matches!(data_type, DataType::Custom(name, _) if matches!(parts(name).last().map(String::as_str), Some("name" | "text")))
}

/// The length that a cast to `varchar(n)` or `char(n)` cuts to, and whether it pads to it.
fn limited(data_type: &DataType) -> Option<(u64, bool)> {
    match data_type {
        DataType::Varchar(Some(length))
        | DataType::CharacterVarying(Some(length))
        | DataType::CharVarying(Some(length)) => length_of(length).map(|length| (length, false)),
        DataType::Char(length) | DataType::Character(length) => match length {
            Some(length) => length_of(length).map(|length| (length, true)),
            None => Some((1, true)),
        },
        _ => None,
    }
}

fn length_of(length: &CharacterLength) -> Option<u64> {
    match length {
        CharacterLength::IntegerLength { length, .. } => Some(*length),
        CharacterLength::Max => None,
    }
}

/// Whether an expression is a call that gives a value of a `reg*` type.
fn is_reg_call(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => {
            let name = super::function_name(function);
            REG_TYPES.contains(&name.as_str()) || name.starts_with("to_reg") || name == "pg_typeof"
        }
        Expr::Nested(inner) => is_reg_call(inner),
        _ => false,
    }
}

pub fn expr(expr: &mut Expr, over_catalogue: bool) {
    match expr {
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: inner,
            data_type,
            ..
        } => {
            if let Some(reg) = oid_type(data_type) {
                let inner = take(inner);
                *expr = call(reg, vec![inner]);
            } else if is_text(data_type) && (is_reg_call(inner) || over_catalogue && !is_literal(inner)) {
                let text = call("pg_text", vec![take(inner)]);
                match data_type {
                    DataType::Text => *expr = text,
                    _ => **inner = text,
                }
            } else if let Some((length, padded)) = limited(data_type) {
                let text = match over_catalogue && !is_literal(inner) {
                    true => call("pg_text", vec![take(inner)]),
                    false => cast(take(inner), DataType::Text),
                };
                let function = if padded { "rpad" } else { "left" };
                **inner = call(function, vec![text, number(length)]);
            } else if let (true, Some(items)) = (is_array(data_type), array_literal(inner)) {
                **inner = items;
            } else if let (true, Some(digits)) = (is_float(data_type), with_exponent(inner)) {
                **inner = digits;
            }
        }
        // `regclass 'pg_class'`, `oid '16'`.
        Expr::TypedString(typed) => {
            if let Some(reg) = oid_type(&typed.data_type) {
                *expr = call(reg, vec![Expr::Value(typed.value.clone())]);
            }
        }
        _ => {}
    }
}

fn is_float(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Real
            | DataType::Float4
            | DataType::Float8
            | DataType::Float(_)
            | DataType::Double(_)
            | DataType::DoublePrecision
    )
}

/// `1e300`, as the text that a float is read from: it has more digits than the engine's numerics have.
fn with_exponent(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if digits.contains(['e', 'E']) => {
                Some(Expr::value(Value::SingleQuotedString(digits.clone())))
            }
            _ => None,
        },
        Expr::Nested(inner) => with_exponent(inner),
        _ => None,
    }
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(_))
}

fn is_array(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Array(ArrayElemTypeDef::SquareBracket(..)))
}

/// `'{a,b}'` as `ARRAY['a','b']`.
pub fn array_literal(expr: &Expr) -> Option<Expr> {
    let Expr::Value(value) = expr else {
        return None;
    };
    let Value::SingleQuotedString(text) = &value.value else {
        return None;
    };
    let text = text.trim();
    if !(text.starts_with('{') && text.ends_with('}')) {
        return None;
    }
    let mut items = Vec::new();
    crate::catalog::types::elements(text, &mut items);
    let elem = items
        .into_iter()
        .map(|item| Expr::value(item.map_or(Value::Null, Value::SingleQuotedString)))
        .collect();
    Some(Expr::Array(datafusion::sql::sqlparser::ast::Array {
        elem,
        named: true,
    }))
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn names_become_oids_and_oids_names() {
        let engine = Engine::new();
        assert_eq!(
            engine.rewritten("SELECT 'pg_class'::regclass AS a"),
            "SELECT regclass('pg_class') AS a"
        );
        for (sql, expected) in [
            ("select 'pg_class'::regclass", "1259"),
            ("select 'pg_catalog.pg_class'::regclass::oid", "1259"),
            ("select '1259'::regclass::text", "pg_class"),
            ("select 1259::regclass::text", "pg_class"),
            ("select 'int4'::regtype::text", "integer"),
            ("select 'text[]'::regtype::text", "text[]"),
            ("select cast('public' as regnamespace)", "2200"),
            ("select 'demo'::regrole", "10"),
            ("select typinput::text from pg_type where typname = 'int4'", "int4in"),
            (
                "select oid::regtype::text from pg_type where typname = '_int8'",
                "bigint[]",
            ),
            ("select '16'::oid", "16"),
            (
                "select 'information_schema.tables'::regclass::text",
                "information_schema.tables",
            ),
            ("select 0::regclass::text", "-"),
            (
                "select 'abc'::varchar(2), 'a'::char(3) || '|', 'abc'::char, 123::varchar(2)",
                "ab|a||a|12",
            ),
            (
                "select relkind::char, relname::varchar(2) from pg_class where oid = 1259",
                "r|pg",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cast_to_a_kind_of_text_says_which() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select oid::regclass::name from pg_class", "name"),
            ("select relname::\"char\" from pg_class", "\"char\""),
        ] {
            assert_eq!(
                engine.run(sql).await.unwrap().types,
                [Some(expected.to_owned())],
                "{sql}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn unknown_names_are_postgresqls_errors() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select 'nope'::regclass", "relation \"nope\" does not exist (42P01)"),
            ("select 'nope'::regtype", "type \"nope\" does not exist (42704)"),
            ("select 'nope'::regproc", "function \"nope\" does not exist (42883)"),
            ("select 'nope'::regnamespace", "schema \"nope\" does not exist (3F000)"),
            ("select 'x'::oid", "invalid input syntax for type oid: \"x\" (22P02)"),
        ] {
            let error = engine.error(sql).await;
            assert!(error.contains(expected), "{sql}: {error}");
        }
        assert_eq!(engine.rows("select to_regclass('nope') is null").await, ["true"]);
    }

    #[test]
    fn text_of_a_cluster_s_own_columns_is_left_to_the_engine() {
        let engine = Engine::new();
        let sql = "SELECT retry_count::TEXT AS r FROM sys_invocation";
        assert_eq!(engine.rewritten(sql), sql);
        assert!(
            engine
                .rewritten("SELECT oid::text FROM pg_class")
                .contains("pg_text(oid)")
        );
    }
}
