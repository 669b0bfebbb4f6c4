//! Spellings: what means the same in other words.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DateTimeField, Expr, Fetch, FunctionArguments, GroupByExpr, Ident, LimitClause, Query, Select,
    SelectFlavor, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, Value, WildcardAdditionalOptions,
    helpers::attached_token::AttachedToken,
};

use super::{call, casts, function_name, take};

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

/// A derived table may go without a name.
pub fn table_factor(factor: &mut TableFactor) {
    if let TableFactor::Derived {
        alias: alias @ None, ..
    } = factor
    {
        *alias = Some(TableAlias {
            explicit: true,
            name: Ident::new("unnamed_subquery"),
            columns: Vec::new(),
            at: None,
        });
    }
}

pub fn expr(expr: &mut Expr) {
    match expr {
        // One collation is all there is: text compares by code point.
        Expr::Collate { expr: inner, .. } => *expr = take(inner),
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
        // `interval '1' hour`.
        Expr::Interval(interval) => {
            if let (Some(field), None, Expr::Value(value)) =
                (&interval.leading_field, &interval.last_field, interval.value.as_ref())
                && let Value::SingleQuotedString(number) = &value.value
                && let Some(unit) = unit(field)
            {
                let text = format!("{} {unit}", number.trim());
                interval.value = Box::new(Expr::value(Value::SingleQuotedString(text)));
                interval.leading_field = None;
            }
        }
        Expr::Function(function) => {
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
    let Expr::Value(value) = pattern else { return };
    let Value::SingleQuotedString(text) = &value.value else {
        return;
    };
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if Some(c) == escape {
            out.push('\\');
            out.extend(rest.next());
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    *pattern = Expr::value(Value::SingleQuotedString(out));
    *escape_char = None;
}
