//! A logged-in connection: simple and extended protocol, prepared statements, portals, settings, transaction state.

mod connection;
mod cursor;
mod extended;
mod interrupt;
mod kept;
mod portal;
mod rows;
mod send;
pub mod settings;
mod shared;
mod simple;
mod state;
mod take;
#[cfg(test)]
mod tests;
mod transaction;
mod utility;
mod written;

use std::{any::Any, io, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::SystemTime};

use futures::FutureExt;
use pgwire::messages::{
    PgWireFrontendMessage as Message,
    response::ReadyForQuery,
    startup::{BackendKeyData, ParameterStatus, SecretKey},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use self::{interrupt::Stop, state::Backend};
pub use connection::Connection;

use crate::{
    Error, Result, SqlState,
    edge::cancel::Registration,
    query::Engine,
    wire::{backend, frame::Frame, frontend},
};

/// What a session is made of, once its client is logged in.
#[derive(Debug)]
pub struct Admitted {
    pub engine: Arc<Engine>,
    pub user: String,
    pub database: String,
    /// Startup parameters, as sent.
    pub parameters: Vec<(String, String)>,
    /// When the token that let the client in runs out.
    pub expires_at: SystemTime,
    pub registration: Registration,
}

/// A session: its connection, and what it knows.
pub struct Session<S> {
    connection: Connection<S>,
    backend: Backend,
    /// After an error in the extended protocol, everything up to the next Sync is passed over.
    skip_to_sync: bool,
    /// Nothing has come since the client was told that it may go on.
    idle: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A session over `connection`, until `stop` is cancelled; fails where a startup parameter is not what PostgreSQL would take.
    pub fn new(
        connection: Connection<S>,
        admitted: Admitted,
        stop: CancellationToken,
    ) -> Result<Self, (Connection<S>, Error)> {
        match Backend::new(admitted, stop) {
            Ok(backend) => Ok(Session {
                connection,
                backend,
                skip_to_sync: false,
                idle: false,
            }),
            Err(error) => Err((connection, error.into_fatal())),
        }
    }

    /// Serves the client until it leaves, its token runs out, the server stops, or an error ends the session.
    pub async fn run(mut self) -> io::Result<()> {
        self.greet();
        // Waited for once: each message would set its timer anew, and tell all sessions' one token.
        let ends = Arc::clone(&self.backend.ends);
        let mut due = pin!(ends.due());
        loop {
            let message = tokio::select! {
                biased;
                message = self.connection.message() => message?,
                error = &mut due => return self.end(error).await,
                error = self.backend.idle_for_too_long(), if self.idle => return self.end(error).await,
            };
            self.idle = false;
            let frame = match message {
                None => return Ok(()),
                Some(Err(error)) => return self.end(error).await,
                Some(Ok(frame)) => frame,
            };
            if frame.tag == b'X' {
                return Ok(());
            }
            if self.skip_to_sync && frame.tag != b'S' {
                continue;
            }
            let extended = matches!(frame.tag, b'P' | b'B' | b'D' | b'E' | b'C' | b'H');
            // A panic is a bug of ours; it ends the statement, not the session, and never another one.
            let answered = AssertUnwindSafe(self.answer_to(frame)).catch_unwind().await;
            self.backend.end_statement();
            match answered.unwrap_or_else(|panic| Err(panicked(&*panic).into())) {
                Ok(()) => {}
                Err(Stop::Io(error)) => return Err(error),
                Err(Stop::Error(error)) if error.is_fatal() => return self.end(error).await,
                Err(Stop::Error(error)) => {
                    self.fail(&error);
                    if extended {
                        self.skip_to_sync = true
                    } else {
                        // So it is behind a malformed Sync, which must not leave all that follows skipped.
                        self.skip_to_sync = false;
                        self.ready()
                    }
                }
            }
        }
    }

    async fn answer_to(&mut self, frame: Frame) -> Result<(), Stop> {
        self.backend.ends.check()?;
        // On the heap while it lasts: an idle session does not carry the room that a statement takes, nor does a message that has none.
        match frontend::decode(frame)? {
            Message::Query(query) => Box::pin(self.simple_query(query.query)).await,
            Message::Parse(parse) => Box::pin(self.parse(parse)).await,
            Message::Bind(bind) => Box::pin(self.bind(bind)).await,
            Message::Describe(describe) => self.describe(describe),
            Message::Execute(execute) => Box::pin(self.execute(execute)).await,
            Message::Close(close) => {
                self.close(&close);
                Ok(())
            }
            Message::Flush(_) => tokio::select! {
                sent = self.connection.flush() => Ok(sent?),
                error = self.backend.ends.due() => Err(error.into()),
            },
            Message::Sync(_) => {
                self.sync();
                Ok(())
            }
            // No COPY FROM is ever under way; PostgreSQL passes over its messages as well.
            _ => Ok(()),
        }
    }

    /// What a client is told first: its settings, its cancel key, and that it may go on.
    fn greet(&mut self) {
        self.report_settings();
        let registration = &self.backend.registration;
        let secret = match <[u8; 4]>::try_from(registration.secret.as_ref()) {
            Ok(secret) => SecretKey::I32(i32::from_be_bytes(secret)),
            Err(_) => SecretKey::Bytes(registration.secret.clone()),
        };
        backend::put(&mut self.connection.out, &BackendKeyData::new(registration.pid, secret));
        self.ready();
    }

    /// ReadyForQuery, and before it what changed of the settings that clients are told of.
    fn ready(&mut self) {
        self.report_settings();
        backend::put(
            &mut self.connection.out,
            &ReadyForQuery::new(self.backend.transaction.status()),
        );
        self.idle = true;
    }

    fn report_settings(&mut self) {
        for (name, value) in self.backend.settings.lock().take_reports() {
            backend::put(&mut self.connection.out, &ParameterStatus::new(name.to_owned(), value));
        }
    }

    /// Tells the client of an error that its session survives.
    fn fail(&mut self, error: &Error) {
        if error.code() == SqlState::INTERNAL_ERROR {
            tracing::error!(cluster = %self.backend.engine.cluster(), ?error, "a statement failed");
        }
        self.put_warnings();
        backend::put_error(&mut self.connection.out, error);
        self.backend.fail();
    }

    /// Tells the client why its session ends, and ends it.
    async fn end(mut self, error: Error) -> io::Result<()> {
        tracing::debug!(cluster = %self.backend.engine.cluster(), ?error, "a session ends");
        backend::put_error(&mut self.connection.out, &error.into_fatal());
        self.connection.close().await;
        Ok(())
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::internal(format!("panic: {}", panic_words(panic)))
}

/// What a panic said.
pub(crate) fn panic_words(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<&str>().copied();
    words
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or_default()
}
