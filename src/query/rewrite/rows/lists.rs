//! The list whose elements are the rows of a set-returning function.

use datafusion::sql::sqlparser::ast::{DataType, Expr, Function};

use super::super::{arguments, call, cast, function_name, number};
use crate::catalog::functions::records;

/// The list of a function's rows; `None` of functions that give one value.
pub fn list_of(name: &str, args: &[Expr]) -> Option<Expr> {
    let list = match (name, args) {
        ("generate_series", [_, _] | [_, _, _]) => "pg_series",
        ("generate_subscripts", [_, _]) => "pg_subscripts",
        ("_pg_expandarray", [_]) => "pg_expandarray",
        // Nothing here is partitioned.
        ("pg_partition_ancestors", [_]) => "pg_empty_oids",
        ("regexp_split_to_table", [_, _] | [_, _, _]) => "regexp_split_to_array",
        ("regexp_matches", [_, _] | [_, _, _]) => "pg_regexp_matches",
        ("json_array_elements", [_]) => "pg_json_elements",
        ("jsonb_array_elements", [_]) => "pg_jsonb_elements",
        ("json_array_elements_text" | "jsonb_array_elements_text", [_]) => "pg_json_elements_text",
        ("json_object_keys", [_]) => "pg_json_keys",
        ("jsonb_object_keys", [_]) => "pg_jsonb_keys",
        ("string_to_table", [_, _]) => "string_to_array",
        _ => records::set_returning(name)?.0,
    };
    Some(call(list, args.to_vec()))
}

/// Functions whose rows stand side by side: each one's name and list. `None` where one of them has no list.
pub fn of_calls(calls: &[Expr]) -> Option<Vec<(String, Expr)>> {
    let list = |call: &Expr| match call {
        Expr::Function(function) => of_call(function),
        _ => None,
    };
    calls.iter().map(list).collect()
}

fn of_call(function: &Function) -> Option<(String, Expr)> {
    let name = function_name(function);
    let args: Vec<Expr> = arguments(function)?.into_iter().cloned().collect();
    let list = match (name.as_str(), args.as_slice()) {
        ("unnest", [list]) => list.clone(),
        _ => list_of(&name, &args)?,
    };
    Some((name, list))
}

/// A list as long as the longest of several.
pub fn longest(lists: &[(String, Expr)]) -> Expr {
    let lengths = lists.iter().map(|(_, list)| call("cardinality", vec![list.clone()]));
    let bigint = |expr| cast(expr, DataType::BigInt(None));
    let longest = call("greatest", lengths.collect());
    call("pg_series", vec![bigint(number(1)), bigint(longest)])
}
