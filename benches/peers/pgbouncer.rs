//! Debian's PgBouncer before [`Postgres`], over TLS to the client and to PostgreSQL.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::Command,
};

use super::{
    postgres::Postgres,
    support::{free_port, postgres::unprivileged, process::Process, server::listening},
};

/// Where the package puts it, which is not on every user's search path.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A running PgBouncer.
pub struct PgBouncer {
    port: u16,
    _process: Process,
    _directory: tempfile::TempDir,
}

impl PgBouncer {
    /// Starts it with PostgreSQL's certificate. `None` where it is not installed.
    pub fn start(postgres: &Postgres) -> Option<PgBouncer> {
        if !Path::new(PROGRAM).is_file() {
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory for PgBouncer");
        let user = unprivileged(directory.path());
        let port = free_port();
        for (name, text) in [
            ("server.crt", postgres.certificate.as_str()),
            ("server.key", &postgres.key),
            ("users", "\"demo\" \"\"\n"),
            ("pgbouncer.ini", &configuration(port, postgres.port())),
        ] {
            let path = directory.path().join(name);
            fs::write(&path, text).expect("write a file");
            chown(&path, user, None).expect("give the file away");
        }
        let mut command = Command::new(PROGRAM);
        command.arg("pgbouncer.ini").current_dir(directory.path());
        if let Some(user) = user {
            command.uid(user);
        }
        let mut process = Process::start(command, directory.path(), "pgbouncer");
        listening(&mut process, port);
        Some(PgBouncer {
            port,
            _process: process,
            _directory: directory,
        })
    }

    /// What libpq needs to connect over TLS for pgbench's protocol mode `mode`.
    pub fn conninfo(&self, mode: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user=demo dbname={mode} sslmode=require",
            self.port
        )
    }
}

/// A database for each of pgbench's protocol modes. Connections are pooled by transaction; before 1.21 (`max_prepared_statements`)
/// prepared statements only live where they are pooled by session.
fn configuration(port: u16, postgres: u16) -> String {
    let database = |mode: &str, pooled: &str| {
        format!("{mode} = host=127.0.0.1 port={postgres} dbname=demo pool_mode={pooled} pool_size=32\n")
    };
    [
        "[databases]\n",
        &database("simple", "transaction"),
        &database("extended", "transaction"),
        &database("prepared", "session"),
        &format!("[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"),
        "auth_type = trust\nauth_file = users\n",
        "client_tls_sslmode = require\nclient_tls_cert_file = server.crt\nclient_tls_key_file = server.key\n",
        "server_tls_sslmode = require\n",
    ]
    .concat()
}
