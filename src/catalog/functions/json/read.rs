//! Functions and operators that look into JSON: a part by its key or path, whether something is there, what kind of value
//! it is. The lists of what is in a document are in `lists`.

use arrow::datatypes::Field;

use super::{
    invalid_parameter, is_jsonb, keys, parse, part,
    tree::{Json, Node},
    written,
};
use crate::{
    Result,
    catalog::functions::{
        returns::{boolean, integer, json, jsonb, text},
        typed::{Inputs, Row, Typed, plain},
        value::Value,
    },
};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("pg_json_get", same_json, |row| get(row, false)),
    Typed::new("pg_json_get_text", text, |row| get(row, true)),
    Typed::new("pg_json_path", same_json, |row| path(row, false)),
    Typed::new("pg_json_path_text", text, |row| path(row, true)),
    Typed::new("json_extract_path", json, |row| path(row, false)),
    Typed::new("jsonb_extract_path", jsonb, |row| path(row, false)),
    Typed::new("json_extract_path_text", text, |row| path(row, true)),
    Typed::new("jsonb_extract_path_text", text, |row| path(row, true)),
    Typed::new("pg_json_contains", boolean, |row| {
        Ok(Value::Bool(parse(row.text(0))?.contains(&parse(row.text(1))?)))
    }),
    Typed::new("pg_json_exists", boolean, |row| {
        Ok(Value::Bool(exists(&parse(row.text(0))?, row.text(1))))
    }),
    Typed::new("pg_json_exists_any", boolean, |row| {
        let document = parse(row.text(0))?;
        Ok(Value::Bool(keys(row.get(1)).iter().any(|key| exists(&document, key))))
    }),
    Typed::new("pg_json_exists_all", boolean, |row| {
        let document = parse(row.text(0))?;
        Ok(Value::Bool(keys(row.get(1)).iter().all(|key| exists(&document, key))))
    }),
    Typed::new("pg_jsonb_text", text, |row| {
        // What is not JSON is compared as it is.
        Ok(Value::Text(parse(row.text(0)).map_or_else(
            |_| row.text(0).to_owned(),
            |document| written(&document),
        )))
    }),
    Typed::new("json_typeof", text, |row| {
        Ok(Value::Text(parse(row.text(0))?.kind().to_owned()))
    }),
    Typed::new("jsonb_typeof", text, |row| {
        Ok(Value::Text(parse(row.text(0))?.kind().to_owned()))
    }),
    Typed::new("json_array_length", integer, array_length),
    Typed::new("jsonb_array_length", integer, array_length),
    Typed::new("jsonb_pretty", text, |row| {
        let mut out = String::new();
        parse(row.text(0))?.write_pretty(0, &mut out);
        Ok(Value::Text(out))
    }),
];

/// What is in a `json` is `json`, and `jsonb` whatever else the document came as.
fn same_json(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(plain(if inputs.pg_type(0) == Some("json") {
        "json"
    } else {
        "jsonb"
    }))
}

/// `->` and `->>`. What is no JSON has no parts: the runtime's columns are not always what they seem.
fn get(row: &Row<'_>, as_text: bool) -> Result<Value> {
    let Ok(document) = parse(row.text(0)) else {
        return Ok(Value::Null);
    };
    let found = match row.get(1) {
        Value::Int(index) => document.item(*index),
        _ => match &document.node {
            Node::Object(_) => document.get(row.text(1)),
            _ => None,
        },
    };
    Ok(part(found, as_text, is_jsonb(row)))
}

fn path(row: &Row<'_>, as_text: bool) -> Result<Value> {
    let Ok(document) = parse(row.text(0)) else {
        return Ok(Value::Null);
    };
    let steps: Vec<String> = match row.get(1) {
        Value::Text(text) if text.trim_start().starts_with('{') && row.values.len() == 2 => keys(row.get(1)),
        Value::List(_) => keys(row.get(1)),
        _ => row
            .values
            .iter()
            .skip(1)
            .filter_map(|step| match step {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
    };
    let found = steps.iter().try_fold(&document, |value, key| value.get(key));
    Ok(part(found, as_text, is_jsonb(row)))
}

fn exists(document: &Json<'_>, key: &str) -> bool {
    match &document.node {
        Node::Object(_) => document.get(key).is_some(),
        Node::Array(items) => items
            .iter()
            .any(|item| matches!(&item.node, Node::String(text) if text == key)),
        Node::String(text) => text == key,
        _ => false,
    }
}

fn array_length(row: &Row<'_>) -> Result<Value> {
    match parse(row.text(0))?.node {
        Node::Array(items) => Ok(Value::Int(i64::try_from(items.len()).unwrap_or(i64::MAX))),
        Node::Object(_) => Err(invalid_parameter("cannot get array length of a non-array")),
        _ => Err(invalid_parameter("cannot get array length of a scalar")),
    }
}
