//! The current keys of one issuer, wherever they come from: kept, refreshed, and kept on through an outage. There is no task
//! that runs by itself: the logins that need keys drive it, and at most one load runs at a time.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Clock, KeyFault, KeySet, KeyUrl, fetch::Fetcher, keys::read_document};
use crate::limits::*;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWKS file, read again when it changes.
    File(PathBuf),
    /// A JWKS over HTTP.
    Url(KeyUrl),
    /// Keys at hand, which never change.
    Fixed(KeySet),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::File(path) => path.display().fmt(f),
            KeySource::Url(url) => url.fmt(f),
            KeySource::Fixed(_) => f.write_str("memory"),
        }
    }
}

/// The keys of one issuer, shared by every login.
#[derive(Clone)]
pub(super) struct Keys(Arc<Inner>);

struct Inner {
    issuer: String,
    origin: Origin,
    pace: Pace,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

enum Origin {
    File(PathBuf),
    Url(Box<Fetcher>),
    Fixed,
}

/// When to load again.
struct Pace {
    /// Age of the set from which a login starts a load, and goes on without waiting for it.
    refresh_after: Duration,
    /// Time since the last load from which a login waits for the next.
    await_after: Duration,
    /// The least time between two loads.
    retry_after: Duration,
}

#[derive(Default)]
struct State {
    set: Option<Arc<KeySet>>,
    /// The bytes that `set` was read from: the same again need no parsing and no log line.
    document: Vec<u8>,
    /// When `set` was last known to be the issuer's.
    good_at: Option<Instant>,
    tried_at: Option<Instant>,
    /// The load that runs now. It takes itself away when it ends; whoever waits for it has a clone.
    load: Option<Shared<BoxFuture<'static, ()>>>,
    /// Whether the last load failed: an outage is logged when it begins and when it ends.
    failing: bool,
}

impl Keys {
    pub(super) fn new(issuer: &str, source: KeySource, clock: Arc<dyn Clock>) -> Result<Keys, KeyFault> {
        let mut state = State::default();
        let file = Pace {
            refresh_after: JWKS_FILE_CHECK_AFTER,
            await_after: Duration::ZERO,
            retry_after: JWKS_FILE_CHECK_AFTER,
        };
        let url = Pace {
            refresh_after: JWKS_REFRESH_AFTER,
            await_after: JWKS_AWAIT_AFTER,
            retry_after: JWKS_RETRY_AFTER,
        };
        let (origin, pace) = match source {
            KeySource::File(path) => (Origin::File(path), file),
            KeySource::Url(address) => (Origin::Url(Box::new(Fetcher::new(address, JWKS_FETCH_TIMEOUT)?)), url),
            KeySource::Fixed(set) => {
                state.set = Some(Arc::new(set));
                (Origin::Fixed, file)
            }
        };
        Ok(Keys(Arc::new(Inner {
            issuer: issuer.into(),
            origin,
            pace,
            clock,
            state: Mutex::new(state),
        })))
    }

    /// The set to judge a token by; None when there is none that may still be used.
    pub(super) async fn current(&self) -> Option<Arc<KeySet>> {
        if matches!(self.0.origin, Origin::Fixed) {
            return self.0.state().set.clone();
        }
        let now = self.0.clock.monotonic();
        let (load, wait) = {
            let state = self.0.state();
            let age = state.good_at.map(|at| now.saturating_duration_since(at));
            let idle = state.tried_at.map(|at| now.saturating_duration_since(at));
            let due = age.is_none_or(|age| age >= self.0.pace.refresh_after);
            let wait =
                age.is_none_or(|age| age > JWKS_STALE_MAX) || idle.is_none_or(|idle| idle >= self.0.pace.await_after);
            (due, wait)
        };
        if load {
            self.load(wait).await;
        }
        self.0.usable(now)
    }

    /// The set after a look at the issuer, for a token whose `kid` is not in [`Keys::current`]. However many ask, there is
    /// one load in [`Pace::retry_after`]; in between the answer comes at once.
    pub(super) async fn reloaded(&self) -> Option<Arc<KeySet>> {
        if !matches!(self.0.origin, Origin::Fixed) {
            self.load(true).await;
        }
        self.current().await
    }

    #[cfg(test)]
    pub(super) fn is_loading(&self) -> bool {
        self.0.state().load.is_some()
    }

    /// Starts a load unless one runs or has just run. It is a task of its own: the login that started it may go away.
    async fn load(&self, wait: bool) {
        let load = {
            let mut state = self.0.state();
            let now = self.0.clock.monotonic();
            let rest = state
                .tried_at
                .is_some_and(|at| now.saturating_duration_since(at) < self.0.pace.retry_after);
            if !rest && state.load.is_none() {
                state.tried_at = Some(now);
                let load = tokio::spawn(self.0.clone().load());
                state.load = Some(load.map(drop).boxed().shared());
            }
            state.load.clone()
        };
        if wait && let Some(load) = load {
            load.await;
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, the state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self, now: Instant) -> Option<Arc<KeySet>> {
        let state = self.state();
        let good_at = state.good_at?;
        if now.saturating_duration_since(good_at) > JWKS_STALE_MAX {
            return None;
        }
        state.set.clone()
    }

    async fn load(self: Arc<Self>) {
        let now = self.clock.monotonic();
        let document = self.document().await;
        let mut state = self.state();
        state.load = None;
        state.take(document, now, &self.issuer);
    }

    async fn document(&self) -> Result<Vec<u8>, KeyFault> {
        match &self.origin {
            Origin::File(path) => {
                // Off the async threads: a file may lie on a network.
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_document(&path)).await;
                read.unwrap_or_else(|fault| Err(KeyFault(fault.to_string())))
            }
            Origin::Url(fetcher) => fetcher.fetch().await,
            // Never asked: its keys are at hand.
            Origin::Fixed => Err(KeyFault("nothing to load".into())),
        }
    }
}

impl State {
    /// Takes what a load that began at `now` brought.
    fn take(&mut self, document: Result<Vec<u8>, KeyFault>, now: Instant, issuer: &str) {
        match document.and_then(|document| self.parse(document, issuer)) {
            Ok(()) => {
                if self.failing {
                    tracing::info!(issuer, "keys can be read again");
                }
                self.failing = false;
                self.good_at = Some(now);
            }
            Err(fault) => {
                if !self.failing {
                    tracing::error!(issuer, "keys cannot be read, the last good ones stay: {fault}");
                }
                self.failing = true;
            }
        }
    }

    fn parse(&mut self, document: Vec<u8>, issuer: &str) -> Result<(), KeyFault> {
        if self.set.is_some() && self.document == document {
            return Ok(());
        }
        let set = KeySet::parse(&document)?;
        for reason in set.skipped() {
            tracing::warn!(issuer, "key left out: {reason}");
        }
        self.set = Some(Arc::new(set));
        self.document = document;
        Ok(())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("issuer", &self.0.issuer)
            .field("set", &self.0.state().set)
            .finish()
    }
}
