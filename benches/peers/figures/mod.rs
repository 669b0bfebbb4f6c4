//! The figures, and the servers that they are taken from.

mod logins;
mod results;
mod runtime;
mod start;
mod statements;

use std::env;

use super::{
    measure::Table,
    postgres::Postgres,
    rows,
    stream::Stream,
    support::server::{Data, Server},
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
    ("lookups", runtime::lookups),
    ("journal", runtime::journal),
    ("start", start::start),
];

/// The cluster of the snapshot, and the one of the real runtime.
pub const SNAPSHOT: &str = "bench";
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
        let mut clusters = vec![(SNAPSHOT, Data::Snapshot(snapshot.path().to_owned()))];
        clusters.extend(runtime.clone().map(|url| (LIVE, Data::Runtime(url))));
        let door = Server::serve_logging("warn", &clusters);
        let token = door.token(SNAPSHOT);
        let postgres = Postgres::start();
        match &postgres {
            Some(postgres) => postgres.load(&conninfo(door.port), &token),
            None => eprintln!("SKIPPED: everything beside PostgreSQL 15, whose server programs are not installed"),
        }
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
