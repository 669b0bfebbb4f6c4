//! The two answers to one statement: the runtime's as Arrow, and ours as a client of the extended protocol gets it, in text and in binary.

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

/// A session of ours.
pub struct Session(Raw);

impl Session {
    pub fn new(server: &Server, cluster: &str, route: &str) -> Session {
        let mut raw = Raw::login(server, cluster);
        let answer = raw.query(&format!("set restate.route = {route}"));
        assert_eq!(raw::tags(&answer), "CZ", "{answer:?}");
        Session(raw)
    }

    /// Parse, Describe, and the same run twice: its rows in text and in binary must be the same. The outer error is a fault of ours
    /// whatever the statement; the inner one is a refusal.
    pub fn ask(&mut self, sql: &str, ordered: bool) -> Result<Result<Ours, String>, String> {
        let run = |format: u8| [bind(format), execute("", 0)].concat();
        self.0
            .send(&[parse("", sql), describe('S', ""), run(0), run(1), sync()].concat());
        let answer = self.0.until_ready();
        if let Some(error) = raw::errors(&answer).first() {
            return Ok(Err(error.clone()));
        }
        let described = answer.iter().find(|message| matches!(message.tag, 'T' | 'n'));
        let types = described.map(types).ok_or("no description")?;
        let mut formats: [Vec<Vec<Value>>; 2] = [Vec::new(), Vec::new()];
        let mut format = 0;
        for message in &answer {
            match message.tag {
                'D' => formats[format].push(row(message, &types, format)?),
                'C' => format = 1,
                _ => {}
            }
        }
        let [text, binary] = formats;
        match difference(&text, &binary, ordered) {
            Some(difference) => Err(format!("text and binary differ: {difference}")),
            None => Ok(Ok(Ours { types, rows: binary })),
        }
    }
}

/// Bind of the unnamed statement, with results in one format.
fn bind(format: u8) -> Vec<u8> {
    tagged('B', &[0, 0, 0, 0, 0, 0, 0, 1, 0, format])
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

fn row(message: &Message, types: &[u32], format: usize) -> Result<Vec<Value>, String> {
    let values = message.values();
    if values.len() != types.len() {
        return Err(format!("{} values where {} were described", values.len(), types.len()));
    }
    let read = |(bytes, ty): (Option<Vec<u8>>, &u32)| match bytes {
        None => Ok(Value::Null),
        Some(bytes) => {
            let value = if format == 0 {
                from_text(&bytes, *ty)
            } else {
                from_binary(&bytes, *ty)
            };
            value.ok_or_else(|| format!("{bytes:?} is no value of the type {ty} in format {format}"))
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
