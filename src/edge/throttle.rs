//! Bad logins, by where they come from and which cluster they want. Some are refused like any other; those that go on are told to wait,
//! longer each time. A good token is never turned away, so nobody can shut out a cluster's own clients, not even from the same address.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    Error, SqlState,
    cluster::ClusterName,
    limits::{
        FAILED_LOGINS_FORGOTTEN_AFTER, FAILED_LOGINS_FREE, FAILED_LOGINS_REMEMBERED_MAX, LOGIN_BACKOFF_FIRST,
        LOGIN_BACKOFF_MAX,
    },
    recent::Recent,
    token::Clock,
};

/// Who fails: an address, and the cluster that it asks for, if there is one of this name. Whatever else is asked for is one and the
/// same, so that made-up names make no entries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Culprit {
    address: IpAddr,
    pub(super) cluster: Option<ClusterName>,
}

impl Culprit {
    pub fn new(address: IpAddr, cluster: Option<ClusterName>) -> Self {
        Culprit {
            address: site(address),
            cluster,
        }
    }
}

/// Who has an address, as far as that can be told: a site has all the addresses below its IPv6 /64.
pub(super) fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// What is remembered of the failures of all.
#[derive(Debug)]
pub struct Throttle {
    clock: Arc<dyn Clock>,
    failures: Mutex<Recent<Culprit, Failures>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
    /// The backoff lasts until then.
    until: Instant,
}

impl Throttle {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Throttle {
            clock,
            failures: Mutex::new(Recent::new(FAILED_LOGINS_REMEMBERED_MAX)),
        }
    }

    /// Counts a failure. Inside a backoff it is not counted but turned away: the rest of the backoff is given.
    pub fn failed(&self, culprit: &Culprit) -> Option<Duration> {
        let now = self.clock.monotonic();
        let mut all = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all
            .get(culprit)
            .map(|failures| *failures)
            .filter(|failures| now.saturating_duration_since(failures.last) < FAILED_LOGINS_FORGOTTEN_AFTER);
        if let Some(failures) = known
            && now < failures.until
        {
            return Some(failures.until.saturating_duration_since(now));
        }
        let count = known.map_or(0, |failures| failures.count).saturating_add(1);
        let until = now + backoff(count);
        all.insert(
            culprit.clone(),
            Failures {
                count,
                last: now,
                until,
            },
        );
        None
    }

    /// A good login: what was before is forgiven.
    pub fn succeeded(&self, culprit: &Culprit) {
        let mut all = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(culprit);
    }
}

/// How long the failure of this number is followed by a backoff.
fn backoff(count: u32) -> Duration {
    match count.checked_sub(FAILED_LOGINS_FREE) {
        None => Duration::ZERO,
        Some(beyond) => LOGIN_BACKOFF_FIRST
            .saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX))
            .min(LOGIN_BACKOFF_MAX),
    }
}

/// What whoever must wait is told. Not of class 08: helpers of clients try those again at once.
pub fn too_many(wait: Duration) -> Error {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Error::fatal(
        SqlState::INVALID_AUTHORIZATION,
        "too many failed authentication attempts",
    )
    .with_hint(format!("Try again in {seconds} s."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::ManualClock;

    fn throttle() -> (Throttle, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Duration::from_secs(1_800_000_000)));
        (Throttle::new(clock.clone()), clock)
    }

    fn culprit(address: &str, cluster: &str) -> Culprit {
        Culprit::new(address.parse().unwrap(), Some(cluster.parse().unwrap()))
    }

    /// Fails until a backoff begins; gives how many failures that took.
    fn fail_until_told_to_wait(throttle: &Throttle, culprit: &Culprit) -> (u32, Duration) {
        (0..)
            .find_map(|count| throttle.failed(culprit).map(|wait| (count, wait)))
            .unwrap()
    }

    #[test]
    fn each_failure_behind_the_free_ones_doubles_the_wait_up_to_the_longest() {
        let (throttle, clock) = throttle();
        let mallory = culprit("192.0.2.1", "demo");
        assert_eq!(
            fail_until_told_to_wait(&throttle, &mallory),
            (FAILED_LOGINS_FREE, LOGIN_BACKOFF_FIRST)
        );
        let mut waits = vec![];
        for _ in 0..12 {
            clock.advance(throttle.failed(&mallory).unwrap());
            let (failures, wait) = fail_until_told_to_wait(&throttle, &mallory);
            assert_eq!(failures, 1, "one look in each backoff");
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]);
    }

    #[test]
    fn what_is_turned_away_lengthens_nothing() {
        let (throttle, clock) = throttle();
        let mallory = culprit("192.0.2.1", "demo");
        fail_until_told_to_wait(&throttle, &mallory);
        for _ in 0..10_000 {
            assert_eq!(throttle.failed(&mallory), Some(LOGIN_BACKOFF_FIRST));
        }
        clock.advance(LOGIN_BACKOFF_FIRST);
        assert_eq!(throttle.failed(&mallory), None);
    }

    #[test]
    fn failures_are_counted_for_each_address_and_cluster() {
        let (throttle, _) = throttle();
        fail_until_told_to_wait(&throttle, &culprit("192.0.2.1", "demo"));
        for other in [
            culprit("192.0.2.2", "demo"),
            culprit("192.0.2.1", "other"),
            Culprit::new("192.0.2.1".parse().unwrap(), None),
            culprit("2001:db8::1", "demo"),
        ] {
            assert_eq!(throttle.failed(&other), None, "{other:?}");
        }
        assert!(
            throttle.failed(&culprit("::ffff:192.0.2.1", "demo")).is_some(),
            "the same address"
        );
        fail_until_told_to_wait(&throttle, &culprit("2001:db8::1", "demo"));
        assert!(
            throttle.failed(&culprit("2001:db8::2:1", "demo")).is_some(),
            "the same /64"
        );
        assert_eq!(throttle.failed(&culprit("2001:db8:0:1::1", "demo")), None);
    }

    #[test]
    fn a_good_login_and_a_long_silence_both_forgive() {
        let (throttle, clock) = throttle();
        let mallory = culprit("192.0.2.1", "demo");
        fail_until_told_to_wait(&throttle, &mallory);
        throttle.succeeded(&mallory);
        assert_eq!(fail_until_told_to_wait(&throttle, &mallory).0, FAILED_LOGINS_FREE);
        clock.advance(FAILED_LOGINS_FORGOTTEN_AFTER);
        assert_eq!(fail_until_told_to_wait(&throttle, &mallory).0, FAILED_LOGINS_FREE);
    }

    #[test]
    fn a_wall_clock_that_steps_neither_lengthens_nor_ends_a_backoff() {
        let (throttle, clock) = throttle();
        let mallory = culprit("192.0.2.1", "demo");
        fail_until_told_to_wait(&throttle, &mallory);
        for wall in [0, 9_999_999_999] {
            clock.set_wall(Duration::from_secs(wall));
            assert_eq!(throttle.failed(&mallory), Some(LOGIN_BACKOFF_FIRST));
        }
    }

    #[test]
    fn the_wait_is_told_in_whole_seconds() {
        let error = too_many(Duration::from_millis(1_001));
        assert_eq!(
            error.to_string(),
            "FATAL: too many failed authentication attempts (28000)"
        );
        assert_eq!(error.hint(), Some("Try again in 2 s."));
    }
}
