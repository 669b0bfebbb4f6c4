//! What does not run here: everything that writes. Each is refused as PostgreSQL refuses it in a read-only transaction,
//! under its command tag; where PostgreSQL would let it pass (DO, CALL, NOTIFY), it is refused all the same.

use super::{Statement, query, tokens::Tokens};
use crate::{Error, Result, SqlState};

/// Is the next statement INSERT, UPDATE, DELETE or MERGE?
pub(super) fn is_write(tokens: &Tokens<'_>) -> bool {
    ["insert", "update", "delete", "merge"]
        .iter()
        .any(|word| tokens.is(word))
}

/// Why the statement at hand does not run: it writes, or it is no SQL.
pub(super) fn refusal(tokens: &mut Tokens<'_>) -> Result<Error> {
    let unknown = tokens.unexpected();
    let Some(first) = tokens.peek() else {
        return Ok(unknown);
    };
    let command = first.text.to_ascii_uppercase();
    tokens.next()?;
    Ok(match command.as_str() {
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COMMENT" | "REINDEX" | "CLUSTER" | "DO" | "CALL" | "NOTIFY" => {
            query::refused(&command)
        }
        "TRUNCATE" => query::refused("TRUNCATE TABLE"),
        "GRANT" | "REVOKE" if outermost(tokens, &["on"])? => query::refused(&command),
        "GRANT" | "REVOKE" => query::refused(&format!("{command} ROLE")),
        "CREATE" | "ALTER" | "DROP" => object(&command, tokens)?,
        "SECURITY" => phrase(tokens, &["label"], "SECURITY LABEL")?,
        "REASSIGN" => phrase(tokens, &["owned"], "REASSIGN OWNED")?,
        "REFRESH" => phrase(tokens, &["materialized", "view"], "REFRESH MATERIALIZED VIEW")?,
        "IMPORT" => phrase(tokens, &["foreign", "schema"], "IMPORT FOREIGN SCHEMA")?,
        "CHECKPOINT" => {
            let message = "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT";
            Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
        }
        "LOAD" => {
            let message = format!("access to library \"{}\" is not allowed", tokens.string()?);
            Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
        }
        _ => unknown,
    })
}

fn phrase(tokens: &mut Tokens<'_>, words: &[&str], command: &str) -> Result<Error> {
    for word in words {
        tokens.expect(word)?;
    }
    Ok(query::refused(command))
}

/// Kinds of objects that CREATE, ALTER and DROP know, longer names before shorter; those that have another name in command
/// tags come with it.
const OBJECTS: [(&str, &str); 45] = [
    ("access method", ""),
    ("aggregate", ""),
    ("cast", ""),
    ("collation", ""),
    ("conversion", ""),
    ("database", ""),
    ("default privileges", ""),
    ("domain", ""),
    ("event trigger", ""),
    ("extension", ""),
    ("foreign data wrapper", ""),
    ("foreign table", ""),
    ("function", ""),
    ("group", "role"),
    ("index", ""),
    ("language", ""),
    ("large object", ""),
    ("materialized view", ""),
    ("operator class", ""),
    ("operator family", ""),
    ("operator", ""),
    ("owned", ""),
    ("policy", ""),
    ("procedure", ""),
    ("publication", ""),
    ("role", ""),
    ("routine", ""),
    ("rule", ""),
    ("schema", ""),
    ("sequence", ""),
    ("server", ""),
    ("statistics", ""),
    ("subscription", ""),
    ("system", ""),
    ("table", ""),
    ("tablespace", ""),
    ("text search configuration", ""),
    ("text search dictionary", ""),
    ("text search parser", ""),
    ("text search template", ""),
    ("transform", ""),
    ("trigger", ""),
    ("type", ""),
    ("user mapping", ""),
    ("user", "role"),
];

const VIEW: &str = "view";

/// Words that may stand between CREATE and the kind of object.
const ADJECTIVES: [&str; 12] = [
    "or",
    "replace",
    "global",
    "local",
    "temp",
    "temporary",
    "unlogged",
    "unique",
    "recursive",
    "trusted",
    "procedural",
    "constraint",
];

/// After CREATE, ALTER or DROP.
fn object(command: &str, tokens: &mut Tokens<'_>) -> Result<Error> {
    if command == "CREATE" {
        while tokens.eat_any(&ADJECTIVES)?.is_some() {}
    }
    for (kind, tag) in OBJECTS.into_iter().chain([(VIEW, "")]) {
        let words: Vec<&str> = kind.split(' ').collect();
        if tokens.eat_all(&words)? {
            let tag = if tag.is_empty() { kind } else { tag }.to_ascii_uppercase();
            let from_query = command == "CREATE" && kind == "table" && outermost(tokens, &["as"])?;
            return Ok(query::refused(&format!(
                "{command} {tag}{}",
                if from_query { " AS" } else { "" }
            )));
        }
    }
    Ok(tokens.unexpected())
}

/// Is one of these words among those left, outside of parentheses?
fn outermost(tokens: &Tokens<'_>, words: &[&str]) -> Result<bool> {
    let mut ahead = tokens.clone();
    let mut depth = 0usize;
    while ahead.peek().is_some() {
        if depth == 0 && words.iter().any(|word| ahead.is(word)) {
            return Ok(true);
        }
        if ahead.is_symbol("(") {
            depth += 1;
        } else if ahead.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        ahead.next()?;
    }
    Ok(false)
}

/// After `LOCK`. A hot standby grants the modes up to ROW EXCLUSIVE, and so does this: nothing here conflicts with them.
/// Stronger ones promise that nobody writes, which nobody here can promise.
pub(super) fn parse_lock(tokens: &mut Tokens<'_>) -> Result<Statement> {
    tokens.eat("table")?;
    let start = tokens.clone();
    while tokens.peek().is_some() && !tokens.is("in") && !tokens.is("nowait") {
        tokens.next()?;
    }
    let names = query::parse_names(tokens.since(&start))?;
    let mut granted = false;
    if tokens.eat("in")? {
        let modes: [(&[&str], bool); 8] = [
            (&["access", "share"], true),
            (&["row", "share"], true),
            (&["row", "exclusive"], true),
            (&["share", "update", "exclusive"], false),
            (&["share", "row", "exclusive"], false),
            (&["share"], false),
            (&["exclusive"], false),
            (&["access", "exclusive"], false),
        ];
        let mut known = false;
        for (words, weak) in modes {
            if !known && tokens.eat_all(words)? {
                (known, granted) = (true, weak);
            }
        }
        tokens.expect("mode")?;
    }
    tokens.eat("nowait")?;
    tokens.expect_end()?;
    if granted {
        Ok(Statement::Lock(names))
    } else {
        Err(query::refused("LOCK TABLE"))
    }
}
