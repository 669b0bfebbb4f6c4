//! The shield: what would abort a runtime, or keep it busy for minutes, is refused or runs here, and the runtime answers afterwards.

use std::time::{Duration, Instant};

use crate::support::{
    http,
    lab::{self, Runtime, Version},
    raw::{self, Message, Raw},
    server::{Data, Server},
};

fn served(version: Version) -> Option<(&'static Runtime, Server)> {
    let runtime = lab::runtime(version)?;
    let server = Server::serve(&[("yourcluster", Data::Runtime(runtime.admin.clone()))]);
    Some((runtime, server))
}

fn assert_alive(runtime: &Runtime, after: &str) {
    let rows = http::query(&runtime.admin, "select count(*) as n from sys_service");
    assert!(rows.is_ok_and(|rows| rows[0]["n"].as_u64() > Some(0)), "after {after}");
}

fn text(message: &Message, column: usize) -> String {
    let value = message.values()[column].clone().unwrap_or_default();
    String::from_utf8(value).expect("text")
}

/// The rows of one statement's answer, first column; an error fails.
fn rows(raw: &mut Raw, sql: &str) -> Vec<String> {
    let messages = raw.query(sql);
    assert_eq!(raw::errors(&messages), [""; 0], "{sql}");
    let rows = messages.iter().filter(|message| message.tag == 'D');
    rows.map(|row| text(row, 0)).collect()
}

/// Statements that were seen to abort a runtime (1.7.12 or 1.6.1) when they are sent to it as they are, or that grow to such.
fn killers() -> Vec<(&'static str, String)> {
    let joined = |count: usize, separator: &str, term: &dyn Fn(usize) -> String| {
        (0..count).map(term).collect::<Vec<_>>().join(separator)
    };
    let ctes = |count: usize, query: &str| {
        let ctes = joined(count, ", ", &|at| {
            format!("c{} as ({})", at + 1, query.replace("$", &format!("c{at}")))
        });
        format!("with c0 as (select name as x from sys_service), {ctes} select count(*) from c{count} where x = 'a'")
    };
    let index = |at: usize| format!("index = {at}");
    vec![
        ("sums", format!("select {}", joined(2_000, "+", &|_| "1".to_owned()))),
        (
            "sums of columns",
            format!(
                "select {} from sys_journal",
                joined(2_000, "+", &|_| "index".to_owned())
            ),
        ),
        (
            "concatenations",
            format!("select {} from state", joined(2_000, "||", &|_| "key".to_owned())),
        ),
        (
            "OR",
            format!(
                "select count(*) from sys_journal where {}",
                joined(3_000, " or ", &index)
            ),
        ),
        (
            "AND",
            format!(
                "select count(*) from sys_journal where {}",
                joined(3_000, " and ", &index)
            ),
        ),
        (
            "UNION ALL",
            joined(3_000, " union all ", &|at| format!("select {at} as n")),
        ),
        ("UNION", joined(3_000, " union ", &|at| format!("select {at} as n"))),
        (
            "CASE",
            format!(
                "select {}1{}",
                "case when true then ".repeat(2_000),
                " end".repeat(2_000)
            ),
        ),
        (
            "parentheses",
            format!("select {}1{}", "(".repeat(2_000), ")".repeat(2_000)),
        ),
        (
            "calls",
            format!("select {}1{}", "abs(".repeat(2_000), ")".repeat(2_000)),
        ),
        (
            "joins",
            format!(
                "select count(*) from sys_service s {}",
                joined(300, " ", &|at| format!("join sys_service s{at} on s{at}.name = s.name"))
            ),
        ),
        ("a chain of CTEs", ctes(2_000, "select x from $")),
        (
            "CTEs that name their own twice",
            ctes(40, "select a.x from $ a join $ b on a.x = b.x"),
        ),
        (
            "columns that name their own twice",
            ctes(40, "select x || x as x from $"),
        ),
    ]
}

#[test]
fn what_aborts_a_runtime_is_too_complex() {
    for version in Version::ALL {
        let Some((runtime, server)) = served(version) else {
            continue;
        };
        let mut raw = Raw::login(&server, "yourcluster");
        for route in ["auto", "runtime", "local"] {
            raw.query(&format!("set restate.route = {route}"));
            for (name, sql) in killers() {
                let messages = raw.query(&sql);
                let errors = raw::errors(&messages);
                assert!(
                    errors.len() == 1 && errors[0].starts_with("ERROR 54001: statement is too complex"),
                    "{name}, {route}: {errors:?}"
                );
                assert_alive(runtime, name);
            }
        }
        assert_eq!(rows(&mut raw, "select 1"), ["1"]);
    }
}

#[test]
fn values_as_large_as_a_number_says_are_made_by_nobody() {
    let Some((runtime, server)) = served(Version::V1_7_12) else {
        return;
    };
    let mut raw = Raw::login(&server, "yourcluster");
    for route in ["auto", "runtime", "local"] {
        raw.query(&format!("set restate.route = {route}"));
        for (sql, code) in [
            ("select length(lpad(key, 1500000000)) from state", "54000"),
            ("select length(repeat(key, 1500000000)) from state", "54000"),
            ("select length(rpad(key, 900000000)) from state", "53200"),
        ] {
            let errors = raw::errors(&raw.query(sql));
            assert!(
                errors.len() == 1 && errors[0].starts_with(&format!("ERROR {code}")),
                "{sql}, {route}: {errors:?}"
            );
            assert_alive(runtime, sql);
        }
    }
}

/// Every row of the state with every other, by a condition that no pair meets: 10,000,000,000 pairs and more.
const NESTED_LOOP: &str = "select count(*) from state a join state b on a.key_length + b.key_length < 0";

#[test]
fn a_nested_loop_runs_here_and_can_be_ended() {
    let Some((runtime, server)) = served(Version::V1_7_12) else {
        return;
    };
    let mut raw = Raw::login(&server, "yourcluster");
    for route in ["auto", "runtime"] {
        raw.query(&format!("set restate.route = {route}"));
        let plan = rows(&mut raw, &format!("explain {NESTED_LOOP}")).join("\n");
        let sent: Vec<&str> = plan.lines().filter(|line| line.contains("sql=")).collect();
        assert!(plan.contains("NestedLoopJoinExec"), "{plan}");
        assert!(sent.iter().all(|line| !line.to_lowercase().contains("join")), "{plan}");
    }
    // Both sides are read within a second or two; the rest of a minute is comparing.
    raw.query("set statement_timeout = '8s'");
    let began = Instant::now();
    let errors = raw::errors(&raw.query(NESTED_LOOP));
    assert_eq!(errors, ["ERROR 57014: canceling statement due to statement timeout"]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_alive(runtime, "a nested loop");
    let errors = raw::errors(&raw.query(
        "select count(*) from generate_series(1, 1000000) a(x) join generate_series(1, 1000000) b(y) on x + y < 0",
    ));
    assert!(
        errors.len() == 1 && (errors[0].starts_with("ERROR 54000") || errors[0].starts_with("ERROR 57014")),
        "{errors:?}"
    );
}

#[test]
fn a_statement_goes_as_it_was_typed_where_the_session_asks_for_that() {
    for version in Version::ALL {
        let Some((runtime, server)) = served(version) else {
            continue;
        };
        let mut raw = Raw::login(&server, "yourcluster");
        raw.query("set restate.route = runtime");
        let sent = |raw: &mut Raw, sql: &str| rows(raw, &format!("explain {sql}")).join("\n");
        for sql in [
            "SELECT count(*) AS n FROM state WHERE service_name = 'Counter'",
            "SELECT status, count(*) AS n FROM sys_invocation GROUP BY status ORDER BY status",
            "WITH a AS (SELECT * FROM sys_service) SELECT a.name, d.id FROM a JOIN sys_deployment AS d ON d.id = a.deployment_id ORDER BY name",
        ] {
            assert_eq!(sent(&mut raw, sql), format!("RuntimeExec: sql={sql}"));
            let count = http::query(&runtime.admin, sql).expect("the runtime's answer").len();
            assert_eq!(rows(&mut raw, sql).len(), count, "{sql}");
        }
        // The runtime's to_char has patterns of its own, and its answer is what was asked for.
        let sql = "SELECT to_char(created_at, '%Y') AS y FROM sys_deployment LIMIT 1";
        assert_eq!(rows(&mut raw, sql)[0].len(), 4);
        // What is not the runtime's is answered all the same.
        assert_eq!(
            rows(&mut raw, "select relname from pg_class where relname = 'state'"),
            ["state"]
        );
        assert!(!rows(&mut raw, "select lpad(name, 3) from sys_service").is_empty());
        // What the runtime refuses, it refuses.
        let errors = raw::errors(&raw.query("select extract(year from created_at) from sys_deployment"));
        assert!(errors.len() == 1 && errors[0].starts_with("ERROR 0A000"), "{errors:?}");
        assert_alive(runtime, "typed statements");
    }
}

#[test]
fn a_statement_has_a_time_limit_unless_it_asks_for_another() {
    let mut raw = Raw::login(Server::shared(), "demo");
    assert_eq!(rows(&mut raw, "show statement_timeout"), ["5min"]);
    raw.query("set statement_timeout = 0");
    assert_eq!(rows(&mut raw, "show statement_timeout"), ["0"]);
    raw.query("reset statement_timeout");
    assert_eq!(rows(&mut raw, "show statement_timeout"), ["5min"]);
}
