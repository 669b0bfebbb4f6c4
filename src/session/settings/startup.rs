//! The startup message's parameters: which of them are settings.

use crate::{Error, Result, SqlState};

/// Names and values to set, in the order of PostgreSQL: command-line options first.
pub(super) fn parameters(startup: &[(String, String)]) -> Result<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    for (_, text) in startup.iter().filter(|(name, _)| name == "options") {
        options(text, &mut parameters)?;
    }
    // What says who connects, to what and how is no setting.
    let other =
        |name: &str| matches!(name, "user" | "database" | "options" | "replication") || name.starts_with("_pq_.");
    parameters.extend(startup.iter().filter(|(name, _)| !other(name)).cloned());
    Ok(parameters)
}

/// `-c name=value`, `-cname=value`, `--name=value`; dashes in names stand for underscores.
fn options(text: &str, parameters: &mut Vec<(String, String)>) -> Result<()> {
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let assignment = if let Some(rest) = word.strip_prefix("--") {
            rest.to_owned()
        } else if word == "-c" {
            words.next().unwrap_or_default()
        } else if let Some(rest) = word.strip_prefix("-c") {
            rest.to_owned()
        } else {
            let message = format!("invalid command-line argument for server process: {word}");
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        };
        let Some((name, value)) = assignment.split_once('=') else {
            let form = if word.starts_with("--") {
                format!("--{assignment}")
            } else {
                format!("-c {assignment}")
            };
            return Err(Error::new(SqlState::SYNTAX_ERROR, format!("{form} requires a value")));
        };
        parameters.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(())
}

/// Words between blanks; a backslash takes the next character as it is.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
