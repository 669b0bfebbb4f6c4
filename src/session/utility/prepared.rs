//! PREPARE and EXECUTE, and the prepared statements of a session, which are those of the protocol.

use std::sync::Arc;

use datafusion::{common::ScalarValue, sql::sqlparser::ast};
use postgres_types::Type;

use super::parsed_query;
use crate::{
    Error, Result, SqlState, limits,
    query::{statement::Statement, type_by_name},
    session::{
        portal::Prepared,
        state::{Answer, Backend},
    },
};

impl Backend {
    /// Keeps a statement under its name; the unnamed one gives way to the next.
    pub fn keep_statement(&mut self, name: String, prepared: Prepared) -> Result<()> {
        if !name.is_empty() && self.statements.contains_key(&name) {
            let words = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(SqlState::DUPLICATE_PREPARED_STATEMENT, words));
        }
        if self.statements.len() >= limits::PREPARED_STATEMENTS_MAX {
            let words = "too many prepared statements";
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, words)
                .with_detail(format!("A session can have {}.", limits::PREPARED_STATEMENTS_MAX)));
        }
        let share = self.kept.share(match name.is_empty() {
            true => 0,
            false => name.len() + prepared.size(),
        })?;
        self.statements.insert(name, (Arc::new(prepared), share));
        Ok(())
    }

    /// PREPARE, of a text of `text_size` bytes.
    pub async fn prepare_named(
        &mut self,
        name: &str,
        types: &[ast::DataType],
        query: &ast::Statement,
        text_size: usize,
    ) -> Result<()> {
        let declared = types
            .iter()
            .map(|named| match type_by_name(named) {
                Some(ty) => Ok(Some(ty)),
                None => Err(Error::new(
                    SqlState::UNDEFINED_OBJECT,
                    format!("type \"{named}\" does not exist"),
                )),
            })
            .collect::<Result<Vec<_>>>()?;
        let query = Arc::new(Statement::Query(Box::new(query.clone())));
        let prepared = self.prepare(query, text_size, declared).await?;
        self.keep_statement(name.to_owned(), prepared)
    }

    pub(super) async fn execute_named(&mut self, name: &str, arguments: &[ast::Expr]) -> Result<Answer> {
        let prepared = self.statement(name)?;
        let prepared = self.refresh(&prepared).await?;
        self.renew_statement(name, &prepared);
        let values = self.arguments(name, arguments, &prepared.parameter_types()).await?;
        match prepared.statement.as_deref() {
            None => Ok(Answer::Done("SELECT 0".to_owned())),
            // Only the protocol can prepare one. It could be its own, or the first of a chain without end.
            Some(Statement::Execute { .. }) => {
                let words = "EXECUTE of a statement that is an EXECUTE is not supported";
                Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, words))
            }
            Some(_) => Box::pin(self.answer(&prepared, values)).await,
        }
    }

    /// The values of EXECUTE's arguments: expressions, each cast to its parameter's type.
    pub(super) async fn arguments(
        &mut self,
        name: &str,
        arguments: &[ast::Expr],
        types: &[Type],
    ) -> Result<Vec<ScalarValue>> {
        if arguments.len() != types.len() {
            let words = format!("wrong number of parameters for prepared statement \"{name}\"");
            let detail = format!("Expected {} parameters but got {}.", types.len(), arguments.len());
            return Err(Error::new(SqlState::SYNTAX_ERROR, words).with_detail(detail));
        }
        if arguments.is_empty() {
            return Ok(Vec::new());
        }
        let casts: Vec<_> = arguments
            .iter()
            .zip(types)
            .map(|(value, ty)| format!("CAST({value} AS {})", ty.name()))
            .collect();
        let select = format!("SELECT {}", casts.join(", "));
        let mut rows = self.query_rows(&parsed_query(&select)?, select.len()).await?;
        let row = rows
            .next(1)
            .await?
            .ok_or_else(|| Error::internal("EXECUTE's arguments gave no row"))?;
        row.columns()
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0).map_err(Error::internal))
            .collect()
    }

    /// Puts a refreshed statement in the place of what it was.
    pub fn renew_statement(&mut self, name: &str, fresh: &Arc<Prepared>) {
        if let Some((prepared, _)) = self.statements.get_mut(name) {
            *prepared = Arc::clone(fresh);
        }
    }

    pub(super) fn statement(&self, name: &str) -> Result<Arc<Prepared>> {
        let named = self.statements.get(name).map(|(prepared, _)| Arc::clone(prepared));
        named.ok_or_else(|| no_statement(name))
    }
}

pub fn no_statement(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_SQL_STATEMENT_NAME,
        format!("prepared statement \"{name}\" does not exist"),
    )
}
