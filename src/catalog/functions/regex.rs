//! Regular expressions: PostgreSQL's dialect in the words of the `regex` crate, and the functions over it. Back-references and
//! look-around, which that crate does not have, are refused with 2201B.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use arrow::datatypes::{DataType, Field};
use regex::{Captures, Regex, RegexBuilder};

use super::{
    returns::{boolean, integer, text, texts},
    typed::{Row, Typed},
    value::Value,
};
use crate::{Error, Result, SqlState, limits};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("regexp_replace", text, replace),
    Typed::new("regexp_match", texts, |row| {
        let regex = compiled(row.text(1), row.text(2))?;
        Ok(regex.captures(row.text(0)).map_or(Value::Null, |found| groups(&found)))
    }),
    Typed::new(
        "pg_regexp_matches",
        |_| {
            let item = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
            Ok(Field::new(
                "",
                DataType::List(Arc::new(Field::new_list_field(item, true))),
                true,
            ))
        },
        |row| {
            let regex = compiled(row.text(1), row.text(2))?;
            let all = if row.text(2).contains('g') { usize::MAX } else { 1 };
            Ok(Value::List(
                regex
                    .captures_iter(row.text(0))
                    .take(all)
                    .map(|found| groups(&found))
                    .collect(),
            ))
        },
    ),
    Typed::new("regexp_split_to_array", texts, |row| {
        let regex = compiled(row.text(1), row.text(2))?;
        Ok(Value::List(
            split(&regex, row.text(0)).into_iter().map(Value::Text).collect(),
        ))
    }),
    Typed::new("regexp_substr", text, |row| {
        let (start, nth) = (position(row, 2), position(row, 3).max(1));
        let regex = compiled(row.text(1), row.text(4))?;
        let rest = skipped(row.text(0), start.max(1) - 1);
        Ok(regex
            .find_iter(rest)
            .nth(nth - 1)
            .map_or(Value::Null, |found| Value::Text(found.as_str().to_owned())))
    }),
    Typed::new("regexp_count", integer, |row| {
        let regex = compiled(row.text(1), row.text(3))?;
        let rest = skipped(row.text(0), position(row, 2).max(1) - 1);
        Ok(Value::Int(
            i64::try_from(regex.find_iter(rest).count()).unwrap_or(i64::MAX),
        ))
    }),
    Typed::new("regexp_instr", integer, |row| {
        let (start, nth) = (position(row, 2).max(1), position(row, 3).max(1));
        let regex = compiled(row.text(1), row.text(5))?;
        let rest = skipped(row.text(0), start - 1);
        let found = regex.find_iter(rest).nth(nth - 1);
        let at = found
            .and_then(|found| rest.get(..found.start()))
            .map(|before| before.chars().count() + start);
        Ok(Value::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(0)))
    }),
    Typed::new("regexp_like", boolean, |row| {
        Ok(Value::Bool(compiled(row.text(1), row.text(2))?.is_match(row.text(0))))
    }),
];

/// Compiled expressions that a thread keeps: patterns are constants nearly always.
const KEPT_MAX: usize = 32;

/// PostgreSQL's escapes as the engine's: word boundaries, and the ends of the text.
pub fn spelled(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    // A director sets the dialect of the rest; advanced is what there is.
    if let Some(rest) = pattern.strip_prefix("***:") {
        chars = rest.chars();
    } else if let Some(literal) = pattern.strip_prefix("***=") {
        return regex::escape(literal);
    }
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('m') => out.push_str(r"\b{start}"),
            Some('M') => out.push_str(r"\b{end}"),
            Some('y') => out.push_str(r"\b"),
            Some('Y') => out.push_str(r"\B"),
            Some('Z') => out.push_str(r"\z"),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out.replace("[[:<:]]", r"\b{start}").replace("[[:>:]]", r"\b{end}")
}

/// The expression of a pattern and flags.
fn compiled(pattern: &str, flags: &str) -> Result<Regex> {
    thread_local! {
        static KEPT: RefCell<HashMap<(String, String), Regex>> = RefCell::default();
    }
    let key = (pattern.to_owned(), flags.to_owned());
    if let Some(regex) = KEPT.with_borrow(|kept| kept.get(&key).cloned()) {
        return Ok(regex);
    }
    let mut builder = RegexBuilder::new(&spelled(pattern));
    // A dot is any character, unless newlines are to count.
    builder.dot_matches_new_line(true);
    for flag in flags.chars() {
        match flag {
            'i' => builder.case_insensitive(true),
            'c' => builder.case_insensitive(false),
            'g' | 's' | 't' | 'b' | 'e' | 'q' => &mut builder,
            'n' | 'm' => builder.multi_line(true).dot_matches_new_line(false),
            'p' => builder.dot_matches_new_line(false),
            'w' => builder.multi_line(true),
            'x' => builder.ignore_whitespace(true),
            other => {
                let words = format!("invalid regular expression option: \"{other}\"");
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, words));
            }
        };
    }
    let regex = builder.build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        let words = format!("invalid regular expression: {}", reason.trim_start_matches("error: "));
        Error::new(SqlState::INVALID_REGULAR_EXPRESSION, words)
    })?;
    KEPT.with_borrow_mut(|kept| {
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, regex.clone());
    });
    Ok(regex)
}

/// The groups of a match, or all of it where the pattern has none.
fn groups(found: &Captures<'_>) -> Value {
    let from = usize::from(found.len() > 1);
    let groups = found.iter().skip(from).map(|group| match group {
        Some(group) => Value::Text(group.as_str().to_owned()),
        None => Value::Null,
    });
    Value::List(groups.collect())
}

/// The pieces between matches; a match of nothing at an end divides nothing.
fn split(regex: &Regex, text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for found in regex.find_iter(text) {
        if found.is_empty() && (found.start() == start && start == 0 || found.start() == text.len()) {
            continue;
        }
        pieces.push(text.get(start..found.start()).unwrap_or_default().to_owned());
        start = found.end();
    }
    pieces.push(text.get(start..).unwrap_or_default().to_owned());
    pieces
}

fn position(row: &Row<'_>, index: usize) -> usize {
    match row.get(index) {
        Value::Int(position) => usize::try_from(*position).unwrap_or(0),
        _ => 0,
    }
}

/// The text without its first characters.
fn skipped(text: &str, count: usize) -> &str {
    let at = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    text.get(at..).unwrap_or_default()
}

/// `regexp_replace(text, pattern, replacement[, flags | start[, n[, flags]]])`.
fn replace(row: &Row<'_>) -> Result<Value> {
    let (text, pattern, replacement) = (row.text(0), row.text(1), row.text(2));
    let (flags, start, nth) = match row.get(3) {
        Value::Int(_) => {
            let nth = match row.get(4) {
                Value::Int(nth) => usize::try_from(*nth).ok(),
                _ => Some(1),
            };
            (row.text(5), position(row, 3).max(1), nth)
        }
        _ => (row.text(3), 1, Some(usize::from(!row.text(3).contains('g')))),
    };
    let regex = compiled(pattern, flags)?;
    let rest = skipped(text, start - 1);
    let mut out = text.get(..text.len() - rest.len()).unwrap_or_default().to_owned();
    let mut end = 0;
    // The zeroth match is every one.
    for (index, found) in regex.captures_iter(rest).enumerate() {
        let Some(whole) = found.get(0) else { continue };
        if nth.is_some_and(|nth| nth != 0 && nth != index + 1) {
            continue;
        }
        out.push_str(rest.get(end..whole.start()).unwrap_or_default());
        insert(replacement, &found, &mut out);
        // A batch has many values: none may be larger than all of them together.
        if u64::try_from(out.len()).unwrap_or(u64::MAX) > limits::STEP_SIZE_MAX {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "requested length too large",
            ));
        }
        end = whole.end();
    }
    out.push_str(rest.get(end..).unwrap_or_default());
    Ok(Value::Text(out))
}

/// A replacement's `\1` and `\&`.
fn insert(replacement: &str, found: &Captures<'_>, out: &mut String) {
    let mut chars = replacement.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let group = |index: usize| found.get(index).map_or("", |group| group.as_str());
        match chars.next() {
            Some('&') => out.push_str(group(0)),
            Some(digit @ '1'..='9') => out.push_str(group(
                digit.to_digit(10).and_then(|d| usize::try_from(d).ok()).unwrap_or(0),
            )),
            Some('\\') => out.push('\\'),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_replacement_ends_where_the_text_grows_too_large() {
        let engine = Engine::new();
        let sql = "select regexp_replace(repeat('x', 100000), '', repeat('b', 100000), 'g')";
        let error = engine.error(sql).await;
        assert!(error.contains("requested length too large (54000)"), "{error}");
        assert_eq!(
            engine.rows("select regexp_replace('aba', 'a', 'c', 'g')").await,
            ["cbc"]
        );
    }
}
