//! The answer is the runtime's answer: for real runtimes filled by the workload, psql's rows equal those of `POST /query`.

use std::{collections::BTreeSet, time::Duration};

use crate::support::{
    ROOT, http,
    lab::{self, Runtime, Version},
    psql, rows,
    server::{Data, Server},
    wait_for,
};

pub fn server(runtime: &Runtime) -> Server {
    Server::serve(&[("yourcluster", Data::Runtime(runtime.admin.clone()))])
}

/// psql's rows and the runtime's are the same, in whichever order. The cluster is alive (failing invocations are retried),
/// so the runtime is asked before and behind: an answer that moved in between proves nothing and is asked for again.
pub fn assert_equal(server: &Server, runtime: &Runtime, sql: &str) -> Option<usize> {
    let options = ["--csv", "-P", &format!("null={}", rows::NULL)];
    wait_for(&format!("a quiet moment for {sql}"), Duration::from_secs(60), || {
        let before = http::query(&runtime.admin, sql).unwrap_or_else(|error| panic!("the runtime on {sql}: {error}"));
        let Some(answer) = psql::run(server, "yourcluster", &options, sql) else {
            return Some(None);
        };
        assert!(answer.success && answer.stderr.is_empty(), "{sql}: {}", answer.stderr);
        let behind = http::query(&runtime.admin, sql).expect("the runtime's second answer");
        let mut ours = psql::csv(&answer.stdout);
        let header = ours.remove(0);
        let binary = rows::binary_columns(&runtime.admin);
        let [before, behind] = [before, behind].map(|answer| rows::rendered(&answer, &header, &binary));
        if before != behind {
            return None;
        }
        ours.sort();
        for (ours, theirs) in ours.iter().zip(&before) {
            assert_eq!(ours, theirs, "{sql}: {header:?}");
        }
        assert_eq!(ours.len(), before.len(), "{sql}");
        Some(Some(before.len()))
    })
}

#[test]
fn every_table_reads_as_the_runtime_has_it() {
    for version in Version::ALL {
        let Some(runtime) = lab::runtime(version) else {
            continue;
        };
        let server = server(runtime);
        let tables = rows::tables(&runtime.admin);
        assert!(tables.len() >= 12, "{tables:?}");
        let mut filled = BTreeSet::new();
        for table in &tables {
            let sql = match table.as_str() {
                // The bulk of the state has a test of its own.
                "state" => "select * from state where service_name <> 'LoadObj'".to_owned(),
                // The bulk says nothing that the odd ones do not say.
                "sys_invocation" | "sys_invocation_status" => {
                    format!("select * from {table} where target_service_name <> 'Load'")
                }
                "sys_journal" => "select * from sys_journal where id in \
                    (select id from sys_invocation_status where target_service_name <> 'Load')"
                    .to_owned(),
                _ => format!("select * from {table}"),
            };
            let Some(count) = assert_equal(&server, runtime, &sql) else {
                return;
            };
            if count > 0 {
                filled.insert(table.as_str());
            }
        }
        for table in [
            "state",
            "sys_deployment",
            "sys_inbox",
            "sys_invocation",
            "sys_journal",
            "sys_promise",
            "sys_service",
        ] {
            assert!(
                filled.contains(table),
                "{table} of {version:?} is empty, so nothing was compared"
            );
        }
    }
}

#[test]
fn statements_over_the_tables_answer_as_the_runtime_does() {
    for version in Version::ALL {
        let Some(runtime) = lab::runtime(version) else {
            continue;
        };
        let server = server(runtime);
        for sql in STATEMENTS {
            if assert_equal(&server, runtime, sql).is_none() {
                return;
            }
        }
    }
}

/// Aggregates, joins, conditions of every type, subqueries and windows, over all tables.
const STATEMENTS: &[&str] = &[
    "select count(*) as n from state",
    "select count(*) as n, count(distinct id) as ids, max(index) as deepest from sys_journal",
    "select status, count(*) as n from sys_invocation group by 1",
    "select target_service_name as s, target_handler_name as h, status, count(*) as n from sys_invocation group by 1, 2, 3",
    "select service_name, count(*) as n, sum(value_length) as bytes, max(length(key)) as longest from state group by 1",
    "select id, target, status from sys_invocation where status <> 'completed' order by id",
    "select id from sys_invocation where completion_failure like '%teapot%'",
    "select id, completion_result from sys_invocation where completion_failure is not null",
    "select count(*) as n from sys_invocation where created_at > timestamp '2026-01-01 00:00:00'",
    "select count(*) as n from sys_invocation where idempotency_key is null",
    "select name, ty, \"public\" from sys_service where \"public\"",
    "select s.name, d.id, d.endpoint from sys_service s join sys_deployment d on d.id = s.deployment_id",
    "select i.id, count(j.index) as entries from sys_invocation_status i join sys_journal j on j.id = i.id \
     where i.target_service_name = 'Greeter' group by 1",
    "select id, index, entry_type, name from sys_journal where entry_type like '%Run%' or name is not null",
    "select id from sys_invocation_status where id in (select id from sys_inbox)",
    "select service_name, service_key, count(*) as waiting from sys_inbox group by 1, 2 having count(*) > 1",
    "select service_name, service_key, key, completed from sys_promise",
    "select * from (select service_key, key, row_number() over (partition by service_key order by key) as r \
     from state where service_name = 'Counter') as t where r <= 2",
    "select distinct target_service_name from sys_invocation_status",
    "select case when status = 'completed' then 'done' else 'open' end as what, count(*) as n from sys_invocation group by 1",
    "select upper(service_name) as s, coalesce(value_utf8, 'binary') as v from state where key = 'binary'",
    "select target_service_name as a from sys_invocation_status union select service_name as a from state",
    "with failing as (select * from sys_invocation where retry_count > 1) select count(*) as n from failing",
    "select service_key from state where service_name = 'Counter' and key = 'count' and value_utf8 = '5'",
    "select min(created_at) as first, max(created_at) as last from sys_invocation_status",
    "select 1 as one, 'x' as text, true as yes, null as nothing",
];

#[test]
fn the_queries_of_users_answer_as_the_runtime_does() {
    let text =
        std::fs::read_to_string(std::path::Path::new(ROOT).join("tests/it/user-queries.sql")).expect("the queries");
    for version in Version::ALL {
        let Some(runtime) = lab::runtime(version) else {
            continue;
        };
        let server = server(runtime);
        let ids = http::query(
            &runtime.admin,
            "select id from sys_invocation_status where target_handler_name = 'orchestrate'",
        );
        let id = ids.expect("an invocation")[0]["id"]
            .as_str()
            .expect("its id")
            .to_owned();
        let queries = text.lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
        for query in queries {
            let query = query
                .replace("$ID", &id)
                .replace("$SERVICE", "Counter")
                .replace("$KEY", "ada");
            // What describes a table names its columns as the runtime does, and their types as PostgreSQL does.
            let seen = match query.split_once(' ') {
                Some(("describe", _)) => assert_named(&server, runtime, &query, "column_name"),
                Some(("show", _)) => assert_named(&server, runtime, &query, "table_name"),
                _ => assert_equal(&server, runtime, &query).map(|_| ()),
            };
            if seen.is_none() {
                return;
            }
        }
    }
}

/// Everything that the runtime names in `column`, psql names too.
fn assert_named(server: &Server, runtime: &Runtime, sql: &str, column: &str) -> Option<()> {
    let answer = psql::run(server, "yourcluster", &["--csv"], sql)?;
    assert!(answer.success && answer.stderr.is_empty(), "{sql}: {}", answer.stderr);
    let rows = psql::csv(&answer.stdout);
    let at = rows[0].iter().position(|name| name == column).expect("the column");
    let ours: BTreeSet<&str> = rows[1..].iter().map(|row| row[at].as_str()).collect();
    let theirs = http::query(&runtime.admin, sql).expect("the runtime's answer");
    let theirs: Vec<&str> = theirs
        .iter()
        .filter(|row| row.get("table_schema").is_none_or(|schema| schema == "public"))
        .map(|row| row[column].as_str().expect("a name"))
        .collect();
    assert!(theirs.len() > 10, "{theirs:?}");
    for name in theirs {
        assert!(ours.contains(name), "{sql}: {name} is not among {ours:?}");
    }
    Some(())
}

#[test]
fn a_large_table_streams_whole() {
    let Some(runtime) = lab::runtime(Version::V1_7_12) else {
        return;
    };
    let server = server(runtime);
    let sql = "select service_key, key, value_utf8 from state where service_name = 'LoadObj'";
    let Some(answer) = psql::run(&server, "yourcluster", &["-A", "-t"], sql) else {
        return;
    };
    assert!(answer.success, "{}", answer.stderr);
    let mut ours: Vec<&str> = answer.stdout.lines().collect();
    let theirs = http::query(&runtime.admin, sql).expect("the runtime's rows");
    let mut theirs: Vec<String> = theirs
        .iter()
        .map(|row| {
            ["service_key", "key", "value_utf8"]
                .map(|name| row[name].as_str().expect("text"))
                .join("|")
        })
        .collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours.len(), 100_000);
    assert!(ours == theirs, "100,000 rows differ");
}

#[test]
fn a_table_of_100_000_rows_is_read_through_a_cursor_of_100() {
    let Some(runtime) = lab::runtime(Version::V1_7_12) else {
        return;
    };
    let server = server(runtime);
    // psql reads FETCH_COUNT rows at a time through a cursor of its own.
    let sql = "select service_key, key from state where service_name = 'LoadObj'";
    let Some(answer) = psql::run(&server, "yourcluster", &["-A", "-t", "-v", "FETCH_COUNT=100"], sql) else {
        return;
    };
    assert!(answer.success, "{}", answer.stderr);
    let rows: BTreeSet<&str> = answer.stdout.lines().collect();
    assert_eq!(rows.len(), 100_000);
}

#[test]
fn text_that_postgres_cannot_hold_breaks_no_frame() {
    let Some(runtime) = lab::runtime(Version::V1_7_12) else {
        return;
    };
    let server = server(runtime);
    let sql = "select value_utf8, value from state where key = 'nul-in-text'; select 1";
    let Some(answer) = psql::run(&server, "yourcluster", &["-A", "-t"], sql) else {
        return;
    };
    // As text U+0000 is its symbol, as bytes it is itself.
    assert_eq!(answer.stdout, "a\u{2400}b|\\x610062\n1\n");
}
