//! The threads of one cluster. Its sessions run on some: what its statements do to them is felt by nobody else, for accepting, logins and
//! other clusters have threads of their own, and the kernel shares the processor among all of them, whatever they compute. What takes
//! long is computed on others, of a lower priority: a lookup of another cluster is answered before it goes on.

use std::{
    io,
    panic::resume_unwind,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use thread_priority::{ThreadPriority, set_current_thread_priority};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinError,
};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::{
    Error, Result,
    limits::{COMPUTING_PRIORITY, THREAD_STACK_SIZE},
};

/// They start with the first lease and end some time after the last: a cluster that nobody uses has none. As many as the machine has
/// cores, for a cluster may have it to itself.
#[derive(Debug)]
pub struct Threads {
    work: Work,
    state: Mutex<State>,
}

/// What threads are for.
#[derive(Clone, Copy, Debug)]
enum Work {
    Sessions,
    Computing,
}

#[derive(Debug, Default)]
struct State {
    runtime: Option<Runtime>,
    leases: usize,
    /// When the last of them went.
    idle_since: Option<Instant>,
}

/// What a session or a statement needs of its cluster's threads. They stay while there is one of these; it is not kept on them.
#[derive(Debug)]
pub struct Lease {
    threads: Arc<Threads>,
    /// Where to spawn it.
    pub handle: Handle,
}

impl Threads {
    pub fn for_sessions() -> Arc<Self> {
        Threads::of(Work::Sessions)
    }

    /// They give way to those of sessions.
    pub fn for_computing() -> Arc<Self> {
        Threads::of(Work::Computing)
    }

    fn of(work: Work) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Threads { work, state })
    }

    /// A lease; fails where no thread can be had.
    pub fn enter(self: &Arc<Self>) -> io::Result<Lease> {
        let mut state = self.state();
        let handle = match &state.runtime {
            Some(runtime) => runtime.handle().clone(),
            None => {
                let started = self.work.start()?;
                state.runtime.insert(started).handle().clone()
            }
        };
        state.leases += 1;
        Ok(Lease {
            threads: Arc::clone(self),
            handle,
        })
    }

    /// Ends them if there has been no lease for `idle_max`, and says whether it did; what still runs there ends as it waits next.
    pub fn end_if_idle(&self, idle_max: Duration) -> bool {
        let mut state = self.state();
        let idle = state.idle_since.is_some_and(|since| since.elapsed() >= idle_max);
        let ended = if idle && state.leases == 0 {
            state.runtime.take()
        } else {
            None
        };
        drop(state);
        let has_ended = ended.is_some();
        if let Some(runtime) = ended {
            runtime.shutdown_background();
        }
        has_ended
    }

    /// Whether there are any.
    pub fn are_there(&self) -> bool {
        self.state().runtime.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole at every step: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn start(self) -> io::Result<Runtime> {
        let mut threads = Builder::new_multi_thread();
        threads.enable_all().thread_stack_size(THREAD_STACK_SIZE);
        if let Work::Computing = self {
            threads.thread_name("computing").on_thread_start(give_way);
        }
        threads.build()
    }
}

/// Lowers this thread's priority, where the system knows of such.
fn give_way() {
    static FAILED: AtomicBool = AtomicBool::new(false);
    let lowered = ThreadPriority::try_from(COMPUTING_PRIORITY).map(set_current_thread_priority);
    if !matches!(lowered, Ok(Ok(()))) && !FAILED.swap(true, Ordering::Relaxed) {
        warn!(?lowered, "what is computed here has the priority of everything else");
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.threads.state();
        state.leases -= 1;
        if state.leases == 0 {
            state.idle_since = Some(Instant::now());
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime may wait for its threads when it is dropped, which a thread of another one must not.
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = state.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The threads that a session is on, for what is computed elsewhere and has something to do there: connections to the cluster's runtime are
/// looked after by the threads that made them, and those must not be busy.
#[derive(Debug)]
pub struct Home(Handle);

impl Home {
    /// The threads on which this is called; `None` outside of any.
    pub fn here() -> Option<Self> {
        Handle::try_current().ok().map(Home)
    }

    /// Does `work` there, which ends with the wait for it.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        if Handle::current().id() == self.0.id() {
            return work.await;
        }
        let done = AbortOnDropHandle::new(self.0.spawn(work)).await;
        done.map_err(not_done)?
    }
}

/// Why work on other threads came to nothing; a panic goes on where its caller is.
pub fn not_done(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(error) => Error::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::oneshot,
    };

    use super::*;
    use crate::edge::socket::Socket;

    #[test]
    fn a_cluster_whose_threads_are_all_busy_holds_up_no_other() {
        let (busy, other) = (Threads::for_sessions(), Threads::for_sessions());
        let (busy, other) = (busy.enter().unwrap(), other.enter().unwrap());
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..2 * cores {
            let held = Arc::clone(&held);
            // None of its threads is given back.
            let computes = async move { held.lock().map(|held| held.recv()).is_ok() };
            busy.handle.spawn(computes);
        }
        let edge = Runtime::new().unwrap();
        let echo = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut socket = Socket::from(listener.accept().await.unwrap().0);
            // What comes before the move is read behind it.
            client.write_u8(7).await.unwrap();
            let session = other.handle.spawn(async move {
                socket.move_here().unwrap();
                for _ in 0..2 {
                    let byte = socket.read_u8().await.unwrap();
                    socket.write_u8(byte).await.unwrap();
                }
            });
            let first = client.read_u8().await.unwrap();
            client.write_u8(8).await.unwrap();
            let second = client.read_u8().await.unwrap();
            session.await.unwrap();
            (first, second)
        };
        // The limit only ends a test that fails.
        let limited = async { tokio::time::timeout(Duration::from_secs(10), echo).await };
        assert_eq!(edge.block_on(limited).unwrap(), (7, 8));
        drop(release);
    }

    #[tokio::test]
    async fn they_end_some_time_after_the_last_session_and_begin_anew_with_the_next() {
        let threads = Threads::for_sessions();
        threads.end_if_idle(Duration::ZERO);
        assert!(!threads.are_there(), "none before the first session");
        let (first, second) = (threads.enter().unwrap(), threads.enter().unwrap());
        drop(first);
        threads.end_if_idle(Duration::ZERO);
        assert!(threads.are_there(), "there is a session");
        // A connection that a pool keeps, say.
        let (alive, ended) = oneshot::channel::<()>();
        second.handle.spawn(async move {
            std::future::pending::<()>().await;
            drop(alive);
        });
        drop(second);
        threads.end_if_idle(Duration::from_secs(3600));
        assert!(threads.are_there(), "there was one within the hour");
        threads.end_if_idle(Duration::ZERO);
        assert!(!threads.are_there());
        assert!(ended.await.is_err(), "what was left has gone with them");

        let third = threads.enter().unwrap();
        assert_eq!(third.handle.spawn(async { 7 }).await.unwrap(), 7);
        threads.end_if_idle(Duration::ZERO);
        assert!(threads.are_there());
    }

    /// The niceness of the thread that reads it, where the system has such.
    fn niceness() -> Option<i64> {
        let status = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
        // After the name in parentheses: the state is the third field, the niceness the nineteenth.
        let (_, fields) = status.rsplit_once(')')?;
        fields.split_whitespace().nth(16)?.parse().ok()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_takes_long_is_computed_at_a_lower_priority() {
        let (sessions, computing) = (Threads::for_sessions(), Threads::for_computing());
        let (sessions, computing) = (sessions.enter().unwrap(), computing.enter().unwrap());
        let own = niceness().unwrap();
        assert_eq!(sessions.handle.spawn(async { niceness() }).await.unwrap(), Some(own));
        assert_eq!(
            computing.handle.spawn(async { niceness() }).await.unwrap(),
            Some(own.max(10))
        );
        // As files are read and long statements planned.
        assert_eq!(
            computing.handle.spawn_blocking(niceness).await.unwrap(),
            Some(own.max(10))
        );
    }

    #[tokio::test]
    async fn what_belongs_to_a_session_is_done_on_its_threads() {
        let home = Home::here().unwrap();
        let here = Handle::current().id();
        let asked = async { Ok(Handle::current().id()) };
        assert_eq!(home.run(asked).await.unwrap(), here);
        let computing = Threads::for_computing().enter().unwrap();
        let (alive, ended) = oneshot::channel::<()>();
        let computed = computing.handle.spawn(async move {
            let done = home.run(async { Ok(Handle::current().id()) }).await.unwrap();
            let waits = home.run(async move {
                std::future::pending::<()>().await;
                drop(alive);
                Ok(())
            });
            // Whoever stops waiting ends it.
            assert!(tokio::time::timeout(Duration::from_millis(1), waits).await.is_err());
            (done, Handle::current().id())
        });
        let (done, computed) = computed.await.unwrap();
        assert_eq!(done, here);
        assert_ne!(computed, here);
        assert!(ended.await.is_err());
    }
}
