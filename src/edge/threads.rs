//! The threads of one cluster, on which its sessions run: what its statements do to them is felt by nobody else. Accepting, logins and other
//! clusters have threads of their own, and the kernel shares the processor among all of them, whatever they compute.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    runtime::{Builder, Handle, Runtime},
};

use crate::limits::THREAD_STACK_SIZE;

/// They start with the first session and end some time after the last: a cluster that nobody uses has none. As many as the machine has
/// cores, for a cluster may have it to itself.
#[derive(Debug, Default)]
pub struct Threads(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    runtime: Option<Runtime>,
    /// Sessions that are here, or are about to be.
    sessions: usize,
    /// When the last of them went.
    idle_since: Option<Instant>,
}

/// What a session needs of its cluster's threads. They stay while there is one of these; it is not kept on them.
#[derive(Debug)]
pub struct Lease {
    threads: Arc<Threads>,
    /// Where to spawn the session.
    pub handle: Handle,
}

impl Threads {
    /// A session's lease; fails where no thread can be had.
    pub fn enter(self: &Arc<Self>) -> io::Result<Lease> {
        let mut state = self.state();
        let handle = match &state.runtime {
            Some(runtime) => runtime.handle().clone(),
            None => {
                let started = Builder::new_multi_thread()
                    .enable_all()
                    .thread_stack_size(THREAD_STACK_SIZE)
                    .build()?;
                state.runtime.insert(started).handle().clone()
            }
        };
        state.sessions += 1;
        Ok(Lease {
            threads: Arc::clone(self),
            handle,
        })
    }

    /// Ends them if there has been no session for `idle_max`, and says whether it did; what still runs there ends as it waits next.
    pub fn end_if_idle(&self, idle_max: Duration) -> bool {
        let mut state = self.state();
        let idle = state.idle_since.is_some_and(|since| since.elapsed() >= idle_max);
        let ended = if idle && state.sessions == 0 {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.threads.state();
        state.sessions -= 1;
        if state.sessions == 0 {
            state.idle_since = Some(Instant::now());
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime may wait for its threads when it is dropped, which a thread of another one must not.
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = state.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A client's socket, which its session takes along to its cluster's threads: otherwise every message would wake two of them.
#[derive(Debug)]
pub struct Socket(Option<TcpStream>);

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Self {
        Socket(Some(socket))
    }
}

impl Socket {
    /// Has the threads look after it on which this is called.
    pub fn move_here(&mut self) -> io::Result<()> {
        if let Some(socket) = self.0.take() {
            self.0 = Some(TcpStream::from_std(socket.into_std()?)?);
        }
        Ok(())
    }

    /// Only after a move that failed there is none.
    fn inner(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        let socket = self.get_mut().0.as_mut();
        socket.map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::oneshot,
    };

    use super::*;

    #[test]
    fn a_cluster_whose_threads_are_all_busy_holds_up_no_other() {
        let (busy, other) = (Arc::<Threads>::default(), Arc::<Threads>::default());
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
        let threads = Arc::<Threads>::default();
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
}
