//! What may end a statement before its end: a CancelRequest, `statement_timeout`, a client that has gone, and whatever ends its
//! session: a token that has expired or was revoked, a server that stops.

use std::{
    future::{self, Future},
    io,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use crate::{Error, Result, SqlState, limits};

/// Why a statement, or the whole session, cannot go on.
#[derive(Debug)]
pub enum Stop {
    /// The client is told; whether the session goes on is the error's severity.
    Error(Error),
    /// There is nobody to tell.
    Io(io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Io(error)
    }
}

/// What ends a session, whatever its client does. Between statements it ends at once; a statement that runs when the token
/// expires has a grace.
#[derive(Debug)]
pub struct Ends {
    expires_at: Instant,
    /// Its token was revoked.
    revoked: CancellationToken,
    stop: CancellationToken,
    grace: Duration,
}

impl Ends {
    pub fn new(expires_at: Instant, revoked: CancellationToken, stop: CancellationToken) -> Self {
        Ends {
            expires_at,
            revoked,
            stop,
            grace: limits::LAST_STATEMENT_GRACE,
        }
    }

    #[cfg(test)]
    pub fn with_grace(self, grace: Duration) -> Self {
        Ends { grace, ..self }
    }

    /// Fails where nothing new may begin.
    pub fn check(&self) -> Result<()> {
        if Instant::now() >= self.expires_at {
            Err(expired())
        } else if self.revoked.is_cancelled() {
            Err(revoked())
        } else if self.stop.is_cancelled() {
            Err(shutting_down())
        } else {
            Ok(())
        }
    }

    /// Resolves with the reason once nothing new may begin.
    pub async fn due(&self) -> Error {
        tokio::select! {
            () = sleep_until(self.expires_at) => expired(),
            () = self.revoked.cancelled() => revoked(),
            () = self.stop.cancelled() => shutting_down(),
        }
    }

    /// Resolves with the reason once what began before must have ended. A server that stops, and whoever revokes a token, cancel what
    /// runs themselves.
    async fn overdue(&self) -> Error {
        sleep_until(self.expires_at + self.grace).await;
        expired()
    }
}

fn expired() -> Error {
    Error::fatal(SqlState::INVALID_AUTHORIZATION, "authentication expired").with_hint("Reconnect with a new token.")
}

fn revoked() -> Error {
    Error::fatal(SqlState::INVALID_AUTHORIZATION, "authentication revoked")
}

fn shutting_down() -> Error {
    Error::fatal(
        SqlState::ADMIN_SHUTDOWN,
        "terminating connection due to administrator command",
    )
}

fn timed_out() -> Error {
    Error::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout")
}

/// What may end the statement that runs now.
#[derive(Debug, Clone)]
pub struct Interrupt {
    pub token: CancellationToken,
    pub deadline: Option<Instant>,
    pub ends: Arc<Ends>,
}

impl Interrupt {
    /// Fails once the statement is cancelled or its time is up.
    pub fn check(&self) -> Result<()> {
        if self.token.is_cancelled() {
            Err(self.cancelled())
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Err(timed_out())
        } else {
            Ok(())
        }
    }

    fn cancelled(&self) -> Error {
        match self.ends.check() {
            Ok(()) => Error::new(SqlState::QUERY_CANCELED, "canceling statement due to user request"),
            // Whoever ends the session ends what it runs: that is what the client is told, as at PostgreSQL's fast shutdown.
            Err(ended) => ended,
        }
    }

    /// Resolves with the reason once the statement is cancelled, its time is up, or its session ends.
    async fn raised(&self) -> Error {
        let timeout = async {
            match self.deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            () = self.token.cancelled() => self.cancelled(),
            () = timeout => timed_out(),
            error = self.ends.overdue() => error,
        }
    }

    /// `work`'s result, unless the statement is interrupted first; then `work` is dropped, and with it what it runs. What
    /// has gathered is sent while there is nothing to do but wait.
    pub async fn race<S, T>(
        &self,
        connection: &mut Connection<S>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T, Stop>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::select! {
            biased;
            reason = self.raised() => Err(reason.into()),
            done = work => done.map_err(Stop::from),
            gone = async {
                match connection.flush().await {
                    Ok(()) => connection.closed().await,
                    Err(error) => return error,
                }
                io::ErrorKind::ConnectionReset.into()
            } => Err(gone.into()),
        }
    }

    /// Sends what has gathered, unless the statement is interrupted first; what was not sent stays for the next flush.
    pub async fn flush<S>(&self, connection: &mut Connection<S>) -> Result<(), Stop>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::select! {
            biased;
            reason = self.raised() => Err(reason.into()),
            sent = connection.flush() => sent.map_err(Stop::from),
        }
    }
}
