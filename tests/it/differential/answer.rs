//! The two answers to one statement: the runtime's as Arrow, and ours as a client of the extended protocol gets it, in text and in binary.

use std::time::Duration;

use arrow::array::RecordBatch;

use super::value::{Value, from_arrow, from_binary, from_text};
use crate::support::{
    raw::{self, Message, Raw, describe, execute, parse, sync, tagged},
    server::Server,
};

/// What a client was told and got.
#[derive(Clone, Debug)]
pub struct Ours {
    /// OIDs of the result's columns, as Describe said before anything ran.
    pub types: Vec<u32>,
    pub rows: Vec<Vec<Value>>,
}

/// How long an answer may keep silent: a debug build, on a busy machine, over a large cluster.
const PATIENCE: Duration = Duration::from_secs(240);

/// A session of ours. Its answers are in text and in binary in turns: what is compared with another session's, or with the runtime's,
/// is compared in both.
pub struct Session {
    raw: Raw,
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Binary,
}

impl Session {
    /// `format` is that of the first answer.
    pub fn new(server: &Server, cluster: &str, route: &str, format: Format) -> Session {
        let mut raw = Raw::login(server, cluster);
        raw.wait_for(PATIENCE);
        let answer = raw.query(&format!("set restate.route = {route}"));
        assert_eq!(raw::tags(&answer), "CZ", "{answer:?}");
        Session { raw, format }
    }

    /// Parse, Describe, Bind, Execute. The outer error is a fault of ours whatever the statement; the inner one is a refusal.
    pub fn ask(&mut self, sql: &str, parameters: &[String]) -> Result<Result<Ours, String>, String> {
        let format = self.format;
        self.format = match format {
            Format::Text => Format::Binary,
            Format::Binary => Format::Text,
        };
        let bind = bind(parameters, format);
        self.raw
            .send(&[parse("", sql), describe('S', ""), bind, execute("", 0), sync()].concat());
        let answer = self.raw.until_ready();
        if let Some(error) = raw::errors(&answer).first() {
            return Ok(Err(error.clone()));
        }
        let described = answer.iter().find(|message| matches!(message.tag, 'T' | 'n'));
        let types = described.map(types).ok_or("no description")?;
        let rows = answer.iter().filter(|message| message.tag == 'D');
        let rows = rows
            .map(|message| row(message, &types, format))
            .collect::<Result<_, _>>()?;
        Ok(Ok(Ours { types, rows }))
    }
}

/// Bind of the unnamed statement: parameters in text, results in one format.
fn bind(parameters: &[String], format: Format) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0];
    body.extend(u16::try_from(parameters.len()).expect("few parameters").to_be_bytes());
    for value in parameters {
        body.extend(u32::try_from(value.len()).expect("a short value").to_be_bytes());
        body.extend(value.as_bytes());
    }
    body.extend([0, 1, 0, u8::from(format == Format::Binary)]);
    tagged('B', &body)
}

/// The type OIDs of a RowDescription.
fn types(message: &Message) -> Vec<u32> {
    let mut rest = message.body.get(2..).unwrap_or_default();
    let mut types = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let field = &rest[end + 1..];
        types.push(u32::from_be_bytes(field[6..10].try_into().expect("four bytes")));
        rest = &field[18..];
    }
    types
}

fn row(message: &Message, types: &[u32], format: Format) -> Result<Vec<Value>, String> {
    let values = message.values();
    if values.len() != types.len() {
        return Err(format!("{} values where {} were described", values.len(), types.len()));
    }
    let read = |(bytes, ty): (Option<Vec<u8>>, &u32)| match bytes {
        None => Ok(Value::Null),
        Some(bytes) => {
            let value = match format {
                Format::Text => from_text(&bytes, *ty),
                Format::Binary => from_binary(&bytes, *ty),
            };
            value.ok_or_else(|| format!("{bytes:?} is no value of the type {ty} in {format:?}"))
        }
    };
    values.into_iter().zip(types).map(read).collect()
}

/// The runtime's rows as the described types have them.
pub fn theirs(batches: &[RecordBatch], types: &[u32]) -> Result<Vec<Vec<Value>>, String> {
    let mut rows = Vec::new();
    for batch in batches {
        if batch.num_columns() != types.len() {
            return Err(format!(
                "{} columns, of which {} were described",
                batch.num_columns(),
                types.len()
            ));
        }
        for row in 0..batch.num_rows() {
            let columns = batch.columns().iter().zip(types);
            rows.push(
                columns
                    .map(|(column, ty)| from_arrow(column, row, *ty))
                    .collect::<Result<_, _>>()?,
            );
        }
    }
    Ok(rows)
}

/// What the first difference is; rows without an order are compared as a multiset.
pub fn difference(ours: &[Vec<Value>], theirs: &[Vec<Value>], ordered: bool) -> Option<String> {
    let arranged = |rows: &[Vec<Value>]| {
        let mut rows = rows.to_vec();
        if !ordered {
            rows.sort_by_cached_key(|row| row.iter().map(Value::sort_key).collect::<Vec<_>>());
        }
        rows
    };
    let (ours, theirs) = (arranged(ours), arranged(theirs));
    for (index, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        if a.len() != b.len() || !a.iter().zip(b).all(|(a, b)| a.is_same(b)) {
            return Some(format!("row {index} of {}: {a:?} where {b:?} was expected", ours.len()));
        }
    }
    (ours.len() != theirs.len()).then(|| {
        let longer = if ours.len() > theirs.len() { &ours } else { &theirs };
        let extra = &longer[ours.len().min(theirs.len())];
        format!(
            "{} rows where {} were expected; the first without a peer: {extra:?}",
            ours.len(),
            theirs.len()
        )
    })
}
