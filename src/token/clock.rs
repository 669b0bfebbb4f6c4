//! Where time comes from. Tokens are judged by the wall clock, waits and ages by the monotonic one, which never steps.

use std::{
    fmt,
    time::{Instant, SystemTime},
};

/// A source of time that a test can hold still.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Civil time: what `exp` is compared with.
    fn wall(&self) -> SystemTime;

    /// Time that only goes forward: what ages are counted in.
    fn monotonic(&self) -> Instant;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

#[cfg(test)]
pub(crate) mod manual {
    use std::{
        sync::Mutex,
        time::{Duration, UNIX_EPOCH},
    };

    use super::*;

    /// Stands still until it is moved. The two clocks move apart only when the wall clock is set.
    #[derive(Debug)]
    pub(crate) struct ManualClock(Mutex<(SystemTime, Instant)>);

    impl ManualClock {
        pub(crate) fn at(unix: Duration) -> Self {
            ManualClock(Mutex::new((UNIX_EPOCH + unix, Instant::now())))
        }

        pub(crate) fn advance(&self, by: Duration) {
            let mut now = self.0.lock().unwrap();
            now.0 += by;
            now.1 += by;
        }

        pub(crate) fn set_wall(&self, unix: Duration) {
            self.0.lock().unwrap().0 = UNIX_EPOCH + unix;
        }
    }

    impl Clock for ManualClock {
        fn wall(&self) -> SystemTime {
            self.0.lock().unwrap().0
        }

        fn monotonic(&self) -> Instant {
            self.0.lock().unwrap().1
        }
    }
}
