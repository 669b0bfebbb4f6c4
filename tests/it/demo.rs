//! `restate-pg demo`: the first thing a user does.

use std::{process::Command, time::Duration};

use crate::support::{
    free_port, http,
    lab::{self, Version},
    process::Process,
    psql::{self, Answer},
    server::BINARY,
    wait_for,
};

/// A running demo and the line that it printed.
struct Demo {
    process: Process,
    line: String,
    _directory: tempfile::TempDir,
}

impl Demo {
    fn start(options: &[&str]) -> Demo {
        let directory = tempfile::tempdir().expect("a directory for the demo");
        let port = free_port().to_string();
        let mut command = Command::new(BINARY);
        command
            .args(["demo", "--port", &port])
            .args(options)
            .current_dir(directory.path());
        let mut process = Process::start(command, directory.path(), "demo");
        let line = wait_for("the line to paste", Duration::from_secs(60), || {
            assert_eq!(process.ended(), None, "{}{}", process.stdout(), process.stderr());
            let printed = process.stdout();
            let (whole, _) = printed.rsplit_once('\n')?;
            whole
                .lines()
                .find(|line| line.trim_start().starts_with("PGPASSWORD="))
                .map(|line| line.trim().to_owned())
        });
        let expected = format!("psql \"host=127.0.0.1 port={port} user=demo dbname=demo sslmode=require\"");
        assert!(line.ends_with(&expected), "{line}");
        Demo {
            process,
            line,
            _directory: directory,
        }
    }

    /// Pastes the line into a shell, with `options` behind it.
    fn psql(&self, options: &str, sql: &str) -> Option<Answer> {
        lab::psql()?;
        let mut shell = Command::new("timeout");
        shell.args(["60", "sh", "-c", &format!("{} -X {options}", self.line)]);
        Some(psql::answer(&mut shell, sql))
    }
}

#[test]
fn the_printed_line_opens_psql_on_a_live_looking_cluster() {
    let demo = Demo::start(&[]);
    let Some(counts) = demo.psql("--csv -t", "select status, count(*) from sys_invocation group by 1") else {
        return;
    };
    assert!(counts.success, "{counts:?}");
    let counts = psql::csv(&counts.stdout);
    let statuses: Vec<&str> = counts.iter().map(|row| row[0].as_str()).collect();
    for status in [
        "backing-off",
        "completed",
        "paused",
        "pending",
        "running",
        "scheduled",
        "suspended",
    ] {
        assert!(statuses.contains(&status), "{status} in {statuses:?}");
    }
    assert!(
        counts
            .iter()
            .all(|row| row[1].parse::<u64>().is_ok_and(|count| count > 0)),
        "{counts:?}"
    );
}

#[test]
fn psql_lists_and_describes_the_tables() {
    let demo = Demo::start(&[]);
    let Some(tables) = demo.psql("", "\\dt") else {
        return;
    };
    assert!(tables.success, "{tables:?}");
    for table in [
        "state",
        "sys_deployment",
        "sys_invocation",
        "sys_journal",
        "sys_service",
    ] {
        let row = tables
            .stdout
            .lines()
            .find(|line| line.split('|').nth(1).is_some_and(|name| name.trim() == table));
        let row = row.unwrap_or_else(|| panic!("{table} in {}", tables.stdout));
        assert_eq!(
            row.split('|').map(str::trim).collect::<Vec<_>>()[..3],
            ["public", table, "table"]
        );
    }

    let described = demo.psql("", "\\d sys_invocation").expect("psql, as above");
    assert!(described.success, "{described:?}");
    assert!(
        described.stdout.contains("Table \"public.sys_invocation\""),
        "{}",
        described.stdout
    );
    for (column, kind) in [
        ("id", "text"),
        ("status", "text"),
        ("created_at", "timestamp with time zone"),
    ] {
        let row = described
            .stdout
            .lines()
            .find(|line| line.split('|').next().is_some_and(|name| name.trim() == column));
        let row = row.unwrap_or_else(|| panic!("{column} in {}", described.stdout));
        assert_eq!(row.split('|').nth(1).map(str::trim), Some(kind), "{row}");
    }
    for part in [
        "PRIMARY KEY",
        "FOREIGN KEY (pinned_deployment_id) REFERENCES sys_deployment(id)",
        "TABLE \"sys_journal\" CONSTRAINT",
    ] {
        assert!(described.stdout.contains(part), "{part}: {}", described.stdout);
    }
}

#[test]
fn every_query_worth_trying_works() {
    let demo = Demo::start(&[]);
    let queries: Vec<String> = wait_for("the queries", Duration::from_secs(5), || {
        let printed = demo.process.stdout();
        let lines = printed
            .lines()
            .map(str::trim)
            .filter(|line| line.ends_with(';') || line.starts_with('\\'));
        let queries: Vec<String> = lines.map(str::to_owned).collect();
        (queries.len() >= 3).then_some(queries)
    });
    for query in queries {
        let Some(answer) = demo.psql("-v ON_ERROR_STOP=1", &query) else {
            return;
        };
        assert!(answer.success && answer.stderr.is_empty(), "{query}: {answer:?}");
        assert!(!answer.stdout.contains("(0 rows)"), "{query}: {answer:?}");
    }
}

#[test]
fn the_demo_runs_over_a_local_runtime() {
    let Some(runtime) = lab::runtime(Version::V1_7_12) else {
        return;
    };
    let demo = Demo::start(&["--runtime", &runtime.admin]);
    let sql = "select count(*) as n from sys_service";
    let Some(answer) = demo.psql("-A -t", sql) else {
        return;
    };
    let expected = http::query(&runtime.admin, sql).expect("the runtime's answer");
    assert_eq!(answer.stdout.trim(), expected[0]["n"].to_string(), "{answer:?}");
}
