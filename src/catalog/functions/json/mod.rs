//! JSON, which is text here: a value of type `json` keeps its spelling, one of type `jsonb` gets its own when it is
//! written. Functions make it of values (`build`), look into it (`read`), change it (`change`) and list what is in it
//! (`lists`); all but the first go over one `tree`.

mod build;
mod change;
mod lists;
mod parse;
mod read;
mod tree;

use super::{
    typed::{Row, Typed},
    value::Value,
};
use crate::{Error, SqlState, catalog::types};
use parse::parse;
use tree::{Json, Node};

pub use build::{Build, function};

pub const FUNCTIONS: [&[Typed]; 3] = [change::FUNCTIONS, lists::FUNCTIONS, read::FUNCTIONS];

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
    row.fields.first().and_then(|field| types::pg_type_of(field)) != Some("json")
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

fn invalid_parameter(words: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, words)
}
