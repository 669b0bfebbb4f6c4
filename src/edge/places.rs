//! How many may be here at once: logins under way, sessions of the process and of each cluster.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::throttle::site;
use crate::{Error, Result, SqlState};

/// The logins under way, by where they come from. There is always room for one more: at the limit the oldest goes of those that have
/// most, so that whoever opens many connections and says nothing ends their own.
#[derive(Debug)]
pub struct Logins {
    max: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    count: usize,
    /// Oldest first; none of them empty.
    sites: HashMap<IpAddr, BTreeMap<u64, CancellationToken>>,
}

/// A login's place; it is given back when this is dropped.
#[derive(Debug)]
pub struct LoginPlace {
    logins: Arc<Logins>,
    site: IpAddr,
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

    pub fn enter(self: &Arc<Self>, address: IpAddr) -> LoginPlace {
        let (lost, site) = (CancellationToken::new(), site(address));
        let mut waiting = self.waiting();
        let number = waiting.next;
        waiting.next += 1;
        waiting.insert(site, number, lost.clone());
        if waiting.count > self.max {
            waiting.evict();
        }
        LoginPlace {
            logins: Arc::clone(self),
            site,
            number,
            lost,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Whole at every step: a panic elsewhere leaves nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn insert(&mut self, site: IpAddr, number: u64, lost: CancellationToken) {
        self.sites.entry(site).or_default().insert(number, lost);
        self.count += 1;
    }

    fn remove(&mut self, site: IpAddr, number: u64) -> Option<CancellationToken> {
        let logins = self.sites.get_mut(&site)?;
        let lost = logins.remove(&number)?;
        if logins.is_empty() {
            self.sites.remove(&site);
        }
        self.count -= 1;
        Some(lost)
    }

    /// Ends the oldest login of the site that has most; of sites that have as many, the one that has waited longest.
    fn evict(&mut self) {
        let oldest = |logins: &BTreeMap<u64, _>| logins.keys().next().copied();
        let sites = self.sites.iter();
        let worst = sites
            .max_by_key(|(_, logins)| (logins.len(), Reverse(oldest(logins))))
            .and_then(|(site, logins)| Some((*site, oldest(logins)?)));
        if let Some(lost) = worst.and_then(|(site, number)| self.remove(site, number)) {
            lost.cancel();
        }
    }
}

impl LoginPlace {
    /// Where the login comes from after all, a proxy says.
    pub fn comes_from(&mut self, address: IpAddr) {
        let site = site(address);
        let mut waiting = self.logins.waiting();
        if let Some(lost) = waiting.remove(self.site, self.number) {
            waiting.insert(site, self.number, lost);
        }
        self.site = site;
    }
}

impl Drop for LoginPlace {
    fn drop(&mut self) {
        self.logins.waiting().remove(self.site, self.number);
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

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn one_login_too_many_ends_the_oldest() {
        let logins = Logins::new(2);
        let first = logins.enter(ip(1));
        let second = logins.enter(ip(2));
        drop(logins.enter(ip(3)));
        assert!(first.lost.is_cancelled() && !second.lost.is_cancelled());
        // The third has gone, so there is room; the first, still on its way out, takes none.
        let fourth = logins.enter(ip(4));
        assert!(!second.lost.is_cancelled());
        drop(first);
        let _fifth = logins.enter(ip(5));
        assert!(second.lost.is_cancelled() && !fourth.lost.is_cancelled());
        assert_eq!(logins.waiting().count, 2);
    }

    #[test]
    fn whoever_has_most_logins_under_way_gives_way_first() {
        let logins = Logins::new(4);
        let other = logins.enter(ip(1));
        let crowd: Vec<_> = (0..10).map(|_| logins.enter(ip(2))).collect();
        let lost = |places: &[LoginPlace]| places.iter().filter(|place| place.lost.is_cancelled()).count();
        assert_eq!(lost(&crowd), 7);
        assert!(!other.lost.is_cancelled() && !crowd[7].lost.is_cancelled());
        // The newcomer ends one of the crowd as well, though it is younger than the first.
        let third = logins.enter(ip(3));
        assert!(!other.lost.is_cancelled() && !third.lost.is_cancelled());
        assert_eq!((lost(&crowd), logins.waiting().count), (8, 4));
        drop((other, crowd, third));
        assert!(logins.waiting().sites.is_empty());
        assert_eq!(logins.waiting().count, 0);
    }

    #[test]
    fn behind_a_proxy_a_login_counts_for_where_it_comes_from() {
        let logins = Logins::new(3);
        let proxy = ip(9);
        let mut places: Vec<_> = (0..3).map(|_| logins.enter(proxy)).collect();
        for (place, address) in places.iter_mut().zip([ip(1), ip(2), ip(2)]) {
            place.comes_from(address);
        }
        let _fourth = logins.enter(proxy);
        let lost: Vec<_> = places.iter().map(|place| place.lost.is_cancelled()).collect();
        assert_eq!(lost, [false, true, false]);
        // One that has lost its place gets none by saying where it comes from.
        places[1].comes_from(ip(3));
        assert_eq!(logins.waiting().count, 3);
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
