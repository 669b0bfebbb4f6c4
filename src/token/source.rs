//! The current keys of one issuer, wherever they come from: kept, refreshed, and kept on through an outage. There is no task
//! that runs by itself: the logins that need keys drive it, and at most one load runs at a time.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Clock, KeyFault, KeySet, KeyUrl, fetch::Fetcher};
use crate::{
    limits::*,
    watched::{Content, Files, Reading, Watched},
};
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
    set: Watched<KeySet>,
    state: Mutex<State>,
}

enum Origin {
    File(Files),
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
    /// When the set was last known to be the issuer's.
    good_at: Option<Instant>,
    tried_at: Option<Instant>,
    /// The load that runs now. It takes itself away when it ends; whoever waits for it has a clone.
    load: Option<Shared<BoxFuture<'static, ()>>>,
}

impl Keys {
    pub(super) fn new(issuer: &str, source: KeySource, clock: Arc<dyn Clock>) -> Result<Keys, KeyFault> {
        let mut fixed = None;
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
            KeySource::File(path) => (Origin::File(Files::new(vec![path], JWKS_SIZE_MAX)), file),
            KeySource::Url(address) => (Origin::Url(Box::new(Fetcher::new(address, JWKS_FETCH_TIMEOUT)?)), url),
            KeySource::Fixed(set) => {
                fixed = Some(set);
                (Origin::Fixed, file)
            }
        };
        Ok(Keys(Arc::new(Inner {
            issuer: issuer.into(),
            origin,
            pace,
            clock,
            set: Watched::new(format!("the keys of {issuer}"), fixed),
            state: Mutex::default(),
        })))
    }

    /// The set to judge a token by; None when there is none that may still be used.
    pub(super) async fn current(&self) -> Option<Arc<KeySet>> {
        if matches!(self.0.origin, Origin::Fixed) {
            return self.0.set.current();
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
        let good_at = self.state().good_at?;
        if now.saturating_duration_since(good_at) > JWKS_STALE_MAX {
            return None;
        }
        self.set.current()
    }

    async fn load(self: Arc<Self>) {
        let _loading = Loading(&self);
        let now = self.clock.monotonic();
        let reading = self.read().await;
        if self.set.take(reading, |contents| self.parse(contents)) {
            self.state().good_at = Some(now);
        }
    }

    async fn read(&self) -> Result<Reading, String> {
        match &self.origin {
            Origin::File(files) => files.read().await,
            Origin::Url(fetcher) => match fetcher.fetch().await {
                Ok(document) => Ok(Reading::of(vec![document.into()])),
                Err(fault) => Err(fault.to_string()),
            },
            // Never asked: its keys are at hand.
            Origin::Fixed => Err("nothing to load".into()),
        }
    }

    fn parse(&self, contents: &[Content]) -> Result<KeySet, String> {
        let document = contents.first().map(|content| content.as_slice()).unwrap_or_default();
        let set = KeySet::parse(document).map_err(|fault| fault.to_string())?;
        for reason in set.skipped() {
            tracing::warn!(issuer = self.issuer, "key left out: {reason}");
        }
        Ok(set)
    }
}

/// A load that runs. However it ends, be it with its thread, the next may follow.
struct Loading<'a>(&'a Inner);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.state().load = None;
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("issuer", &self.0.issuer)
            .field("set", &self.0.set.current())
            .finish()
    }
}
