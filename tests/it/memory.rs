//! A result streams: memory does not grow with it, and a client that stops reading is felt by nobody else.

use std::time::{Duration, Instant};

use crate::support::{
    http,
    lab::{self, Version},
    process::Process,
    raw::{self, Raw},
    server::{Data, Server, demo_data},
};

/// What a stalled result may cost: the engine's batches in flight and the output buffer, far below any whole result here.
const SLACK: u64 = 64 * 1024 * 1024;

/// The most that `process` grows in `time`.
fn growth(process: &Process, time: Duration) -> u64 {
    let before = process.resident();
    let end = Instant::now() + time;
    let mut most = before;
    while Instant::now() < end {
        most = most.max(process.resident());
        std::thread::sleep(Duration::from_millis(50));
    }
    most - before
}

/// 10 GB of rows.
const ENDLESS: &str = "select n, repeat('x', 1000) from generate_series(1, 10000000) as t(n)";

#[test]
fn a_client_that_stops_reading_costs_no_memory() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut stalled = Raw::login(&server, "demo");
    // Once through a result, so that what a first query allocates for good is not counted.
    assert_eq!(
        raw::errors(&stalled.query("select n, repeat('x', 1000) from generate_series(1, 10000) as t(n)")),
        [""; 0]
    );
    for extended in [false, true] {
        let mut stalled = Raw::login(&server, "demo");
        if extended {
            let messages = [
                raw::parse("", ENDLESS),
                raw::bind("", "", &[]),
                raw::execute("", 0),
                raw::sync(),
            ];
            stalled.send(&messages.concat());
        } else {
            stalled.send(&raw::query(ENDLESS));
        }
        let grown = growth(&server.process, Duration::from_secs(3));
        assert!(grown < SLACK, "grew by {grown} bytes, extended: {extended}");
        let mut other = Raw::login(&server, "demo");
        assert_eq!(raw::tags(&other.query("select 1")), "TDCZ", "another client is served");
    }
}

#[test]
fn the_first_row_of_a_long_result_comes_at_once() {
    let mut raw = Raw::login(Server::shared(), "demo");
    let began = Instant::now();
    raw.send(&raw::query(ENDLESS));
    assert_eq!(raw.message().map(|message| message.tag), Some('T'));
    assert_eq!(raw.message().map(|message| message.tag), Some('D'));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn a_large_result_is_read_to_its_end_in_flat_memory() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut raw = Raw::login(&server, "demo");
    let sql = |count: u32| format!("select n, repeat('x', 1000) from generate_series(1, {count}) as t(n)");
    raw.query(&sql(10_000));
    let before = server.process.resident();
    raw.send(&raw::query(&sql(300_000)));
    let mut rows = 0;
    let mut most = before;
    loop {
        match raw.message().expect("a message").tag {
            'D' => rows += 1,
            'Z' => break,
            _ => {}
        }
        if rows % 10_000 == 0 {
            most = most.max(server.process.resident());
        }
    }
    assert_eq!(rows, 300_000);
    assert!(
        most - before < SLACK,
        "grew by {} bytes over a result of 300 MB",
        most - before
    );
}

#[test]
fn a_long_result_is_fetched_through_a_portal_in_flat_memory() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut raw = Raw::login(&server, "demo");
    raw.query("select n, repeat('x', 1000) from generate_series(1, 10000) as t(n)");
    let before = server.process.resident();
    raw.query("begin");
    raw.send(&[raw::parse("", ENDLESS), raw::bind("p", "", &[])].concat());
    let began = Instant::now();
    let mut most = before;
    for fetch in 0..300 {
        raw.send(&[raw::execute("p", 100), raw::flush()].concat());
        let mut rows = 0;
        loop {
            match raw.message().expect("a message").tag {
                'D' => rows += 1,
                's' => break,
                // ParseComplete and BindComplete.
                '1' | '2' => {}
                tag => panic!("{tag} after {rows} rows"),
            }
        }
        assert_eq!(rows, 100);
        if fetch == 0 {
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        }
        most = most.max(server.process.resident());
    }
    assert!(most - before < SLACK, "grew by {} bytes", most - before);
}

/// Far more than sockets hold: the bulk of the state several times over, or the journal where a measurement asked for a
/// large one (120,000 invocations make 300,000 rows of it).
fn large() -> &'static str {
    match std::env::var_os("RESTATE_PG_LAB_INVOCATIONS") {
        Some(_) => "select * from sys_journal",
        None => "select * from state union all select * from state union all select * from state",
    }
}

/// A server over the newest runtime, and a client that has asked for [`large`] and reads nothing.
fn stalled() -> Option<(&'static lab::Runtime, Server, Raw)> {
    let runtime = lab::runtime(Version::V1_7_12)?;
    let server = Server::serve(&[("yourcluster", Data::Runtime(runtime.admin.clone()))]);
    let mut stalled = Raw::login(&server, "yourcluster");
    assert_eq!(raw::errors(&stalled.query("select count(*) from state")), [""; 0]);
    Some((runtime, server, stalled))
}

#[test]
fn a_stalled_read_of_a_runtimes_table_costs_no_memory() {
    let Some((_, server, mut stalled)) = stalled() else {
        return;
    };
    stalled.send(&raw::query(large()));
    let grown = growth(&server.process, Duration::from_secs(5));
    assert!(grown < SLACK, "grew by {grown} bytes");
}

#[test]
fn a_stalled_read_is_not_felt_by_the_runtime() {
    let Some((runtime, _server, mut stalled)) = stalled() else {
        return;
    };
    stalled.send(&raw::query(large()));
    std::thread::sleep(Duration::from_secs(2));
    // One reader that stalls a scan stalls every scan of a runtime: this one must not have.
    let began = Instant::now();
    let counted = http::query(&runtime.admin, "select count(*) as n from state").expect("the runtime answers");
    assert!(counted[0]["n"].as_u64().expect("a count") >= 100_000);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
