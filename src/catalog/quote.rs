//! Quoting of identifiers and literals, as `quote_ident` and `quote_literal` do it.

use std::{collections::HashSet, sync::LazyLock};

use super::seed;

/// Words that must be quoted as identifiers: all keywords but the unreserved ones.
static RESERVED: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    seed::rows("keywords")
        .iter()
        .filter(|row| seed::get(row, "catcode") != "U")
        .map(|row| seed::get(row, "word"))
        .collect()
});

/// Words that no table is called by without quotes, but for those that are calls of functions.
static NO_TABLES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let is_call = |word: &str| {
        word.starts_with("current_") || matches!(word, "user" | "session_user" | "localtime" | "localtimestamp")
    };
    seed::rows("keywords")
        .iter()
        .filter(|row| seed::get(row, "catcode") == "R")
        .map(|row| seed::get(row, "word"))
        .filter(|word| !is_call(word))
        .collect()
});

/// Whether a word in lower case is a key word where a table's name would stand.
pub fn is_reserved(word: &str) -> bool {
    NO_TABLES.contains(word)
}

/// An identifier, quoted only where it must be.
pub fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !RESERVED.contains(name);
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A role's name as an `aclitem` has it.
pub fn role(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match plain {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A literal, with an E string where a backslash asks for it.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// The parts of a possibly qualified, possibly quoted name, folded as SQL folds them; `None` where it is no name.
pub fn split(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let part;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut chars = quoted.char_indices().peekable();
            let end = loop {
                match chars.next()? {
                    (_, '"') if chars.peek().is_some_and(|(_, c)| *c == '"') => {
                        name.push('"');
                        chars.next();
                    }
                    (at, '"') => break at,
                    (_, c) => name.push(c),
                }
            };
            part = name;
            rest = quoted.get(end + 1..)?;
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            part = rest[..end].trim().to_lowercase();
            rest = &rest[end..];
        }
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        rest = rest.trim_start();
        match rest.strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None => return rest.is_empty().then_some(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_only_where_they_must_be() {
        // As PostgreSQL 15's quote_ident answers.
        for (name, expected) in [
            ("sys_invocation", "sys_invocation"),
            ("select", "\"select\""),
            ("index", "index"),
            ("public", "public"),
            ("user", "\"user\""),
            ("Mixed", "\"Mixed\""),
            ("a\"b", "\"a\"\"b\""),
            ("1a", "\"1a\""),
            ("", "\"\""),
        ] {
            assert_eq!(identifier(name), expected);
        }
    }

    #[test]
    fn literals_double_quotes_and_escape_backslashes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b"), "E'a\\\\b'");
    }

    #[test]
    fn names_are_split_and_folded() {
        assert_eq!(
            split("public.Sys_Invocation"),
            Some(vec!["public".into(), "sys_invocation".into()])
        );
        assert_eq!(split("\"My.Table\""), Some(vec!["My.Table".into()]));
        assert_eq!(split("\"a\"\"b\" . c"), Some(vec!["a\"b".into(), "c".into()]));
        assert_eq!(split("a..b"), None);
        assert_eq!(split(""), None);
        assert_eq!(split("\"a"), None);
    }
}
