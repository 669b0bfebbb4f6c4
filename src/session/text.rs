//! A query's text → its statements, and which of their faults come first.

use crate::{
    Error, Result, SqlState,
    query::statement::{Statement, split},
};

/// The statements of a text, parsed before any of them runs, as in PostgreSQL: what its grammar refuses fails the whole text. Any other
/// fault (a statement that writes, an unknown option) is told when its statement's turn comes. Each with the bytes of its text.
pub fn parse(sql: &str) -> Result<Vec<(Result<Statement>, usize)>> {
    let parsed = split(sql)?.into_iter().map(|piece| {
        let size = piece.text.len();
        (Statement::parse(piece), size)
    });
    parsed
        .map(|(statement, size)| match statement {
            Err(error) if is_of_the_grammar(&error) => Err(error),
            statement => Ok((statement, size)),
        })
        .collect()
}

fn is_of_the_grammar(error: &Error) -> bool {
    let of_the_grammar = [
        SqlState::SYNTAX_ERROR,
        SqlState::INVALID_ESCAPE_SEQUENCE,
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        // Ours: texts that are not parsed at all.
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        SqlState::STATEMENT_TOO_COMPLEX,
    ];
    of_the_grammar.contains(&error.code())
}
