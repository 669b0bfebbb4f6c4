//! Many statements on one cluster: so many run, so many wait.

use std::time::Duration;

use futures::StreamExt;
use tokio::time::timeout;

use super::{batch, eventually, schema};
use crate::{
    Error, SqlState,
    source::runtime::{
        Load, RuntimeLimits, RuntimeSource,
        testing::{Server, Step, chunk, head, messages, result},
    },
};

/// A runtime that sends one batch and then nothing more, if the statement says `hang`.
async fn server() -> Server {
    Server::start(|_, request| {
        let parts = messages(&schema(), &[batch(&[1])]);
        match request.sql.contains("hang") {
            true => vec![head(), Step::Send(chunk(&parts[..2].concat())), Step::Hang],
            false => result(&schema(), &[batch(&[1])]),
        }
    })
    .await
}

fn source(server: &Server, limits: RuntimeLimits) -> RuntimeSource {
    RuntimeSource::with_limits(&server.url, limits).unwrap()
}

fn limits() -> RuntimeLimits {
    RuntimeLimits {
        scans: 2,
        lookups: 1,
        queue: 1,
        wait: Duration::from_secs(20),
        ..RuntimeLimits::default()
    }
}

fn refusal(error: &Error) -> (SqlState, &str) {
    (error.code(), error.message())
}

#[tokio::test]
async fn scans_wait_for_their_turn_lookups_have_their_own_and_a_full_queue_refuses() {
    let server = server().await;
    let source = source(&server, limits());
    let first = source.query("hang 1").await.unwrap();
    let second = source.query("hang 2").await.unwrap();
    let third = tokio::spawn({
        let source = source.clone();
        async move { source.query("SELECT 3").await.unwrap().next().await }
    });
    eventually("a full queue", || !source.0.shield.has_room(Load::Scan)).await;
    let Err(refused) = source.query("SELECT 4").await else {
        panic!("the queue is full")
    };
    assert_eq!(
        refusal(&refused),
        (
            SqlState::TOO_MANY_CONNECTIONS,
            "too many scans already wait for this cluster"
        )
    );
    assert!(refused.hint().is_some());
    source.look_up("SELECT 5").await.unwrap();
    assert_eq!(server.sql(), ["hang 1", "hang 2", "SELECT 5"]);

    drop(second);
    let row = timeout(Duration::from_secs(1), third).await.unwrap().unwrap();
    assert_eq!(row.unwrap().unwrap(), batch(&[1]));
    drop(first);
}

#[tokio::test]
async fn one_that_waits_too_long_is_refused_and_its_place_given_on() {
    let server = server().await;
    let limits = RuntimeLimits {
        wait: Duration::from_millis(100),
        ..limits()
    };
    let source = source(&server, limits);
    let _held = source.look_up("hang").await.unwrap();
    for _ in 0..2 {
        let Err(refused) = source.look_up("SELECT 1").await else {
            panic!("the only place is taken")
        };
        assert_eq!(
            refusal(&refused),
            (
                SqlState::TOO_MANY_CONNECTIONS,
                "other lookups kept this cluster busy for 0.1 seconds"
            )
        );
    }
    assert_eq!(server.sql(), ["hang"]);
}

#[tokio::test]
async fn one_that_gives_up_waiting_leaves_its_place() {
    let server = server().await;
    let source = source(&server, limits());
    let held = source.look_up("hang").await.unwrap();
    for _ in 0..3 {
        assert!(
            timeout(Duration::from_millis(20), source.look_up("SELECT 1"))
                .await
                .is_err()
        );
    }
    drop(held);
    source.look_up("SELECT 2").await.unwrap();
    assert_eq!(server.sql(), ["hang", "SELECT 2"]);
}

#[tokio::test]
async fn a_place_is_free_once_the_reply_is_read_whether_or_not_its_client_took_it() {
    let batches: Vec<_> = (0..2_000).map(|start| batch(&[start; 128])).collect();
    let server = Server::always(result(&schema(), &batches)).await;
    let source = source(&server, limits());
    let mut stalled = Vec::new();
    for _ in 0..5 {
        let stream = timeout(Duration::from_secs(5), source.query("SELECT *")).await;
        stalled.push(stream.expect("a place").unwrap());
    }
    assert!(source.spooled_size() > 0);
}

#[tokio::test]
async fn a_failed_statement_leaves_its_place() {
    let server = Server::start(|number, _| match number {
        0 => vec![crate::source::runtime::testing::error(
            "500 Internal Server Error",
            "Datafusion error: Schema error: No field named nope.",
        )],
        _ => result(&schema(), &[batch(&[1])]),
    })
    .await;
    let source = source(&server, limits());
    assert!(source.look_up("SELECT nope").await.is_err());
    let answer = timeout(Duration::from_secs(1), source.look_up("SELECT 1")).await;
    assert!(answer.expect("a place").is_ok());
}
