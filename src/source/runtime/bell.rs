//! A waker for what is driven together: a connection and whoever waits for its reply wake each other within one turn of the one task that
//! drives both. Heard as wake-ups of the task, each such word would have it scheduled once more, and another thread woken to do it.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;

/// Wakes the task that waits, unless that task is at work: then it sees by itself that the bell was rung.
#[derive(Default)]
pub(super) struct Bell {
    at_work: AtomicBool,
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Bell {
    /// Polls `turn`, which is woken by this bell alone, until it is ready.
    pub(super) async fn answered<T>(self: &Arc<Self>, mut turn: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        let waker = Waker::from(Arc::clone(self));
        poll_fn(|context| {
            self.task.register(context.waker());
            self.at_work.store(true, Ordering::SeqCst);
            let mut done = Poll::Pending;
            for _ in 0..TURNS_MAX {
                self.rung.store(false, Ordering::SeqCst);
                done = turn(&mut Context::from_waker(&waker));
                if done.is_ready() || !self.rung.load(Ordering::SeqCst) {
                    break;
                }
            }
            self.at_work.store(false, Ordering::SeqCst);
            // Rung since, by another thread that saw the task at work; or for more turns than are taken at once.
            if done.is_pending() && self.rung.load(Ordering::SeqCst) {
                context.waker().wake_by_ref();
            }
            done
        })
        .await
    }
}

/// Turns that are taken before other tasks have theirs.
const TURNS_MAX: usize = 16;

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        if !self.at_work.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, thread};

    use super::*;

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_rings_in_its_own_turn_has_another_and_wakes_nobody() {
        let (bell, count) = (Arc::<Bell>::default(), Arc::<Count>::default());
        let mut turns = 0;
        let mut waits = Box::pin(bell.answered(|context| {
            turns += 1;
            context.waker().wake_by_ref();
            if turns < 3 { Poll::Pending } else { Poll::Ready(turns) }
        }));
        let waker = Waker::from(Arc::clone(&count));
        let done = waits.as_mut().poll(&mut Context::from_waker(&waker));
        assert_eq!((done, count.0.load(Ordering::SeqCst)), (Poll::Ready(3), 0));
    }

    #[test]
    fn what_never_stops_ringing_lets_others_have_their_turn() {
        let (bell, count) = (Arc::<Bell>::default(), Arc::<Count>::default());
        let mut waits = Box::pin(bell.answered(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let waker = Waker::from(Arc::clone(&count));
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "woken to go on");
    }

    #[tokio::test]
    async fn no_ring_of_another_thread_is_missed() {
        for _ in 0..200 {
            let bell = Arc::<Bell>::default();
            let is_done = Arc::<AtomicBool>::default();
            let mut is_asked = false;
            bell.answered(|context| {
                if !std::mem::replace(&mut is_asked, true) {
                    let (waker, is_done) = (context.waker().clone(), Arc::clone(&is_done));
                    thread::spawn(move || {
                        is_done.store(true, Ordering::SeqCst);
                        waker.wake();
                    });
                }
                match is_done.load(Ordering::SeqCst) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
        }
    }
}
