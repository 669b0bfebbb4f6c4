//! `restate-pg serve`: the clusters of a configuration file, until told to stop.

use std::{path::Path, sync::Arc};

use restate_pg::{
    config::{Config, Data},
    edge::{
        server::{self, Server},
        tls,
    },
    query::Engine,
    source::{RuntimeSource, SnapshotSource, Source},
    token::{SystemClock, Verifier},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing::{info, warn};

pub async fn run(file: &Path) -> Result<(), String> {
    let config = Config::load(file, std::env::vars_os()).map_err(|faults| faults.to_string())?;
    let identity = tls::Identity::read(&config.tls.certificate, &config.tls.key)?;
    let acceptor = tls::acceptor(identity)?;
    let verifier = Verifier::new(config.issuers, Arc::new(SystemClock)).map_err(|fault| fault.to_string())?;
    for issuer in verifier.load_keys().await {
        warn!(%issuer, "the issuer's keys cannot be had now; its logins are refused until they can");
    }
    let mut engines = Vec::new();
    for cluster in config.clusters {
        let source = source(&cluster.data)?;
        engines.push(Engine::new(cluster.name, source).map_err(|error| error.message().to_owned())?);
    }
    let listener = TcpListener::bind(config.listen.postgres)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen.postgres))?;
    info!(address = %config.listen.postgres, clusters = engines.len(), "serving");
    server::run(listener, Server::new(acceptor, verifier, engines), stopped()?).await;
    Ok(())
}

/// Where a cluster's rows come from.
pub fn source(data: &Data) -> Result<Arc<dyn Source>, String> {
    Ok(match data {
        Data::Runtime(url) => {
            Arc::new(RuntimeSource::new(&url.to_string()).map_err(|error| error.message().to_owned())?)
        }
        Data::Snapshot(dir) => Arc::new(SnapshotSource::open(dir).map_err(|error| error.message().to_owned())?),
    })
}

/// Resolves at SIGTERM or SIGINT.
pub fn stopped() -> Result<impl Future<Output = ()>, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
