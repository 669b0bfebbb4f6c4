//! What a runtime's failures mean in PostgreSQL's words. The HTTP status says little (up to 1.7.0 every error is a 500, later still
//! most), so the [`text`] decides. Never says to a client where a cluster is, and never to the log what a statement held.

mod text;

use std::time::Duration;

use hyper::StatusCode;

use super::pool::Unanswered;
use crate::{Error, SqlState, error::causes};

/// A longer `Retry-After` is not waited for: the client is told instead.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);

/// A failure, and whether the same request may succeed a moment later.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) retry: Retry,
}

/// When to ask again. Every request only reads, so asking again is always safe before the first row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Never: the answer would be the same.
    No,
    /// Once: the connection may have been closed while it was idle, or by this very request.
    Once,
    /// Until the budget ends: a node starts.
    Backoff,
    /// A few times: another node may take over from one that died; or the statement fails there whenever it runs.
    Seldom,
    /// After a pause that the runtime asked for.
    After(Duration),
}

impl Failure {
    /// A failure that asking again would not cure.
    pub(super) fn lasting(error: Error) -> Self {
        Failure {
            error,
            retry: Retry::No,
        }
    }
}

/// The cluster accepted the request and then said nothing.
pub(super) fn silent() -> Error {
    Error::new(SqlState::CONNECTION_FAILURE, "cluster does not answer")
}

/// Something answered that does not speak as a runtime does.
pub(super) fn not_a_runtime(log: &str) -> Error {
    Error::new(
        SqlState::CONNECTION_FAILURE,
        "cluster did not answer as a Restate runtime does",
    )
    .with_log(log)
}

/// A reply that broke off; the runtime then has no way to say why. Before the first row another attempt may go through: a node that
/// dies cuts its replies.
pub(super) fn broken_off(log: String) -> Failure {
    let error = Error::new(SqlState::CONNECTION_FAILURE, "cluster ended the result early")
        .with_detail("The rows received so far are incomplete; the cluster does not say why it stopped.");
    Failure {
        error: error.with_log(log),
        retry: Retry::Seldom,
    }
}

/// A reply that does not inflate.
pub(super) fn not_zstd(error: std::io::Error) -> Failure {
    Failure::lasting(not_a_runtime(&format!("malformed zstd: {error}")))
}

/// A refusal of a statement that was sent as its client typed it.
pub(super) fn of_typed(error: Error) -> Error {
    let of_its_text = ["42", "0A", "XX"]
        .iter()
        .any(|class| error.code().code().starts_with(class));
    match error.hint() {
        None if of_its_text => {
            error.with_hint("The cluster refused the statement as typed. SET restate.route = auto may run it.")
        }
        _ => error,
    }
}

/// No whole response arrived.
pub(super) fn from_transport(error: &Unanswered) -> Failure {
    let error = match error {
        Unanswered::Unreachable(error) => {
            return Failure::lasting(
                Error::new(SqlState::CONNECTION_FAILURE, "cluster is not reachable").with_log(causes(error.as_ref())),
            );
        }
        Unanswered::Ended(error) => error,
    };
    // A panic in the runtime's handler looks just like this, and so does a connection that was closed while it was idle.
    let error = Error::new(
        SqlState::INTERNAL_ERROR,
        "cluster closed the connection without an answer",
    )
    .with_log(causes(error));
    Failure {
        error,
        retry: Retry::Once,
    }
}

/// A response that is not a result.
pub(super) fn from_response(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Failure {
    let log = format!("HTTP status {}", status.as_u16());
    if status == StatusCode::TOO_MANY_REQUESTS {
        return too_many_requests(retry_after, body, log);
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let error = Error::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            "statement is too long for the cluster",
        );
        return Failure::lasting(error.with_log(log));
    }
    #[derive(serde::Deserialize)]
    struct Message {
        message: String,
    }
    match serde_json::from_slice::<Message>(body) {
        Ok(Message { message }) => text::failure(&message, log),
        // What stands between us and the runtime speaks like this while the runtime restarts.
        Err(_) if matches!(status.as_u16(), 502..=504) => Failure {
            error: Error::new(SqlState::CANNOT_CONNECT_NOW, "cluster is not ready").with_log(log),
            retry: Retry::Backoff,
        },
        Err(_) => Failure::lasting(not_a_runtime(&log)),
    }
}

/// The rate limiter sends a text and a pause to make; the load shedder neither.
fn too_many_requests(retry_after: Option<Duration>, body: &[u8], log: String) -> Failure {
    let error = if body.is_empty() {
        Error::new(
            SqlState::TOO_MANY_CONNECTIONS,
            "cluster has too many requests in progress",
        )
    } else {
        Error::new(
            SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            "cluster limits the rate of queries",
        )
    };
    let error = error.with_hint("Try again later.").with_log(log);
    match retry_after {
        Some(pause) if pause <= RETRY_AFTER_MAX => Failure {
            error,
            retry: Retry::After(pause),
        },
        _ => Failure::lasting(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_never_holds_what_a_statement_held() {
        let body =
            br#"{"message":"Datafusion error: Arrow error: Cast error: Cannot cast string 'secret' to value of Int32 type"}"#;
        let error = from_response(StatusCode::INTERNAL_SERVER_ERROR, None, body).error;
        assert_eq!(error.log(), Some("HTTP status 500"));
    }

    #[test]
    fn a_status_alone_says_what_it_can() {
        let of = |status, body: &[u8]| from_response(StatusCode::from_u16(status).unwrap(), None, body);
        assert_eq!(
            of(413, b"length limit exceeded").error.code(),
            SqlState::PROGRAM_LIMIT_EXCEEDED
        );
        assert_eq!(of(503, b"<html>").retry, Retry::Backoff);
        assert_eq!(of(500, b"<html>").error.code(), SqlState::CONNECTION_FAILURE);
        assert_eq!(of(429, b"").error.code(), SqlState::TOO_MANY_CONNECTIONS);
        assert_eq!(
            of(429, b"{\"message\":\"Rate limited\"}").error.code(),
            SqlState::CONFIGURATION_LIMIT_EXCEEDED
        );
    }
}
