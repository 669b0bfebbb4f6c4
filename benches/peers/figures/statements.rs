//! `select 1` a second, by pgbench over TLS.

use std::{fs, process::Command};

use super::{Bed, conninfo};
use crate::{
    measure::{Better, Table, pair},
    pgbouncer::PgBouncer,
};

/// Seconds of each run.
const SECONDS: &str = "2";

/// Every protocol mode of pgbench, with 1, 8 and 32 connections, beside PostgreSQL and beside PgBouncer before it.
pub fn select_1(bed: &Bed, table: &mut Table) {
    let Some(postgres) = &bed.postgres else {
        return table.skipped("select 1", "no PostgreSQL");
    };
    let pgbouncer = PgBouncer::start(postgres);
    if pgbouncer.is_none() {
        table.skipped("select 1, PgBouncer", "no PgBouncer");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let script = directory.path().join("select1.sql");
    fs::write(&script, "select 1;\n").expect("write the script");
    for mode in ["simple", "extended", "prepared"] {
        for connections in ["1", "8", "32"] {
            let run = |conninfo: &str| {
                let output = Command::new("pgbench")
                    .args(["-n", "-M", mode, "-c", connections, "-j", "1", "-T", SECONDS, "-f"])
                    .arg(&script)
                    .arg(conninfo)
                    .env("PGPASSWORD", &bed.token)
                    .output()
                    .expect("run pgbench");
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let rate = text.lines().find_map(|line| line.strip_prefix("tps = "));
                let rate = rate.and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
                rate.unwrap_or_else(|| panic!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)))
            };
            let mut beside = |figure: &str, conninfo_of_peer: &str| {
                let both = pair(|| run(&conninfo(bed.door.port)), || run(conninfo_of_peer));
                let figure = format!("{figure}, {mode}, {connections} connections");
                table.pair(&figure, "a second", Better::More, both);
            };
            beside("select 1", &postgres.conninfo());
            if let Some(pgbouncer) = &pgbouncer {
                beside("select 1, PgBouncer", &pgbouncer.conninfo(mode));
            }
        }
    }
}
