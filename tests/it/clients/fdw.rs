//! postgres_fdw: a PostgreSQL that reads a cluster's tables as its own, and joins them with what it has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{Door, Facts};
use crate::support::{free_port, lab, process::Process, psql, wait_for};

/// A PostgreSQL of the test's own, on loopback; as root it runs as the user that Debian's package made, for it refuses to be root.
struct Postgres {
    port: u16,
    _process: Process,
    directory: tempfile::TempDir,
}

impl Postgres {
    fn start() -> Option<Postgres> {
        let programs = lab::postgres()?;
        let directory = tempfile::tempdir().expect("a directory for PostgreSQL");
        let port = free_port();
        if is_root() {
            succeed(Command::new("chown").arg("postgres").arg(directory.path()));
        }
        let data = directory.path().join("data");
        succeed(
            command(&programs.join("initdb"))
                .args(["-U", "postgres", "-A", "trust", "-D"])
                .arg(&data),
        );
        let mut server = command(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(directory.path());
        server.args(["-p", &port.to_string(), "-h", "127.0.0.1", "-c", "fsync=off"]);
        let log = tempfile::tempdir().expect("a directory for its log");
        let mut process = Process::start(server, log.path(), "postgres");
        let started = || {
            assert!(process.ended().is_none(), "PostgreSQL ended: {}", process.stderr());
            let answer = psql::answer(self::psql(port)?.args(["-c", "select 1"]), "");
            answer.success.then_some(())
        };
        wait_for("PostgreSQL", Duration::from_secs(60), started);
        Some(Postgres {
            port,
            _process: process,
            directory,
        })
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|of| std::os::unix::fs::MetadataExt::uid(&of) == 0)
}

/// A program that must not run as root.
fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"])
        .arg(program);
    // It must not die with a directory that it may not enter.
    command.current_dir("/");
    command
}

fn psql(port: u16) -> Option<Command> {
    let mut command = Command::new("timeout");
    command.arg("120").arg(lab::psql()?);
    command.args([
        "-XAtq",
        &format!("host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable"),
    ]);
    Some(command)
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A foreign server and its tables, for one cluster.
fn import(door: &Door, cluster: &str, certificate: &Path) -> String {
    format!(
        "create server {cluster} foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{}', \
         dbname '{cluster}', sslmode 'verify-full', sslrootcert '{}', fetch_size '1000');\n\
         create user mapping for postgres server {cluster} options (user '{cluster}', password '{}');\n\
         create schema {cluster};\n\
         import foreign schema public from server {cluster} into {cluster};\n",
        door.server.port,
        certificate.display(),
        door.server.token(cluster)
    )
}

/// Tables, a scan, an aggregate that is pushed down, a join with a local table, a parameter at run time (DECLARE takes it), an error and
/// a write.
fn tasks(cluster: &str) -> String {
    format!(
        "set search_path = {cluster}, public;\n\
         select count(*) from information_schema.foreign_tables where foreign_table_schema = '{cluster}';\n\
         select count(*) from (select * from state) as s;\n\
         select count(*) from sys_invocation where status = 'completed';\n\
         create temp table mine as select id from sys_invocation order by id limit 3;\n\
         select count(*) > 0 from mine join sys_journal using (id);\n\
         set plan_cache_mode = force_generic_plan;\n\
         prepare by_status(text) as select count(*) from sys_invocation where status = $1;\n\
         execute by_status('completed');\n\
         delete from state;\n\
         drop table mine; deallocate by_status;\n"
    )
}

#[test]
fn postgres_fdw_imports_the_schema_and_joins_remote_with_local_tables() {
    let Some(postgres) = Postgres::start() else { return };
    let door = Door::shared();
    let certificate: PathBuf = postgres.directory.path().join("server.crt");
    fs::copy(door.server.certificate(), &certificate).expect("copy the certificate");
    succeed(Command::new("chmod").arg("644").arg(&certificate));
    for (cluster, facts) in &door.facts {
        let Some(mut command) = psql(postgres.port) else { return };
        let begin = "create extension if not exists postgres_fdw;\n\\set VERBOSITY sqlstate\n";
        let script = format!("{begin}{}{}", import(door, cluster, &certificate), tasks(cluster));
        let answer = psql::answer(&mut command, &script);
        let Facts {
            tables,
            completed,
            state,
            ..
        } = facts;
        let expected = format!("{}\n{state}\n{completed}\nt\n{completed}\n", tables.len());
        assert_eq!(answer.stdout, expected, "{cluster}: {}", answer.stderr);
        let errors: Vec<&str> = answer.stderr.lines().filter(|line| line.starts_with("ERROR")).collect();
        assert_eq!(errors, ["ERROR:  25006"], "{cluster}: {}", answer.stderr);
    }
}
