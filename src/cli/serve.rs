//! `restate-pg serve`: the clusters of a configuration file, until told to stop.

use std::{path::Path, sync::Arc};

use futures::{Stream, stream};
use restate_pg::{
    config::{Config, Data},
    edge::{
        certificate::Certificate,
        server::{self, Server},
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
    let certificate = Certificate::read(config.tls.certificate, config.tls.key)?;
    let verifier = Verifier::new(config.issuers, Arc::new(SystemClock)).map_err(|fault| fault.to_string())?;
    for issuer in verifier.load_keys().await {
        warn!(%issuer, "the issuer's keys cannot be had now; its logins are refused until they can");
    }
    let mut engines = Vec::new();
    for cluster in config.clusters {
        let source = source(&cluster.data)?;
        engines.push(Engine::new(cluster.name, source).map_err(|error| error.message().to_owned())?);
    }
    let mut server = Server::new(certificate, verifier, engines, &config.limits)?;
    server.proxy_protocol = config.listen.proxy_protocol;
    let listener = TcpListener::bind(config.listen.postgres)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen.postgres))?;
    info!(address = %config.listen.postgres, clusters = server.clusters.len(), "serving");
    server::run(listener, server, stopped()?).await;
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

/// Gives something at each SIGTERM or SIGINT.
pub fn stopped() -> Result<impl Stream<Item = ()>, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let signals = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(stream::unfold(signals, async |(mut terminate, mut interrupt)| {
        tokio::select! {
            received = terminate.recv() => received?,
            received = interrupt.recv() => received?,
        }
        Some(((), (terminate, interrupt)))
    }))
}
