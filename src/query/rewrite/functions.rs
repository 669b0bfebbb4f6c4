//! Functions that give rows: in the SELECT list they become `unnest` of a list, in FROM a lateral subquery of that. And
//! aggregates and constructors that are another function over what the engine has.

use datafusion::sql::sqlparser::ast::{
    Array, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, Select,
    SelectItem, Statement, TableAlias, TableAliasColumnDef, TableFactor, TableFunctionArgs, Value,
};
use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

use super::{arguments, call, function_name, parts, syntax, take};
use crate::catalog::Catalog;

/// Functions in FROM that are a relation by another name, or none at all.
const RELATIONS: [(&str, &str); 11] = [
    ("pg_show_all_settings", "SELECT * FROM pg_catalog.pg_settings"),
    (
        "pg_available_extensions",
        "SELECT name, default_version, comment FROM pg_catalog.pg_available_extensions",
    ),
    (
        "pg_available_extension_versions",
        "SELECT * FROM pg_catalog.pg_available_extension_versions",
    ),
    ("pg_get_keywords", "SELECT * FROM pg_catalog.pg_get_keywords"),
    ("pg_lock_status", "SELECT * FROM pg_catalog.pg_locks"),
    ("pg_stat_get_activity", "SELECT * FROM pg_catalog.pg_stat_activity"),
    ("pg_timezone_names", "SELECT * FROM pg_catalog.pg_timezone_names"),
    (
        "pg_options_to_table",
        "SELECT '' AS option_name, '' AS option_value WHERE false",
    ),
    (
        "aclexplode",
        "SELECT 0::oid AS grantor, 0::oid AS grantee, '' AS privilege_type, false AS is_grantable WHERE false",
    ),
    (
        "pg_partition_tree",
        "SELECT 0::oid AS relid, 0::oid AS parentrelid, true AS isleaf, 0 AS level WHERE false",
    ),
    (
        "ts_token_type",
        "SELECT 0 AS tokid, '' AS alias, '' AS description WHERE false",
    ),
];

/// Rewrites the functions among a SELECT's relations.
pub fn from(select: &mut Select, catalog: &Catalog) {
    for (index, from) in select.from.iter_mut().enumerate() {
        relation(&mut from.relation, index > 0, catalog);
        for join in &mut from.joins {
            relation(&mut join.relation, true, catalog);
        }
    }
}

fn relation(factor: &mut TableFactor, lateral: bool, catalog: &Catalog) {
    let (name, args, ordinality, alias) = match factor {
        TableFactor::Table {
            name,
            args: Some(TableFunctionArgs { args, .. }),
            with_ordinality,
            alias,
            ..
        } => (
            parts(name).pop().unwrap_or_default(),
            expressions(args),
            *with_ordinality,
            alias.take(),
        ),
        TableFactor::Function {
            name,
            args,
            with_ordinality,
            alias,
            ..
        } => (
            parts(name).pop().unwrap_or_default(),
            expressions(args),
            *with_ordinality,
            alias.take(),
        ),
        TableFactor::UNNEST {
            array_exprs,
            with_ordinality,
            alias,
            ..
        } => (
            "unnest".to_owned(),
            Some(array_exprs.clone()),
            *with_ordinality,
            alias.take(),
        ),
        TableFactor::NestedJoin { table_with_joins, .. } => {
            relation(&mut table_with_joins.relation, lateral, catalog);
            for join in &mut table_with_joins.joins {
                relation(&mut join.relation, true, catalog);
            }
            return;
        }
        _ => return,
    };
    let Some(args) = args else { return };
    let own_name = alias
        .as_ref()
        .map_or_else(|| Ident::new(&name), |alias| alias.name.clone());
    let given = |index: usize| {
        alias
            .as_ref()
            .and_then(|alias| alias.columns.get(index))
            .map(|column| column.name.clone())
    };
    let subquery = match RELATIONS.iter().find(|(function, _)| *function == name) {
        Some((_, sql)) => parsed(sql),
        None => {
            let mut items: Vec<(Expr, Ident)> = match (name.as_str(), args.as_slice()) {
                ("unnest", [_, ..]) => {
                    let one = args.len() == 1;
                    let column = |index| {
                        given(index).unwrap_or_else(|| if one { own_name.clone() } else { Ident::new("unnest") })
                    };
                    args.iter()
                        .cloned()
                        .enumerate()
                        .map(|(i, arg)| (call("unnest", vec![arg]), column(i)))
                        .collect()
                }
                ("_pg_expandarray", [list]) => vec![
                    (
                        call("unnest", vec![list.clone()]),
                        given(0).unwrap_or_else(|| Ident::new("x")),
                    ),
                    (
                        call("unnest", vec![call("pg_ordinals", vec![list.clone()])]),
                        given(1).unwrap_or_else(|| Ident::new("n")),
                    ),
                ],
                _ => match list_of(&name, &args) {
                    Some(list) => vec![(call("unnest", vec![list]), given(0).unwrap_or_else(|| own_name.clone()))],
                    None => vec![(call(&name, args.clone()), given(0).unwrap_or_else(|| own_name.clone()))],
                },
            };
            if ordinality {
                let list = match (name.as_str(), args.as_slice()) {
                    ("unnest" | "_pg_expandarray", [list, ..]) => list.clone(),
                    _ => match list_of(&name, &args) {
                        Some(list) => list,
                        None => Expr::Array(Array {
                            elem: vec![Expr::value(Value::Number("1".into(), false))],
                            named: true,
                        }),
                    },
                };
                let position = call("unnest", vec![call("pg_ordinals", vec![list])]);
                let column = given(items.len()).unwrap_or_else(|| Ident::new("ordinality"));
                items.push((position, column));
            }
            let items = items
                .into_iter()
                .map(|(expr, alias)| SelectItem::ExprWithAlias { expr, alias })
                .collect();
            syntax::query_of(syntax::select(items, Vec::new()))
        }
    };
    let columns = match RELATIONS.iter().any(|(function, _)| *function == name) {
        true => alias.map(|alias| alias.columns).unwrap_or_default(),
        false => Vec::new(),
    };
    let columns: Vec<TableAliasColumnDef> = columns
        .into_iter()
        .map(|column| TableAliasColumnDef {
            name: column.name,
            data_type: None,
        })
        .collect();
    *factor = TableFactor::Derived {
        lateral,
        subquery: Box::new(subquery),
        alias: Some(TableAlias {
            explicit: true,
            name: own_name,
            columns,
            at: None,
        }),
        sample: None,
    };
}

fn expressions(args: &[FunctionArg]) -> Option<Vec<Expr>> {
    args.iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

/// The query of a template; the templates are this file's own.
fn parsed(sql: &str) -> Query {
    let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
        .ok()
        .and_then(|mut statements| statements.pop());
    match statement {
        Some(Statement::Query(query)) => *query,
        _ => syntax::query_of(syntax::select(Vec::new(), Vec::new())),
    }
}

/// The list whose elements a set-returning function gives.
fn list_of(name: &str, args: &[Expr]) -> Option<Expr> {
    match (name, args) {
        ("generate_series", [_, _] | [_, _, _]) => Some(call("pg_series", args.to_vec())),
        ("generate_subscripts", [_, _]) => Some(call("pg_subscripts", args.to_vec())),
        ("_pg_expandarray", [_]) => Some(call("pg_expandarray", args.to_vec())),
        // Nothing here is partitioned.
        ("pg_partition_ancestors", [_]) => Some(call("pg_empty_oids", args.to_vec())),
        ("regexp_split_to_table", [_, _]) => Some(call("regexp_split_to_array", args.to_vec())),
        ("string_to_table", [_, _]) => Some(call("string_to_array", args.to_vec())),
        _ => None,
    }
}

/// Expressions, from the leaves up.
pub fn expr(expr: &mut Expr) {
    match expr {
        Expr::Function(function) => {
            if let Some(replacement) = replaced(function) {
                *expr = replacement;
            }
        }
        // `(x).n`
        Expr::CompoundFieldAccess { root, access_chain } => {
            use datafusion::sql::sqlparser::ast::AccessExpr;
            if let [AccessExpr::Dot(Expr::Identifier(field))] = access_chain.as_slice()
                && matches!(root.as_ref(), Expr::Nested(_) | Expr::Function(_))
            {
                let name = Expr::value(Value::SingleQuotedString(super::folded(field)));
                *expr = call("get_field", vec![take(root), name]);
            }
        }
        _ => {}
    }
}

fn replaced(function: &mut Function) -> Option<Expr> {
    let name = function_name(function);
    // ARRAY(SELECT …): the array of the subquery's rows, empty rather than NULL when there are none.
    if let (true, FunctionArguments::Subquery(query)) = (name == "array", &function.args) {
        let array = array_of(query.as_ref().clone());
        return Some(array);
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
            function.name = ObjectName::from(vec![Ident::new("array_agg")]);
            Some(call(outer, vec![Expr::Function(function.clone())]))
        }
        "json_object_agg" | "jsonb_object_agg" => {
            let outer = if name == "json_object_agg" {
                "pg_json_pairs"
            } else {
                "pg_jsonb_pairs"
            };
            let lists = args
                .into_iter()
                .map(|arg| match call("array_agg", vec![arg.clone()]) {
                    Expr::Function(mut list) => {
                        list.filter = function.filter.clone();
                        Expr::Function(list)
                    }
                    other => other,
                })
                .collect();
            Some(call(outer, lists))
        }
        // `substring(x, 'pattern')` takes what the pattern matches.
        "substring" => match args.as_slice() {
            [text, pattern @ Expr::Value(value)] if matches!(value.value, Value::SingleQuotedString(_)) => {
                let matched = call("regexp_match", vec![(*text).clone(), (*pattern).clone()]);
                Some(call(
                    "pg_subscript",
                    vec![matched, Expr::value(Value::Number("1".into(), false))],
                ))
            }
            _ => None,
        },
        _ => None,
    }
}

/// `(SELECT pg_array(array_agg(x)) FROM (query) AS array_rows (x))`.
fn array_of(query: Query) -> Expr {
    let inner = Ident::new("array_rows");
    let column = Ident::new("array_item");
    let alias = TableAlias {
        explicit: true,
        name: inner.clone(),
        columns: vec![TableAliasColumnDef {
            name: column.clone(),
            data_type: None,
        }],
        at: None,
    };
    let rows = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(alias),
        sample: None,
    };
    let aggregate = call("array_agg", vec![Expr::CompoundIdentifier(vec![inner, column])]);
    let select = syntax::select(
        vec![SelectItem::ExprWithAlias {
            expr: call("pg_array", vec![aggregate]),
            alias: Ident::new("array"),
        }],
        vec![datafusion::sql::sqlparser::ast::TableWithJoins {
            relation: rows,
            joins: Vec::new(),
        }],
    );
    let query = syntax::query_of(select);
    Expr::Subquery(Box::new(query))
}
