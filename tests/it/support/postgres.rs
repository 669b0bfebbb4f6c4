//! A real PostgreSQL 15: with the tables and views of `sql/` in it, what the catalogue is held against; empty, a peer for benchmarks.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use super::{ROOT, free_port, lab, process::Process, psql, wait_for};

/// Role and database, named as those of the demo.
const NAME: &str = "demo";

/// A running server, which ends with the tests.
#[derive(Debug)]
pub struct Postgres {
    pub port: u16,
    psql: PathBuf,
    _process: Process,
    _directory: tempfile::TempDir,
}

impl Postgres {
    /// The one that the tests of a run share. `None`, said aloud, where this machine has no PostgreSQL 15.
    pub fn documented() -> Option<&'static Postgres> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(start).as_ref()
    }

    /// What psql prints for `input`.
    pub fn psql(&self, options: &[&str], input: &str) -> psql::Answer {
        let mut command = Command::new("timeout");
        command.arg("120").arg(&self.psql).args(["-X", &self.conninfo()]);
        psql::answer(command.args(options), input)
    }

    /// tokio-postgres over a plain connection, which runs on the current runtime.
    pub async fn connect(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.conninfo(), tokio_postgres::NoTls)
            .await
            .expect("connect to PostgreSQL");
        tokio::spawn(connection);
        client
    }

    /// What libpq needs to connect.
    pub fn conninfo(&self) -> String {
        self.conninfo_of(NAME)
    }

    fn conninfo_of(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user={NAME} dbname={database}", self.port)
    }
}

/// One of a test's own, which may change it.
pub fn start() -> Option<Postgres> {
    let postgres = empty(&[], &[])?;
    let load = format!("{ROOT}/sql/load.sql");
    let loaded = postgres.psql(&["-q", "-v", "ON_ERROR_STOP=1", "-f", &load], "");
    assert!(loaded.success, "{}", loaded.stderr);
    Some(postgres)
}

/// One with nothing in its database, with `settings` (`name=value`) and `files` (name and text) in its data directory.
pub fn empty(settings: &[&str], files: &[(&str, &str)]) -> Option<Postgres> {
    let programs = lab::postgres()?;
    let psql = lab::psql()?;
    let directory = tempfile::tempdir().expect("a directory for PostgreSQL");
    let user = unprivileged(directory.path());
    let program = |name: &str| {
        let mut command = Command::new(programs.join(name));
        // libpq, in postgres_fdw, would look for keys in a home that is not its user's.
        command.current_dir(directory.path()).env("HOME", directory.path());
        if let Some(user) = user {
            command.uid(user);
        }
        command
    };
    let data = directory.path().join("data");
    let made = program("initdb")
        .args([
            "--auth=trust",
            "--locale=C.UTF-8",
            "--encoding=UTF8",
            "--username",
            NAME,
            "--pgdata",
        ])
        .arg(&data)
        .output()
        .expect("run initdb");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for (name, text) in files {
        let path = data.join(name);
        fs::write(&path, text).expect("write a file");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("keep a file to its owner");
        chown(&path, user, None).expect("give the file away");
    }
    let port = free_port();
    let mut command = program("postgres");
    command
        .arg("-D")
        .arg(&data)
        .args(["-h", "127.0.0.1", "-k", "", "-p", &port.to_string()])
        .args(settings.iter().flat_map(|setting| ["-c", setting]));
    let postgres = Postgres {
        port,
        psql,
        _process: Process::start(command, directory.path(), "postgres"),
        _directory: directory,
    };
    wait_for("PostgreSQL", Duration::from_secs(60), || {
        let mut command = Command::new(&postgres.psql);
        let made = psql::answer(
            command.args(["-X", &postgres.conninfo_of("postgres")]),
            &format!("create database {NAME};"),
        );
        made.success.then_some(())
    });
    Some(postgres)
}

/// For a program that refuses to run as root: where root tests, PostgreSQL's own user, who is given `directory`.
pub fn unprivileged(directory: &Path) -> Option<u32> {
    let is_root = id(&["-u"]) == 0;
    is_root.then(|| {
        let user = id(&["-u", "postgres"]);
        chown(directory, Some(user), None).expect("give the directory away");
        user
    })
}

fn id(args: &[&str]) -> u32 {
    let output = Command::new("id").args(args).output().expect("run id");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("a user's number")
}
