//! `restate-pg demo`: a server for one person on one machine, with nothing to configure.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use restate_pg::{
    cluster::ClusterName,
    config::Limits,
    edge::{
        certificate::Certificate,
        server::{self, Server},
        tls::Identity,
    },
    query::Engine,
    source::{RuntimeSource, SnapshotSource, Source},
    token::{
        self, Algorithm, DEFAULT_AUDIENCE, DEFAULT_CLUSTER_CLAIM, DEFAULT_ISSUER, IssueOptions, Issuer, KeySet,
        KeySource, SigningKey, SystemClock, Verifier,
    },
};
use tokio::net::TcpListener;

use super::serve;

/// How long the printed token is good: longer than anyone looks at a demo.
const TOKEN_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// The snapshot that the binary carries: made by `restate-pg snapshot` from a Restate server with a small workload.
mod embedded {
    macro_rules! tables {
        ($($name:literal),* $(,)?) => {
            pub static TABLES: &[(&str, &[u8])] = &[
                $((concat!($name, ".parquet"), include_bytes!(concat!("../../fixtures/demo/", $name, ".parquet")))),*
            ];
        };
    }

    pub static MANIFEST: &[u8] = include_bytes!("../../fixtures/demo/manifest.json");

    tables!(
        "state",
        "sys_deployment",
        "sys_inbox",
        "sys_invocation",
        "sys_invocation_state",
        "sys_invocation_status",
        "sys_journal",
        "sys_journal_events",
        "sys_keyed_service_status",
        "sys_locks",
        "sys_promise",
        "sys_rules",
        "sys_scheduler",
        "sys_service",
        "sys_user_limits",
        "sys_vqueue_entry_status",
        "sys_vqueue_meta",
        "sys_vqueues",
    );
}

/// Queries that show what there is, with what they are for.
const WORTH_TRYING: &[(&str, &str)] = &[
    (
        "how the invocations stand",
        "select status, count(*) from sys_invocation group by 1 order by 2 desc;",
    ),
    (
        "what fails, and why",
        "select target, retry_count, last_failure from sys_invocation where last_failure is not null;",
    ),
    (
        "what an invocation did",
        "select index, entry_type, name from sys_journal where id = (select id from sys_invocation \
         where target_service_name = 'Checkout' order by created_at limit 1) order by index;",
    ),
    (
        "what the objects remember",
        "select service_name, service_key, key, value_utf8 from state limit 10;",
    ),
    ("what a table's columns mean", "\\d+ sys_invocation"),
];

#[derive(Debug, clap::Args)]
pub struct Demo {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 5432)]
    port: u16,
    /// Serve your own runtime (its admin address) instead of the snapshot that the binary carries.
    #[arg(long, value_name = "URL")]
    runtime: Option<String>,
}

pub async fn run(arguments: Demo) -> Result<(), String> {
    let words = |error: restate_pg::Error| error.message().to_owned();
    let fault = |fault: token::KeyFault| fault.to_string();
    let source: Arc<dyn Source> = match &arguments.runtime {
        Some(url) => Arc::new(RuntimeSource::new(url).map_err(words)?),
        None => Arc::new(SnapshotSource::embedded(embedded::MANIFEST, embedded::TABLES).map_err(words)?),
    };
    // What cannot be reached now is better said now.
    source.introspect().await.map_err(words)?;
    let cluster: ClusterName = "demo".parse().map_err(|fault| format!("{fault}"))?;
    let engine = Engine::new(cluster.clone(), source).map_err(words)?;

    let key = SigningKey::generate().map_err(fault)?;
    let keys = KeySet::parse(key.jwks().as_bytes()).map_err(fault)?;
    let options = IssueOptions {
        ttl: TOKEN_TTL,
        ..IssueOptions::new(vec![cluster])
    };
    let token = token::issue(&key, &options, SystemTime::now()).map_err(fault)?;
    let issuer = Issuer {
        issuer: DEFAULT_ISSUER.to_owned(),
        audience: DEFAULT_AUDIENCE.to_owned(),
        keys: KeySource::Fixed(keys),
        algorithms: vec![Algorithm::EdDSA],
        cluster_claim: DEFAULT_CLUSTER_CLAIM.to_owned(),
        revoked: None,
    };
    let verifier = Verifier::new(vec![issuer], Arc::new(SystemClock)).map_err(fault)?;
    let certificate = Identity::self_signed().and_then(Certificate::fixed)?;
    let default = Limits::default();
    let limits = Limits {
        // There is but one cluster.
        sessions_per_cluster: default.sessions,
        ..default
    };
    let server = Server::new(certificate, verifier, vec![engine], &limits)?;

    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|error| format!("cannot listen on {wanted}: {error}; try --port"))?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let stopped = serve::stopped()?;

    // Whoever reads these lines may stop reading; the demo goes on.
    let mut stdout = std::io::stdout();
    let mut text = format!(
        "PGPASSWORD={} psql \"host=127.0.0.1 port={port} user=demo dbname=demo sslmode=require\"\n\n",
        token.expose()
    );
    for (purpose, query) in WORTH_TRYING {
        text.push_str(&format!("-- {purpose}\n{query}\n"));
    }
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    server::run(listener, server, stopped).await;
    Ok(())
}
