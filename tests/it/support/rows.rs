//! A runtime's JSON rows as psql would print them: the two answers are compared as text.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::http::{self, Row};

/// What stands for NULL on both sides; no value of the workload is this.
pub const NULL: &str = "<null>";

/// The introspection tables of the runtime at `base`.
pub fn tables(base: &str) -> Vec<String> {
    let sql = "select distinct table_name from information_schema.columns where table_schema = 'public' order by 1";
    let rows = http::query(base, sql).expect("the runtime's tables");
    rows.iter()
        .map(|row| row["table_name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Names of the columns that hold bytes: JSON has them in hexadecimal, and nothing else tells them from text.
pub fn binary_columns(base: &str) -> BTreeSet<String> {
    let sql =
        "select distinct column_name from information_schema.columns where data_type in ('Binary', 'LargeBinary')";
    let rows = http::query(base, sql).expect("the runtime's columns");
    rows.iter()
        .map(|row| row["column_name"].as_str().expect("a name").to_owned())
        .collect()
}

/// `rows` in the order of `header`'s columns, sorted. A label that the runtime spells otherwise (`count(*)`, `Int64(1)`)
/// is looked up by what is left over, which must be one.
pub fn rendered(rows: &[Row], header: &[String], binary: &BTreeSet<String>) -> Vec<Vec<String>> {
    let names: BTreeSet<&String> = rows.iter().flat_map(Row::keys).collect();
    let unknown: Vec<&&String> = names.iter().filter(|name| !header.contains(name)).collect();
    let spelled = |label: &String| -> String {
        match unknown.as_slice() {
            [only] if !names.contains(label) => (**only).clone(),
            _ => label.clone(),
        }
    };
    assert!(
        unknown.len() <= 1,
        "columns {unknown:?} of the runtime are not among {header:?}"
    );
    let mut rendered: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            header
                .iter()
                .map(|label| match row.get(&spelled(label)) {
                    Some(Value::String(hex)) if binary.contains(label) => format!("\\x{hex}"),
                    value => text(value.unwrap_or(&Value::Null)),
                })
                .collect()
        })
        .collect();
    rendered.sort();
    rendered
}

/// One value in PostgreSQL's text format.
fn text(value: &Value) -> String {
    match value {
        Value::Null => NULL.to_owned(),
        Value::Bool(value) => if *value { "t" } else { "f" }.to_owned(),
        Value::Number(number) => number.to_string(),
        // U+0000, which no PostgreSQL text can hold, is shown as its symbol.
        Value::String(value) => timestamp(value)
            .or_else(|| duration(value))
            .unwrap_or_else(|| value.replace('\0', "\u{2400}")),
        Value::Array(values) => {
            let elements: Vec<String> = values.iter().map(text).collect();
            format!("{{{}}}", elements.join(","))
        }
        Value::Object(_) => value.to_string(),
    }
}

/// `2026-11-24T10:00:00.120Z` → `2026-11-24 10:00:00.12+00`.
fn timestamp(value: &str) -> Option<String> {
    let (time, zone) = match DateTime::parse_from_rfc3339(value) {
        Ok(time) => (time.to_utc(), "+00"),
        Err(_) => (
            NaiveDateTime::parse_from_str(value, "%Y-%m-%dT%H:%M:%S%.f")
                .ok()?
                .and_utc(),
            "",
        ),
    };
    let time = DateTime::<Utc>::to_rfc3339_opts(&time, SecondsFormat::Micros, true);
    let time = time
        .trim_end_matches('Z')
        .trim_end_matches('0')
        .trim_end_matches('.')
        .replace('T', " ");
    Some(time + zone)
}

/// A column's duration is shown as whole milliseconds: `PT86400S`, `PT0.25S`, `P0D` → 86400000, 250, 0.
fn duration(value: &str) -> Option<String> {
    if value == "P0D" {
        return Some("0".to_owned());
    }
    let seconds = value.strip_prefix("PT")?.strip_suffix('S')?;
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<3}").parse().ok()?;
    Some((whole * 1000 + fraction).to_string())
}
