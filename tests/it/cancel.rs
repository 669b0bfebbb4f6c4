//! A statement ends when its client no longer wants it, and so does what it asked of the runtime.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    lab::{self, Version},
    psql,
    raw::{self, CANCEL_REQUEST, Raw, V3_0, request},
    server::{Data, Server},
    stall::{Hold, Stalling},
    wait_for,
};

/// The text that the stalling runtime looks for: a filter, which reaches the runtime.
const MARKER: &str = "held-back";
const SOON: Duration = Duration::from_secs(5);

/// A server over a runtime that never finishes its answer to [`statement`].
fn stalled(hold: Hold) -> Option<(Stalling, Server)> {
    let runtime = lab::runtime(Version::V1_7_12)?;
    let stalling = Stalling::start(&runtime.admin, MARKER, hold);
    let server = Server::serve(&[("yourcluster", Data::Runtime(stalling.url.clone()))]);
    Some((stalling, server))
}

fn statement() -> String {
    format!("select * from sys_invocation_status where target_service_name <> '{MARKER}'")
}

/// A session and its cancel key: process id and secret, as BackendKeyData has them.
fn session(server: &Server) -> (Raw, Vec<u8>) {
    let user = [("user", "yourcluster"), ("database", "yourcluster")];
    let (raw, messages) = Raw::login_with(server, V3_0, &user, &server.token("yourcluster"));
    let key = messages
        .iter()
        .find(|message| message.tag == 'K')
        .expect("BackendKeyData")
        .body
        .clone();
    (raw, key)
}

/// A session in the middle of the statement.
fn running(stalling: &Stalling, server: &Server) -> (Raw, Vec<u8>) {
    let (mut raw, key) = session(server);
    let held = stalling.held();
    raw.send(&raw::query(&statement()));
    wait_for("the runtime's query", SOON, || (stalling.held() > held).then_some(()));
    assert_eq!(stalling.dropped(), held, "nobody has left yet");
    (raw, key)
}

fn all_dropped(stalling: &Stalling) {
    wait_for("the runtime's request to be closed", SOON, || {
        (stalling.dropped() == stalling.held()).then_some(())
    });
}

#[test]
fn a_cancel_request_ends_the_statement_and_the_runtimes_request() {
    for hold in [Hold::Answer, Hold::Rest] {
        let Some((stalling, server)) = stalled(hold) else {
            return;
        };
        let (mut raw, key) = running(&stalling, &server);
        let mut other = Raw::plain(&server);
        let began = Instant::now();
        other.send(&request(CANCEL_REQUEST, &key));
        assert!(other.at_end(), "a cancel request is not answered");
        let answer = raw.until_ready();
        assert_eq!(
            raw::errors(&answer),
            ["ERROR 57014: canceling statement due to user request"],
            "{hold:?}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{hold:?}: {:?}",
            began.elapsed()
        );
        all_dropped(&stalling);
        assert_eq!(raw::tags(&raw.query("select 1")), "TDCZ", "the session goes on");
    }
}

#[test]
fn a_cancel_request_with_a_wrong_secret_does_nothing() {
    let Some((stalling, server)) = stalled(Hold::Answer) else {
        return;
    };
    let (_raw, mut key) = running(&stalling, &server);
    let last = key.len() - 1;
    key[last] ^= 1;
    let mut other = Raw::plain(&server);
    other.send(&request(CANCEL_REQUEST, &key));
    assert!(other.at_end());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(stalling.dropped(), 0, "the statement is still running");
}

#[test]
fn a_cancel_request_between_statements_harms_none() {
    let Some((_, server)) = stalled(Hold::Answer) else {
        return;
    };
    let (mut raw, key) = session(&server);
    let mut other = Raw::plain(&server);
    other.send(&request(CANCEL_REQUEST, &key));
    assert!(other.at_end());
    assert_eq!(raw::tags(&raw.query("select 1")), "TDCZ");
}

#[test]
fn a_client_that_goes_away_ends_the_runtimes_request() {
    for hold in [Hold::Answer, Hold::Rest] {
        let Some((stalling, server)) = stalled(hold) else {
            return;
        };
        drop(running(&stalling, &server));
        all_dropped(&stalling);
    }
}

#[test]
fn a_statement_timeout_ends_the_runtimes_request() {
    let Some((stalling, server)) = stalled(Hold::Rest) else {
        return;
    };
    let (mut raw, _) = session(&server);
    raw.query("set statement_timeout = '300ms'");
    let answer = raw.query(&statement());
    let ended = answer
        .iter()
        .filter(|message| message.tag == 'E')
        .map(raw::Message::error)
        .collect::<Vec<_>>();
    assert_eq!(ended, ["ERROR 57014: canceling statement due to statement timeout"]);
    all_dropped(&stalling);
}

#[test]
fn a_closed_portal_ends_the_runtimes_request() {
    let Some((stalling, server)) = stalled(Hold::Rest) else {
        return;
    };
    let (mut raw, key) = session(&server);
    raw.query("begin");
    raw.send(
        &[
            raw::parse("", &statement()),
            raw::bind("p", "", &[]),
            raw::execute("p", 1),
            raw::flush(),
        ]
        .concat(),
    );
    wait_for("the runtime's query", SOON, || (stalling.held() == 1).then_some(()));
    let mut other = Raw::plain(&server);
    other.send(&request(CANCEL_REQUEST, &key));
    assert!(other.at_end());
    raw.send(&raw::sync());
    assert_eq!(raw::status(&raw.until_ready()), 'E');
    raw.query("rollback");
    all_dropped(&stalling);
}

#[test]
fn interrupting_psql_ends_its_statement_within_a_second() {
    let Some((stalling, server)) = stalled(Hold::Rest) else {
        return;
    };
    let token = server.token("yourcluster");
    let Some(mut command) = psql::command(&server, "yourcluster", "yourcluster", &token) else {
        return;
    };
    command
        .args(["-c", &statement()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("start psql");
    wait_for("the runtime's query", SOON, || (stalling.held() == 1).then_some(()));
    let began = Instant::now();
    // `timeout` passes the signal on, as a terminal would have sent it.
    let sent = Command::new("kill")
        .args(["-s", "INT", &child.id().to_string()])
        .status()
        .expect("run kill");
    assert!(sent.success());
    let output = child.wait_with_output().expect("psql's end");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("ERROR:  canceling statement due to user request"),
        "{stderr}"
    );
    all_dropped(&stalling);
}
