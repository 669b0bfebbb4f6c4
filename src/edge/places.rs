//! How many may be here at once: logins under way, sessions of the process and of each cluster.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{Error, Result, SqlState};

/// The logins under way, oldest first. There is always room for one more: at the limit the oldest goes.
#[derive(Debug)]
pub struct Logins {
    max: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    logins: BTreeMap<u64, CancellationToken>,
}

/// A login's place; it is given back when this is dropped.
#[derive(Debug)]
pub struct LoginPlace {
    logins: Arc<Logins>,
    number: u64,
    /// Cancelled when the place is needed for another.
    pub lost: CancellationToken,
}

impl Logins {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Logins {
            max,
            waiting: Mutex::default(),
        })
    }

    pub fn enter(self: &Arc<Self>) -> LoginPlace {
        let lost = CancellationToken::new();
        let mut waiting = self.waiting();
        if waiting.logins.len() >= self.max
            && let Some((_, oldest)) = waiting.logins.pop_first()
        {
            oldest.cancel();
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.logins.insert(number, lost.clone());
        LoginPlace {
            logins: Arc::clone(self),
            number,
            lost,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Whole at every step: a panic elsewhere leaves nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LoginPlace {
    fn drop(&mut self) {
        self.logins.waiting().logins.remove(&self.number);
    }
}

/// Places for sessions: of the process, or of one cluster.
#[derive(Clone, Debug)]
pub struct Sessions {
    places: Arc<Semaphore>,
    /// What is said when there is none left.
    refusal: &'static str,
}

impl Sessions {
    pub fn of_process(max: usize) -> Self {
        Self::new(max, "sorry, too many clients already")
    }

    pub fn of_cluster(max: usize) -> Self {
        Self::new(max, "too many connections for cluster")
    }

    fn new(max: usize, refusal: &'static str) -> Self {
        Sessions {
            places: Arc::new(Semaphore::new(max)),
            refusal,
        }
    }

    /// A place, for as long as it is kept.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Error::fatal(SqlState::TOO_MANY_CONNECTIONS, self.refusal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_login_too_many_ends_the_oldest() {
        let logins = Logins::new(2);
        let first = logins.enter();
        let second = logins.enter();
        drop(logins.enter());
        assert!(first.lost.is_cancelled() && !second.lost.is_cancelled());
        // The third has gone, so there is room; the first, still on its way out, takes none.
        let fourth = logins.enter();
        assert!(!second.lost.is_cancelled());
        drop(first);
        let _fifth = logins.enter();
        assert!(second.lost.is_cancelled() && !fourth.lost.is_cancelled());
        assert_eq!(logins.waiting().logins.len(), 2);
    }

    #[test]
    fn a_place_is_free_again_once_its_session_has_gone() {
        let sessions = Sessions::of_cluster(1);
        let place = sessions.enter().unwrap();
        let refusal = sessions.enter().unwrap_err();
        assert_eq!(refusal.to_string(), "FATAL: too many connections for cluster (53300)");
        drop(place);
        assert!(sessions.enter().is_ok());
    }
}
