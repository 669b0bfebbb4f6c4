//! Functions and operators that make another document of one: `||`, `-`, `#-`, `jsonb_set`, `jsonb_insert`, the stripping
//! of nulls. What is in a document is asked of its tree.

use super::{
    invalid_parameter, keys, parse,
    tree::{Json, Node, quote},
    written,
};
use crate::{
    Result,
    catalog::functions::{
        returns::{json, jsonb},
        typed::{Row, Typed},
        value::Value,
    },
};

pub const FUNCTIONS: &[Typed] = &[
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
    Typed::new("json_strip_nulls", json, |row| strip_nulls(row, true)),
    Typed::new("jsonb_strip_nulls", jsonb, |row| strip_nulls(row, false)),
];

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

fn items_of<'a, 'b>(value: &'b Json<'a>) -> Vec<&'b Json<'a>> {
    match &value.node {
        Node::Array(items) => items.iter().collect(),
        _ => vec![value],
    }
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
            return Err(invalid_parameter(words));
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
            return Err(invalid_parameter("cannot delete from scalar"));
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
