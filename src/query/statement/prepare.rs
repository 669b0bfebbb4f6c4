//! PREPARE, EXECUTE and DEALLOCATE.

use super::{Statement, query, refuse, rest_as_query, tokens::Tokens, transaction};
use crate::Result;

/// After `PREPARE`.
pub(super) fn parse_prepare(tokens: &mut Tokens<'_>) -> Result<Statement> {
    if tokens.is("transaction") {
        return Err(transaction::two_phase());
    }
    let name = tokens.ident()?;
    let mut types = Vec::new();
    if tokens.eat_symbol("(")? {
        let start = tokens.clone();
        tokens.skip_to_close()?;
        types = query::parse_types(tokens.since(&start))?;
        tokens.expect_symbol(")")?;
    }
    tokens.expect("as")?;
    if refuse::is_write(tokens) {
        return Err(refuse::refusal(tokens)?);
    }
    Ok(Statement::Prepare {
        name,
        types,
        query: rest_as_query(tokens)?,
    })
}

/// After `EXECUTE`.
pub(super) fn parse_execute(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let name = tokens.ident()?;
    let mut arguments = Vec::new();
    if tokens.eat_symbol("(")? {
        let start = tokens.clone();
        tokens.skip_to_close()?;
        arguments = query::parse_expressions(tokens.since(&start))?;
        tokens.expect_symbol(")")?;
    }
    Ok(Statement::Execute { name, arguments })
}

/// After `DEALLOCATE`.
pub(super) fn parse_deallocate(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let mut ahead = tokens.clone();
    // A statement may be called `prepare`.
    if ahead.eat("prepare")? && ahead.peek().is_some() {
        *tokens = ahead;
    }
    Ok(Statement::Deallocate(if tokens.eat("all")? {
        None
    } else {
        Some(tokens.ident()?)
    }))
}
