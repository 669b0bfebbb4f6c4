//! Rewrites change the way, never the answer: against real runtimes, each kind of statement that is rewritten gives the rows that
//! `POST /query` gives for its own text, and EXPLAIN shows that it was rewritten where it can be.

use std::time::Duration;

use crate::{
    equality::{assert_equal, server},
    support::{
        http,
        lab::{self, Runtime, Version},
        psql,
        server::Server,
        wait_for,
    },
};

/// The plan of a statement as text.
fn explain(server: &Server, sql: &str) -> Option<String> {
    explained(server, "explain", sql)
}

/// The plan as it ran, with what was asked first.
fn explain_analyze(server: &Server, sql: &str) -> Option<String> {
    explained(server, "explain analyze", sql)
}

fn explained(server: &Server, how: &str, sql: &str) -> Option<String> {
    let answer = psql::run(server, "yourcluster", &["-A", "-t"], &format!("{how} {sql}"))?;
    assert!(answer.success, "{sql}: {}", answer.stderr);
    Some(answer.stdout)
}

/// One text of the runtime's own answer.
fn text(runtime: &Runtime, sql: &str) -> String {
    let rows = http::query(&runtime.admin, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let value = rows
        .first()
        .and_then(|row| row.values().next())
        .and_then(|value| value.as_str());
    value.unwrap_or_else(|| panic!("a text for {sql}")).to_owned()
}

/// Each runtime that could be started, with a server before it.
fn behind_servers() -> impl Iterator<Item = (&'static Runtime, Version, Server)> {
    let runtimes = Version::ALL
        .into_iter()
        .filter_map(|version| Some((lab::runtime(version)?, version)));
    runtimes.map(|(runtime, version)| (runtime, version, server(runtime)))
}

/// Without psql there is nothing to compare with.
fn all_equal(server: &Server, runtime: &Runtime, statements: &[String]) {
    for sql in statements {
        if assert_equal(server, runtime, sql).is_none() {
            return;
        }
    }
}

#[test]
fn invocations_read_from_the_stored_table_are_those_of_the_view() {
    for (runtime, _, server) in behind_servers() {
        let id = text(
            runtime,
            "select id from sys_invocation where status = 'completed' order by id limit 1",
        );
        let lookup = format!("select id, target, created_at, completion_result from sys_invocation where id = '{id}'");
        let Some(plan) = explain(&server, &lookup) else {
            return;
        };
        assert!(plan.contains("\"sys_invocation_status\""), "{plan}");
        let statements = [
            lookup.as_str(),
            &format!("select * from sys_invocation where id = '{id}'"),
            &format!("select target from sys_invocation where id = trim(' {id} ')"),
            &format!(
                "select target from sys_invocation where id = '{id}'::varchar or id = 'inv_' || '{}'",
                &id[4..]
            ),
            "select target_service_name, count(*) as n from sys_invocation group by 1",
            "select count(*) as n from sys_invocation",
            "select count(*) as n from sys_invocation where status = 'completed'",
            "select id, target from sys_invocation where status in ('pending', 'scheduled', 'suspended', 'paused')",
            "select id, completion_failure from sys_invocation where status = 'completed' and completion_failure is not null",
            "select count(*) as n from sys_invocation where status not in ('completed', 'pending')",
            "select s.name, count(i.id) as n from sys_service s left join sys_invocation i \
             on i.target_service_name = s.name group by 1",
        ];
        all_equal(&server, runtime, &statements.map(str::to_owned));
    }
}

#[test]
fn invocations_in_memory_are_found_by_their_ids() {
    for (runtime, _, server) in behind_servers() {
        let Some(plan) = explain_analyze(
            &server,
            "select id, target from sys_invocation where status = 'running'",
        ) else {
            return;
        };
        assert!(
            plan.contains("InitPlanExec") && plan.contains("\"sys_invocation_state\""),
            "{plan}"
        );
        let mut statements = Vec::new();
        for condition in [
            "status = 'running'",
            "status = 'backing-off'",
            "status in ('running', 'backing-off')",
            "status = 'ready'",
            "status in ('running', 'ready', 'backing-off', 'paused')",
            "status = 'running' and target_service_name = 'Greeter'",
        ] {
            statements.push(format!(
                "select id, target, status from sys_invocation where {condition}"
            ));
            statements.push(format!("select count(*) as n from sys_invocation where {condition}"));
        }
        statements.push(
            "select target_service_name as s, count(*) filter (where retry_count > 1) as n from sys_invocation \
             where status = 'backing-off' group by 1"
                .to_owned(),
        );
        all_equal(&server, runtime, &statements);
    }
}

#[test]
fn rows_of_a_service_key_are_the_same_without_scopes() {
    for (runtime, version, server) in behind_servers() {
        let key = text(
            runtime,
            "select service_key from state where service_name = 'LoadObj' limit 1",
        );
        let by_key =
            format!("select key, value_utf8 from state where service_name = 'LoadObj' and service_key = '{key}'");
        let has_scopes = match version {
            Version::V1_7_12 | Version::Queues => true,
            Version::V1_6_1 => false,
        };
        let statements = [
            by_key.as_str(),
            &format!("{by_key} and key in (select key from state where service_key = '{key}')"),
            "select service_key, key from state where service_key in ('ada', 'bob', 'no such')",
            "select id, target from sys_invocation_status where target_service_key = 'ada'",
            "select id, target, status from sys_invocation where target_service_key = 'ada'",
            "select service_name, key, completed from sys_promise where service_key = 'signup-1'",
        ]
        .map(str::to_owned);
        // The first question starts the search for scopes: before it is over nothing is assumed.
        all_equal(&server, runtime, &statements);
        for sql in &statements[..1] {
            let Some(plan) = explain(&server, sql) else {
                return;
            };
            assert!(has_scopes || !plan.contains("scope"), "{plan}");
            if has_scopes {
                wait_for("the search for scopes", Duration::from_secs(60), || {
                    explain(&server, sql).filter(|plan| plan.contains("\"scope\" IS NULL"))
                });
            }
        }
        all_equal(&server, runtime, &statements);
    }
}

#[test]
fn keys_from_a_subquery_find_what_they_find_there() {
    for (runtime, _, server) in behind_servers() {
        let id = text(
            runtime,
            "select id from sys_invocation where target_handler_name = 'orchestrate' limit 1",
        );
        let statements = [
            "select id, target from sys_invocation_status where id = (select max(id) from sys_invocation_status)",
            "select index, entry_type from sys_journal where id = (select min(id) from sys_invocation_status \
             where target_handler_name = 'orchestrate')",
            "select id from sys_invocation_status where id = (select max(target) from sys_invocation_status)",
            "select id from sys_invocation_status where id = (select max(id) from sys_invocation_status where target = 'x')",
            "select id, index from sys_journal where id in (select id from sys_invocation_state)",
            "select id, target from sys_invocation where id in (select id from sys_invocation_state where in_flight)",
            &format!(
                "select id, index from sys_journal where id in (select id from sys_invocation_status where id = '{id}')"
            ),
            "select name from sys_service where deployment_id = (select max(id) from sys_deployment)",
        ];
        let Some(plan) = explain_analyze(&server, statements[0]) else {
            return;
        };
        assert!(
            plan.contains("InitPlanExec") && plan.contains("\"id\" = 'inv_"),
            "{plan}"
        );
        all_equal(&server, runtime, &statements.map(str::to_owned));
    }
}

/// 1.6.1 ignores FETCH FIRST, fails on any comparison of `partition_key` in these tables, and counts in nanoseconds once `date_trunc`
/// was there.
#[test]
fn faults_of_an_old_runtime_are_none_of_ours() {
    let Some(runtime) = lab::runtime(Version::V1_6_1) else {
        return;
    };
    let server = server(runtime);
    let rows = |sql: &str| -> Option<Vec<String>> {
        let answer = psql::run(&server, "yourcluster", &["-A", "-t"], sql)?;
        assert!(answer.success, "{sql}: {}", answer.stderr);
        Some(answer.stdout.lines().map(str::to_owned).collect())
    };
    let first = "select id from sys_invocation_status fetch first 3 rows only";
    assert!(
        http::query(&runtime.admin, first).expect("its answer").len() > 3,
        "the fault is there"
    );
    let Some(three) = rows(first) else {
        return;
    };
    assert_eq!(three.len(), 3);

    let all = rows("select partition_key from sys_invocation_status").expect("psql");
    let keys: Vec<u64> = all.iter().map(|key| key.parse().expect("a number")).collect();
    let (some, other) = (keys[0], keys[keys.len() / 2]);
    let faulty = format!("select id from sys_invocation_status where partition_key = {some}");
    http::query(&runtime.admin, &faulty).expect_err("the fault is there");
    type Holds = fn(u64, u64, u64) -> bool;
    let cases: [(String, Holds); 5] = [
        (format!("= {some}"), |key, some, _| key == some),
        (format!("> {other}"), |key, _, other| key > other),
        (format!("<= {other}"), |key, _, other| key <= other),
        (format!("<> {some}"), |key, some, _| key != some),
        (format!("in ({some}, {other})"), |key, some, other| {
            key == some || key == other
        }),
    ];
    for (condition, holds) in cases {
        let sql = format!("select partition_key from sys_invocation_status where partition_key {condition}");
        let expected = keys.iter().filter(|key| holds(**key, some, other)).count();
        assert_eq!(rows(&sql).expect("psql").len(), expected, "{condition}");
    }
    let joined =
        "select count(*) from sys_invocation_status a join sys_invocation_state b on a.partition_key = b.partition_key";
    assert_eq!(rows(joined).expect("psql").len(), 1);

    let unit = "select arrow_typeof(date_trunc('day', created_at)) from sys_invocation_status limit 1";
    let unit = format!("{:?}", http::query(&runtime.admin, unit).expect("its answer"));
    assert!(unit.contains("ns"), "the fault is there: {unit}");
    for [of_units, plain] in [
        [
            "date_bin(interval '1 day', date_trunc('day', created_at), timestamp '2026-01-01')",
            "date_trunc('day', created_at)",
        ],
        [
            "extract(epoch from sum(date_trunc('day', created_at) - date_trunc('month', created_at)))::int8",
            "sum(86400 * (extract(day from created_at) - 1))::int8",
        ],
    ] {
        let of = |value: &str| rows(&format!("select {value} from sys_invocation_status order by 1"));
        assert_eq!(of(of_units), of(plain), "{of_units}");
    }
}
