//! Accepts connections and serves each in a task of its own, until told to stop.

use std::{collections::BTreeMap, net::IpAddr, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures::{FutureExt, Stream, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use tracing::{debug, error, warn};

use super::{
    cancel,
    certificate::Certificate,
    login::{self, Login},
    places::{Logins, Sessions},
    socket::Socket,
    throttle::Throttle,
    tls,
};
use crate::{
    cluster::ClusterName,
    config::Limits,
    limits::{FILES_CHECK_AFTER, LOGINS_MAX, THREADS_IDLE_MAX},
    query::Engine,
    session::{Admitted, Connection, Session, panic_words},
    threads::Threads,
    token::{SystemClock, Verifier},
};

/// How long the accept loop rests after a failed accept (no file descriptors left): spinning frees none.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How long open connections get to end by themselves once the server stops,
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// and how long those that were then cancelled get to tell their clients.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// What all connections share.
pub struct Server {
    pub acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
    pub verifier: Verifier,
    pub clusters: BTreeMap<ClusterName, Cluster>,
    pub cancels: Arc<cancel::Registry>,
    pub throttle: Throttle,
    pub logins: Arc<Logins>,
    pub sessions: Sessions,
    pub login_timeout: Duration,
    /// How long the threads of a cluster without sessions stay.
    pub threads_idle_max: Duration,
    /// Whether each connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
}

/// A cluster that is served.
pub struct Cluster {
    pub engine: Arc<Engine>,
    pub sessions: Sessions,
    /// Of its sessions.
    pub threads: Arc<Threads>,
}

impl Server {
    /// Fails where this machine cannot do TLS.
    pub fn new(
        certificate: Certificate,
        verifier: Verifier,
        engines: Vec<Engine>,
        limits: &Limits,
    ) -> Result<Self, String> {
        let certificate = Arc::new(certificate);
        let cluster = |engine: Engine| {
            let cluster = Cluster {
                engine: Arc::new(engine),
                sessions: Sessions::of_cluster(limits.sessions_per_cluster),
                threads: Threads::for_sessions(),
            };
            (cluster.engine.cluster().clone(), cluster)
        };
        Ok(Server {
            acceptor: tls::acceptor(Arc::clone(&certificate))?,
            certificate,
            verifier,
            clusters: engines.into_iter().map(cluster).collect(),
            cancels: Arc::default(),
            throttle: Throttle::new(Arc::new(SystemClock)),
            logins: Logins::new(LOGINS_MAX),
            sessions: Sessions::of_process(limits.sessions),
            login_timeout: limits.login_timeout,
            threads_idle_max: THREADS_IDLE_MAX,
            proxy_protocol: false,
        })
    }

    /// Looks at the files that may change while the server runs: the certificate, and the lists of revoked tokens, whose sessions end.
    /// Each by itself, so that neither waits for the other's mount. And ends the threads of clusters that nobody uses, which keep nothing either.
    async fn keep_current(self: Arc<Self>) {
        let certificate = async {
            loop {
                tokio::time::sleep(FILES_CHECK_AFTER).await;
                self.certificate.refresh().await;
            }
        };
        let lists = async {
            loop {
                tokio::time::sleep(FILES_CHECK_AFTER).await;
                self.verifier.reload_revoked().await;
                // Every time, whatever became of the reading: a login may have been under way when its token was revoked.
                self.cancels.end_revoked(|identity| self.verifier.is_revoked(identity));
            }
        };
        let threads = async {
            loop {
                tokio::time::sleep(FILES_CHECK_AFTER).await;
                for cluster in self.clusters.values() {
                    if cluster.threads.end_if_idle(self.threads_idle_max) {
                        cluster.engine.rest();
                    }
                    cluster.engine.computing().end_if_idle(self.threads_idle_max);
                }
            }
        };
        tokio::join!(certificate, lists, threads);
    }
}

/// Serves `listener` until `stop` gives something; then accepts no more, and gives open connections a moment to end, unless `stop` gives
/// something again.
pub async fn run(listener: TcpListener, server: Server, stop: impl Stream<Item = ()>) {
    let server = Arc::new(server);
    let _current = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&server).keep_current()));
    let connections = TaskTracker::new();
    let stopping = CancellationToken::new();
    // A stream that ends says nothing more; it does not say to stop.
    let mut stop = pin!(stop.fuse());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(()) = stop.next() => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                let connection = connection(socket, peer.ip(), Arc::clone(&server), Instant::now(), stopping.clone());
                // A panic of one connection ends that connection.
                connections.spawn(AssertUnwindSafe(connection).catch_unwind().map(move |ended| {
                    if let Err(panic) = ended {
                        error!(%peer, panic = panic_words(&*panic), "a connection panicked");
                    }
                }));
            }
            Err(error) => {
                warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    // Whoever connects now is better off with another replica than in the kernel's queue of this one.
    drop(listener);
    connections.close();
    stopping.cancel();
    tokio::select! {
        () = connections.wait() => return,
        () = tokio::time::sleep(DRAIN_TIMEOUT) => {}
        Some(()) = stop.next() => return warn!(left = connections.len(), "connections were cut: told twice to stop"),
    }
    server.cancels.cancel_all();
    if tokio::time::timeout(DRAIN_GRACE, connections.wait()).await.is_err() {
        warn!(left = connections.len(), "connections were cut at the drain deadline");
    }
}

/// One connection from its accept to its end.
async fn connection(
    socket: TcpStream,
    peer: IpAddr,
    server: Arc<Server>,
    accepted_at: Instant,
    stop: CancellationToken,
) {
    // Replies leave as they are flushed; there is no small write that another would follow.
    let _ = socket.set_nodelay(true);
    let deadline = accepted_at + server.login_timeout;
    // Apart, so that a session does not carry the room that its login took.
    let Some(login) = Box::pin(login::login(socket, peer, &server, deadline)).await else {
        return;
    };
    let Login {
        connection,
        admitted,
        threads,
        places: _places,
    } = login;
    let session = session(connection, admitted, stop);
    if let Err(panic) = threads.handle.spawn(session).await {
        error!(%panic, "a session panicked");
    }
}

/// The rest of it, on the threads of its cluster.
async fn session(mut connection: Connection<TlsStream<Socket>>, admitted: Admitted, stop: CancellationToken) {
    let (socket, _) = connection.stream_mut().get_mut();
    if let Err(error) = socket.move_here() {
        return debug!(%error, "a connection broke");
    }
    match Session::new(connection, admitted, stop) {
        Ok(session) => {
            if let Err(error) = session.run().await {
                debug!(%error, "a connection broke");
            }
        }
        Err((connection, error)) => login::refuse(connection, &error).await,
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::source::SnapshotSource;

    #[tokio::test]
    async fn a_stop_that_never_comes_stops_nothing() {
        let certificate = Certificate::fixed(tls::Identity::self_signed().unwrap()).unwrap();
        let verifier = Verifier::new(vec![], Arc::new(SystemClock)).unwrap();
        let server = Server::new(certificate, verifier, vec![], &Limits::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _server = AbortOnDropHandle::new(tokio::spawn(run(listener, server, stream::empty())));
        for _ in 0..2 {
            let mut client = TcpStream::connect(address).await.unwrap();
            // SSLRequest
            client.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), b'S');
        }
    }

    #[tokio::test]
    async fn a_cluster_that_nobody_uses_has_no_threads_and_keeps_nothing() {
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo");
        let source = Arc::new(SnapshotSource::open(demo).unwrap());
        let engines = ["used", "left"].map(|name| Engine::new(name.parse().unwrap(), source.clone()).unwrap());
        let certificate = Certificate::fixed(tls::Identity::self_signed().unwrap()).unwrap();
        let verifier = Verifier::new(vec![], Arc::new(SystemClock)).unwrap();
        let mut server = Server::new(certificate, verifier, engines.into(), &Limits::default()).unwrap();
        server.threads_idle_max = Duration::ZERO;
        let server = Arc::new(server);
        let threads = |name: &str| Arc::clone(&server.clusters[&name.parse().unwrap()].threads);
        let (used, left) = (threads("used"), threads("left"));
        let texts = ["used", "left"].map(|name| {
            let engine = &server.clusters[&name.parse().unwrap()].engine;
            let parsed = engine.texts.parsed("select 1".to_owned()).unwrap().remove(0);
            parsed.0.unwrap()
        });
        let is_kept = |text| Arc::strong_count(text) > 1;
        let (_session, last) = (used.enter().unwrap(), left.enter().unwrap());
        drop(last);
        let _current = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&server).keep_current()));
        let ended = async {
            while left.are_there() || is_kept(&texts[1]) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // The limit only ends a test that fails.
        tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
        assert!(used.are_there() && is_kept(&texts[0]));
    }
}
