//! A runtime, or whatever answers in its place, that means harm: nothing is taken for more than it is, and nothing is endless.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, RecordBatch, UInt64Array},
    datatypes::{DataType, Field, Schema},
};
use futures::StreamExt;

use super::{batch, failure, schema, source, wides};
use crate::{
    Error, SqlState,
    source::{
        Source,
        runtime::{
            RuntimeLimits, RuntimeSource,
            client::HttpClient,
            from_datafusion,
            testing::{Server, Step, chunk, end, head, messages, response, result},
        },
    },
};

const ARROW: &str = "content-type: application/vnd.apache.arrow.stream\r\n";

/// The rows that came before the error that ends a result.
async fn rows_then_error(source: &RuntimeSource) -> (usize, Error) {
    let mut stream = source.query("SELECT *").await.unwrap();
    let mut rows = 0;
    loop {
        match stream.next().await.expect("an error") {
            Ok(batch) => rows += batch.num_rows(),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing behind an error");
                return (rows, from_datafusion(error));
            }
        }
    }
}

/// These batches, then these bytes, then the end of the body.
async fn behind(batches: &[RecordBatch], bytes: &[u8]) -> RuntimeSource {
    let parts = messages(&schema(), batches);
    let steps = vec![
        head(),
        Step::Send(chunk(&parts[..=batches.len()].concat())),
        Step::Send(chunk(bytes)),
        end(),
    ];
    source(&Server::always(steps).await)
}

/// That these bytes behind good batches end the result in an error, after its rows.
async fn breaks(bytes: Vec<u8>, what: &str) {
    let (rows, error) = rows_then_error(&behind(&wides(1), &bytes).await).await;
    assert_eq!(
        (rows, error.code()),
        (2048, SqlState::CONNECTION_FAILURE),
        "{what}: {}",
        error.message()
    );
}

#[tokio::test]
async fn nothing_is_ever_inflated() {
    // 10 GiB of zeros, said to be so: the head is enough.
    for encoding in ["gzip", "zstd", "br", "deflate", "x-unknown"] {
        let steps = vec![
            Step::Send(
                format!(
                    "HTTP/1.1 200 OK\r\n{ARROW}content-encoding: {encoding}\r\ncontent-length: 10737418240\r\n\r\n"
                )
                .into_bytes(),
            ),
            Step::Endless(vec![0; 65_536]),
        ];
        let mut server = Server::always(steps).await;
        let error = failure(&source(&server)).await;
        assert_eq!(
            (error.code(), error.message()),
            (
                SqlState::CONNECTION_FAILURE,
                "cluster did not answer as a Restate runtime does"
            ),
            "{encoding}"
        );
        let sent = tokio::time::timeout(Duration::from_secs(5), server.gone.recv()).await;
        assert!(sent.expect("the request must end").unwrap() < 64 << 20, "{encoding}");
        assert!(
            !server.requests()[0].head.contains("accept-encoding"),
            "none was asked for"
        );
    }
}

#[tokio::test]
async fn a_refusal_that_never_ends_is_not_read_to_its_end() {
    for status in [
        "400 Bad Request",
        "401 Unauthorized",
        "429 Too Many Requests",
        "500 Internal Server Error",
    ] {
        let steps = vec![
            Step::Send(format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes()),
            Step::Endless(chunk(&[b' '; 65_536])),
        ];
        let mut server = Server::always(steps).await;
        assert!(failure(&source(&server)).await.message().len() < 1_000, "{status}");
        let sent = tokio::time::timeout(Duration::from_secs(5), server.gone.recv()).await;
        assert!(sent.expect("the request must end").unwrap() < 64 << 20, "{status}");
    }
}

#[tokio::test]
async fn headers_that_never_end_are_not_read_to_their_end() {
    let steps = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Step::Endless(b"x-more: of the same\r\n".to_vec()),
    ];
    let mut server = Server::always(steps).await;
    assert_eq!(failure(&source(&server)).await.code(), SqlState::INTERNAL_ERROR);
    assert!(server.gone.recv().await.unwrap() < 64 << 20);
}

#[tokio::test]
async fn a_version_that_never_ends_is_not_read_to_its_end() {
    let steps = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()),
        Step::Endless(chunk(&[b' '; 65_536])),
    ];
    let mut server = Server::always(steps).await;
    let error = source(&server).introspect().await.unwrap_err();
    assert_eq!(error.code(), SqlState::CONNECTION_FAILURE);
    assert!(server.gone.recv().await.unwrap() < 64 << 20);
}

#[tokio::test]
async fn a_redirect_is_followed_nowhere() {
    let elsewhere = Server::always(result(&schema(), &[batch(&[1])])).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!("location: {}/query\r\n", elsewhere.url);
        let server = Server::always(vec![response(status, &location, b"")]).await;
        assert_eq!(
            failure(&source(&server)).await.message(),
            "cluster did not answer as a Restate runtime does",
            "{status}"
        );
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_runtime_that_wants_a_password_gets_none() {
    let server = Server::always(vec![response(
        "401 Unauthorized",
        "www-authenticate: Basic realm=\"restate\"\r\n",
        b"",
    )])
    .await;
    let error = failure(&source(&server)).await;
    assert_eq!(error.code(), SqlState::CONNECTION_FAILURE);
    assert!(!server.requests()[0].head.contains("authorization"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_wait_that_nobody_bears_is_told_at_once_whatever_its_form() {
    for retry_after in [
        "",
        "retry-after: 3600\r\n",
        "retry-after: -1\r\n",
        "retry-after: 99999999999999999999\r\n",
        "retry-after: Fri, 31 Dec 2099 23:59:59 GMT\r\n",
    ] {
        let limited = response("429 Too Many Requests", retry_after, br#"{"message":"Rate limited"}"#);
        let server = Server::always(vec![limited]).await;
        let error = failure(&source(&server)).await;
        assert_eq!(error.code(), SqlState::CONFIGURATION_LIMIT_EXCEEDED, "{retry_after}");
        assert_eq!(server.requests().len(), 1, "{retry_after}");
    }
}

#[tokio::test]
async fn another_schema_in_the_middle_ends_the_result_in_an_error() {
    let other = Arc::new(Schema::new(vec![Field::new("n", DataType::UInt64, true)]));
    let column: ArrayRef = Arc::new(UInt64Array::from(vec![7; 3]));
    let wrong = RecordBatch::try_new(other.clone(), vec![column]).unwrap();
    let parts = messages(&other, &[wrong]);
    for (bytes, what) in [
        (parts[..2].concat(), "a schema and a batch of it"),
        (parts[1].clone(), "a batch of another schema"),
        (
            messages(&schema(), &[batch(&[3])]).concat(),
            "the same schema once more",
        ),
    ] {
        breaks(bytes, what).await;
    }
}

#[tokio::test]
async fn nonsense_in_the_middle_ends_the_result_in_an_error() {
    let end_of_stream = messages(&schema(), &[]).pop().unwrap();
    for (bytes, what) in [
        (vec![0xff; 64], "a length of 4 GiB"),
        (
            b"HTTP/1.1 500 Internal Server Error\r\n\r\n".to_vec(),
            "an error in plain text",
        ),
        ([&end_of_stream[..], b"and more"].concat(), "bytes behind the end"),
        ([&end_of_stream[..], &end_of_stream].concat(), "the end twice"),
        (
            b"\xff\xff\xff\xff\x10\0\0\0sixteen bytes...".to_vec(),
            "a message that is none",
        ),
        (b"\xff\xff\xff\xff\0\0\0\x80".to_vec(), "a length of 2 GiB"),
    ] {
        breaks(bytes, what).await;
    }
}

#[tokio::test]
async fn nonsense_in_a_short_result_is_an_error_before_its_first_row() {
    let source = behind(&[batch(&[1, 2])], &[0xff; 64]).await;
    let error = source.query("SELECT *").await.err().expect("an error");
    assert_eq!(error.code(), SqlState::CONNECTION_FAILURE);
}

#[tokio::test]
async fn text_that_is_not_utf8_and_offsets_past_the_end_are_refused() {
    let parts = messages(&schema(), &[batch(&[1, 2])]);
    let find = |needle: &[u8]| {
        parts[1]
            .windows(needle.len())
            .position(|window| window == needle)
            .unwrap()
    };
    // The texts lie one behind the other, and before them where each ends.
    let text = find(b"inv_1inv_2");
    let ends = find(&[0_u64, 5, 10].map(u64::to_le_bytes).concat());
    for (position, byte, what) in [
        (text, 0xff, "no UTF-8"),
        (ends + 16, 0xff, "an offset past the end"),
        (ends + 8, 0xff, "offsets that go back"),
        (ends + 23, 0x80, "a negative offset"),
    ] {
        let mut wrong = parts.clone();
        wrong[1][position] = byte;
        let server = Server::always(vec![head(), Step::Send(chunk(&wrong.concat())), end()]).await;
        let error = failure(&source(&server)).await;
        assert_eq!(error.code(), SqlState::CONNECTION_FAILURE, "{what}");
    }
}

#[tokio::test]
async fn a_result_that_stalls_in_the_middle_is_given_up() {
    let parts = messages(&schema(), &[batch(&[1, 2])]);
    let server = Server::always(vec![head(), Step::Send(chunk(&parts[..2].concat())), Step::Hang]).await;
    let client = HttpClient::new(&server.url)
        .unwrap()
        .with_silence_max(Duration::from_millis(300));
    let (rows, error) = rows_then_error(&RuntimeSource::with_client(client, RuntimeLimits::default())).await;
    assert_eq!(
        (rows, error.code(), error.message()),
        (2, SqlState::CONNECTION_FAILURE, "cluster does not answer")
    );
}
