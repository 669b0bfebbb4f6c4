//! What may end a statement before its end: a CancelRequest, `statement_timeout`, a client that has gone.

use std::{future::Future, io};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use crate::{Error, Result, SqlState};

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

/// What may end the statement that runs now.
#[derive(Debug, Clone)]
pub struct Interrupt {
    pub token: CancellationToken,
    pub deadline: Option<Instant>,
}

impl Interrupt {
    /// Resolves with the reason once the statement is cancelled or its time is up.
    async fn raised(&self) -> Error {
        let timeout = async {
            match self.deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let words = tokio::select! {
            () = self.token.cancelled() => "canceling statement due to user request",
            () = timeout => "canceling statement due to statement timeout",
        };
        Error::new(SqlState::QUERY_CANCELED, words)
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
            () = async {
                if connection.flush().await.is_ok() {
                    connection.closed().await;
                }
            } => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
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
