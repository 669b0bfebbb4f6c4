//! Patterns of LIKE.

use super::native::{Native, stable};
use crate::{Error, SqlState};

pub const FUNCTIONS: &[Native] = &[stable("like_escape", "text", |call| {
    let mut escape = call.text(1).unwrap_or("").chars();
    let (first, None) = (escape.next(), escape.next()) else {
        return Err(Error::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string")
            .with_hint("Escape string must be empty or one character."));
    };
    Ok(call.text(0).map(|pattern| like_escape(pattern, first)))
})];

/// A pattern with its escape character, or with none at all, as one whose escape character is the backslash.
pub fn like_escape(pattern: &str, escape: Option<char>) -> String {
    if escape == Some('\\') {
        return pattern.to_owned();
    }
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if Some(c) == escape {
            out.push('\\');
            out.extend(rest.next());
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_escaped_as_postgresql_does() {
        for (pattern, escape, expected) in [
            ("a!_b", Some('!'), r"a\_b"),
            ("a!!b", Some('!'), r"a\!b"),
            (r"a\b%", Some('/'), r"a\\b%"),
            (r"a\b", None, r"a\\b"),
            (r"a\_b", Some('\\'), r"a\_b"),
        ] {
            assert_eq!(like_escape(pattern, escape), expected);
        }
    }
}
