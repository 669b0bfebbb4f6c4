//! Connections to one runtime. Each is driven by whoever waits for its reply: no task of its own stands between the two, to be woken for
//! every piece of the way. Those that wait for the next request are driven by nobody, and looked at before they are used again.

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, Uri,
    body::{Body as _, Frame, Incoming},
    client::conn::http1,
    http::Extensions,
};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connection as _, HttpInfo};
use tokio::{
    runtime::{self, Handle},
    task::AbortHandle,
};
use tower_service::Service;

use super::{
    bell::Bell,
    socket::{QuickAckConnector, QuickAckStream},
};

/// Idle connections kept: as many as statements usually run at once on one cluster,
const IDLE_MAX: usize = 32;
/// and how long.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

type Cause = Box<dyn std::error::Error + Send + Sync>;
type Driver = http1::Connection<MaybeHttpsStream<QuickAckStream>, Full<Bytes>>;

/// Why there is no response.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// No connection could be made.
    Unreachable(Cause),
    /// The connection ended first.
    Ended(hyper::Error),
}

/// The connections to one address.
pub(super) struct Pool {
    connector: HttpsConnector<QuickAckConnector>,
    address: Uri,
    idle: Arc<Idle>,
}

impl Pool {
    pub(super) fn new(connector: HttpsConnector<QuickAckConnector>, address: Uri) -> Self {
        Pool {
            connector,
            address,
            idle: Arc::new(Idle::new(IDLE_TIME_MAX)),
        }
    }

    /// Sends a request, on a connection that is open already if there is one. Whoever stops waiting closes the connection.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, Unanswered> {
        while let Some(mut connection) = self.idle.take() {
            match connection.exchange(request.clone()).await {
                Ok(response) => return Ok(self.with_body(response, connection)),
                // It was closed while it waited, and the request has not gone out.
                Err(error) if error.is_canceled() => {}
                Err(error) => return Err(Unanswered::Ended(error)),
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.exchange(request).await.map_err(Unanswered::Ended)?;
        Ok(self.with_body(response, connection))
    }

    async fn connect(&self) -> Result<Connection, Unanswered> {
        let mut connector = self.connector.clone();
        poll_fn(|context| connector.poll_ready(context))
            .await
            .map_err(Unanswered::Unreachable)?;
        let stream = connector
            .call(self.address.clone())
            .await
            .map_err(Unanswered::Unreachable)?;
        let mut extensions = Extensions::new();
        stream.connected().get_extras(&mut extensions);
        let (sender, driver) = http1::handshake(stream).await.map_err(Unanswered::Ended)?;
        Ok(Connection {
            sender,
            driver: Some(driver),
            remote: extensions.get::<HttpInfo>().map(HttpInfo::remote_addr),
            made_on: Handle::current().id(),
            bell: Arc::default(),
        })
    }

    fn with_body(&self, response: Response<Incoming>, connection: Connection) -> Response<Body> {
        response.map(|incoming| Body {
            incoming,
            connection: Some(connection),
            idle: Arc::clone(&self.idle),
        })
    }
}

/// An open connection.
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    driver: Option<Driver>,
    remote: Option<SocketAddr>,
    /// The threads that look after its socket: whoever waits for a reply on others would have to be woken by them.
    made_on: runtime::Id,
    bell: Arc<Bell>,
}

impl Connection {
    /// Whether it can be used once more, as far as can be seen from here.
    fn is_open(&mut self) -> bool {
        drive(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
        let mut reply = pin!(self.sender.send_request(request));
        let driver = &mut self.driver;
        let turns = |context: &mut Context<'_>| {
            drive(driver, context);
            reply.as_mut().poll(context)
        };
        self.bell.answered(turns).await
    }
}

/// Reads and writes what there is to be read and written. What it fails with is told to whoever waits for the reply.
fn drive(driver: &mut Option<Driver>, context: &mut Context<'_>) {
    if let Some(open) = driver
        && Pin::new(open).poll(context).is_ready()
    {
        *driver = None;
    }
}

/// The body of a response. Read to its end, it gives its connection back; dropped before, it closes it.
pub(super) struct Body {
    incoming: Incoming,
    connection: Option<Connection>,
    idle: Arc<Idle>,
}

impl Body {
    /// The next piece; `None` at the end, as HTTP says it. Whoever stops waiting loses nothing.
    pub(super) async fn frame(&mut self) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        let incoming = &mut self.incoming;
        let frame = match &mut self.connection {
            None => poll_fn(|context| Pin::new(&mut *incoming).poll_frame(context)).await,
            Some(Connection { driver, bell, .. }) => {
                let turns = |context: &mut Context<'_>| {
                    drive(driver, context);
                    Pin::new(&mut *incoming).poll_frame(context)
                };
                bell.answered(turns).await
            }
        };
        if frame.is_none()
            && let Some(connection) = self.connection.take()
        {
            self.idle.put(connection);
        }
        frame
    }

    /// Where it comes from.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.connection.as_ref()?.remote
    }
}

/// Connections that wait for a request.
struct Idle {
    waiting: Mutex<Waiting>,
    time_max: Duration,
}

#[derive(Default)]
struct Waiting {
    /// Each since when, the newest last.
    connections: Vec<(Instant, Connection)>,
    /// The task that closes those that have waited too long. It ends with the threads that it runs on.
    carer: Option<AbortHandle>,
}

impl Waiting {
    fn close_old(&mut self, time_max: Duration) {
        self.connections.retain(|(since, _)| since.elapsed() < time_max);
    }

    /// The newest that was made on these threads.
    fn take_of(&mut self, threads: runtime::Id) -> Option<Connection> {
        let newest = self
            .connections
            .iter()
            .rposition(|(_, connection)| connection.made_on == threads)?;
        Some(self.connections.remove(newest).1)
    }
}

impl Idle {
    fn new(time_max: Duration) -> Self {
        Idle {
            waiting: Mutex::default(),
            time_max,
        }
    }

    /// One of these threads' that is still open; the newest, so that others may go.
    fn take(&self) -> Option<Connection> {
        let here = Handle::current().id();
        loop {
            let mut waiting = self.waiting();
            // One that is older may have been dropped on the way without a word.
            waiting.close_old(self.time_max);
            let mut connection = waiting.take_of(here)?;
            drop(waiting);
            if connection.is_open() {
                return Some(connection);
            }
        }
    }

    fn put(self: &Arc<Self>, mut connection: Connection) {
        if !connection.is_open() {
            return;
        }
        let mut waiting = self.waiting();
        if waiting.connections.len() >= IDLE_MAX {
            return;
        }
        waiting.connections.push((Instant::now(), connection));
        if waiting.carer.as_ref().is_none_or(AbortHandle::is_finished) {
            waiting.carer = Some(tokio::spawn(Arc::clone(self).look_after()).abort_handle());
        }
    }

    /// Closes what waits too long, until nothing waits.
    async fn look_after(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.time_max / 4).await;
            let mut waiting = self.waiting();
            waiting.close_old(self.time_max);
            if waiting.connections.is_empty() {
                waiting.carer = None;
                return;
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Whole at every step: a panic elsewhere leaves nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::runtime::testing::{Server, Step, end, head};

    fn pool(server: &Server, time_max: Duration) -> Pool {
        let tls = super::super::client::trusting_nobody();
        Pool {
            idle: Arc::new(Idle::new(time_max)),
            ..Pool::new(tls, server.url.parse().unwrap())
        }
    }

    async fn ask(pool: &Pool) {
        let request = Request::builder()
            .uri("/version")
            .header("host", "h")
            .body(Full::default());
        let response = pool.send(request.unwrap()).await.unwrap();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.unwrap();
        }
    }

    fn idle(pool: &Pool) -> usize {
        pool.idle.waiting().connections.len()
    }

    #[tokio::test]
    async fn a_connection_is_used_again_and_closed_when_it_was_not_for_long() {
        let server = Server::always(vec![head(), end()]).await;
        let pool = pool(&server, Duration::from_millis(50));
        for _ in 0..3 {
            ask(&pool).await;
            assert_eq!(idle(&pool), 1);
        }
        assert_eq!(server.connections(), 1);
        while idle(&pool) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ask(&pool).await;
        assert_eq!(server.connections(), 2);
    }

    #[test]
    fn connections_are_closed_although_the_threads_ended_that_they_were_made_on() {
        let threads = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
        };
        let serving = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let server = serving.block_on(Server::always(vec![head(), end()]));
        let pool = pool(&server, Duration::from_millis(200));
        threads().block_on(ask(&pool));
        assert_eq!(idle(&pool), 1);
        threads().block_on(async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            ask(&pool).await;
            assert_eq!((server.connections(), idle(&pool)), (2, 1), "the first was too old");
            while idle(&pool) > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }

    #[test]
    fn a_connection_is_used_on_the_threads_that_look_after_it() {
        let serving = tokio::runtime::Runtime::new().unwrap();
        let server = serving.block_on(Server::always(vec![head(), end()]));
        let pool = pool(&server, IDLE_TIME_MAX);
        let (some, others) = (
            tokio::runtime::Runtime::new().unwrap(),
            tokio::runtime::Runtime::new().unwrap(),
        );
        for (threads, connections) in [(&some, 1), (&others, 2), (&some, 2), (&others, 2)] {
            threads.block_on(ask(&pool));
            assert_eq!((server.connections(), idle(&pool)), (connections, connections));
        }
    }

    #[tokio::test]
    async fn a_connection_that_the_peer_closed_is_not_used_again() {
        let server = Server::always(vec![head(), end(), Step::Close]).await;
        let pool = pool(&server, IDLE_TIME_MAX);
        for asked in 1..=3 {
            ask(&pool).await;
            assert_eq!((server.connections(), server.requests().len()), (asked, asked));
        }
    }

    #[tokio::test]
    async fn a_body_that_is_not_read_to_its_end_closes_its_connection() {
        let mut server = Server::always(vec![head(), Step::Hang]).await;
        let pool = pool(&server, IDLE_TIME_MAX);
        let request = Request::builder()
            .uri("/version")
            .header("host", "h")
            .body(Full::default());
        drop(pool.send(request.unwrap()).await.unwrap());
        assert_eq!(idle(&pool), 0);
        server.gone.recv().await.unwrap();
    }
}
