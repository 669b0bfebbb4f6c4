//! PostgreSQL 15 with the rows of [`rows`], over TLS: role `demo` is trusted, role `scram` has a password.

use std::process::Command;

use rcgen::CertifiedKey;

use super::{rows, support::postgres};

/// The password of the role that logs in by SCRAM.
pub const PASSWORD: &str = "correct horse battery staple";

/// The table in memory, and nothing that a benchmark of reading should wait for.
const SETTINGS: [&str; 5] = [
    "ssl=on",
    "shared_buffers=1GB",
    "fsync=off",
    "autovacuum=off",
    "max_connections=200",
];

const HBA: &str = "host all scram 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";

/// A running PostgreSQL.
pub struct Postgres {
    server: postgres::Postgres,
    /// Its certificate and key, in PEM.
    pub certificate: String,
    pub key: String,
}

impl Postgres {
    /// Starts it and fills it with the rows of `door` (a connection string of ours) by COPY in binary from one to the other. `None`,
    /// said aloud, where PostgreSQL is not installed.
    pub fn start(door: &str, token: &str) -> Option<Postgres> {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
        let files = [
            ("server.crt", certificate.as_str()),
            ("server.key", key.as_str()),
            ("pg_hba.conf", HBA),
        ];
        let postgres = Postgres {
            server: postgres::empty(&SETTINGS, &files)?,
            certificate,
            key,
        };
        postgres.run(&format!("CREATE ROLE scram LOGIN PASSWORD '{PASSWORD}'; {}", rows::DDL));
        let copy = format!(
            "psql \"{door}\" -qX -c 'COPY (SELECT * FROM sys_invocation) TO STDOUT (FORMAT binary)' | \
             psql \"{}\" -qX -c 'COPY sys_invocation FROM STDIN (FORMAT binary)'",
            postgres.conninfo()
        );
        let copied = Command::new("bash")
            .args(["-o", "pipefail", "-c", &copy])
            .env("PGPASSWORD", token)
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "copy the rows");
        postgres.run("VACUUM ANALYZE sys_invocation");
        Some(postgres)
    }

    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// What libpq needs to connect over TLS.
    pub fn conninfo(&self) -> String {
        format!("{} sslmode=require", self.server.conninfo())
    }

    fn run(&self, sql: &str) {
        let answer = self.server.psql(&["-q", "-v", "ON_ERROR_STOP=1"], sql);
        assert!(answer.success, "{}", answer.stderr);
    }
}
