//! SQL text → statements, by tokens. [`split`] finds the statements of a query text, [`Statement::parse`] says what one is.
//!
//! Whatever writes, locks, or touches a file is refused here, with PostgreSQL's SQLSTATE and words; so is what would be too
//! complex to plan. What a statement that is none of these *does* is the session's business.

mod copy;
mod copy_options;
mod cursor;
mod encoding;
mod explain;
mod guard;
mod lexer;
mod maintain;
mod precedence;
mod prepare;
mod query;
mod refuse;
mod set;
mod split;
#[cfg(test)]
mod tests;
mod text;
mod tokens;
mod transaction;

use datafusion::sql::sqlparser::ast;

pub use copy_options::{CopyFormat, CopyOptions, ForceQuote};
pub use cursor::{Direction, Scroll};
pub use encoding::encoding_name;
pub use explain::{ExplainFormat, ExplainOptions};
pub use maintain::{Maintained, Maintenance};
pub use query::ROWS_FROM;
pub use set::{Discard, Parameter, Show, Value};
pub use split::{Piece, split};
pub use text::{Parsed, Texts, parse_text};
pub use transaction::{Isolation, Modes, Transaction};

use crate::{Error, Result, SqlState, limits};
use tokens::Tokens;

/// A statement that may run.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// SELECT, VALUES, TABLE, WITH: always an [`ast::Statement::Query`] that only reads. Spans have the character position
    /// in the client's query text as their column (line 1), as an error's position wants it.
    Query(Box<ast::Statement>),
    Transaction(Transaction),
    /// `SET`: `local` ends with the transaction.
    Set {
        parameter: Parameter,
        value: Value,
        local: bool,
    },
    Show(Show),
    Reset(Parameter),
    /// `RESET ALL`
    ResetAll,
    Discard(Discard),
    /// `PREPARE`: the statement is a query (everything else that could be prepared writes).
    Prepare {
        name: String,
        types: Vec<ast::DataType>,
        query: Box<ast::Statement>,
    },
    Execute {
        name: String,
        arguments: Vec<ast::Expr>,
    },
    /// `DEALLOCATE`: one statement, or all.
    Deallocate(Option<String>),
    Declare {
        name: String,
        binary: bool,
        scroll: Scroll,
        hold: bool,
        query: Box<ast::Statement>,
    },
    Fetch {
        name: String,
        direction: Direction,
    },
    Move {
        name: String,
        direction: Direction,
    },
    /// `CLOSE`: one cursor, or all.
    Close(Option<String>),
    Listen(String),
    /// `UNLISTEN`: one channel, or all.
    Unlisten(Option<String>),
    /// `LOCK TABLE` in a mode that a read-only server grants: the tables must exist, and nothing else comes of it.
    Lock(Vec<ast::ObjectName>),
    /// `VACUUM` or `ANALYZE`, of these tables or of all.
    Maintain {
        command: Maintenance,
        tables: Vec<Maintained>,
    },
    /// `EXPLAIN` of a [`Statement::Query`] or a [`Statement::Execute`].
    Explain {
        options: ExplainOptions,
        statement: Box<Statement>,
    },
    CopyTo {
        query: Box<ast::Statement>,
        options: CopyOptions,
    },
}

impl Statement {
    /// Parses one statement of a query text.
    pub fn parse(piece: Piece<'_>) -> Result<Statement> {
        if piece.text.len() > limits::STATEMENT_SIZE_MAX {
            let message = format!("statement is longer than {} bytes", limits::STATEMENT_SIZE_MAX);
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        let mut tokens = Tokens::new(piece)?;
        let statement = parse_any(&mut tokens)?;
        tokens.expect_end()?;
        Ok(statement)
    }

    /// The command tag of a statement whose tag does not depend on what it did. Without one: queries, EXPLAIN, FETCH, MOVE,
    /// COPY (`SELECT 3`), EXECUTE (its query's tag), and COMMIT, which answers ROLLBACK for a failed transaction.
    pub fn tag(&self) -> Option<&'static str> {
        Some(match self {
            Statement::Transaction(transaction) => return transaction.tag(),
            Statement::Set { .. } => "SET",
            Statement::Show(Show::Tables | Show::Columns(_)) => return None,
            Statement::Show(_) => "SHOW",
            Statement::Reset(_) | Statement::ResetAll => "RESET",
            Statement::Discard(discard) => discard.tag(),
            Statement::Prepare { .. } => "PREPARE",
            Statement::Deallocate(Some(_)) => "DEALLOCATE",
            Statement::Deallocate(None) => "DEALLOCATE ALL",
            Statement::Declare { .. } => "DECLARE CURSOR",
            Statement::Close(Some(_)) => "CLOSE CURSOR",
            Statement::Close(None) => "CLOSE CURSOR ALL",
            Statement::Listen(_) => "LISTEN",
            Statement::Unlisten(_) => "UNLISTEN",
            Statement::Lock(_) => "LOCK TABLE",
            Statement::Maintain { command, .. } => command.tag(),
            Statement::Explain { .. } => "EXPLAIN",
            Statement::Query(_)
            | Statement::Execute { .. }
            | Statement::Fetch { .. }
            | Statement::Move { .. }
            | Statement::CopyTo { .. } => return None,
        })
    }
}

fn parse_any(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let Some(first) = tokens.peek() else {
        return Err(tokens.unexpected());
    };
    if query::starts_query(first.text) {
        return rest_as_query(tokens).map(Statement::Query);
    }
    let start = tokens.clone();
    tokens.next()?;
    match first.text.to_ascii_lowercase().as_str() {
        "begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" => {
            *tokens = start;
            transaction::parse(tokens).map(Statement::Transaction)
        }
        "set" => set::parse_set(tokens),
        "show" => set::parse_show(tokens).map(Statement::Show),
        "describe" | "desc" => {
            query::parse_names(take_rest(tokens)?).and_then(|names| set::show_columns(names, &start))
        }
        "reset" => set::parse_reset(tokens),
        "discard" => set::parse_discard(tokens).map(Statement::Discard),
        "prepare" => prepare::parse_prepare(tokens),
        "execute" => prepare::parse_execute(tokens),
        "deallocate" => prepare::parse_deallocate(tokens),
        "declare" => cursor::parse_declare(tokens),
        "fetch" => cursor::parse_fetch(tokens).map(|(name, direction)| Statement::Fetch { name, direction }),
        "move" => cursor::parse_fetch(tokens).map(|(name, direction)| Statement::Move { name, direction }),
        "close" => Ok(Statement::Close(if tokens.eat("all")? {
            None
        } else {
            Some(tokens.ident()?)
        })),
        "listen" => tokens.ident().map(Statement::Listen),
        "unlisten" => Ok(Statement::Unlisten(if tokens.eat_symbol("*")? {
            None
        } else {
            Some(tokens.ident()?)
        })),
        "lock" => refuse::parse_lock(tokens),
        "vacuum" => maintain::parse(Maintenance::Vacuum, tokens),
        "analyze" | "analyse" => maintain::parse(Maintenance::Analyze, tokens),
        "explain" => explain::parse(tokens),
        "copy" => copy::parse(tokens),
        _ => {
            *tokens = start;
            Err(refuse::refusal(tokens)?)
        }
    }
}

/// What is left as a query.
fn rest_as_query(tokens: &mut Tokens<'_>) -> Result<Box<ast::Statement>> {
    match tokens.peek() {
        Some(first) if query::starts_query(first.text) => as_query(take_rest(tokens)?),
        _ => Err(tokens.unexpected()),
    }
}

fn as_query(piece: Piece<'_>) -> Result<Box<ast::Statement>> {
    query::parse_query(piece).map(|query| Box::new(ast::Statement::Query(query)))
}

/// What is left, as text; nothing is left after it.
fn take_rest<'a>(tokens: &mut Tokens<'a>) -> Result<Piece<'a>> {
    let rest = tokens.rest();
    while tokens.next()?.is_some() {}
    Ok(rest)
}
