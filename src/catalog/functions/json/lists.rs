//! JSON and lists: an object out of arrays of text, and the lists of items, keys and values that the functions of rows
//! unnest. How rows come of a list is not known here.

use arrow::datatypes::Field;

use super::{
    invalid_parameter, parse, part,
    tree::{Json, Node, quote},
};
use crate::{
    Error, Result, SqlState,
    catalog::{
        functions::{
            returns::{json, jsonb, texts},
            typed::{Row, Typed, plain},
            value::Value,
        },
        types,
    },
};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("json_object", json, |row| object(row, " : ", ", ")),
    Typed::new("jsonb_object", jsonb, |row| object(row, ": ", ", ")),
    Typed::new("pg_json_elements", |_| Ok(list("json")), |row| elements(row, false)),
    Typed::new("pg_jsonb_elements", |_| Ok(list("jsonb")), |row| elements(row, false)),
    Typed::new("pg_json_elements_text", texts, |row| elements(row, true)),
    Typed::new("pg_json_keys", texts, |row| {
        member_list(row, false, |name, _| Value::Text(name.to_owned()))
    }),
    Typed::new("pg_jsonb_keys", texts, |row| {
        member_list(row, true, |name, _| Value::Text(name.to_owned()))
    }),
    Typed::new(
        "pg_json_values",
        |_| Ok(list("json")),
        |row| member_list(row, false, raw),
    ),
    Typed::new(
        "pg_jsonb_values",
        |_| Ok(list("jsonb")),
        |row| member_list(row, true, raw),
    ),
    Typed::new("pg_json_values_text", texts, |row| member_list(row, false, as_text)),
    Typed::new("pg_jsonb_values_text", texts, |row| member_list(row, true, as_text)),
];

fn list(item: &str) -> Field {
    plain(&format!("{item}[]"))
}

/// `json_object('{k,v,…}')`, `json_object(keys, values)`.
fn object(row: &Row<'_>, colon: &str, comma: &str) -> Result<Value> {
    let items = |value: &Value| -> Vec<Option<String>> {
        match value {
            Value::List(items) => items
                .iter()
                .map(|item| match item {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            Value::Text(text) => {
                let mut items = Vec::new();
                types::elements(text.trim(), &mut items);
                items
            }
            _ => Vec::new(),
        }
    };
    let first = items(row.get(0));
    let pairs: Vec<(Option<String>, Option<String>)> = if row.values.len() > 1 {
        let second = items(row.get(1));
        if first.len() != second.len() {
            return Err(Error::new(
                SqlState::ARRAY_SUBSCRIPT_ERROR,
                "mismatched array dimensions",
            ));
        }
        first.into_iter().zip(second).collect()
    } else {
        if first.len() % 2 != 0 {
            let words = "array must have even number of elements";
            return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, words));
        }
        first
            .chunks(2)
            .map(|pair| (pair.first().cloned().flatten(), pair.get(1).cloned().flatten()))
            .collect()
    };
    let mut out = String::from("{");
    for (index, (key, value)) in pairs.into_iter().enumerate() {
        out.push_str(if index > 0 { comma } else { "" });
        let key = key.ok_or_else(|| invalid_parameter("null value not allowed for object key"))?;
        quote(&key, &mut out);
        out.push_str(colon);
        match value {
            Some(value) => quote(&value, &mut out),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    Ok(Value::Text(out))
}

fn elements(row: &Row<'_>, texts: bool) -> Result<Value> {
    match &parse(row.text(0))?.node {
        Node::Array(items) => Ok(Value::List(
            items.iter().map(|item| part(Some(item), texts, false)).collect(),
        )),
        Node::Object(_) => Err(invalid_parameter("cannot extract elements from an object")),
        _ => Err(invalid_parameter("cannot extract elements from a scalar")),
    }
}

fn member_list(row: &Row<'_>, sorted: bool, item: fn(&str, &Json<'_>) -> Value) -> Result<Value> {
    let document = parse(row.text(0))?;
    let Node::Object(members) = &document.node else {
        let words = format!(
            "cannot call this function on {}",
            match document.kind() {
                "array" => "an array",
                _ => "a scalar",
            }
        );
        return Err(invalid_parameter(&words));
    };
    Ok(Value::List(match sorted {
        true => document
            .members()
            .into_iter()
            .map(|(name, value)| item(name, value))
            .collect(),
        false => members.iter().map(|(name, value)| item(name, value)).collect(),
    }))
}

fn raw(_: &str, value: &Json<'_>) -> Value {
    Value::Text(value.raw.to_owned())
}

fn as_text(_: &str, value: &Json<'_>) -> Value {
    part(Some(value), true, false)
}
