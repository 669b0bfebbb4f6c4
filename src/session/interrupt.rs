//! What may end a statement before its end: a CancelRequest, `statement_timeout`, a client that has gone, and whatever ends its
//! session: a token that has expired or was revoked, a server that stops.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::coop::unconstrained,
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

    /// When what began before must have ended. A server that stops, and whoever revokes a token, cancel what runs themselves.
    fn last(&self) -> Instant {
        self.expires_at + self.grace
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

/// What may end the statement that runs now.
#[derive(Debug, Clone)]
pub struct Interrupt {
    pub token: CancellationToken,
    pub deadline: Option<Instant>,
    pub ends: Arc<Ends>,
}

impl Interrupt {
    /// Fails once the statement is cancelled, its time is up, or its session must have ended.
    pub fn check(&self) -> Result<()> {
        let now = Instant::now();
        let words = if self.token.is_cancelled() {
            // Whoever ends the session ends what it runs: that is what the client is told, as at PostgreSQL's fast shutdown.
            self.ends.check()?;
            "canceling statement due to user request"
        } else if self.deadline.is_some_and(|deadline| now >= deadline) {
            "canceling statement due to statement timeout"
        } else if now >= self.ends.last() {
            return Err(expired());
        } else {
            return Ok(());
        };
        Err(Error::new(SqlState::QUERY_CANCELED, words))
    }

    /// Resolves with the reason once [`check`](Self::check) fails.
    async fn raised(&self) -> Error {
        let last = self.ends.last();
        let first = self.deadline.map_or(last, |deadline| deadline.min(last));
        loop {
            tokio::select! {
                () = self.token.cancelled() => {}
                () = sleep_until(first) => {}
            }
            if let Err(reason) = self.check() {
                return reason;
            }
        }
    }

    /// `work`'s result, unless the statement is interrupted first; then `work` is dropped, and with it what it runs. What
    /// has gathered and is wanted is sent while there is nothing to do but wait.
    pub async fn race<S, T>(
        &self,
        connection: &mut Connection<S>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T, Stop>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.check()?;
        tokio::select! {
            biased;
            // What is done at once waits for nothing, and sets no timer. What computes gives way only once it has used up its task's
            // budget: the others are heard without one.
            done = work => done.map_err(Stop::from),
            reason = unconstrained(self.raised()) => Err(reason.into()),
            gone = unconstrained(async {
                if connection.is_wanted
                    && let Err(error) = connection.flush().await
                {
                    return error;
                }
                connection.closed().await;
                io::ErrorKind::ConnectionReset.into()
            }) => Err(gone.into()),
        }
    }

    /// Sends what has gathered, unless the statement is interrupted first; what was not sent stays for the next flush.
    pub async fn flush<S>(&self, connection: &mut Connection<S>) -> Result<(), Stop>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.check()?;
        tokio::select! {
            biased;
            sent = connection.flush() => sent.map_err(Stop::from),
            reason = unconstrained(self.raised()) => Err(reason.into()),
        }
    }
}
