//! The figures, and the servers that they are taken from.

mod catalogue;
mod isolation;
mod logins;
mod memory;
mod results;
mod rewrites;
mod runtime;
mod start;
mod statements;

use std::{env, time::Duration};

use super::{
    measure::Table,
    postgres::Postgres,
    rows,
    stream::Stream,
    support::server::{Data, Server, demo_data},
};

/// A figure, or a few that belong together.
pub type Figure = fn(&Bed, &mut Table);

/// All of them, in the order of the table.
pub const ALL: &[(&str, Figure)] = &[
    ("results", results::whole),
    ("first-row", results::first_row),
    ("aggregates", results::aggregates),
    ("statements", statements::select_1),
    ("logins", logins::logins),
    ("catalogue", catalogue::catalogue),
    ("lookups", runtime::lookups),
    ("journal", runtime::journal),
    ("rewrites", rewrites::rewrites),
    ("start", start::start),
    ("isolation", isolation::isolation),
    ("memory", memory::memory),
];

/// The cluster of the million rows, the demo's, and the one of the real runtime.
pub const SNAPSHOT: &str = "bench";
pub const DEMO: &str = "demo";
pub const LIVE: &str = "live";

/// What runs during the benchmark.
pub struct Bed {
    pub door: Server,
    /// The token for [`SNAPSHOT`].
    pub token: String,
    pub postgres: Option<Postgres>,
    /// The runtime's admin address.
    pub runtime: Option<String>,
    pub rows: u64,
    _snapshot: tempfile::TempDir,
}

impl Bed {
    /// Starts all of it; PostgreSQL is filled from our server.
    pub fn start() -> Bed {
        let rows = match env::var("RESTATE_PG_BENCH_ROWS") {
            Ok(rows) => rows.parse().expect("RESTATE_PG_BENCH_ROWS is a number"),
            Err(_) => 1_000_000,
        };
        eprintln!("{rows} rows …");
        let snapshot = tempfile::tempdir().expect("a directory for the snapshot");
        rows::write(snapshot.path(), rows);
        let runtime = env::var("RESTATE_PG_BENCH_RUNTIME").ok();
        let runtime = runtime.map(|url| url.trim_end_matches('/').to_owned());
        let rows_of = Data::Snapshot(snapshot.path().to_owned());
        let mut clusters = vec![(SNAPSHOT, rows_of), (DEMO, demo_data())];
        clusters.extend(runtime.clone().map(|url| (LIVE, Data::Runtime(url))));
        let door = Server::serve_logging("warn", &clusters);
        let token = door.token(SNAPSHOT);
        let postgres = Postgres::start(&conninfo(door.port), &token);
        Bed {
            door,
            token,
            postgres,
            runtime,
            rows: rows as u64,
            _snapshot: snapshot,
        }
    }

    /// A connection to our server, over TLS.
    pub fn ours(&self, cluster: &str) -> Stream {
        let token = self.door.token(cluster);
        Stream::connect(self.door.port, true, cluster, cluster, &token)
    }
}

/// What libpq needs for the cluster of the snapshot, without the password.
pub fn conninfo(port: u16) -> String {
    format!("host=127.0.0.1 port={port} user={SNAPSHOT} dbname={SNAPSHOT} sslmode=require")
}

/// Milliseconds.
fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
