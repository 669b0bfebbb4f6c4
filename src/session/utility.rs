//! Statements that the session answers itself: settings, transactions, prepared statements, cursors, EXPLAIN, COPY.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::{common::ScalarValue, sql::sqlparser::ast};
use postgres_types::Type;

use super::{
    cursor::Cursor,
    portal::{Kind, Prepared, ResultSet},
    rows::Rows,
    settings,
    state::{Answer, Backend},
    transaction,
};
use crate::{
    Error, Result, SqlState, limits,
    query::{
        Plan,
        explain::{Explain, explain},
        statement::{
            self, CopyFormat, Direction, Discard, ExplainFormat, ExplainOptions, ForceQuote, Modes, Piece, Scroll,
            Show, Statement, Transaction as Command,
        },
        type_by_name,
    },
    wire::encode::{CopyForm, CopyOptions, CsvOptions},
};

impl Backend {
    /// What a statement's result looks like; `None` for one that gives no rows.
    pub fn describe(&self, prepared: &Prepared) -> Result<Option<SchemaRef>> {
        if let Some(plan) = &prepared.plan {
            return Ok(Some(Arc::clone(plan.schema())));
        }
        Ok(match &prepared.statement {
            Some(Statement::Show(show)) => Some(self.show_schema(show)?),
            Some(Statement::Explain { .. }) => Some(text_schema(&["QUERY PLAN"])),
            Some(Statement::Fetch { name, .. }) => Some(Arc::clone(self.cursor(name)?.schema())),
            Some(Statement::Execute { name, .. }) => self.describe(self.statement(name)?.as_ref())?,
            _ => None,
        })
    }

    /// Runs a statement that is not a query.
    pub async fn utility(&mut self, statement: &Statement) -> Result<Answer> {
        match statement {
            // A query is planned before it comes here; what is left is one whose plan is not wanted.
            Statement::Query(query) => {
                let rows = self.query_rows(query).await?;
                return Ok(Answer::Rows(ResultSet::new(Kind::Select, rows)));
            }
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
            Statement::Prepare { name, types, query } => self.prepare_named(name, types, query).await?,
            Statement::Execute { name, arguments } => return self.execute_named(name, arguments).await,
            Statement::Deallocate(Some(name)) => {
                self.statements.remove(name).ok_or_else(|| no_statement(name))?;
            }
            Statement::Deallocate(None) => self.statements.clear(),
            Statement::Declare {
                name,
                binary,
                scroll,
                hold,
                query,
            } => {
                if !hold && !self.transaction.in_block() && !self.implicit_block {
                    return Err(transaction::only_in_block("DECLARE CURSOR"));
                }
                if self.cursors.contains_key(name) || self.portals.contains_key(name) {
                    let words = format!("cursor \"{name}\" already exists");
                    return Err(Error::new(SqlState::DUPLICATE_CURSOR, words));
                }
                if self.cursors.len() >= limits::PORTALS_MAX {
                    return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "too many cursors"));
                }
                let rows = self.query_rows(query).await?;
                let cursor = Cursor::new(rows, *scroll == Scroll::Scroll, *hold, *binary);
                self.cursors.insert(name.clone(), cursor);
            }
            Statement::Fetch { name, direction } => return self.fetch(name, *direction).await,
            Statement::Move { name, direction } => return self.move_cursor(name, *direction).await,
            // A portal of the protocol is a cursor as well.
            Statement::Close(Some(name)) => {
                if self.cursors.remove(name).is_none() && self.portals.remove(name).is_none() {
                    return Err(no_cursor(name));
                }
            }
            Statement::Close(None) => {
                self.cursors.clear();
                self.portals.clear();
            }
            // Nothing is ever notified here.
            Statement::Listen(_) | Statement::Unlisten(_) => {}
            Statement::Lock(tables) => self.lock(tables).await?,
            Statement::Explain { options, statement } => return self.explain(options, statement).await,
            Statement::CopyTo { query, options } => {
                let rows = self.query_rows(query).await?;
                let options = copy_options(options, rows.schema())?;
                return Ok(Answer::Copy(rows, options));
            }
        }
        Ok(Answer::Done(statement.tag().unwrap_or_default().to_owned()))
    }

    fn warn(&mut self, code: &'static str, words: &str) {
        self.warnings.push((code, words.to_owned()));
    }

    fn transaction_command(&mut self, command: &Command) -> Result<Answer> {
        let mut tag = Statement::Transaction(command.clone()).tag().unwrap_or_default();
        match command {
            Command::Begin(modes) | Command::Start(modes) => {
                if !self.transaction.begin() {
                    self.warn("25001", "there is already a transaction in progress");
                }
                self.settings.begin(modes);
            }
            Command::Commit { chain } | Command::Rollback { chain } => {
                let commits = matches!(command, Command::Commit { .. });
                if *chain && !self.transaction.in_block() {
                    return Err(transaction::only_in_block(if commits {
                        "COMMIT AND CHAIN"
                    } else {
                        "ROLLBACK AND CHAIN"
                    }));
                }
                tag = if commits { "COMMIT" } else { "ROLLBACK" };
                match self.transaction.end() {
                    None => {
                        self.warn("25P01", "there is no transaction in progress");
                        // Statements before it in the same simple query are its transaction.
                        if commits {
                            self.settings.lock().commit();
                        } else {
                            self.settings.lock().rollback();
                        }
                    }
                    Some(failed) if commits && !failed => self.settings.lock().commit(),
                    Some(_) => {
                        tag = "ROLLBACK";
                        self.settings.lock().rollback();
                    }
                }
                self.end_transaction(tag == "COMMIT");
                if *chain {
                    self.transaction.begin();
                    self.settings.begin(&Modes::default());
                }
            }
            Command::Savepoint(name) => {
                self.transaction.savepoint(name)?;
                self.settings.lock().savepoint();
            }
            Command::Release(name) => {
                let depth = self.transaction.release(name)?;
                self.settings.lock().release(depth);
            }
            Command::RollbackTo(name) => {
                let depth = self.transaction.rollback_to(name)?;
                self.settings.lock().rollback_to(depth);
            }
            Command::Set(modes) => {
                if !self.transaction.in_block() {
                    self.warn("25P01", "SET TRANSACTION can only be used in transaction blocks");
                }
                self.settings.lock().set_modes(modes);
            }
            Command::SetDefault(modes) => self.settings.lock().set_default_modes(modes),
        }
        Ok(Answer::Done(tag.to_owned()))
    }

    fn show_schema(&self, show: &Show) -> Result<SchemaRef> {
        Ok(match show {
            Show::Parameter(name) => text_schema(&[settings::parameter(name).map_or(name, |parameter| parameter.name)]),
            Show::All => text_schema(&["name", "setting", "description"]),
            Show::Tables => text_schema(&["table_catalog", "table_schema", "table_name", "table_type"]),
            Show::Columns(_) => text_schema(&["column_name", "data_type", "is_nullable"]),
        })
    }

    async fn show(&mut self, show: &Show) -> Result<Answer> {
        let columns: Vec<Vec<String>> = match show {
            Show::Parameter(parameter) => vec![vec![self.settings.lock().get(parameter)?]],
            Show::All => {
                let (mut names, mut values, mut descriptions) = (Vec::new(), Vec::new(), Vec::new());
                for (parameter, value) in self.settings.lock().all() {
                    names.push(parameter.name.to_owned());
                    values.push(value);
                    descriptions.push(parameter.short_desc.to_owned());
                }
                vec![names, values, descriptions]
            }
            Show::Tables => {
                let sql = "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables \
                           ORDER BY table_schema, table_name";
                return self.show_query(sql).await;
            }
            Show::Columns(table) => {
                let scope = self.scope().await?;
                // The table must exist; its columns are then what `information_schema` says of it.
                Plan::new(&scope, parsed_query(&format!("SELECT * FROM {table}"))?, &[])?;
                let mut parts = table.0.iter().rev().filter_map(|part| part.as_ident());
                let (name, schema) = (parts.next().map(lower), parts.next().map(lower));
                let sql = format!(
                    "SELECT column_name, data_type, is_nullable FROM information_schema.columns \
                     WHERE table_schema = {} AND table_name = {} ORDER BY ordinal_position",
                    quoted(schema.as_deref().unwrap_or("public")),
                    quoted(name.as_deref().unwrap_or_default()),
                );
                return self.show_query(&sql).await;
            }
        };
        let batch = text_batch(self.show_schema(show)?, columns)?;
        Ok(Answer::Rows(ResultSet::new(Kind::Show, Rows::of(batch))))
    }

    async fn show_query(&mut self, sql: &str) -> Result<Answer> {
        let rows = self.query_rows(&parsed_query(sql)?).await?;
        Ok(Answer::Rows(ResultSet::new(Kind::Select, rows)))
    }

    /// A query without parameters, planned and started.
    async fn query_rows(&mut self, query: &ast::Statement) -> Result<Rows> {
        let scope = self.scope().await?;
        let plan = Plan::new(&scope, query, &[])?;
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
            let words = "DISCARD ALL cannot run inside a transaction block";
            return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, words));
        }
        self.cursors.clear();
        self.portals.clear();
        self.statements.clear();
        self.settings.lock().reset_all();
        Ok(())
    }

    async fn prepare_named(&mut self, name: &str, types: &[ast::DataType], query: &ast::Statement) -> Result<()> {
        if self.statements.contains_key(name) {
            let words = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(SqlState::DUPLICATE_PREPARED_STATEMENT, words));
        }
        if self.statements.len() >= limits::PREPARED_STATEMENTS_MAX {
            return Err(Error::new(
                SqlState::CONFIGURATION_LIMIT_EXCEEDED,
                "too many prepared statements",
            ));
        }
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
        let prepared = self
            .prepare(Statement::Query(Box::new(query.clone())), declared)
            .await?;
        self.statements.insert(name.to_owned(), Arc::new(prepared));
        Ok(())
    }

    async fn execute_named(&mut self, name: &str, arguments: &[ast::Expr]) -> Result<Answer> {
        let prepared = self.statement(name)?;
        let prepared = self.refresh(&prepared).await?;
        self.statements.insert(name.to_owned(), Arc::clone(&prepared));
        let values = self.arguments(name, arguments, &prepared.parameter_types()).await?;
        match &prepared.plan {
            Some(plan) => {
                let rows = self.rows(plan, values).await?;
                Ok(Answer::Rows(ResultSet::new(Kind::Select, rows)))
            }
            // PREPARE takes queries only; a statement of the protocol may be anything, and has no parameters then.
            None => match &prepared.statement {
                Some(statement) => Box::pin(self.utility(statement)).await,
                None => Ok(Answer::Done("SELECT 0".to_owned())),
            },
        }
    }

    /// The values of EXECUTE's arguments: expressions, each cast to its parameter's type.
    async fn arguments(&mut self, name: &str, arguments: &[ast::Expr], types: &[Type]) -> Result<Vec<ScalarValue>> {
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
        let mut rows = self
            .query_rows(&parsed_query(&format!("SELECT {}", casts.join(", ")))?)
            .await?;
        let row = rows
            .next(1)
            .await?
            .ok_or_else(|| Error::internal("EXECUTE's arguments gave no row"))?;
        row.columns()
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0).map_err(Error::internal))
            .collect()
    }

    async fn fetch(&mut self, name: &str, direction: Direction) -> Result<Answer> {
        let mut cursor = self.cursors.remove(name).ok_or_else(|| no_cursor(name))?;
        let fetched = match direction {
            Direction::Forward(count) if count > 0 => {
                let left = u64::try_from(count).unwrap_or(u64::MAX);
                return Ok(Answer::Rows(ResultSet::fetch(name.to_owned(), cursor, left)));
            }
            other => one_step(&mut cursor, other).await,
        };
        let schema = Arc::clone(cursor.schema());
        self.cursors.insert(name.to_owned(), cursor);
        let batch = fetched?.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(&schema)));
        let rows = Rows::of(batch.with_schema(schema).map_err(Error::internal)?);
        Ok(Answer::Rows(ResultSet::new(Kind::Fetch, rows)))
    }

    async fn move_cursor(&mut self, name: &str, direction: Direction) -> Result<Answer> {
        let mut cursor = self.cursors.remove(name).ok_or_else(|| no_cursor(name))?;
        let moved = async {
            let Direction::Forward(count) = direction else {
                return Ok(one_step(&mut cursor, direction)
                    .await?
                    .map_or(0, |batch| batch.num_rows() as u64));
            };
            let count = u64::try_from(count).unwrap_or(0);
            let mut moved = 0;
            while moved < count {
                match cursor.forward(count - moved).await? {
                    Some(batch) => moved += batch.num_rows() as u64,
                    None => break,
                }
            }
            Ok(moved)
        };
        let moved = moved.await;
        self.cursors.insert(name.to_owned(), cursor);
        Ok(Answer::Done(format!("MOVE {}", moved?)))
    }

    /// LOCK TABLE in a mode that readers take: the tables must exist.
    async fn lock(&mut self, tables: &[ast::ObjectName]) -> Result<()> {
        if !self.transaction.in_block() && !self.implicit_block {
            return Err(transaction::only_in_block("LOCK TABLE"));
        }
        let scope = self.scope().await?;
        for table in tables {
            Plan::new(&scope, parsed_query(&format!("SELECT * FROM {table}"))?, &[])?;
        }
        Ok(())
    }

    async fn explain(&mut self, options: &ExplainOptions, statement: &Statement) -> Result<Answer> {
        let scope = self.scope().await?;
        let how = Explain {
            analyze: options.analyze,
            json: options.format == ExplainFormat::Json,
        };
        let lines = match statement {
            Statement::Execute { name, arguments } => {
                let prepared = self.statement(name)?;
                let prepared = self.refresh(&prepared).await?;
                let values = self.arguments(name, arguments, &prepared.parameter_types()).await?;
                match &prepared.plan {
                    Some(plan) => explain(&scope, plan, values, how).await?,
                    None => vec!["Utility Statement".to_owned()],
                }
            }
            Statement::Query(query) => {
                let plan = Plan::new(&scope, query.as_ref(), &[])?;
                if plan.parameter_types().len() > 0 {
                    return Err(no_parameter(1));
                }
                explain(&scope, &plan, Vec::new(), how).await?
            }
            _ => vec!["Utility Statement".to_owned()],
        };
        let batch = text_batch(text_schema(&["QUERY PLAN"]), vec![lines])?;
        Ok(Answer::Rows(ResultSet::new(Kind::Explain, Rows::of(batch))))
    }

    fn statement(&self, name: &str) -> Result<Arc<Prepared>> {
        self.statements.get(name).cloned().ok_or_else(|| no_statement(name))
    }

    fn cursor(&self, name: &str) -> Result<&Cursor> {
        self.cursors.get(name).ok_or_else(|| no_cursor(name))
    }
}

/// FETCH in any direction but forward by a count: one row, none, or rows backwards.
async fn one_step(cursor: &mut Cursor, direction: Direction) -> Result<Option<RecordBatch>> {
    let row = |number: i64| u64::try_from(number).unwrap_or(0);
    match direction {
        Direction::Forward(_) | Direction::Relative(0) | Direction::Backward(0) => cursor.current(),
        Direction::Backward(count) => cursor.backward(row(count)).map(Some),
        Direction::Relative(by) => {
            let target = i64::try_from(cursor.position()).unwrap_or(i64::MAX).saturating_add(by);
            to_row(cursor, row(target)).await
        }
        Direction::Absolute(number) if number >= 0 => to_row(cursor, row(number)).await,
        Direction::Absolute(number) => {
            cursor.require_scroll()?;
            let end = i64::try_from(cursor.count().await?).unwrap_or(i64::MAX);
            to_row(cursor, row(end.saturating_add(number).saturating_add(1))).await
        }
    }
}

/// Moves to row `number` and gives it; 0 is before the first.
async fn to_row(cursor: &mut Cursor, number: u64) -> Result<Option<RecordBatch>> {
    match number.checked_sub(1) {
        None => cursor.seek(0).await.map(|()| None),
        Some(before) => {
            cursor.seek(before).await?;
            cursor.forward(1).await
        }
    }
}

/// A query of our own.
fn parsed_query(sql: &str) -> Result<ast::Statement> {
    match Statement::parse(Piece::whole(sql))? {
        Statement::Query(query) => Ok(*query),
        _ => Err(Error::internal(format!("not a query: {sql}"))),
    }
}

fn lower(ident: &ast::Ident) -> String {
    if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
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

/// COPY's options for the encoder: names become columns.
fn copy_options(options: &statement::CopyOptions, schema: &Schema) -> Result<CopyOptions> {
    let form = match options.format {
        CopyFormat::Text => CopyForm::Text {
            delimiter: options.delimiter,
            null: options.null.clone(),
        },
        CopyFormat::Binary => CopyForm::Binary,
        CopyFormat::Csv => CopyForm::Csv(CsvOptions {
            delimiter: options.delimiter,
            null: options.null.clone(),
            quote: options.quote,
            escape: options.escape,
            force_quote: force_quote(&options.force_quote, schema)?,
        }),
    };
    Ok(CopyOptions {
        form,
        header: options.header,
    })
}

fn force_quote(columns: &ForceQuote, schema: &Schema) -> Result<Vec<bool>> {
    let names = match columns {
        ForceQuote::None => return Ok(Vec::new()),
        ForceQuote::All => return Ok(vec![true; schema.fields().len()]),
        ForceQuote::Columns(names) => names,
    };
    if let Some(missing) = names.iter().find(|name| schema.index_of(name).is_err()) {
        let words = format!("column \"{missing}\" does not exist");
        return Err(Error::new(SqlState::UNDEFINED_COLUMN, words));
    }
    Ok(schema
        .fields()
        .iter()
        .map(|field| names.contains(field.name()))
        .collect())
}

pub fn no_statement(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_SQL_STATEMENT_NAME,
        format!("prepared statement \"{name}\" does not exist"),
    )
}

fn no_cursor(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_CURSOR_NAME,
        format!("cursor \"{name}\" does not exist"),
    )
}

/// A parameter in a statement that was given none.
pub fn no_parameter(number: usize) -> Error {
    Error::new(
        SqlState::UNDEFINED_PARAMETER,
        format!("there is no parameter ${number}"),
    )
}
