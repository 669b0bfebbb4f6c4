//! A runtime that fails: its client gets one clear error, no partial result is passed off as a whole one, and the session goes on (row
//! D16). What each fault is told apart by is held by `source::runtime::tests`.

use crate::support::{
    lab::{self, Version},
    raw::{self, Raw},
    server::{Data, Server},
    stall::{Hold, Stalling},
};

const MARKER: &str = "held-back";

/// A result of which the runtime says more (2 MB) than is read before any of it is handed on.
const STATEMENT: &str = "select * from sys_journal where entry_type <> 'held-back'";

const NOT_A_RUNTIME: &str = "ERROR 08006: cluster did not answer as a Restate runtime does";
const EARLY: &str = "ERROR 08006: cluster ended the result early";

/// What the runtime does, and what its client is told.
const FAULTS: [(Hold, &str); 11] = [
    (Hold::Beyond(1_000), EARLY),
    (Hold::End(1_000), EARLY),
    (
        Hold::Saying(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"),
        NOT_A_RUNTIME,
    ),
    (
        Hold::Saying(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 13\r\n\r\n<html></html>"),
        "ERROR 57P03: cluster is not ready",
    ),
    (
        Hold::Saying(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 37\r\n\r\n\
              {\"message\":\"Divide by zero error\"}   ",
        ),
        "ERROR 22012: division by zero",
    ),
    (
        Hold::Saying(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"),
        "ERROR 08006: ",
    ),
    (
        Hold::Saying(b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n"),
        "ERROR 53",
    ),
    (
        Hold::Saying(
            b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n",
        ),
        NOT_A_RUNTIME,
    ),
    (
        Hold::Saying(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"rows\":[]}"),
        NOT_A_RUNTIME,
    ),
    (
        Hold::Saying(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.apache.arrow.stream\r\ncontent-length: 16\r\n\r\n\
              \xff\xff\xff\xff\xff\xff\xff\x7fxxxxxxxx",
        ),
        "ERROR 08006: ",
    ),
    (
        Hold::Saying(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.apache.arrow.stream\r\ncontent-length: 0\r\n\r\n",
        ),
        "ERROR 08006: ",
    ),
];

#[test]
fn a_fault_of_the_runtime_is_one_error_and_never_a_whole_result() {
    let Some(runtime) = lab::runtime(Version::V1_7_12) else {
        return;
    };
    for (fault, words) in FAULTS {
        let faulty = Stalling::start(&runtime.admin, MARKER, fault);
        let server = Server::serve(&[("yourcluster", Data::Runtime(faulty.url.clone()))]);
        let mut raw = Raw::login(&server, "yourcluster");
        // Once rows have gone out, the two protocols end differently.
        let ways: &[bool] = if matches!(fault, Hold::Beyond(_) | Hold::End(_)) {
            &[false, true]
        } else {
            &[false]
        };
        for extended in ways {
            let answer = if *extended {
                let messages = [
                    raw::parse("", STATEMENT),
                    raw::bind("", "", &[]),
                    raw::execute("", 0),
                    raw::sync(),
                ];
                raw.send(&messages.concat());
                raw.until_ready()
            } else {
                raw.query(STATEMENT)
            };
            let errors = raw::errors(&answer);
            assert!(
                errors.len() == 1 && errors[0].starts_with(words),
                "{fault:?}: {errors:?}"
            );
            let tags = raw::tags(&answer);
            assert!(!tags.contains('C'), "{fault:?}: said to be complete");
            // What is cut early is asked for again, and nothing of it is handed on.
            assert_eq!(tags.contains('D'), matches!(fault, Hold::End(_)), "{fault:?}");
            let said: String = answer
                .iter()
                .map(|message| String::from_utf8_lossy(&message.body))
                .collect();
            assert!(
                !said.contains(faulty.url.trim_start_matches("http://")),
                "{fault:?}: its address"
            );
            assert_eq!(raw::tags(&raw.query("select 1")), "TDCZ", "{fault:?}");
        }
    }
}

#[test]
fn a_cluster_that_cannot_be_reached_is_an_error_and_the_others_are_served() {
    let nobody = format!("http://127.0.0.1:{}", crate::support::free_port());
    let clusters = [
        ("away", Data::Runtime(nobody)),
        ("demo", crate::support::server::demo_data()),
    ];
    let server = Server::serve(&clusters);
    let mut witness = super::Witness::of(&server);
    let user = [("user", "away"), ("database", "away")];
    let (mut raw, messages) = Raw::login_with(&server, raw::V3_0, &user, &server.token("away"));
    let mut errors = raw::errors(&messages);
    if errors.is_empty() {
        errors = raw::errors(&raw.query("select * from sys_invocation"));
    }
    assert_eq!(errors, ["ERROR 08006: cluster is not reachable"]);
    witness.is_well();
}
