//! Resident memory under what strangers and bad clients do: many idle sessions, a result that is never read, connections that are reset.
//! Each on a server of its own, beside a good client that goes on working.

use std::{
    env,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use super::{Bed, DEMO, ms};
use crate::{
    measure::{Sample, Table, number},
    stream::{As, Stream},
    support::{
        raw::{self, Raw, V3_0},
        server::{Server, demo_data},
        wait_for,
    },
};

/// Idle sessions, unless `RESTATE_PG_BENCH_SESSIONS` says otherwise,
const SESSIONS: usize = 10_000;
/// and those before the first look: what a server allocates once for all is not theirs.
const SESSIONS_BEFORE: usize = 200;

/// Logins under way at once.
const LOGINS: usize = 4;

/// Seconds that a reader stalls, and seconds of resets, unless `RESTATE_PG_BENCH_SECONDS` says otherwise.
const SECONDS: u64 = 30;

/// Connections that are opened and reset in a second.
const RESETS: u32 = 1_000;

const ENDLESS: &str = "select n, repeat('x', 1000) from generate_series(1, 1000000000) as t(n)";

pub fn memory(_: &Bed, table: &mut Table) {
    idle(table);
    stalled(table);
    resets(table);
}

fn from_env<T: std::str::FromStr>(name: &str, usual: T) -> T {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        Err(_) => usual,
    }
}

fn mib(bytes: u64) -> String {
    number(bytes as f64 / 1024.0 / 1024.0)
}

fn server() -> Server {
    Server::serve_edited("warn", &[(DEMO, demo_data())], |_, text| {
        text.replace(
            "[tls]",
            "[limits]\nsessions = 20000\nsessions_per_cluster = 20000\n\n[tls]",
        )
    })
}

/// Bytes for each idle session.
fn idle(table: &mut Table) {
    let sessions: usize = from_env("RESTATE_PG_BENCH_SESSIONS", SESSIONS);
    // A session is a file of this process and one of the server, which inherits its limit.
    let most = descriptors_max();
    if most < sessions + 200 {
        return table.skipped(
            "memory of idle sessions",
            &format!("only {most} open files are allowed: ulimit -n"),
        );
    }
    let server = server();
    let token = server.token(DEMO);
    let mut good = good(&server, &token);
    let mut open = log_in(&server, &token, SESSIONS_BEFORE);
    let before = server.process.resident();
    open.extend(log_in(&server, &token, sessions - SESSIONS_BEFORE));
    let after = server.process.resident();
    let each = after.saturating_sub(before) as f64 / (sessions - SESSIONS_BEFORE) as f64;
    let answered = ms(good.run("select 1", As::Text).whole);
    table.line(
        format!("memory of an idle TLS session, kB; {} of them", number(sessions as f64)),
        format!(
            "{} ({} to {} MiB); select 1 beside them: {} ms",
            number(each / 1e3),
            mib(before),
            mib(after),
            number(answered)
        ),
        String::new(),
        String::new(),
    );
    let held = server.process.descriptors();
    drop(open);
    wait_for("the end of the sessions", Duration::from_secs(60), || {
        (server.process.descriptors() + sessions / 2 < held).then_some(())
    });
}

/// Sessions of which this side keeps no more than the socket.
fn log_in(server: &Server, token: &str, count: usize) -> Vec<TcpStream> {
    let some = |count| {
        let log_in = |_| {
            let (raw, messages) = Raw::login_with(server, V3_0, &[("user", DEMO), ("database", DEMO)], token);
            assert_eq!(raw::errors(&messages), [""; 0]);
            TcpStream::from(raw)
        };
        (0..count).map(log_in).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..LOGINS)
            .map(|thread| scope.spawn(move || some(count / LOGINS + usize::from(thread < count % LOGINS))))
            .collect();
        let sockets = threads.into_iter().map(|thread| thread.join().expect("logins"));
        sockets.flatten().collect()
    })
}

/// The most files that this process may have open.
fn descriptors_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX)
}

fn good(server: &Server, token: &str) -> Stream {
    let mut good = Stream::connect(server.port, true, DEMO, DEMO, token);
    good.run("select 1", As::Text);
    good
}

/// The largest that the server becomes in this time, and the milliseconds of a good client's `select 1`, ten times a second.
fn watch(server: &Server, good: &mut Stream, time: Duration) -> (u64, Sample) {
    let end = Instant::now() + time;
    let (mut most, mut times) = (0, vec![]);
    while Instant::now() < end {
        times.push(ms(good.run("select 1", As::Text).whole));
        most = most.max(server.process.resident());
        thread::sleep(Duration::from_millis(100));
    }
    (most, Sample::new(times))
}

fn report(table: &mut Table, figure: String, server: &Server, before: u64, (most, times): (u64, Sample)) {
    table.line(
        figure,
        format!(
            "{} before, {} at most, {} after; select 1 beside it: p50 {}, p99 {} ms",
            mib(before),
            mib(most),
            mib(server.process.resident()),
            number(times.median()),
            number(times.quantile(0.99)),
        ),
        String::new(),
        String::new(),
    );
}

/// A result of a terabyte whose reader stalls.
fn stalled(table: &mut Table) {
    let seconds = from_env("RESTATE_PG_BENCH_SECONDS", SECONDS);
    let server = server();
    let mut good = good(&server, &server.token(DEMO));
    // Once through a result, so that what a first one allocates for good is not counted.
    good.run(
        "select n, repeat('x', 1000) from generate_series(1, 10000) as t(n)",
        As::Text,
    );
    let before = server.process.resident();
    let mut reader = Raw::login(&server, DEMO);
    reader.send(&raw::query(ENDLESS));
    assert_eq!(reader.message().map(|message| message.tag), Some('T'));
    let watched = watch(&server, &mut good, Duration::from_secs(seconds));
    let figure = format!("memory while a reader stalls for {seconds} s, MiB");
    report(table, figure, &server, before, watched);
    // It is still there, and so is the rest of its result.
    assert_eq!(reader.message().map(|message| message.tag), Some('D'));
}

/// Connections that are opened and reset at once.
fn resets(table: &mut Table) {
    let seconds = from_env("RESTATE_PG_BENCH_SECONDS", SECONDS);
    let server = server();
    let mut good = good(&server, &server.token(DEMO));
    let storm = |seconds: u64| {
        let begun = Instant::now();
        let mut made: u32 = 0;
        while begun.elapsed() < Duration::from_secs(seconds) {
            Raw::plain(&server).reset();
            made += 1;
            thread::sleep((Duration::from_secs(1) * made / RESETS).saturating_sub(begun.elapsed()));
        }
        f64::from(made) / begun.elapsed().as_secs_f64()
    };
    storm(2);
    let (before, open) = (server.process.resident(), server.process.descriptors());
    let (rate, watched) = thread::scope(|scope| {
        let storm = scope.spawn(|| storm(seconds));
        let watched = watch(&server, &mut good, Duration::from_secs(seconds));
        (storm.join().expect("the storm"), watched)
    });
    wait_for("the end of every connection", Duration::from_secs(30), || {
        (server.process.descriptors() <= open).then_some(())
    });
    let figure = format!("memory in {seconds} s of {} resets a second, MiB", number(rate));
    report(table, figure, &server, before, watched);
}
