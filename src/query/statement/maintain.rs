//! VACUUM and ANALYZE, which PostgreSQL lets pass in a read-only transaction: what they name must exist, and no more comes of them.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName};

use super::{Statement, explain, query, tokens::Tokens};
use crate::{Error, Result, SqlState};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maintenance {
    Vacuum,
    Analyze,
}

impl Maintenance {
    /// Its command tag.
    pub fn tag(self) -> &'static str {
        match self {
            Maintenance::Vacuum => "VACUUM",
            Maintenance::Analyze => "ANALYZE",
        }
    }

    /// The options that it takes in parentheses.
    fn options(self) -> &'static [&'static str] {
        match self {
            Maintenance::Vacuum => &[
                "full",
                "freeze",
                "verbose",
                "analyze",
                "analyse",
                "disable_page_skipping",
                "skip_locked",
                "index_cleanup",
                "process_toast",
                "truncate",
                "parallel",
            ],
            Maintenance::Analyze => &["verbose", "skip_locked"],
        }
    }
}

/// A table, and those of its columns that are named.
pub type Maintained = (ObjectName, Vec<Ident>);

/// After `VACUUM` or `ANALYZE`.
pub(super) fn parse(command: Maintenance, tokens: &mut Tokens<'_>) -> Result<Statement> {
    let mut analyzes = command == Maintenance::Analyze;
    if tokens.eat_symbol("(")? {
        analyzes |= parse_options(command, tokens)?;
    } else {
        // In this order, each at most once.
        let words: &[&[&str]] = match command {
            Maintenance::Vacuum => &[&["full"], &["freeze"], &["verbose"], &["analyze", "analyse"]],
            Maintenance::Analyze => &[&["verbose"]],
        };
        for spellings in words {
            analyzes |= tokens.eat_any(spellings)?.is_some() && spellings.contains(&"analyze");
        }
    }
    let mut tables = Vec::new();
    while tokens.peek().is_some() {
        if !tables.is_empty() {
            tokens.expect_symbol(",")?;
        }
        tables.push(parse_table(tokens)?);
    }
    if !analyzes && tables.iter().any(|(_, columns)| !columns.is_empty()) {
        let message = "ANALYZE option must be specified when a column list is provided";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    Ok(Statement::Maintain { command, tables })
}

/// Whether they ask for ANALYZE.
fn parse_options(command: Maintenance, tokens: &mut Tokens<'_>) -> Result<bool> {
    let mut analyzes = false;
    loop {
        let position = tokens.position();
        let name = tokens.ident()?;
        let value = explain::option_value(tokens)?;
        if !command.options().contains(&name.as_str()) {
            let message = format!("unrecognized {} option \"{name}\"", command.tag());
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(position));
        }
        if ["analyze", "analyse"].contains(&name.as_str()) {
            analyzes = explain::boolean(&name, value.as_deref())?;
        }
        if !tokens.eat_symbol(",")? {
            tokens.expect_symbol(")")?;
            return Ok(analyzes);
        }
    }
}

/// `name [(column, …)]`
fn parse_table(tokens: &mut Tokens<'_>) -> Result<Maintained> {
    let start = tokens.clone();
    while tokens.peek().is_some() && !tokens.is_symbol(",") && !tokens.is_symbol("(") {
        tokens.next()?;
    }
    let name = query::parse_names(tokens.since(&start))?
        .pop()
        .ok_or_else(|| start.unexpected())?;
    let mut columns = Vec::new();
    if tokens.eat_symbol("(")? {
        loop {
            columns.push(Ident::with_quote('"', tokens.ident()?));
            if !tokens.eat_symbol(",")? {
                break;
            }
        }
        tokens.expect_symbol(")")?;
    }
    Ok((name, columns))
}
