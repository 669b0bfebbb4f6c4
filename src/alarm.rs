//! A timer for waits that hardly ever last as long.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// It stays set from one wait to the next, and is set anew only when it goes off too early: a timer that is set for every wait wakes the
/// thread that looks after timers each time, for it may be the next to go off.
#[derive(Debug, Default)]
pub struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// What `work` gives; `None`, once it has waited for as long as `limit`.
    pub async fn within<T>(&mut self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut due) = (pin!(work), None);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            let due = *due.get_or_insert_with(|| Instant::now() + limit);
            let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            while timer.as_mut().poll(context).is_ready() {
                if timer.deadline() >= due {
                    return Poll::Ready(None);
                }
                timer.as_mut().reset(due);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::yield_now;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn each_wait_has_its_own_limit() {
        let mut alarm = Alarm::default();
        // The alarm is set too early for the longer ones, and too late for the last.
        for limit in [2, 20, 5, 5].map(Duration::from_millis) {
            let start = Instant::now();
            assert_eq!(alarm.within(limit, pending::<()>()).await, None);
            assert!(start.elapsed() >= limit);
            assert_eq!(alarm.within(HOUR, yield_now()).await, Some(()));
        }
    }

    #[tokio::test]
    async fn it_stays_set_from_one_wait_to_the_next() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.within(HOUR, async { 7 }).await, Some(7));
        assert!(alarm.0.is_none(), "what is there at once needs none");
        let mut set = vec![];
        for _ in 0..3 {
            alarm.within(HOUR, yield_now()).await.unwrap();
            set.push(alarm.0.as_ref().unwrap().deadline());
        }
        assert_eq!(set, [set[0]; 3]);
    }
}
