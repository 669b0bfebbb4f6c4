//! Quoting and formatting.

use super::native::{Call, Native, lenient, stable};
use crate::{Error, Result, SqlState, catalog::quote};

pub const FUNCTIONS: &[Native] = &[
    stable("quote_ident", "text", |call| Ok(call.text(0).map(quote::identifier))),
    stable("quote_literal", "text", |call| Ok(call.text(0).map(quote::literal))),
    lenient("quote_nullable", "text", |call| {
        Ok(Some(call.text(0).map_or("NULL".to_owned(), quote::literal)))
    }),
    lenient("format", "text", format),
    stable("parse_ident", "text[]", |call| {
        let text = call.text(0).unwrap_or("");
        let parts = quote::split(text).ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("string is not a valid identifier: \"{text}\""),
            )
        })?;
        Ok(Some(super::native::array_text(
            &parts.into_iter().map(Some).collect::<Vec<_>>(),
        )))
    }),
];

/// `format('%s %I %L', …)` with positions (`%1$s`) and widths (`%-10s`).
fn format(call: &Call<'_>) -> Result<Option<String>> {
    let Some(template) = call.text(0) else {
        return Ok(None);
    };
    let mut out = String::new();
    let mut next = 1;
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count = digits(rest);
        let mut position = None;
        if count > 0 && rest[count..].starts_with('$') {
            // A number that no machine has is beyond the arguments as well.
            position = Some(rest[..count].parse::<usize>().unwrap_or(usize::MAX));
            rest = &rest[count + 1..];
        }
        let left = rest.starts_with('-');
        rest = rest.trim_start_matches('-');
        let count = digits(rest);
        let width = rest[..count].parse::<usize>().unwrap_or(0);
        rest = &rest[count..];
        let Some(kind) = rest.chars().next() else {
            let error = Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "unterminated format() type specifier",
            );
            return Err(error.with_hint("For a single \"%\" use \"%%\"."));
        };
        rest = &rest[kind.len_utf8()..];
        let index = position.unwrap_or(next);
        if index == 0 {
            let words = "format specifies argument 0, but arguments are numbered from 1";
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, words));
        }
        next = index.saturating_add(1);
        if index >= call.args.len() {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "too few arguments for format()",
            ));
        }
        let value = call.text(index);
        let text = match (kind, value) {
            ('s', value) => value.unwrap_or("").to_owned(),
            ('I', Some(value)) => quote::identifier(value),
            ('I', None) => {
                return Err(Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            ('L', value) => value.map_or("NULL".to_owned(), quote::literal),
            (other, _) => {
                let message = format!("unrecognized format() type specifier \"{other}\"");
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
        };
        // A width beyond any terminal's would only be a way to use up memory.
        let padding = " ".repeat(width.min(10_000).saturating_sub(text.chars().count()));
        if left {
            out.extend([text, padding])
        } else {
            out.extend([padding, text])
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}
