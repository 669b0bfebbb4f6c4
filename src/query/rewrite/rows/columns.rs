//! The columns that a function has among relations, by its kind.

use datafusion::sql::sqlparser::ast::{Array, DataType, Expr, Ident, TableAliasColumnDef};

use super::{
    super::{call, cast, folded, number, text},
    Called,
    lists::{list_of, longest, of_calls},
};
use crate::{catalog::functions::records, query::statement::ROWS_FROM};

/// What a function gives.
pub struct Given {
    /// Items of a SELECT list, with the names that they have unless an alias names them.
    pub columns: Vec<(Expr, Ident)>,
    /// A list with an element for each row.
    pub list: Expr,
}

pub fn of(called: &Called) -> Given {
    let (name, args) = (called.name.as_str(), called.args.as_slice());
    match (name, args) {
        ("unnest", [list]) => one(list.clone(), called.alias_or(name)),
        ("unnest", [_, ..]) => {
            let lists = args.iter().map(|list| (name.to_owned(), list.clone()));
            side_by_side(lists.collect())
        }
        (ROWS_FROM, [_, ..]) => of_calls(args).map_or_else(|| value(called), side_by_side),
        ("_pg_expandarray", [list]) => Given {
            columns: vec![
                (unnest(list.clone()), Ident::new("x")),
                (unnest(call("pg_ordinals", vec![list.clone()])), Ident::new("n")),
            ],
            list: list.clone(),
        },
        ("json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text", [document]) => members(name, document),
        ("json_to_recordset" | "jsonb_to_recordset" | "json_to_record" | "jsonb_to_record", [document])
            if !called.columns().is_empty() =>
        {
            record(name, document, called.columns())
        }
        _ => match (records::set_returning(name), list_of(name, args)) {
            (Some((_, fields)), Some(list)) => {
                let row = unnest(list.clone());
                let field = |name| call("get_field", vec![row.clone(), text(name)]);
                let columns = fields.into_iter().map(|name| (field(name), Ident::new(name)));
                Given {
                    columns: columns.collect(),
                    list,
                }
            }
            (None, Some(list)) => {
                let is_json = name.starts_with("json_array_elements") || name.starts_with("jsonb_array_elements");
                one(list, called.alias_or(if is_json { "value" } else { name }))
            }
            (_, None) => value(called),
        },
    }
}

fn unnest(list: Expr) -> Expr {
    call("unnest", vec![list])
}

/// A list's elements as the one column.
fn one(list: Expr, name: Ident) -> Given {
    Given {
        columns: vec![(unnest(list.clone()), name)],
        list,
    }
}

/// A function that gives one value: a row of that.
fn value(called: &Called) -> Given {
    let name = called.name.as_str();
    Given {
        columns: vec![(call(name, called.args.clone()), called.alias_or(name))],
        list: list_of_one(),
    }
}

fn list_of_one() -> Expr {
    Expr::Array(Array {
        elem: vec![number(1)],
        named: true,
    })
}

/// A column for each of several lists, as long as the longest.
fn side_by_side(lists: Vec<(String, Expr)>) -> Given {
    let list = longest(&lists);
    let columns = lists.into_iter().map(|(name, list)| (unnest(list), Ident::new(name)));
    Given {
        columns: columns.collect(),
        list,
    }
}

/// An object's keys and values, as `json_each` and kin give them.
fn members(function: &str, document: &Expr) -> Given {
    let (keys, values) = match function {
        "json_each" => ("pg_json_keys", "pg_json_values"),
        "json_each_text" => ("pg_json_keys", "pg_json_values_text"),
        "jsonb_each_text" => ("pg_jsonb_keys", "pg_jsonb_values_text"),
        _ => ("pg_jsonb_keys", "pg_jsonb_values"),
    };
    let list = |function| call(function, vec![document.clone()]);
    Given {
        columns: vec![
            (unnest(list(keys)), Ident::new("key")),
            (unnest(list(values)), Ident::new("value")),
        ],
        list: list(keys),
    }
}

/// What a JSON object, or each of an array of them, has by a list of names and types.
fn record(function: &str, document: &Expr, columns: &[TableAliasColumnDef]) -> Given {
    let elements = match function {
        "json_to_recordset" => Some(call("pg_json_elements", vec![document.clone()])),
        "jsonb_to_recordset" => Some(call("pg_jsonb_elements", vec![document.clone()])),
        _ => None,
    };
    let kind = match function.starts_with("jsonb") {
        true => DataType::JSONB,
        false => DataType::JSON,
    };
    let object = cast(elements.clone().map_or_else(|| document.clone(), unnest), kind);
    let column = |column: &TableAliasColumnDef| {
        let get = match column.data_type {
            Some(DataType::JSON | DataType::JSONB) => "pg_json_get",
            _ => "pg_json_get_text",
        };
        let value = call(get, vec![object.clone(), text(folded(&column.name))]);
        let value = match &column.data_type {
            Some(data_type) => cast(value, data_type.clone()),
            None => value,
        };
        (value, column.name.clone())
    };
    Given {
        columns: columns.iter().map(column).collect(),
        list: elements.unwrap_or_else(list_of_one),
    }
}
