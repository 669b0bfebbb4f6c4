//! Queries that read: what writes, locks or names a file is refused, wherever in the tree it stands.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Fetch, Ident, LockType, ObjectName, Query, SetExpr, TableFactor, Visit, Visitor,
};

use super::{super::split::Piece, column, syntax_error, unexpected_string};
use crate::{Error, Result, SqlState, catalog::quote, query::walk::syntax::walk};

/// Refuses what does not only read.
pub fn check<T: Visit>(tree: &T, piece: Piece<'_>) -> Result<()> {
    match walk(tree, &mut ReadOnly { piece, nested: false }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// PostgreSQL's refusal of `command`.
pub fn refused(command: &str) -> Error {
    let message = format!("cannot execute {command} in a read-only transaction");
    Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message)
}

struct ReadOnly<'a> {
    piece: Piece<'a>,
    /// Inside of the statement's own query.
    nested: bool,
}

impl Visitor for ReadOnly<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if let Some(lock) = query.locks.first() {
            let strength = match lock.lock_type {
                LockType::Share => "SELECT FOR SHARE",
                LockType::Update => "SELECT FOR UPDATE",
            };
            return ControlFlow::Break(refused(strength));
        }
        if let Some(fetch) = &query.fetch
            && let Err(error) = check_fetch(fetch, query.order_by.is_some())
        {
            return ControlFlow::Break(error);
        }
        let nested = std::mem::replace(&mut self.nested, true);
        match writes(&query.body) {
            // PostgreSQL names the statement, not the INSERT that stands in its WITH.
            Some(command) => ControlFlow::Break(refused(if nested { "SELECT" } else { command })),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            // DataFusion passes it over, and returns all rows.
            TableFactor::Table { sample: Some(_), .. } => ControlFlow::Break(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "TABLESAMPLE is not supported",
            )),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Error> {
        // DataFusion reads `FROM 'file.csv'` from a file; for PostgreSQL a string is no table name.
        let quoted = |ident: &&Ident| ident.quote_style.is_some_and(|quote| quote != '"');
        if let [part] = relation.0.as_slice()
            && let Some(ident) = part.as_ident()
            && ident.quote_style.is_none()
            && quote::is_reserved(&ident.value.to_ascii_lowercase())
        {
            let position = column(ident.span.start);
            return ControlFlow::Break(syntax_error(self.piece, position));
        }
        match relation.0.iter().filter_map(|part| part.as_ident()).find(quoted) {
            Some(ident) => ControlFlow::Break(unexpected_string(self.piece, &ident.to_string())),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_statement(&mut self, _: &ast::Statement) -> ControlFlow<Error> {
        ControlFlow::Break(refused("SELECT"))
    }
}

/// FETCH FIRST counts rows here, and nothing else.
fn check_fetch(fetch: &Fetch, ordered: bool) -> Result<()> {
    if fetch.percent {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "FETCH FIRST does not take a percentage",
        ));
    }
    match (fetch.with_ties, ordered) {
        (false, _) => Ok(()),
        (true, false) => Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "WITH TIES cannot be specified without ORDER BY clause",
        )),
        (true, true) => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "FETCH FIRST with WITH TIES is not supported",
        )
        .with_hint("Use rank() in a subquery, and keep the rows whose rank is low enough.")),
    }
}

/// The command that writes in a query's body, where there is one.
fn writes(body: &SetExpr) -> Option<&'static str> {
    match body {
        SetExpr::Insert(_) => Some("INSERT"),
        SetExpr::Update(_) => Some("UPDATE"),
        SetExpr::Delete(_) => Some("DELETE"),
        SetExpr::Merge(_) => Some("MERGE"),
        SetExpr::Select(select) => select.into.as_ref().map(|_| "SELECT INTO"),
        SetExpr::SetOperation { left, right, .. } => writes(left).or_else(|| writes(right)),
        SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => None,
    }
}
