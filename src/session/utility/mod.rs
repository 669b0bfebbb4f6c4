//! Statements that the session answers itself, and what any statement's result looks like.

mod copy;
mod cursor;
mod explain;
mod prepared;
mod show;
mod transaction;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::sql::sqlparser::ast;

use super::{
    portal::Prepared,
    rows::Rows,
    state::{Answer, Backend},
};
use crate::{
    Error, Result, SqlState, limits,
    query::{
        Plan,
        statement::{Discard, Maintenance, Piece, Statement},
    },
};
pub use cursor::no_cursor;
pub use prepared::no_statement;

impl Backend {
    /// What a statement's result looks like; `None` for one that gives no rows, as things stand. That a cursor or a prepared statement is
    /// missing is told when it runs.
    pub fn describe(&self, prepared: &Prepared) -> Option<SchemaRef> {
        match prepared.statement.as_deref()? {
            Statement::Query(_) => prepared.plan.as_ref().map(|plan| Arc::clone(plan.schema())),
            Statement::Show(show) => Some(Self::show_schema(show)),
            Statement::Explain { options, .. } => Some(explain::schema(options)),
            Statement::Fetch { name, .. } => self.portals.get(name)?.schema.clone(),
            Statement::Execute { name, .. } => {
                let (named, _) = self.statements.get(name)?;
                // Never its own: that does not run either.
                let is_execute = matches!(named.statement.as_deref(), Some(Statement::Execute { .. }));
                if is_execute { None } else { self.describe(named) }
            }
            _ => None,
        }
    }

    /// Runs a statement that has no plan.
    pub async fn utility(&mut self, statement: &Statement) -> Result<Answer> {
        match statement {
            Statement::Query(_) | Statement::Declare { .. } => return Err(Error::internal("a query without its plan")),
            Statement::Prepare { .. } => return Err(Error::internal("PREPARE without its text")),
            Statement::Transaction(command) => return self.transaction_command(command),
            Statement::Set {
                parameter,
                value,
                local,
            } => {
                if *local && !self.transaction.in_block() {
                    self.warn("25P01", "SET LOCAL can only be used in transaction blocks");
                }
                self.settings.set(parameter, value, *local)?;
            }
            Statement::Show(show) => return self.show(show).await,
            Statement::Reset(parameter) => self.settings.lock().reset(parameter)?,
            Statement::ResetAll => self.settings.lock().reset_all(),
            Statement::Discard(what) => self.discard(*what)?,
            Statement::Execute { name, arguments } => return self.execute_named(name, arguments).await,
            Statement::Deallocate(Some(name)) => {
                self.statements.remove(name).ok_or_else(|| no_statement(name))?;
            }
            Statement::Deallocate(None) => self.statements.clear(),
            Statement::Fetch { name, direction } => return self.fetch(name, *direction).await,
            Statement::Move { name, direction } => return self.move_cursor(name, *direction).await,
            Statement::Close(Some(name)) => {
                self.portals.remove(name).ok_or_else(|| no_cursor(name))?;
            }
            Statement::Close(None) => self.portals.clear(),
            // Nothing is ever notified here.
            Statement::Listen(_) | Statement::Unlisten(_) => {}
            Statement::Lock(tables) => {
                if !self.transaction.in_block() && !self.implicit_block {
                    return Err(super::transaction::only_in_block("LOCK TABLE"));
                }
                self.must_exist(tables.iter().map(|table| (table, &[] as _))).await?;
            }
            Statement::Maintain { command, tables } => {
                if *command == Maintenance::Vacuum && (self.transaction.in_block() || self.implicit_block) {
                    return Err(not_in_block("VACUUM"));
                }
                self.must_exist(tables.iter().map(|(table, columns)| (table, columns.as_slice())))
                    .await?;
            }
            Statement::Explain { options, statement } => match statement.as_ref() {
                Statement::Execute { name, arguments } => return self.explain_named(options, name, arguments).await,
                _ => return Err(Error::internal("EXPLAIN of neither a query nor EXECUTE")),
            },
            Statement::CopyTo { query, options } => {
                // Long enough to be planned away from here, whatever its text.
                let rows = self.query_rows(query, usize::MAX).await?;
                let options = copy::copy_options(options, rows.schema())?;
                return Ok(Answer::Copy(rows, options));
            }
        }
        Ok(Answer::Done(statement.tag().unwrap_or_default().to_owned()))
    }

    fn warn(&mut self, code: &'static str, words: &str) {
        self.warnings.push((code, words.to_owned()));
    }

    /// A query without parameters, of a text of `text_size` bytes, planned and started.
    async fn query_rows(&mut self, query: &ast::Statement, text_size: usize) -> Result<Rows> {
        let scope = self.scope().await?;
        let (_, plan, _) = Plan::of(&scope, query.clone(), |query| Some(query), text_size, Vec::new()).await?;
        let plan = plan.ok_or_else(|| Error::internal("a query without a plan"))?;
        if plan.parameter_types().len() > 0 {
            return Err(no_parameter(1));
        }
        self.rows(&plan, Vec::new()).await
    }

    fn discard(&mut self, what: Discard) -> Result<()> {
        if what != Discard::All {
            return Ok(());
        }
        if self.transaction.in_block() || self.implicit_block {
            return Err(not_in_block("DISCARD ALL"));
        }
        self.portals.clear();
        self.statements.clear();
        self.settings.lock().reset_all();
        Ok(())
    }

    /// What LOCK TABLE, VACUUM and ANALYZE ask of the tables, and of those of their columns, that they name.
    async fn must_exist(&mut self, tables: impl Iterator<Item = (&ast::ObjectName, &[ast::Ident])>) -> Result<()> {
        let scope = self.scope().await?;
        for (count, (table, columns)) in tables.enumerate() {
            if count >= limits::RELATIONS_MAX {
                let message = format!("statement names more than {} tables", limits::RELATIONS_MAX);
                return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
            }
            // Each takes some milliseconds, and a cancel request is heard between them.
            tokio::task::yield_now().await;
            let columns = match columns {
                [] => "*".to_owned(),
                named => named.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            };
            Plan::new(&scope, parsed_query(&format!("SELECT {columns} FROM {table}"))?, &[])?;
        }
        Ok(())
    }
}

fn not_in_block(command: &str) -> Error {
    let words = format!("{command} cannot run inside a transaction block");
    Error::new(SqlState::ACTIVE_SQL_TRANSACTION, words)
}

/// A query of our own.
fn parsed_query(sql: &str) -> Result<ast::Statement> {
    match Statement::parse(Piece::whole(sql))? {
        Statement::Query(query) => Ok(*query),
        _ => Err(Error::internal(format!("not a query: {sql}"))),
    }
}

fn text_schema(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(
        names
            .iter()
            .map(|name| Field::new(*name, DataType::Utf8, true))
            .collect::<Vec<_>>(),
    ))
}

fn text_batch(schema: SchemaRef, columns: Vec<Vec<String>>) -> Result<RecordBatch> {
    let columns = columns
        .into_iter()
        .map(|column| Arc::new(StringArray::from(column)) as ArrayRef)
        .collect();
    RecordBatch::try_new(schema, columns).map_err(Error::internal)
}

/// A parameter in a statement that was given none.
pub fn no_parameter(number: usize) -> Error {
    Error::new(
        SqlState::UNDEFINED_PARAMETER,
        format!("there is no parameter ${number}"),
    )
}
