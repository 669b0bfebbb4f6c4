//! Why a token was refused: a reason for logs and metrics, and the one answer that every refused client reads.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::{Error, SqlState};

/// What was wrong, as a fixed word: fit for a log line and a metric's label, for nothing of the token is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Longer than [`crate::limits::TOKEN_SIZE_MAX`].
    TooLarge,
    /// Not three parts of canonical base64url, not JSON objects, a key twice, `crit`, `b64`, a foreign `typ`.
    Malformed,
    /// `iss` is absent or not one of the configured issuers.
    UnknownIssuer,
    /// `alg` is not asymmetric, not allowed for the issuer, or not what the key is for.
    Algorithm,
    /// No usable key has the token's `kid`; or it has none, and the issuer has not exactly one key.
    UnknownKey,
    /// The issuer's keys could not be had, now or within the stale window.
    KeysUnavailable,
    /// The signature does not verify.
    Signature,
    /// A claim that must be there is not, or has another type than RFC 7519 gives it.
    Claims,
    /// `aud` does not contain the configured audience.
    Audience,
    /// The user is no cluster name, or the cluster claim does not contain it.
    Cluster,
    /// `nbf` or `iat` lies in the future by more than the leeway.
    NotYetValid,
    /// `exp` is further away than [`crate::limits::TOKEN_LIFETIME_MAX`].
    Lifetime,
    /// It has no `jti`, and its issuer has a list of revoked tokens.
    NoId,
    /// Its `jti` is in the issuer's list of revoked tokens.
    Revoked,
    /// `exp` has passed, and nothing else is wrong.
    Expired,
}

impl Reason {
    /// The word for it, stable, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::TooLarge => "too_large",
            Reason::Malformed => "malformed",
            Reason::UnknownIssuer => "unknown_issuer",
            Reason::Algorithm => "algorithm",
            Reason::UnknownKey => "unknown_key",
            Reason::KeysUnavailable => "keys_unavailable",
            Reason::Signature => "signature",
            Reason::Claims => "claims",
            Reason::Audience => "audience",
            Reason::Cluster => "cluster",
            Reason::NotYetValid => "not_yet_valid",
            Reason::Lifetime => "lifetime",
            Reason::NoId => "no_id",
            Reason::Revoked => "revoked",
            Reason::Expired => "expired",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// When the token expired. There only when everything else about it was verified, so that telling the client gives
    /// nothing away.
    pub expired_at: Option<SystemTime>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Refusal {
            reason,
            expired_at: None,
        }
    }
}

impl Refusal {
    /// What the client reads: PostgreSQL's own words for a wrong password, for BI tools match them. `user` is as the
    /// client gave it.
    pub fn to_error(self, user: &str) -> Error {
        let message = format!("password authentication failed for user \"{}\"", printable_user(user));
        let error = Error::fatal(SqlState::INVALID_PASSWORD, message).with_log(self.reason.as_str());
        match self.expired_at.and_then(rfc3339) {
            Some(time) => error.with_hint(format!("The token expired at {time}.")),
            None => error,
        }
    }
}

/// A user name fit for one line of a message or a log: cut to 63 bytes as PostgreSQL does (NAMEDATALEN - 1), with bytes
/// that control a terminal or the direction of writing shown as `\xNN`.
pub fn printable_user(user: &str) -> String {
    let mut shown = String::new();
    for (start, character) in user.char_indices() {
        if start + character.len_utf8() > 63 {
            break;
        }
        if character.is_control() || is_invisible(character) {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                shown.push_str(&format!("\\x{byte:02x}"));
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Characters that reorder or hide their neighbours: Unicode's bidirectional controls, zero-width and line separators.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// `2026-11-24T10:18:11Z`. None for a time that has no such form.
fn rfc3339(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let time = DateTime::<Utc>::from_timestamp(i64::try_from(seconds).ok()?, 0)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_refusal_reads_the_same_but_an_expired_one() {
        let error = Refusal::from(Reason::Cluster).to_error("demo");
        assert_eq!(
            error.to_string(),
            "FATAL: password authentication failed for user \"demo\" (28P01)"
        );
        assert_eq!((error.hint(), error.log()), (None, Some("cluster")));

        let expired_at = UNIX_EPOCH + Duration::from_millis(1_800_000_000_500);
        let error = Refusal {
            reason: Reason::Expired,
            expired_at: Some(expired_at),
        }
        .to_error("demo");
        assert_eq!(error.message(), "password authentication failed for user \"demo\"");
        assert_eq!(error.hint(), Some("The token expired at 2027-01-15T08:00:00Z."));
    }

    #[test]
    fn a_hostile_user_name_stays_on_its_line() {
        assert_eq!(printable_user("a\n\u{1b}[31m\0"), "a\\x0a\\x1b[31m\\x00");
        assert_eq!(printable_user("a\u{202e}b"), "a\\xe2\\x80\\xaeb");
        assert_eq!(printable_user("Jürgen"), "Jürgen");
        assert_eq!(printable_user(&"ü".repeat(40)), "ü".repeat(31));
        assert_eq!(printable_user(&"a".repeat(64)), "a".repeat(63));
    }
}
