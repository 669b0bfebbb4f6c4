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
    query::statement::{Statement, split},
    wire::{backend, encode::Format, params::decode_parameter_in, types},
};

/// What the decoder says of a binary value of the wrong length.
const BAD_BINARY: &str = "incorrect binary data format in bind parameter";

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn parse(&mut self, message: Parse) -> Result<(), Stop> {
        let name = message.name.unwrap_or_default();
        if !name.is_empty() {
            if self.backend.statements.contains_key(&name) {
                let words = format!("prepared statement \"{name}\" already exists");
                return Err(Error::new(SqlState::DUPLICATE_PREPARED_STATEMENT, words).into());
            }
            check_limit(
                self.backend.statements.len(),
                limits::PREPARED_STATEMENTS_MAX,
                "prepared statements",
            )?;
        } else {
            self.backend.statements.remove("");
        }
        let declared = message
            .type_oids
            .into_iter()
            .map(declared_type)
            .collect::<Result<Vec<_>>>()?;
        let pieces = split(&message.query)?;
        let statement = match pieces.as_slice() {
            [] => None,
            [piece] => Some(Statement::parse(*piece)?),
            _ => {
                let words = "cannot insert multiple commands into a prepared statement";
                return Err(Error::new(SqlState::SYNTAX_ERROR, words).into());
            }
        };
        let prepared = match statement {
            None => Prepared::empty(),
            Some(statement) => {
                self.backend.check_transaction(&statement)?;
                let interrupt = self.backend.begin_statement();
                interrupt
                    .race(&mut self.connection, self.backend.prepare(statement, declared))
                    .await?
            }
        };
        self.backend.statements.insert(name, Arc::new(prepared));
        backend::put(&mut self.connection.out, &ParseComplete::new());
        Ok(())
    }

    pub(super) async fn bind(&mut self, message: Bind) -> Result<(), Stop> {
        let (portal_name, statement_name) = (
            message.portal_name.unwrap_or_default(),
            message.statement_name.unwrap_or_default(),
        );
        let prepared = Arc::clone(self.statement(&statement_name)?);
        if let Some(statement) = &prepared.statement {
            self.backend.check_transaction(statement)?;
        }
        if !portal_name.is_empty() {
            if self.backend.portals.contains_key(&portal_name) || self.backend.cursors.contains_key(&portal_name) {
                let words = format!("cursor \"{portal_name}\" already exists");
                return Err(Error::new(SqlState::DUPLICATE_CURSOR, words).into());
            }
            check_limit(self.backend.portals.len(), limits::PORTALS_MAX, "portals")?;
        }
        let prepared = {
            let interrupt = self.backend.begin_statement();
            interrupt
                .race(&mut self.connection, self.backend.refresh(&prepared))
                .await?
        };
        let types = prepared.parameter_types();
        let (given, formats) = (message.parameters.len(), formats(&message.parameter_format_codes)?);
        if given != types.len() {
            let words = format!(
                "bind message supplies {given} parameters, but prepared statement \"{statement_name}\" requires {}",
                types.len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, words).into());
        }
        if formats.len() > 1 && formats.len() != given {
            let words = format!(
                "bind message has {} parameter formats but {given} parameters",
                formats.len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, words).into());
        }
        let zone = self.backend.settings.style().zone;
        let values = message
            .parameters
            .iter()
            .zip(&types)
            .enumerate()
            .map(|(index, (value, ty))| {
                decode_parameter_in(ty, format_of(&formats, index), value.as_deref(), &zone)
                    .map_err(|error| of_parameter(error, index + 1))
            })
            .collect::<Result<Vec<_>>>()?;
        let formats = self::formats(&message.result_column_format_codes)?;
        let portal = Portal {
            prepared: Arc::clone(&prepared),
            values,
            formats,
            state: State::Bound,
        };
        if let Some(columns) = self
            .backend
            .describe(&portal.prepared)?
            .map(|schema| schema.fields().len())
            && portal.formats.len() > 1
            && portal.formats.len() != columns
        {
            let words = format!(
                "bind message has {} result formats but query has {columns} columns",
                portal.formats.len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, words).into());
        }
        self.backend
            .statements
            .entry(statement_name)
            .and_modify(|known| *known = prepared);
        if let Some(replaced) = self.backend.portals.insert(portal_name, portal) {
            self.backend.release(replaced.state);
        }
        backend::put(&mut self.connection.out, &BindComplete::new());
        Ok(())
    }

    pub(super) async fn describe(&mut self, message: Describe) -> Result<(), Stop> {
        let name = message.name.unwrap_or_default();
        let (prepared, formats) = match message.target_type {
            b'S' => (Arc::clone(self.statement(&name)?), Vec::new()),
            _ => {
                let portal = self.backend.portals.get(&name).ok_or_else(|| no_portal(&name))?;
                (Arc::clone(&portal.prepared), portal.formats.clone())
            }
        };
        if message.target_type == b'S' {
            let oids = prepared.parameter_types().iter().map(Type::oid).collect();
            backend::put(&mut self.connection.out, &ParameterDescription::new(oids));
        }
        let schema = self.backend.describe(&prepared)?;
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
        let portal = self.backend.portals.get_mut(&name).ok_or_else(|| no_portal(&name))?;
        let prepared = Arc::clone(&portal.prepared);
        let formats = portal.formats.clone();
        let state = std::mem::replace(&mut portal.state, State::Done);
        let values = match state {
            State::Bound => std::mem::take(&mut portal.values),
            _ => Vec::new(),
        };
        let Some(statement) = &prepared.statement else {
            backend::put(&mut self.connection.out, &EmptyQueryResponse::new());
            return Ok(());
        };
        self.backend.check_transaction(statement)?;
        self.backend.implicit_block = false;
        let interrupt = self.backend.begin_statement();
        let mut result = match state {
            State::Open(result) => result,
            State::Done if prepared.plan.is_some() => {
                // A portal that has given all its rows gives none more.
                self.complete("SELECT 0");
                return Ok(());
            }
            State::Done => {
                let words = format!("portal \"{name}\" cannot be run");
                return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, words).into());
            }
            State::Bound => {
                match interrupt
                    .race(&mut self.connection, self.backend.answer(&prepared, values))
                    .await?
                {
                    Answer::Rows(result) => result,
                    Answer::Copy(rows, options) => return self.send_copy(rows, options, &interrupt).await,
                    Answer::Done(tag) => {
                        self.complete(&tag);
                        return Ok(());
                    }
                }
            }
        };
        let sent = self.send_rows(&mut result, &formats, rows_max, &interrupt).await;
        let kind = result.kind;
        let more = matches!(sent, Ok((_, true)));
        match self.backend.portals.get_mut(&name) {
            Some(portal) if more => portal.state = State::Open(result),
            _ => self.backend.release(State::Open(result)),
        }
        let (rows, _) = sent?;
        if more {
            backend::put(&mut self.connection.out, &PortalSuspended::new());
        } else {
            self.complete(&kind.tag(rows));
        }
        Ok(())
    }

    pub(super) fn close(&mut self, message: &Close) {
        let name = message.name.as_deref().unwrap_or_default();
        if message.target_type == b'S' {
            self.backend.statements.remove(name);
        } else if let Some(portal) = self.backend.portals.remove(name) {
            self.backend.release(portal.state);
        } else {
            // A cursor is a portal that SQL opened.
            self.backend.cursors.remove(name);
        }
        backend::put(&mut self.connection.out, &CloseComplete::new());
    }

    pub(super) fn sync(&mut self) {
        self.skip_to_sync = false;
        if !self.backend.transaction.in_block() {
            self.backend.end_transaction(true);
        }
        self.ready();
    }

    fn statement(&self, name: &str) -> Result<&Arc<Prepared>> {
        self.backend.statements.get(name).ok_or_else(|| match name {
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

fn check_limit(count: usize, max: usize, what: &str) -> Result<()> {
    if count < max {
        return Ok(());
    }
    Err(
        Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, format!("too many {what}"))
            .with_detail(format!("A session can have {max}.")),
    )
}

/// The type that a client declared for a parameter; 0 leaves it open.
fn declared_type(oid: u32) -> Result<Option<Type>> {
    if oid == 0 {
        return Ok(None);
    }
    match Type::from_oid(oid).filter(|ty| types::arrow_type(ty).is_some()) {
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
