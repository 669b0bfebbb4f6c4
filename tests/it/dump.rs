//! pg_dump reads a cluster as if it were a database, and PostgreSQL takes what it writes.

use std::process::Command;

use crate::support::{lab, postgres, psql, server::Server};

/// Everything is restored without an error, keys included, and every table's rows are the same in text.
#[test]
fn a_dump_is_restored_by_postgresql() {
    let server = Server::shared();
    let (Some(programs), Some(postgres)) = (lab::postgres(), postgres::empty(&[], &[])) else {
        return;
    };
    let conninfo = format!(
        "host=127.0.0.1 port={} user=demo dbname=demo sslmode=verify-full sslrootcert={}",
        server.port,
        server.certificate().display()
    );
    let mut command = Command::new("timeout");
    command
        .arg("60")
        .arg(programs.join("pg_dump"))
        .args(["--dbname", &conninfo])
        .env("PGPASSWORD", server.token("demo"));
    let dump = psql::answer(&mut command, "");
    assert!(dump.success, "{}", dump.stderr);
    let restored = postgres.psql(&["-q", "-v", "ON_ERROR_STOP=1"], &dump.stdout);
    assert!(restored.success, "{}", restored.stderr);

    let ask = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1";
    let tables = postgres.psql(&["-At"], ask).stdout;
    assert_eq!(
        psql::run(server, "demo", &["-At"], ask).map(|answer| answer.stdout),
        Some(tables.clone())
    );
    assert!(tables.lines().count() >= 18, "{tables}");
    for table in tables.lines() {
        let sql = format!(
            "set time zone 'UTC'; select count(*), md5(string_agg(t::text, ' ' order by t::text collate \"C\")) from {table} t"
        );
        let theirs = postgres.psql(&["-At"], &sql);
        let ours = psql::run(server, "demo", &["-At"], &sql).expect("psql");
        assert_eq!((ours.stdout, ours.stderr), (theirs.stdout, theirs.stderr), "{table}");
    }
}
