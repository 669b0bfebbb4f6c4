//! Spellings: what means the same in other words.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, DateTimeField, Expr, Fetch, Function, FunctionArguments, Ident, Interval,
    LimitClause, ObjectName, Query, SelectItem, SetExpr, TimezoneInfo, UnaryOperator, Value, ValueWithSpan,
    WildcardAdditionalOptions,
};

use super::{
    build::{self, binary},
    call, cast, casts, function_name,
    growth::Growth,
    literals::string,
    number, parts, take, text, values,
};
use crate::catalog::functions::patterns::like_escape;

/// `TABLE t`, `FETCH FIRST n ROWS ONLY`.
pub fn query(query: &mut Query) {
    if let Some(Fetch {
        with_ties: false,
        percent: false,
        quantity,
    }) = &query.fetch
    {
        let quantity = quantity.clone().unwrap_or_else(|| number(1));
        match &mut query.limit_clause {
            Some(LimitClause::LimitOffset {
                limit: limit @ None, ..
            }) => *limit = Some(quantity),
            Some(_) => return,
            None => {
                query.limit_clause = Some(LimitClause::LimitOffset {
                    limit: Some(quantity),
                    offset: None,
                    limit_by: Vec::new(),
                });
            }
        }
        query.fetch = None;
    }
    set_expr(&mut query.body);
}

fn set_expr(body: &mut SetExpr) {
    match body {
        SetExpr::Values(rows) => values::values(rows),
        SetExpr::Table(table) => {
            let name: Vec<Ident> = [&table.schema_name, &table.table_name]
                .into_iter()
                .flatten()
                .map(|part| Ident::new(part.as_str()))
                .collect();
            let everything = SelectItem::Wildcard(WildcardAdditionalOptions::default());
            let relation = build::table(name.into(), None, None);
            *body = SetExpr::Select(Box::new(build::select(vec![everything], Some(relation))));
        }
        SetExpr::SetOperation { left, right, .. } => {
            set_expr(left);
            set_expr(right);
        }
        _ => {}
    }
}

pub fn expr(expr: &mut Expr, growth: &Growth) {
    match expr {
        Expr::BinaryOp {
            op: op @ BinaryOperator::PGCustomBinaryOperator(_),
            ..
        } => plain(op),
        Expr::Like {
            escape_char, pattern, ..
        }
        | Expr::ILike {
            escape_char, pattern, ..
        } => escape(escape_char, pattern),
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => {
            if let Some(items) = casts::array_literal(right) {
                **right = items;
            }
        }
        Expr::TypedString(typed) if is_timestamp(&typed.data_type) => timestamp_literal(&mut typed.value.value),
        Expr::Cast {
            expr: inner, data_type, ..
        } if is_timestamp(data_type) => {
            if let Expr::Value(value) = inner.as_mut() {
                timestamp_literal(&mut value.value);
            }
        }
        Expr::Case {
            operand, conditions, ..
        } => boolean_case(operand, conditions, growth),
        Expr::Identifier(ident) if ident.quote_style.is_none() => {
            match ident.value.to_ascii_lowercase().as_str() {
                // Reserved words that the parser takes for columns.
                "current_schema" => *expr = call("current_schema", Vec::new()),
                "localtimestamp" => {
                    *expr = cast(call("now", Vec::new()), DataType::Timestamp(None, TimezoneInfo::None));
                }
                _ => {}
            }
        }
        Expr::Interval(interval) => {
            if let Some(literal) = interval_literal(interval) {
                *expr = literal;
            }
        }
        Expr::Extract { field, expr: of, .. } => {
            let name = match field {
                DateTimeField::Custom(name) => name.value.clone(),
                field => field.to_string(),
            };
            *expr = call("pg_extract", vec![text(name), take(of)]);
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            *expr = call("timezone", vec![take(time_zone), take(timestamp)]);
        }
        Expr::UnaryOp { op, expr: of } => {
            let name = match op {
                UnaryOperator::PGAbs => "abs",
                UnaryOperator::PGSquareRoot => "sqrt",
                UnaryOperator::PGCubeRoot => "cbrt",
                UnaryOperator::BitwiseNot => "pg_bit_not",
                UnaryOperator::Minus if !is_constant(of) => "pg_negate",
                _ => return,
            };
            *expr = call(name, vec![take(of)]);
        }
        Expr::Function(function) => {
            unqualify(function);
            // `current_user` and kin come without parentheses.
            if matches!(function.args, FunctionArguments::None) {
                let name = function_name(function);
                if matches!(
                    name.as_str(),
                    "current_user" | "session_user" | "user" | "current_catalog" | "current_role" | "current_schema"
                ) {
                    *expr = call(&name, Vec::new());
                }
            }
        }
        _ => {}
    }
}

/// `CASE flag WHEN 't' THEN`: as comparisons, of which the planner knows what they compare.
fn boolean_case(operand: &mut Option<Box<Expr>>, conditions: &mut [CaseWhen], growth: &Growth) {
    if !conditions.iter().any(|when| is_boolean_literal(&when.condition)) {
        return;
    }
    if let Some(tested) = operand.take_if(|tested| growth.allows(tested, conditions.len())) {
        for when in conditions {
            let value = take(&mut when.condition);
            when.condition = binary(tested.as_ref().clone(), BinaryOperator::Eq, value);
        }
    }
}

/// `interval '1' hour` as a cast of one text.
fn interval_literal(interval: &Interval) -> Option<Expr> {
    let length = string(&interval.value)?;
    let unit = match (&interval.leading_field, &interval.last_field) {
        (Some(field), None) => format!(" {field}"),
        _ => String::new(),
    };
    let kind = DataType::Interval {
        fields: None,
        precision: None,
    };
    Some(cast(text(format!("{length}{unit}")), kind))
}

/// Whether a sign is read as part of what it stands before.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) | Expr::Interval(_) => true,
        Expr::Cast { expr: inner, .. } => matches!(inner.as_ref(), Expr::Value(_)),
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => is_constant(inner),
        _ => false,
    }
}

/// A function of the system's schemas goes by its own name, in lower case.
fn unqualify(function: &mut Function) {
    let mut name = parts(&function.name);
    if let [schema, _] = name.as_slice()
        && matches!(schema.as_str(), "pg_catalog" | "information_schema")
    {
        name.remove(0);
    }
    function.name = ObjectName::from(name.into_iter().map(Ident::new).collect::<Vec<_>>());
}

/// `OPERATOR(pg_catalog.name)` as the operator of that name.
fn plain(op: &mut BinaryOperator) {
    let BinaryOperator::PGCustomBinaryOperator(name) = op else {
        return;
    };
    let plain = match name.as_slice() {
        [name] => operator(name),
        [schema, name] if schema.eq_ignore_ascii_case("pg_catalog") => operator(name),
        _ => None,
    };
    if let Some(plain) = plain {
        *op = plain;
    }
}

fn operator(name: &str) -> Option<BinaryOperator> {
    Some(match name {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "||" => BinaryOperator::StringConcat,
        _ => return None,
    })
}

/// `LIKE 'a!_b' ESCAPE '!'`: the engine knows the backslash alone.
fn escape(escape_char: &mut Option<ValueWithSpan>, pattern: &mut Expr) {
    let Some(Value::SingleQuotedString(escape)) = escape_char.as_ref().map(|value| &value.value) else {
        return;
    };
    let mut chars = escape.chars();
    let (escape, None) = (chars.next(), chars.next()) else {
        return;
    };
    if escape == Some('\\') {
        *escape_char = None;
        return;
    }
    *escape_char = None;
    *pattern = match constant(pattern) {
        Some(pattern) => text(like_escape(&pattern, escape)),
        None => {
            let escape = escape.map(String::from).unwrap_or_default();
            call("like_escape", vec![take(pattern), text(escape)])
        }
    };
}

/// The text of a quoted literal or of several joined by `||`.
fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(_) => string(expr).map(str::to_owned),
        Expr::Nested(inner) => constant(inner),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::StringConcat,
            right,
        } => Some(constant(left)? + &constant(right)?),
        _ => None,
    }
}

/// Whether a literal reads as a boolean and as nothing else that is compared with one.
fn is_boolean_literal(expr: &Expr) -> bool {
    constant(expr).is_some_and(|text| matches!(text.as_str(), "t" | "f" | "true" | "false"))
}

/// A timestamp that ends with its minutes, with seconds: `2026-01-01 10:00` as `2026-01-01 10:00:00`.
pub fn with_seconds(text: &str) -> Option<String> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', ' '])?;
    let (time, zone) = rest.split_at_checked(5)?;
    let digits = |text: &str, separator: char, lengths: &[usize]| {
        let parts: Vec<&str> = text.split(separator).collect();
        let plain = |(part, length): (&&str, &usize)| part.len() == *length && part.bytes().all(|b| b.is_ascii_digit());
        parts.len() == lengths.len() && parts.iter().zip(lengths).all(plain)
    };
    let minutes = digits(date, '-', &[4, 2, 2]) && digits(time, ':', &[2, 2]);
    (minutes && !zone.starts_with(':')).then(|| format!("{date} {time}:00{zone}"))
}

fn is_timestamp(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..))
}

/// The same in a literal.
fn timestamp_literal(value: &mut Value) {
    if let Value::SingleQuotedString(text) = value
        && let Some(whole) = with_seconds(text)
    {
        *text = whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::Engine;

    #[test]
    fn spellings_become_those_that_the_engine_has() {
        let engine = Engine::new();
        for (before, after) in [
            ("SELECT a FROM t FETCH FIRST 5 ROWS ONLY", "SELECT a FROM t LIMIT 5"),
            (
                "SELECT a FROM t OFFSET 2 FETCH NEXT ROW ONLY",
                "SELECT a FROM t LIMIT 1 OFFSET 2",
            ),
            (
                "SELECT a FROM t WHERE a OPERATOR(pg_catalog.~) 'x'",
                "SELECT a FROM t WHERE a ~ 'x'",
            ),
            (
                "SELECT a FROM t WHERE a OPERATOR(pg_catalog.<>) 'x'",
                "SELECT a FROM t WHERE a <> 'x'",
            ),
            (
                "SELECT a FROM t WHERE a LIKE 'x/_%' ESCAPE '/'",
                "SELECT a FROM t WHERE a LIKE 'x\\_%'",
            ),
            (
                "SELECT a FROM t WHERE a NOT LIKE b || '%' ESCAPE '/'",
                "SELECT a FROM t WHERE a NOT LIKE like_escape(b || '%', '/')",
            ),
            (
                "SELECT a FROM t WHERE a = ANY('{x,\"y z\"}')",
                "SELECT a FROM t WHERE a = ANY(ARRAY['x', 'y z'])",
            ),
            (
                "SELECT a FROM t WHERE b > INTERVAL '1' HOUR",
                "SELECT a FROM t WHERE b > '1 HOUR'::INTERVAL",
            ),
            ("SELECT pg_catalog.Lower(a) AS l FROM t", "SELECT lower(a) AS l FROM t"),
            ("SELECT CURRENT_USER AS u", "SELECT current_user() AS u"),
        ] {
            assert_eq!(engine.rewritten(before), after);
        }
    }

    #[test]
    fn timestamps_get_the_seconds_that_they_lack() {
        assert_eq!(with_seconds("2026-01-01 10:00").as_deref(), Some("2026-01-01 10:00:00"));
        assert_eq!(
            with_seconds("2026-01-01T10:00+02").as_deref(),
            Some("2026-01-01 10:00:00+02")
        );
        assert_eq!(with_seconds("2026-01-01 10:00:01"), None);
        assert_eq!(with_seconds("2026-01-01"), None);
        assert_eq!(with_seconds("äöü"), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_they_say_stays_the_same() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select count(*) from sys_invocation where created_at > '2023-11-14 22:13'",
                "2",
            ),
            (
                "select count(*) from sys_invocation where created_at < timestamp '2023-11-14 22:13'",
                "0",
            ),
            ("select interval '90' minute = interval '1 hour 30 minutes'", "true"),
            (
                "select 'a_b' like 'a!_b' escape '!', 'axb' like 'a!_b' escape '!'",
                "true|false",
            ),
            (
                "select count(*) from (select 1 from pg_class fetch first 3 rows only)",
                "3",
            ),
            // Names of tables within a derived table that has none of its own reach out of it.
            (
                "select count(*) from (select * from sys_invocation inv limit 5) where inv.id is not null and id = inv.id",
                "2",
            ),
            (
                "select c.relname from (select * from pg_class c) where relname = 'pg_class'",
                "pg_class",
            ),
            ("select a from (select 1 as a), (select 2 as b) where a < b", "1"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
