//! Spellings: what means the same in other words.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DateTimeField, Expr, Fetch, Function, FunctionArguments, GroupByExpr, Ident,
    LimitClause, ObjectName, Query, Select, SelectFlavor, SelectItem, SetExpr, TableFactor, TableWithJoins,
    TimezoneInfo, Value, WildcardAdditionalOptions, helpers::attached_token::AttachedToken,
};

use super::{call, casts, function_name, parts, take, values};
use crate::catalog::functions::patterns::like_escape;

/// `TABLE t`, `FETCH FIRST n ROWS ONLY`.
pub fn query(query: &mut Query) {
    if let Some(Fetch {
        with_ties: false,
        percent: false,
        quantity,
    }) = &query.fetch
    {
        let quantity = quantity
            .clone()
            .unwrap_or_else(|| Expr::value(Value::Number("1".into(), false)));
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
            let relation = TableFactor::Table {
                name: name.into(),
                alias: None,
                args: None,
                with_hints: Vec::new(),
                version: None,
                with_ordinality: false,
                partitions: Vec::new(),
                json_path: None,
                sample: None,
                index_hints: Vec::new(),
            };
            let everything = SelectItem::Wildcard(WildcardAdditionalOptions::default());
            *body = SetExpr::Select(Box::new(select(
                vec![everything],
                vec![TableWithJoins {
                    relation,
                    joins: Vec::new(),
                }],
            )));
        }
        SetExpr::SetOperation { left, right, .. } => {
            set_expr(left);
            set_expr(right);
        }
        _ => {}
    }
}

/// `SELECT projection FROM from`.
pub fn select(projection: Vec<SelectItem>, from: Vec<TableWithJoins>) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A query that is nothing but that.
pub fn query_of(select: Select) -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

pub fn expr(expr: &mut Expr) {
    match expr {
        Expr::BinaryOp { op, .. } => {
            if let BinaryOperator::PGCustomBinaryOperator(name) = op {
                let plain = match name.as_slice() {
                    [name] => operator(name),
                    [schema, name] if schema.eq_ignore_ascii_case("pg_catalog") => operator(name),
                    _ => None,
                };
                if let Some(plain) = plain {
                    *op = plain;
                }
            }
        }
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
        // `CASE flag WHEN 't' THEN`: as comparisons, of which the planner knows what they compare.
        Expr::Case {
            operand, conditions, ..
        } if conditions.iter().any(|when| is_boolean_literal(&when.condition)) => {
            if let Some(tested) = operand.take() {
                for when in conditions {
                    let value = take(&mut when.condition);
                    when.condition = Expr::BinaryOp {
                        left: tested.clone(),
                        op: BinaryOperator::Eq,
                        right: Box::new(value),
                    };
                }
            }
        }
        Expr::Identifier(ident) if ident.quote_style.is_none() => {
            match ident.value.to_ascii_lowercase().as_str() {
                // Reserved words that the parser takes for columns.
                "current_schema" => *expr = call("current_schema", Vec::new()),
                "localtimestamp" => {
                    *expr = Expr::Cast {
                        kind: CastKind::Cast,
                        expr: Box::new(call("now", Vec::new())),
                        data_type: DataType::Timestamp(None, TimezoneInfo::None),
                        array: false,
                        format: None,
                    }
                }
                _ => {}
            }
        }
        // `interval '1' hour`.
        Expr::Interval(interval) => {
            if let (Some(field), None, Expr::Value(value)) =
                (&interval.leading_field, &interval.last_field, interval.value.as_ref())
                && let Value::SingleQuotedString(number) = &value.value
                && let Some(unit) = unit(field)
            {
                let text = format!("{} {unit}", number.trim());
                *interval.value = Expr::value(Value::SingleQuotedString(text));
                interval.leading_field = None;
            }
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

/// The operator of that name in `OPERATOR(pg_catalog.name)`.
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

fn unit(field: &DateTimeField) -> Option<&'static str> {
    Some(match field {
        DateTimeField::Year | DateTimeField::Years => "years",
        DateTimeField::Month | DateTimeField::Months => "months",
        DateTimeField::Day | DateTimeField::Days => "days",
        DateTimeField::Hour | DateTimeField::Hours => "hours",
        DateTimeField::Minute | DateTimeField::Minutes => "minutes",
        DateTimeField::Second | DateTimeField::Seconds => "seconds",
        _ => return None,
    })
}

/// `LIKE 'a!_b' ESCAPE '!'`: the engine knows the backslash alone.
fn escape(escape_char: &mut Option<datafusion::sql::sqlparser::ast::ValueWithSpan>, pattern: &mut Expr) {
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
        Some(text) => Expr::value(Value::SingleQuotedString(like_escape(&text, escape))),
        None => {
            let escape = escape.map(String::from).unwrap_or_default();
            let escape = Expr::value(Value::SingleQuotedString(escape));
            call("like_escape", vec![take(pattern), escape])
        }
    };
}

/// The text of a quoted literal or of several joined by `||`.
fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text.clone()),
            _ => None,
        },
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
                "SELECT a FROM t WHERE b > '1 hours'::INTERVAL",
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
