//! JSON operators and functions that take JSON apart or change it. JSON is text here: a value of type `json` keeps its
//! spelling, one of type `jsonb` gets its own when it is written.

use arrow::datatypes::Field;

use super::{
    json_tree::{Json, Node, parse, quote},
    typed::{Inputs, Row, Typed, plain},
    value::Value,
};
use crate::{Error, Result, SqlState, catalog::types};

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
    Typed::new("pg_json_concat", jsonb, concat),
    Typed::new("pg_json_delete", jsonb, delete),
    Typed::new("pg_json_delete_path", jsonb, |row| {
        let document = parse(row.text(0))?;
        Ok(Value::Text(changed(&document, &keys(row.get(1)), &Change::Delete)))
    }),
    Typed::new("jsonb_set", jsonb, |row| {
        let (document, value) = (parse(row.text(0))?, parse(row.text(2))?);
        let create = !matches!(row.get(3), Value::Bool(false));
        Ok(Value::Text(changed(
            &document,
            &keys(row.get(1)),
            &Change::Set { value: &value, create },
        )))
    }),
    Typed::new("jsonb_insert", jsonb, |row| {
        let (document, value) = (parse(row.text(0))?, parse(row.text(2))?);
        let after = matches!(row.get(3), Value::Bool(true));
        Ok(Value::Text(changed(
            &document,
            &keys(row.get(1)),
            &Change::Insert { value: &value, after },
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
    Typed::new("json_strip_nulls", json, |row| strip_nulls(row, true)),
    Typed::new("jsonb_strip_nulls", jsonb, |row| strip_nulls(row, false)),
    Typed::new("jsonb_pretty", text, |row| {
        let mut out = String::new();
        parse(row.text(0))?.write_pretty(0, &mut out);
        Ok(Value::Text(out))
    }),
    Typed::new("json_object", json, |row| object(row, " : ", ", ")),
    Typed::new("jsonb_object", jsonb, |row| object(row, ": ", ", ")),
    // The lists that the functions of rows unnest.
    Typed::new("pg_json_elements", |_| Ok(list("json")), |row| elements(row, false)),
    Typed::new("pg_jsonb_elements", |_| Ok(list("jsonb")), |row| elements(row, false)),
    Typed::new("pg_json_elements_text", |_| Ok(list("text")), |row| elements(row, true)),
    Typed::new(
        "pg_json_keys",
        |_| Ok(list("text")),
        |row| member_list(row, false, |name, _| Value::Text(name.to_owned())),
    ),
    Typed::new(
        "pg_jsonb_keys",
        |_| Ok(list("text")),
        |row| member_list(row, true, |name, _| Value::Text(name.to_owned())),
    ),
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
    Typed::new(
        "pg_json_values_text",
        |_| Ok(list("text")),
        |row| member_list(row, false, as_text),
    ),
    Typed::new(
        "pg_jsonb_values_text",
        |_| Ok(list("text")),
        |row| member_list(row, true, as_text),
    ),
];

fn text(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("text"))
}

fn json(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("json"))
}

fn jsonb(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("jsonb"))
}

fn boolean(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("boolean"))
}

fn integer(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("integer"))
}

/// What is in a `json` is `json`, and `jsonb` whatever else the document came as.
fn same_json(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(plain(if inputs.pg_type(0) == Some("json") {
        "json"
    } else {
        "jsonb"
    }))
}

fn list(item: &str) -> Field {
    plain(&format!("{item}[]"))
}

fn written(value: &Json<'_>) -> String {
    let mut out = String::new();
    value.write(&mut out);
    out
}

/// A part of a document, as JSON or as text; the blanks of `jsonb` are its own.
fn part(value: Option<&Json<'_>>, as_text: bool, normal: bool) -> Value {
    let Some(value) = value else { return Value::Null };
    match (&value.node, as_text) {
        (Node::Null, true) => Value::Null,
        (Node::String(text), true) => Value::Text(text.clone()),
        _ if normal => Value::Text(written(value)),
        _ => Value::Text(value.raw.to_owned()),
    }
}

fn is_jsonb(row: &Row<'_>) -> bool {
    row.fields.first().and_then(types::pg_type_of) != Some("json")
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

/// The keys of a path: an array, its text form, or arguments one by one.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::Text(text) => text.clone(),
                Value::Int(index) => index.to_string(),
                _ => String::new(),
            })
            .collect(),
        Value::Text(text) => {
            let mut items = Vec::new();
            types::elements(text.trim(), &mut items);
            items.into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
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

fn items_of<'a, 'b>(value: &'b Json<'a>) -> Vec<&'b Json<'a>> {
    match &value.node {
        Node::Array(items) => items.iter().collect(),
        _ => vec![value],
    }
}

/// `||`: two objects as one, anything else as one array.
fn concat(row: &Row<'_>) -> Result<Value> {
    let (left, right) = (parse(row.text(0))?, parse(row.text(1))?);
    if let (Node::Object(_), Node::Object(_)) = (&left.node, &right.node) {
        let mut members = left.members();
        for (name, value) in right.members() {
            match members.iter_mut().find(|(own, _)| *own == name) {
                Some(slot) => slot.1 = value,
                None => members.push((name, value)),
            }
        }
        return Ok(Value::Text(object_of(
            members.into_iter().map(|(name, value)| (name, written(value))),
        )));
    }
    let items = items_of(&left).into_iter().chain(items_of(&right)).map(written);
    Ok(Value::Text(array_of(items)))
}

fn array_of(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn object_of<'a>(members: impl Iterator<Item = (&'a str, String)>) -> String {
    let members = members.map(|(name, value)| {
        let mut out = String::new();
        quote(name, &mut out);
        format!("{out}: {value}")
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

/// `- key`, `- index`, `- keys`.
fn delete(row: &Row<'_>) -> Result<Value> {
    let document = parse(row.text(0))?;
    let text = match (&document.node, row.get(1)) {
        (Node::Array(items), Value::Int(index)) => {
            let at = if *index < 0 {
                i64::try_from(items.len()).unwrap_or(0) + index
            } else {
                *index
            };
            let kept = items.iter().zip(0i64..).filter(|(_, position)| *position != at);
            array_of(kept.map(|(item, _)| written(item)))
        }
        (Node::Object(_), Value::Int(_)) => {
            let words = "cannot delete from object using integer index";
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, words));
        }
        (Node::Array(items), key) => {
            let gone = match key {
                Value::Text(text) => vec![text.clone()],
                keys_of => keys(keys_of),
            };
            let kept = items
                .iter()
                .filter(|item| !matches!(&item.node, Node::String(text) if gone.contains(text)));
            array_of(kept.map(written))
        }
        (Node::Object(_), key) => {
            let gone = match key {
                Value::Text(text) => vec![text.clone()],
                keys_of => keys(keys_of),
            };
            let kept = document
                .members()
                .into_iter()
                .filter(|(name, _)| !gone.iter().any(|gone| gone == name));
            object_of(kept.map(|(name, value)| (name, written(value))))
        }
        _ => {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "cannot delete from scalar",
            ));
        }
    };
    Ok(Value::Text(text))
}

enum Change<'a> {
    Delete,
    Set { value: &'a Json<'a>, create: bool },
    Insert { value: &'a Json<'a>, after: bool },
}

/// The document with a change at the end of a path.
fn changed(document: &Json<'_>, path: &[String], change: &Change<'_>) -> String {
    let Some((key, rest)) = path.split_first() else {
        return written(document);
    };
    match &document.node {
        Node::Object(_) => {
            let mut members: Vec<(&str, String)> = Vec::new();
            let mut met = false;
            for (name, value) in document.members() {
                if name != key {
                    members.push((name, written(value)));
                    continue;
                }
                met = true;
                match change {
                    _ if !rest.is_empty() => members.push((name, changed(value, rest, change))),
                    Change::Delete => {}
                    Change::Set { value, .. } => members.push((name, written(value))),
                    Change::Insert { .. } => members.push((name, written(value))),
                }
            }
            let added = match change {
                Change::Set { value, create: true } | Change::Insert { value, .. } => Some(written(value)),
                _ => None,
            };
            if let (false, true, Some(value)) = (met, rest.is_empty(), added) {
                members.push((key, value));
            }
            members.sort_by(|(one, _), (other, _)| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
            object_of(members.into_iter())
        }
        Node::Array(items) => {
            let length = i64::try_from(items.len()).unwrap_or(0);
            let index: i64 = key.parse().unwrap_or(length);
            let at = if index < 0 { length + index } else { index };
            let mut out: Vec<String> = Vec::new();
            for (item, position) in items.iter().zip(0i64..) {
                if position != at {
                    out.push(written(item));
                    continue;
                }
                match change {
                    _ if !rest.is_empty() => out.push(changed(item, rest, change)),
                    Change::Delete => {}
                    Change::Set { value, .. } => out.push(written(value)),
                    Change::Insert { value, after: false } => out.extend([written(value), written(item)]),
                    Change::Insert { value, after: true } => out.extend([written(item), written(value)]),
                }
            }
            if let (true, Change::Set { value, create: true } | Change::Insert { value, .. }) =
                (rest.is_empty(), change)
            {
                if at >= length {
                    out.push(written(value));
                } else if at < 0 {
                    out.insert(0, written(value));
                }
            }
            array_of(out.into_iter())
        }
        _ => written(document),
    }
}

fn array_length(row: &Row<'_>) -> Result<Value> {
    match parse(row.text(0))?.node {
        Node::Array(items) => Ok(Value::Int(i64::try_from(items.len()).unwrap_or(i64::MAX))),
        Node::Object(_) => Err(not_of("cannot get array length of a non-array")),
        _ => Err(not_of("cannot get array length of a scalar")),
    }
}

fn not_of(words: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, words)
}

fn strip_nulls(row: &Row<'_>, compact: bool) -> Result<Value> {
    fn strip(value: &Json<'_>, compact: bool, out: &mut String) {
        let (colon, comma) = if compact { (":", ",") } else { (": ", ", ") };
        match &value.node {
            Node::Object(members) => {
                out.push('{');
                let kept = members.iter().filter(|(_, value)| value.node != Node::Null);
                for (index, (name, value)) in kept.enumerate() {
                    out.push_str(if index > 0 { comma } else { "" });
                    quote(name, out);
                    out.push_str(colon);
                    strip(value, compact, out);
                }
                out.push('}');
            }
            Node::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { comma } else { "" });
                    strip(item, compact, out);
                }
                out.push(']');
            }
            _ => out.push_str(value.raw),
        }
    }
    let mut out = String::new();
    strip(&parse(row.text(0))?, compact, &mut out);
    Ok(Value::Text(out))
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
        let key = key.ok_or_else(|| not_of("null value not allowed for object key"))?;
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

fn raw(_: &str, value: &Json<'_>) -> Value {
    Value::Text(value.raw.to_owned())
}

fn as_text(_: &str, value: &Json<'_>) -> Value {
    part(Some(value), true, false)
}

fn elements(row: &Row<'_>, texts: bool) -> Result<Value> {
    match &parse(row.text(0))?.node {
        Node::Array(items) => Ok(Value::List(
            items.iter().map(|item| part(Some(item), texts, false)).collect(),
        )),
        Node::Object(_) => Err(not_of("cannot extract elements from an object")),
        _ => Err(not_of("cannot extract elements from a scalar")),
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
        return Err(not_of(&words));
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
