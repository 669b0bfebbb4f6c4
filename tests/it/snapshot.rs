//! `restate-pg snapshot`: a running cluster captured to Parquet answers as the cluster did, offline.

use std::{fs, process::Command};

use crate::support::{
    http,
    lab::{self, Runtime, Version},
    psql, rows,
    server::{BINARY, Data, Server},
};

fn capture(runtime: &Runtime, out: &std::path::Path) -> psql::Answer {
    let mut command = Command::new(BINARY);
    psql::answer(
        command
            .args(["snapshot", "--runtime", &runtime.admin, "--out"])
            .arg(out),
        "",
    )
}

#[test]
fn a_snapshot_answers_as_its_cluster_did() {
    for version in Version::ALL {
        let Some(runtime) = lab::runtime(version) else {
            continue;
        };
        let directory = tempfile::tempdir().expect("a directory");
        let captured = capture(runtime, directory.path());
        assert!(captured.success, "{captured:?}");
        let tables = rows::tables(&runtime.admin);
        for table in &tables {
            assert!(
                captured.stderr.contains(table.as_str()) || captured.stdout.contains(table.as_str()),
                "no progress on {table}"
            );
            let file = directory.path().join(format!("{table}.parquet"));
            assert!(file.is_file(), "{} is missing", file.display());
        }

        let server = Server::serve(&[("archive", Data::Snapshot(directory.path().to_owned()))]);
        // What does not move while the cluster lives on.
        let statements = [
            "select * from sys_deployment".to_owned(),
            "select * from sys_service".to_owned(),
            "select * from sys_promise".to_owned(),
            "select * from state where service_name <> 'LoadObj'".to_owned(),
            "select * from sys_invocation where status = 'completed' and target_service_name <> 'Load'".to_owned(),
            "select count(*) as n, sum(value_length) as bytes from state".to_owned(),
            "select count(*) as n from sys_invocation_status".to_owned(),
        ];
        for sql in statements {
            let options = ["--csv", "-P", &format!("null={}", rows::NULL)];
            let Some(answer) = psql::run(&server, "archive", &options, &sql) else {
                return;
            };
            assert!(answer.success, "{sql}: {}", answer.stderr);
            let mut ours = psql::csv(&answer.stdout);
            let header = ours.remove(0);
            ours.sort();
            let theirs = http::query(&runtime.admin, &sql).expect("the runtime's rows");
            assert_eq!(
                ours,
                rows::rendered(&theirs, &header, &rows::binary_columns(&runtime.admin)),
                "{sql}"
            );
        }
    }
}

/// The engine's rules took a filter's `t2.id` for the join's other `id`, and pushed it into the wrong file.
#[test]
fn a_filter_over_a_join_means_the_column_that_it_names() {
    let outer = "from sys_journal t2 right join sys_deployment t3 on t2.id = t3.id";
    let rows = |sql: &str| {
        let answer = psql::run(Server::shared(), "demo", &["-A", "-t"], sql)?;
        assert!(answer.success, "{sql}: {}", answer.stderr);
        Some(answer.stdout)
    };
    let Some(all) = rows(&format!("select t2.id, left(t3.id, 2) {outer}")) else {
        return;
    };
    assert_eq!(all, "|dp\n", "no journal is a deployment's");
    let condition = "t3.id not like 'dp%' or length(t2.id) < 34";
    let filtered = rows(&format!("select t2.id, t3.id {outer} where {condition}"));
    assert_eq!(filtered.as_deref(), Some(""));
    // What is not ambiguous still reaches the file.
    let plan = rows("explain select entry_type from sys_journal where id = 'inv_1'").expect("psql");
    assert!(plan.contains("predicate=id@"), "{plan}");
}

#[test]
fn a_snapshot_of_nothing_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out");
    let url = format!("http://127.0.0.1:{}", crate::support::free_port());
    let mut command = Command::new(BINARY);
    let answer = psql::answer(command.args(["snapshot", "--runtime", &url, "--out"]).arg(&out), "");
    assert!(!answer.success);
    assert!(!answer.stderr.is_empty(), "says why");
    let files = fs::read_dir(&out).map(Iterator::count).unwrap_or(0);
    assert_eq!(files, 0, "no half a snapshot");
}
