//! Accepts connections and serves each in a task of its own, until told to stop.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, warn};

use super::{
    cancel,
    login::{self, Login},
};
use crate::{cluster::ClusterName, query::Engine, session::Session, token::Verifier};

/// How long the accept loop rests after a failed accept (no file descriptors left): spinning frees none.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How long open connections get to end by themselves once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What all connections share.
pub struct Server {
    pub acceptor: TlsAcceptor,
    pub verifier: Verifier,
    pub engines: BTreeMap<ClusterName, Arc<Engine>>,
    pub cancels: Arc<cancel::Registry>,
}

impl Server {
    pub fn new(acceptor: TlsAcceptor, verifier: Verifier, engines: Vec<Engine>) -> Arc<Self> {
        let engines = engines
            .into_iter()
            .map(|engine| (engine.cluster().clone(), Arc::new(engine)))
            .collect();
        Arc::new(Server {
            acceptor,
            verifier,
            engines,
            cancels: Arc::default(),
        })
    }
}

/// Serves `listener` until `shutdown` resolves; then accepts no more, and gives open connections a moment to end.
pub async fn run(listener: TcpListener, server: Arc<Server>, shutdown: impl Future<Output = ()>) {
    let connections = TaskTracker::new();
    let stop = CancellationToken::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                let connection = connection(socket, Arc::clone(&server), stop.clone());
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
    connections.close();
    stop.cancel();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait()).await.is_err() {
        warn!(left = connections.len(), "connections were cut at the drain deadline");
    }
}

async fn connection(socket: TcpStream, server: Arc<Server>, stop: CancellationToken) {
    // Replies leave as they are flushed; there is no small write that another would follow.
    let _ = socket.set_nodelay(true);
    let Some(Login { connection, admitted }) = login::login(socket, &server).await else {
        return;
    };
    match Session::new(connection, admitted, stop) {
        Ok(session) => {
            if let Err(error) = session.run().await {
                debug!(%error, "a connection broke");
            }
        }
        Err((connection, error)) => login::refuse(connection, &error).await,
    }
}
