//! Accepts connections and serves each in a task of its own, until told to stop.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_rustls::TlsAcceptor;
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
    threads::Threads,
    throttle::Throttle,
    tls,
};
use crate::{
    cluster::ClusterName,
    config::Limits,
    limits::{FILES_CHECK_AFTER, LOGINS_MAX},
    query::Engine,
    session::Session,
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
    /// Whether each connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
}

/// A cluster that is served.
pub struct Cluster {
    pub engine: Arc<Engine>,
    pub sessions: Sessions,
    pub threads: Threads,
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
                threads: Threads::default(),
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
            proxy_protocol: false,
        })
    }

    /// Looks at the files that may change while the server runs: the certificate, and the lists of revoked tokens, whose sessions end.
    async fn keep_current(self: Arc<Self>) {
        loop {
            tokio::time::sleep(FILES_CHECK_AFTER).await;
            let certificate = Arc::clone(&self.certificate);
            // Off the async threads: a file may lie on a network.
            let _ = tokio::task::spawn_blocking(move || certificate.refresh()).await;
            self.verifier.reload_revoked().await;
            // Every time, for a login may have been under way when its token was revoked.
            self.cancels.end_revoked(|identity| self.verifier.is_revoked(identity));
        }
    }
}

/// Serves `listener` until `stop` gives something; then accepts no more, and gives open connections a moment to end, unless `stop` gives
/// something again.
pub async fn run(listener: TcpListener, server: Server, stop: impl Stream<Item = ()>) {
    let server = Arc::new(server);
    let _current = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&server).keep_current()));
    let connections = TaskTracker::new();
    let stopping = CancellationToken::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.next() => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                let connection = connection(socket, Arc::clone(&server), Instant::now(), stopping.clone());
                connections.spawn(async move {
                    // A panic of one connection ends that connection; the task's own handle is where it shows.
                    if let Err(panic) = tokio::spawn(connection).await {
                        error!(%peer, %panic, "a connection panicked");
                    }
                });
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
        _ = stop.next() => return warn!(left = connections.len(), "connections were cut: told twice to stop"),
    }
    server.cancels.cancel_all();
    if tokio::time::timeout(DRAIN_GRACE, connections.wait()).await.is_err() {
        warn!(left = connections.len(), "connections were cut at the drain deadline");
    }
}

/// One connection from its accept to its end.
async fn connection(socket: TcpStream, server: Arc<Server>, accepted_at: Instant, stop: CancellationToken) {
    // Replies leave as they are flushed; there is no small write that another would follow.
    let _ = socket.set_nodelay(true);
    let deadline = accepted_at + server.login_timeout;
    // Apart, so that a session does not carry the room that its login took.
    let Some(login) = Box::pin(login::login(socket, &server, deadline)).await else {
        return;
    };
    let threads = login.threads.clone();
    if let Err(panic) = threads.spawn(session(login, stop)).await {
        error!(%panic, "a session panicked");
    }
}

/// The rest of it, on the threads of its cluster.
async fn session(login: Login, stop: CancellationToken) {
    let Login {
        mut connection,
        admitted,
        threads: _,
        places: _places,
    } = login;
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
