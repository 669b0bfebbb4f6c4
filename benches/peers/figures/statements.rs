//! `select 1` a second, by pgbench over TLS.

use std::{fs, process::Command};

use super::{Bed, conninfo};
use crate::measure::{Better, Table, pair};

/// Seconds of each run.
const SECONDS: &str = "2";

/// Every protocol mode of pgbench, with 1, 8 and 32 connections.
pub fn select_1(bed: &Bed, table: &mut Table) {
    let Some(postgres) = &bed.postgres else {
        return table.skipped("select 1", "no PostgreSQL");
    };
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
            let both = pair(|| run(&conninfo(bed.door.port)), || run(&postgres.conninfo()));
            table.pair(
                &format!("select 1, {mode}, {connections} connections"),
                "a second",
                Better::More,
                both,
            );
        }
    }
}
