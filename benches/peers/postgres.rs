//! PostgreSQL 15 for the run: a cluster of its own in a temporary directory, with TLS.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use rcgen::CertifiedKey;

use super::{
    rows,
    support::{free_port, process::Process, wait_for},
};

/// The password of the role that logs in by SCRAM.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running PostgreSQL: role `bench` is trusted, role `scram` has a password.
pub struct Postgres {
    pub port: u16,
    _process: Process,
    _directory: tempfile::TempDir,
}

impl Postgres {
    /// Starts it; `None` where PostgreSQL's server programs are not installed.
    pub fn start() -> Option<Postgres> {
        let bin = bin()?;
        let directory = tempfile::tempdir().expect("a directory for PostgreSQL");
        let data = directory.path().join("data");
        own(directory.path());
        run(as_user(bin.join("initdb"))
            .args([
                "--username=bench",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data));
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        fs::write(data.join("server.crt"), cert.pem()).expect("write the certificate");
        fs::write(data.join("server.key"), signing_key.serialize_pem()).expect("write the key");
        fs::write(
            data.join("pg_hba.conf"),
            "host all scram 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n",
        )
        .expect("write pg_hba.conf");
        own(directory.path());
        run(Command::new("chmod").arg("600").arg(data.join("server.key")));
        let port = free_port();
        let mut command = as_user(bin.join("postgres"));
        command.arg("-D").arg(&data);
        // The table in memory, and nothing that a benchmark of reading should wait for.
        for setting in [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "ssl=on".to_owned(),
            "shared_buffers=1GB".to_owned(),
            "fsync=off".to_owned(),
            "autovacuum=off".to_owned(),
            "max_connections=200".to_owned(),
        ] {
            command.arg("-c").arg(setting);
        }
        let process = Process::start(command, directory.path(), "postgres");
        let postgres = Postgres {
            port,
            _process: process,
            _directory: directory,
        };
        wait_for("PostgreSQL", Duration::from_secs(30), || {
            postgres.sql("SELECT 1").then_some(())
        });
        assert!(postgres.sql(&format!("CREATE ROLE scram LOGIN PASSWORD '{PASSWORD}'")));
        Some(postgres)
    }

    /// Runs statements as the owner; whether they succeeded.
    pub fn sql(&self, sql: &str) -> bool {
        let psql = Command::new("psql")
            .args([&self.conninfo(), "-qX", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        psql.is_ok_and(|status| status.success())
    }

    pub fn conninfo(&self) -> String {
        format!(
            "host=127.0.0.1 port={} user=bench dbname=postgres sslmode=require",
            self.port
        )
    }

    /// Fills it with the rows of `door` (a connection string of ours), by COPY in binary from one to the other.
    pub fn load(&self, door: &str, token: &str) {
        assert!(self.sql(rows::DDL), "create the table");
        let copy = format!(
            "set -e; psql \"{door}\" -qX -c 'COPY (SELECT * FROM sys_invocation) TO STDOUT (FORMAT binary)' | \
             psql \"{}\" -qX -c 'COPY sys_invocation FROM STDIN (FORMAT binary)'",
            self.conninfo()
        );
        run(Command::new("bash")
            .args(["-o", "pipefail", "-c", &copy])
            .env("PGPASSWORD", token));
        assert!(self.sql("VACUUM ANALYZE sys_invocation"), "vacuum");
    }
}

/// Where the server's programs are.
fn bin() -> Option<PathBuf> {
    let known = [
        "/usr/lib/postgresql/15/bin",
        "/usr/local/pgsql/bin",
        "/opt/homebrew/opt/postgresql@15/bin",
    ];
    known
        .iter()
        .map(PathBuf::from)
        .find(|dir| dir.join("postgres").exists())
}

/// PostgreSQL does not run as root: then it runs as the user that its package made.
fn as_user(program: PathBuf) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program);
    command
}

fn own(directory: &std::path::Path) {
    if is_root() {
        run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(directory));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
