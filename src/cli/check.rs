//! `restate-pg check`: what is wrong with a configuration, and what its clusters say.

use std::path::Path;

use restate_pg::{
    config::{Config, Data},
    edge::certificate::Certificate,
    source::{RuntimeSource, SnapshotSource, Source},
};

pub async fn run(file: &Path) -> Result<(), String> {
    let config = Config::load(file, std::env::vars_os()).map_err(|faults| faults.to_string())?;
    Certificate::read(config.tls.certificate, config.tls.key)?;
    println!("{}: no faults", file.display());
    let mut unreachable = 0;
    for cluster in &config.clusters {
        match found(&cluster.data).await {
            Ok(found) => println!("{}: {found}", cluster.name),
            Err(words) => {
                unreachable += 1;
                println!("{}: {words}", cluster.name);
            }
        }
    }
    match unreachable {
        0 => Ok(()),
        1 => Err("one cluster cannot be reached".to_owned()),
        several => Err(format!("{several} clusters cannot be reached")),
    }
}

async fn found(data: &Data) -> Result<String, String> {
    match data {
        Data::Runtime(url) => {
            let readable = |error: restate_pg::Error| match error.log() {
                Some(log) => format!("{url}: {} ({log})", error.message()),
                None => format!("{url}: {}", error.message()),
            };
            let source = RuntimeSource::new(&url.to_string()).map_err(readable)?;
            let probe = source.probe().await.map_err(readable)?;
            Ok(format!(
                "{url}: Restate {}, {} tables, answers in {:.1} ms",
                probe.introspection.version,
                probe.introspection.tables.len(),
                probe.latency.as_secs_f64() * 1000.0,
            ))
        }
        Data::Snapshot(dir) => {
            let source = SnapshotSource::open(dir).map_err(|error| error.message().to_owned())?;
            source.introspect().await.map_err(|error| error.message().to_owned())?;
            let manifest = source.manifest();
            Ok(format!(
                "{}: a snapshot of Restate {}, taken {}, {} tables, {} rows",
                dir.display(),
                manifest.runtime_version,
                manifest.captured_at,
                manifest.tables.len(),
                manifest.tables.values().map(|table| table.rows).sum::<u64>(),
            ))
        }
    }
}
