//! Aggregates and constructors that are another function over what the engine has, and `substring` by a pattern.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    Value, helpers::attached_token::AttachedToken,
};

use super::{arguments, arrays::array_of, call, casts, function_name, rows::list_of, take};

/// Expressions, from the leaves up.
pub fn expr(expr: &mut Expr) {
    match expr {
        Expr::Function(function) => {
            if let Some(replacement) = replaced(function) {
                *expr = replacement;
            }
        }
        // `substring(x FROM 'pattern')` takes what the pattern matches.
        Expr::Substring {
            expr: text,
            substring_from: Some(pattern),
            substring_for: None,
            ..
        } if is_string(pattern) => {
            let (text, pattern) = (take(text), take(pattern));
            *expr = matched(text, pattern);
        }
        _ => {}
    }
}

fn is_string(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// The first group of a pattern, or all that it matches.
fn matched(text: Expr, pattern: Expr) -> Expr {
    let groups = call("regexp_match", vec![text, pattern]);
    call(
        "pg_subscript",
        vec![groups, Expr::value(Value::Number("1".into(), false))],
    )
}

/// What `information_schema._pg_truetypid` and `_pg_truetypmod` say, whose arguments are whole rows.
fn true_type(function: &Function) -> Option<Expr> {
    let (domain, own) = match function_name(function).as_str() {
        "_pg_truetypid" => ("typbasetype", "atttypid"),
        "_pg_truetypmod" => ("typtypmod", "atttypmod"),
        _ => return None,
    };
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let tables: Vec<&ObjectName> = list
        .args
        .iter()
        .filter_map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => Some(name),
            _ => None,
        })
        .collect();
    let [attribute, type_row] = tables.as_slice() else {
        return None;
    };
    let column = |table: &ObjectName, column: &str| {
        let mut idents: Vec<Ident> = table.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        idents.push(Ident::new(column));
        Expr::CompoundIdentifier(idents)
    };
    let is_domain = Expr::BinaryOp {
        left: Box::new(column(type_row, "typtype")),
        op: BinaryOperator::Eq,
        right: Box::new(Expr::value(Value::SingleQuotedString("d".into()))),
    };
    Some(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition: is_domain,
            result: column(type_row, domain),
        }],
        else_result: Some(Box::new(column(attribute, own))),
    })
}

fn replaced(function: &mut Function) -> Option<Expr> {
    let name = function_name(function);
    // ARRAY(SELECT …): the array of the subquery's rows, empty rather than NULL when there are none.
    if let (true, FunctionArguments::Subquery(query)) = (name == "array", &function.args) {
        let array = array_of(query.as_ref().clone());
        return Some(array);
    }
    if let Some(expr) = true_type(function) {
        return Some(expr);
    }
    let args = arguments(function)?;
    let aggregate = function.over.is_some() || function.filter.is_some();
    if !aggregate && let Some(list) = list_of(&name, &args.iter().copied().cloned().collect::<Vec<_>>()) {
        return Some(call("unnest", vec![list]));
    }
    match name.as_str() {
        "json_agg" | "jsonb_agg" => {
            let outer = if name == "json_agg" {
                "pg_json_array"
            } else {
                "pg_jsonb_array"
            };
            // Values are written before they are gathered: a list would forget which of its items are JSON.
            let item = if name == "json_agg" { "to_json" } else { "to_jsonb" };
            let items = args.into_iter().map(|arg| call(item, vec![arg.clone()])).collect();
            Some(call(outer, vec![gathered(function, items)]))
        }
        "json_object_agg" | "jsonb_object_agg" => {
            let outer = if name == "json_object_agg" {
                "pg_json_pairs"
            } else {
                "pg_jsonb_pairs"
            };
            let value = if name == "json_object_agg" {
                "to_json"
            } else {
                "to_jsonb"
            };
            let [key, member] = args.as_slice() else { return None };
            let name = |name: &str| Expr::value(Value::SingleQuotedString(name.to_owned()));
            let member = call(value, vec![(*member).clone()]);
            let pair = call("named_struct", vec![name("key"), (*key).clone(), name("value"), member]);
            Some(call(outer, vec![gathered(function, vec![pair])]))
        }
        "substring" => match args.as_slice() {
            [text, pattern] if is_string(pattern) => Some(matched((*text).clone(), (*pattern).clone())),
            _ => None,
        },
        // As a CASE, of which the planner knows that the literal is an array where the others are.
        "coalesce" if args.iter().any(|arg| casts::array_literal(arg).is_some()) => {
            let (last, others) = args.split_last()?;
            let conditions = others
                .iter()
                .map(|arg| CaseWhen {
                    condition: Expr::IsNotNull(Box::new((*arg).clone())),
                    result: (*arg).clone(),
                })
                .collect();
            Some(Expr::Case {
                case_token: AttachedToken::empty(),
                end_token: AttachedToken::empty(),
                operand: None,
                conditions,
                else_result: Some(Box::new((*last).clone())),
            })
        }
        _ => None,
    }
}

/// The array of what an aggregate is to gather, by its own order, filter and window.
fn gathered(aggregate: &Function, items: Vec<Expr>) -> Expr {
    let mut array = aggregate.clone();
    array.name = ObjectName::from(vec![Ident::new("array_agg")]);
    if let FunctionArguments::List(list) = &mut array.args {
        list.args = items
            .into_iter()
            .map(|item| FunctionArg::Unnamed(FunctionArgExpr::Expr(item)))
            .collect();
    }
    Expr::Function(array)
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn json_and_patterns() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select json_agg(x) from unnest(array[1, 2]) x", "[1, 2]"),
            ("select jsonb_agg(x) from unnest(array['a']) x", "[\"a\"]"),
            (
                "select json_object_agg(x, 1) from unnest(array['a', 'b']) x",
                "{ \"a\" : 1, \"b\" : 1 }",
            ),
            (
                "select json_object_agg(x, x order by x desc) from unnest(array['b', 'c', 'a']) x",
                "{ \"c\" : \"c\", \"b\" : \"b\", \"a\" : \"a\" }",
            ),
            (
                "select json_object_agg(distinct x, 1) from unnest(array['b', 'b', 'b']) x",
                "{ \"b\" : 1 }",
            ),
            (
                "select json_object_agg(x, x + 1) filter (where x > 1) from unnest(array[1, 2]) x",
                "{ \"2\" : 3 }",
            ),
            (
                "select json_object_agg(x, x) over (order by x) from unnest(array[2, 1]) x limit 1",
                "{ \"1\" : 1 }",
            ),
            (
                "select json_object_agg(x, y) from (select x, y from (values ('a', 1), ('b', null)) v(x, y) order by x desc) s",
                "{ \"b\" : null, \"a\" : 1 }",
            ),
            ("select substring('foobar' from 'o(.)b')", "o"),
            ("select substring('foobar', 'o.b')", "oob"),
            ("select substring('foobar', 2, 3)", "oob"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
