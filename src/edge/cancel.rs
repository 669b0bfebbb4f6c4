//! The sessions of this process: which running statement a CancelRequest means, and whose token has been revoked. What the sessions of one
//! cluster see of one another is [`peers`].

mod peers;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use aws_lc_rs::{constant_time, rand};
use bytes::Bytes;
use pgwire::messages::response::TransactionStatus;
use tokio_util::sync::CancellationToken;

pub use peers::Shown;

use crate::{Error, Result, token::Identity, wire::startup::CancelKey};

/// Secret keys: four bytes is what protocol 3.0 has room for; 3.2 takes what cannot be guessed.
const SECRET_SIZE_3_0: usize = 4;
const SECRET_SIZE_3_2: usize = 32;

/// The sessions of this process, by process id.
#[derive(Debug, Default)]
pub struct Registry(Mutex<HashMap<i32, Entry>>);

#[derive(Debug)]
struct Entry {
    secret: Bytes,
    statement: Arc<Statement>,
    /// What let the client in, once it is known.
    identity: Option<Identity>,
    revoked: CancellationToken,
    /// Once it serves its client.
    shown: Option<Shown>,
}

/// The statement that a session runs now, or what it does between statements.
#[derive(Debug, Default)]
pub struct Statement(Mutex<Course>);

#[derive(Debug)]
struct Course {
    /// There while a statement runs.
    token: Option<CancellationToken>,
    /// When the last statement began.
    began_at: Option<SystemTime>,
    changed_at: SystemTime,
    state: &'static str,
}

impl Default for Course {
    fn default() -> Self {
        Course {
            token: None,
            began_at: None,
            changed_at: SystemTime::now(),
            state: IDLE,
        }
    }
}

/// Between statements and outside of transactions, as `pg_stat_activity` calls it.
const IDLE: &str = "idle";

/// A session's entry in the registry; it leaves when this is dropped.
#[derive(Debug)]
pub struct Registration {
    registry: Arc<Registry>,
    pub pid: i32,
    pub secret: Bytes,
    pub statement: Arc<Statement>,
    /// Cancelled when the session must end because its token was revoked.
    pub revoked: CancellationToken,
}

impl Registry {
    /// Enters a session under a process id and a secret that cannot be foretold; neither is ever zero.
    pub fn register(self: &Arc<Self>, protocol_minor: u16) -> Result<Registration> {
        let secret: Bytes = match protocol_minor {
            0 | 1 => random::<SECRET_SIZE_3_0>()?.to_vec().into(),
            _ => random::<SECRET_SIZE_3_2>()?.to_vec().into(),
        };
        let statement = Arc::new(Statement::default());
        let revoked = CancellationToken::new();
        let mut entries = lock(&self.0);
        let pid = loop {
            let pid = i32::from_be_bytes(random()?) & i32::MAX;
            if pid != 0 && !entries.contains_key(&pid) {
                break pid;
            }
        };
        entries.insert(
            pid,
            Entry {
                secret: secret.clone(),
                statement: Arc::clone(&statement),
                identity: None,
                revoked: revoked.clone(),
                shown: None,
            },
        );
        Ok(Registration {
            registry: Arc::clone(self),
            pid,
            secret,
            statement,
            revoked,
        })
    }

    /// Ends the sessions whose token is revoked, and what they run.
    pub fn end_revoked(&self, is_revoked: impl Fn(&Identity) -> bool) {
        for entry in lock(&self.0).values() {
            if entry.identity.as_ref().is_some_and(&is_revoked) {
                entry.revoked.cancel();
                entry.statement.cancel();
            }
        }
    }

    /// Cancels whatever runs.
    pub fn cancel_all(&self) {
        for entry in lock(&self.0).values() {
            entry.statement.cancel();
        }
    }

    /// Cancels the statement that the session named by `key` runs now. An unknown session, a wrong secret and an idle
    /// session are all nothing: a CancelRequest gets no answer.
    pub fn cancel(&self, key: &CancelKey) {
        let entries = lock(&self.0);
        let Some(entry) = entries.get(&key.pid) else { return };
        if constant_time::verify_slices_are_equal(&entry.secret, &key.secret).is_ok() {
            entry.statement.cancel();
        }
    }
}

impl Registration {
    /// Says what let the session's client in.
    pub fn identify(&self, identity: Identity) {
        if let Some(entry) = lock(&self.registry.0).get_mut(&self.pid) {
            entry.identity = Some(identity);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.registry.0).remove(&self.pid);
    }
}

impl Statement {
    /// Marks the start of a statement. The token is cancelled by a CancelRequest that arrives before [`Statement::end`].
    pub fn begin(&self) -> CancellationToken {
        let token = CancellationToken::new();
        let now = SystemTime::now();
        *lock(&self.0) = Course {
            token: Some(token.clone()),
            began_at: Some(now),
            changed_at: now,
            state: "active",
        };
        token
    }

    /// Marks the end of a statement: what arrives later cancels nothing. `status`: what its session then waits in.
    pub fn end(&self, status: TransactionStatus) {
        let state = match status {
            TransactionStatus::Idle => IDLE,
            TransactionStatus::Transaction => "idle in transaction",
            TransactionStatus::Error => "idle in transaction (aborted)",
        };
        let mut course = lock(&self.0);
        course.token = None;
        if course.state != state {
            course.state = state;
            course.changed_at = SystemTime::now();
        }
    }

    fn cancel(&self) {
        if let Some(token) = &lock(&self.0).token {
            token.cancel();
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    loop {
        let mut bytes = [0; N];
        rand::fill(&mut bytes).map_err(|_| Error::internal("no random bytes"))?;
        if bytes != [0; N] {
            return Ok(bytes);
        }
    }
}

/// The data behind these locks is whole at every await-free step, so a panic elsewhere does not poison it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_statement_named_by_pid_and_secret_is_cancelled() {
        let registry = Arc::new(Registry::default());
        let (one, other) = (registry.register(0).unwrap(), registry.register(2).unwrap());
        assert_eq!((one.secret.len(), other.secret.len()), (4, 32));
        let (mine, theirs) = (one.statement.begin(), other.statement.begin());
        registry.cancel(&CancelKey {
            pid: one.pid,
            secret: other.secret.clone(),
        });
        registry.cancel(&CancelKey {
            pid: one.pid,
            secret: Bytes::new(),
        });
        registry.cancel(&CancelKey {
            pid: 0,
            secret: one.secret.clone(),
        });
        assert!(!mine.is_cancelled() && !theirs.is_cancelled());
        registry.cancel(&CancelKey {
            pid: one.pid,
            secret: one.secret.clone(),
        });
        assert!(mine.is_cancelled() && !theirs.is_cancelled());
    }

    /// Who a token of a cluster is.
    pub(super) fn identity(cluster: &str, id: &str) -> Identity {
        Identity {
            cluster: cluster.parse().unwrap(),
            subject: None,
            issuer: "https://auth.example.com".into(),
            expires_at: std::time::UNIX_EPOCH,
            id: Some(id.into()),
        }
    }

    #[test]
    fn only_sessions_of_a_revoked_token_end() {
        let registry = Arc::new(Registry::default());
        let session = |id: &str| {
            let session = registry.register(0).unwrap();
            session.identify(identity("demo", id));
            session
        };
        let (one, other, unknown) = (session("one"), session("other"), registry.register(0).unwrap());
        let (mine, theirs) = (one.statement.begin(), other.statement.begin());
        registry.end_revoked(|identity| identity.id.as_deref() == Some("one"));
        assert!(one.revoked.is_cancelled() && mine.is_cancelled());
        assert!(!other.revoked.is_cancelled() && !theirs.is_cancelled() && !unknown.revoked.is_cancelled());
    }

    #[test]
    fn a_request_between_statements_is_lost_and_a_closed_session_is_forgotten() {
        let registry = Arc::new(Registry::default());
        let session = registry.register(0).unwrap();
        let key = CancelKey {
            pid: session.pid,
            secret: session.secret.clone(),
        };
        let first = session.statement.begin();
        session.statement.end(TransactionStatus::Idle);
        registry.cancel(&key);
        let second = session.statement.begin();
        assert!(!first.is_cancelled() && !second.is_cancelled());
        drop(session);
        registry.cancel(&key);
        assert!(!second.is_cancelled());
        assert!(lock(&registry.0).is_empty());
    }
}
