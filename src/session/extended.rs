//! The extended query protocol: Parse, Bind, Describe, Execute, Close, Sync.

use std::sync::Arc;

use pgwire::messages::{
    data::ParameterDescription,
    extendedquery::{
        Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete, PortalSuspended,
    },
    response::EmptyQueryResponse,
};
use postgres_types::Type;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Session,
    interrupt::Stop,
    portal::{Portal, Prepared, State},
    state::Answer,
};
use crate::{
    Error, Result, SqlState, limits,
    query::statement::{Modes, Parsed, parse_text},
    wire::{backend, encode::Format, params::decode_parameter_in, types},
};

/// What the decoder says of a binary value of the wrong length.
const BAD_BINARY: &str = "incorrect binary data format in bind parameter";

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn parse(&mut self, message: Parse) -> Result<(), Stop> {
        let name = message.name.unwrap_or_default();
        if name.is_empty() {
            self.backend.statements.remove("");
        }
        let mut statements = self.statements_of(message.query).await?;
        let statement = statements.pop();
        if !statements.is_empty() {
            let words = "cannot insert multiple commands into a prepared statement";
            return Err(Error::new(SqlState::SYNTAX_ERROR, words).into());
        }
        let prepared = match statement {
            None => Prepared::empty(),
            Some((statement, text_size)) => {
                self.backend.check_transaction(statement.as_deref().ok())?;
                let declared = message.type_oids.into_iter().map(declared_type);
                let declared = declared.collect::<Result<Vec<_>>>()?;
                let interrupt = self.backend.begin_statement();
                interrupt
                    .race(
                        &mut self.connection,
                        self.backend.prepare(statement?, text_size, declared),
                    )
                    .await?
            }
        };
        self.backend.keep_statement(name, prepared)?;
        backend::put(&mut self.connection.out, &ParseComplete::new());
        Ok(())
    }

    /// The statements of a text; those of a long one are found while the client may still cancel it.
    pub(super) async fn statements_of(&mut self, sql: String) -> Result<Vec<Parsed>, Stop> {
        if sql.len() <= limits::PARSED_HERE_TEXT_MAX {
            return Ok(self.backend.engine.texts.parsed(sql)?);
        }
        let interrupt = self.backend.begin_statement();
        let engine = Arc::clone(&self.backend.engine);
        let parsed = async { engine.away(move || parse_text(&sql)).await? };
        interrupt.race(&mut self.connection, parsed).await
    }

    pub(super) async fn bind(&mut self, message: Bind) -> Result<(), Stop> {
        let (portal_name, statement_name) = (
            message.portal_name.unwrap_or_default(),
            message.statement_name.unwrap_or_default(),
        );
        let prepared = Arc::clone(self.statement(&statement_name)?);
        let parameter_formats = formats(&message.parameter_format_codes)?;
        let given = message.parameters.len();
        if parameter_formats.len() > 1 && parameter_formats.len() != given {
            let words = format!(
                "bind message has {} parameter formats but {given} parameters",
                parameter_formats.len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, words).into());
        }
        let types = prepared.parameter_types();
        if given != types.len() {
            let words = format!(
                "bind message supplies {given} parameters, but prepared statement \"{statement_name}\" requires {}",
                types.len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, words).into());
        }
        self.backend.check_transaction(prepared.statement.as_deref())?;
        if !portal_name.is_empty() {
            self.backend.check_portal_name(&portal_name)?;
        }
        let zone = self.backend.settings.heeded().style.zone;
        let values = message
            .parameters
            .iter()
            .zip(&types)
            .enumerate()
            .map(|(index, (value, ty))| {
                decode_parameter_in(ty, format_of(&parameter_formats, index), value.as_deref(), &zone)
                    .map_err(|error| of_parameter(error, index + 1))
            })
            .collect::<Result<Vec<_>>>()?;
        let formats = formats(&message.result_column_format_codes)?;
        let interrupt = self.backend.begin_statement();
        let prepared = interrupt
            .race(&mut self.connection, self.backend.refresh(&prepared))
            .await?;
        let share = self.backend.portal_share(&portal_name, &prepared, &values)?;
        let portal = Portal {
            formats,
            ..self.backend.portal(&prepared, State::Bound(values), share)
        };
        if let Some(columns) = portal.schema.as_ref().map(|schema| schema.fields().len())
            && portal.formats.len() > 1
            && portal.formats.len() != columns
        {
            let words = format!(
                "bind message has {} result formats but query has {columns} columns",
                portal.formats.len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, words).into());
        }
        self.backend.renew_statement(&statement_name, &prepared);
        self.backend.portals.insert(portal_name, portal);
        backend::put(&mut self.connection.out, &BindComplete::new());
        Ok(())
    }

    pub(super) fn describe(&mut self, message: Describe) -> Result<(), Stop> {
        let name = message.name.unwrap_or_default();
        let (schema, formats, oids) = match message.target_type {
            b'S' => {
                let prepared = Arc::clone(self.statement(&name)?);
                let oids: Vec<u32> = prepared.parameter_types().iter().map(Type::oid).collect();
                (self.backend.describe(&prepared), Vec::new(), Some(oids))
            }
            _ => {
                let portal = self.backend.portals.get(&name).ok_or_else(|| no_portal(&name))?;
                (portal.schema.clone(), portal.formats.clone(), None)
            }
        };
        // What gives no rows can be described all the same.
        if schema.is_some() {
            self.backend.check_transaction(None)?;
        }
        if let Some(oids) = oids {
            backend::put(&mut self.connection.out, &ParameterDescription::new(oids));
        }
        self.put_description(schema.as_deref(), &formats);
        Ok(())
    }

    pub(super) async fn execute(&mut self, message: Execute) -> Result<(), Stop> {
        let name = message.name.unwrap_or_default();
        // Zero and below are no limit, as in PostgreSQL.
        let rows_max = u64::try_from(message.max_rows)
            .ok()
            .filter(|rows| *rows > 0)
            .unwrap_or(u64::MAX);
        let portal = self.backend.portals.get(&name).ok_or_else(|| no_portal(&name))?;
        let (prepared, formats) = (Arc::clone(&portal.prepared), portal.formats.clone());
        let Some(statement) = &prepared.statement else {
            backend::put(&mut self.connection.out, &EmptyQueryResponse::new());
            return Ok(());
        };
        self.backend.check_transaction(Some(statement))?;
        self.backend.implicit_block = false;
        // Up to Sync all is one transaction, which an error undoes.
        self.backend.settings.begin(&Modes::default());
        let interrupt = self.backend.begin_statement();
        let answer = interrupt.race(&mut self.connection, self.backend.open(&name)).await?;
        match answer {
            Answer::Rows(mut result) => {
                let (rows, more) = self.send_rows(&mut result, &formats, rows_max, &interrupt).await?;
                if more {
                    self.backend.busy = None;
                    backend::put(&mut self.connection.out, &PortalSuspended::new());
                } else {
                    self.complete(&result.kind.tag(rows));
                }
            }
            Answer::Copy(rows, options) => Box::pin(self.send_copy(rows, options, &interrupt)).await?,
            Answer::Done(tag) => self.complete(&tag),
        }
        Ok(())
    }

    pub(super) fn close(&mut self, message: &Close) {
        let name = message.name.as_deref().unwrap_or_default();
        if message.target_type == b'S' {
            self.backend.statements.remove(name);
        } else {
            self.backend.portals.remove(name);
        }
        backend::put(&mut self.connection.out, &CloseComplete::new());
    }

    pub(super) fn sync(&mut self) {
        self.skip_to_sync = false;
        if !self.backend.transaction.in_block() {
            self.backend.settings.lock().commit();
            self.backend.end_transaction(true);
        }
        self.ready();
    }

    fn statement(&self, name: &str) -> Result<&Arc<Prepared>> {
        let named = self.backend.statements.get(name).map(|(prepared, _)| prepared);
        named.ok_or_else(|| match name {
            "" => Error::new(
                SqlState::INVALID_SQL_STATEMENT_NAME,
                "unnamed prepared statement does not exist",
            ),
            name => super::utility::no_statement(name),
        })
    }
}

/// PostgreSQL says which parameter's bytes are bad; the decoder does not know the number.
fn of_parameter(error: Error, number: usize) -> Error {
    if error.code() == SqlState::INVALID_BINARY_REPRESENTATION && error.message() == BAD_BINARY {
        Error::new(error.code(), format!("{BAD_BINARY} {number}"))
    } else {
        error
    }
}

fn no_portal(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_CURSOR_NAME,
        format!("portal \"{name}\" does not exist"),
    )
}

/// The type that a client declared for a parameter; 0 leaves it open.
fn declared_type(oid: u32) -> Result<Option<Type>> {
    if oid == 0 {
        return Ok(None);
    }
    match Type::from_oid(oid).filter(|ty| *ty == Type::VOID || types::arrow_type(ty).is_some()) {
        Some(ty) => Ok(Some(ty)),
        None => Err(Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("could not determine data type of OID {oid}"),
        )),
    }
}

fn formats(codes: &[i16]) -> Result<Vec<Format>> {
    codes
        .iter()
        .map(|code| {
            Format::from_code(*code).ok_or_else(|| {
                Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("unsupported format code: {code}"),
                )
            })
        })
        .collect()
}

/// The format of item `index`: none given is text for all, one given is for all.
fn format_of(formats: &[Format], index: usize) -> Format {
    match formats {
        [] => Format::Text,
        [one] => *one,
        several => several.get(index).copied().unwrap_or(Format::Text),
    }
}
