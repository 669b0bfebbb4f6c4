//! Replies, whole and broken.

use std::{sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use futures::{StreamExt, TryStreamExt};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};

use super::{batch, failure, rows, schema, source, wides};
use crate::{
    SqlState,
    source::runtime::{
        RuntimeLimits, RuntimeSource,
        client::HttpClient,
        decode::IpcDecoder,
        from_datafusion,
        reader::BEGINNING_HELD_MAX,
        testing::{Server, Step, chunk, end, error, head, messages, response, result},
    },
};

#[tokio::test]
async fn a_runtime_behind_tls_is_reached_if_its_certificate_is_trusted() {
    let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let server = Server::start_tls(tls, |_, _| result(&schema(), &[batch(&[1])])).await;
    let mut roots = RootCertStore::empty();
    roots.add(issued.cert.der().clone()).unwrap();
    let trusting = RuntimeSource::with_client(
        HttpClient::trusting(&server.url, roots).unwrap(),
        RuntimeLimits::default(),
    );
    assert_eq!(rows(trusting.query("SELECT *").await.unwrap()).await.unwrap(), 1);

    let wary = RuntimeSource::with_client(
        HttpClient::trusting(&server.url, RootCertStore::empty()).unwrap(),
        RuntimeLimits::default(),
    );
    let error = failure(&wary).await;
    assert_eq!(
        (error.code(), error.message()),
        (SqlState::CONNECTION_FAILURE, "cluster is not reachable")
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_whole_result_arrives_over_one_connection_that_is_kept() {
    let server = Server::always(result(&schema(), &[batch(&[1, 2]), batch(&[]), batch(&[u64::MAX])])).await;
    let source = source(&server);
    for _ in 0..2 {
        let batches: Vec<RecordBatch> = source.query("SELECT *").await.unwrap().try_collect().await.unwrap();
        assert_eq!(batches, [batch(&[1, 2]), batch(&[u64::MAX])]);
    }
    let request = &server.requests()[0];
    assert_eq!(request.target, "post /query");
    assert!(request.head.contains("accept: application/vnd.apache.arrow.stream\r\n"));
    assert!(request.head.contains("content-type: application/json\r\n"));
}

#[tokio::test]
async fn an_empty_result_has_its_schema() {
    let server = Server::always(result(&schema(), &[])).await;
    let stream = source(&server).query("SELECT *").await.unwrap();
    assert_eq!(stream.schema(), schema());
    assert_eq!(rows(stream).await.unwrap(), 0);
}

#[test]
fn a_stream_decodes_however_it_is_cut_into_chunks() {
    let bytes = messages(&schema(), &[batch(&[1, 2, 3]), batch(&[4])]).concat();
    for size in [1, 3, 8, 64, 1000, bytes.len()] {
        let mut decoder = IpcDecoder::default();
        let mut batches = Vec::new();
        for part in bytes.chunks(size) {
            decoder.feed(bytes::Bytes::copy_from_slice(part)).unwrap();
            while let Some(batch) = decoder.next().unwrap() {
                batches.push(batch);
            }
        }
        assert_eq!(batches, [batch(&[1, 2, 3]), batch(&[4])], "chunks of {size}");
        assert!(decoder.is_whole(), "chunks of {size}");
    }
}

#[tokio::test]
async fn a_result_cut_at_a_batch_boundary_is_an_error_although_http_ends_well() {
    let batches = wides(1);
    let mut steps = result(&schema(), &batches);
    // The end of the stream.
    steps.remove(batches.len() + 2);
    let server = Server::always(steps).await;
    let mut stream = source(&server).query("SELECT *").await.unwrap();
    for batch in &batches {
        assert!(stream.next().await.unwrap().unwrap() == *batch);
    }
    let error = from_datafusion(stream.next().await.unwrap().unwrap_err());
    assert_eq!(error.code(), SqlState::CONNECTION_FAILURE);
    assert_eq!(error.message(), "cluster ended the result early");
    assert!(stream.next().await.is_none());
    assert_eq!(server.requests().len(), 1, "nothing is asked again once rows were seen");
}

#[tokio::test]
async fn a_result_without_the_end_of_the_http_body_is_an_error_although_arrow_ends_well() {
    let all = messages(&schema(), &wides(1)).concat();
    let server = Server::always(vec![head(), Step::Send(chunk(&all)), Step::Close]).await;
    let error = failure(&source(&server)).await;
    assert_eq!(
        (error.code(), error.message()),
        (SqlState::CONNECTION_FAILURE, "cluster ended the result early")
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_short_result_that_is_cut_is_asked_for_again_and_its_rows_come_once() {
    let parts = messages(&schema(), &[batch(&[1]), batch(&[2])]);
    let rows_of = |parts: &[Vec<u8>]| Step::Send(chunk(&parts.concat()));
    let cut_by_http = vec![head(), rows_of(&parts), Step::Close];
    let cut_by_arrow = vec![head(), rows_of(&parts[..3]), end()];
    for cut in [cut_by_http, cut_by_arrow] {
        assert_asked_again(cut).await;
    }
}

/// A reply that is cut so, and would have been of two rows, is asked for once more, and its rows come once.
async fn assert_asked_again(cut: Vec<Step>) {
    let server = Server::start(move |number, _| match number {
        0 => cut.clone(),
        _ => result(&schema(), &[batch(&[1]), batch(&[2])]),
    })
    .await;
    assert_eq!(rows(source(&server).query("SELECT *").await.unwrap()).await.unwrap(), 2);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_result_that_is_always_cut_is_asked_for_a_few_times() {
    let parts = messages(&schema(), &[batch(&[1])]);
    let server = Server::always(vec![head(), Step::Send(chunk(&parts[..2].concat())), Step::Close]).await;
    let error = failure(&source(&server)).await;
    assert_eq!(error.message(), "cluster ended the result early");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn the_first_rows_of_a_result_that_comes_slowly_are_not_held() {
    let parts = messages(&schema(), &[batch(&[1])]);
    let server = Server::always(vec![head(), Step::Send(chunk(&parts[..2].concat())), Step::Hang]).await;
    let mut stream = source(&server).query("SELECT *").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), batch(&[1]));
}

/// Its columns come at once.
#[tokio::test]
async fn the_first_rows_of_a_result_are_held_from_when_they_are_there() {
    let parts = messages(&schema(), &[batch(&[1]), batch(&[2])]);
    let send = |part: &[u8]| Step::Send(chunk(part));
    let wait = Step::Wait(2 * BEGINNING_HELD_MAX);
    assert_asked_again(vec![head(), send(&parts[0]), wait, send(&parts[1]), Step::Close]).await;
}

#[tokio::test]
async fn a_result_cut_before_its_first_row_is_asked_for_again() {
    let parts = messages(&schema(), &[batch(&[1])]);
    assert_asked_again(vec![head(), Step::Send(chunk(&parts[0])), Step::Close]).await;
}

#[tokio::test]
async fn what_is_not_an_arrow_stream_is_refused() {
    let arrow = "content-type: application/vnd.apache.arrow.stream\r\n";
    let whole = messages(&schema(), &[batch(&[1])]).concat();
    for (name, step) in [
        (
            "another type",
            response("200 OK", "content-type: application/json\r\n", br#"{"rows":[]}"#),
        ),
        ("no type", response("200 OK", "", &whole)),
        (
            "compressed",
            response("200 OK", &format!("{arrow}content-encoding: gzip\r\n"), &whole),
        ),
        (
            "another format",
            response("200 OK", arrow, b"\xff\xff\xff\xff\x08\0\0\0nonsense and more"),
        ),
        (
            "redirect",
            response("307 Temporary Redirect", "location: http://127.0.0.1:1/query\r\n", b""),
        ),
        ("unauthorized", response("401 Unauthorized", "", b"who are you")),
        ("not found", response("404 Not Found", "", b"")),
    ] {
        let server = Server::always(vec![step]).await;
        let error = failure(&source(&server)).await;
        assert_eq!(error.code(), SqlState::CONNECTION_FAILURE, "{name}");
        assert_eq!(
            error.message(),
            "cluster did not answer as a Restate runtime does",
            "{name}"
        );
        assert_eq!(server.requests().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_batch_that_lies_about_its_size_is_an_error() {
    let mut parts = messages(&schema(), &[batch(&[1, 2])]);
    // Each 64-bit 2 in the batch's header (its length among them) becomes 2^63 + 2.
    let header = 200.min(parts[1].len());
    for start in (0..header - 8).step_by(8) {
        if parts[1][start..start + 8] == 2u64.to_le_bytes() {
            parts[1][start + 7] = 0x80;
        }
    }
    let server = Server::always(vec![head(), Step::Send(chunk(&parts.concat())), end()]).await;
    let code = failure(&source(&server)).await.code();
    assert!(
        matches!(code, SqlState::CONNECTION_FAILURE | SqlState::INTERNAL_ERROR),
        "{code:?}"
    );
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_when_it_is_short_and_told_when_it_is_long() {
    let limited = |pause: &str| {
        response(
            "429 Too Many Requests",
            &format!("retry-after: {pause}\r\n"),
            br#"{"message":"Rate limited"}"#,
        )
    };
    let short = limited("1");
    let server = Server::start(move |number, _| match number {
        0 => vec![short.clone()],
        _ => result(&schema(), &[batch(&[1])]),
    })
    .await;
    assert_eq!(rows(source(&server).query("SELECT *").await.unwrap()).await.unwrap(), 1);

    let server = Server::always(vec![limited("60")]).await;
    assert_eq!(
        failure(&source(&server)).await.code(),
        SqlState::CONFIGURATION_LIMIT_EXCEEDED
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_shed_request_is_told_at_once() {
    let server = Server::always(vec![response("429 Too Many Requests", "", b"")]).await;
    assert_eq!(failure(&source(&server)).await.code(), SqlState::TOO_MANY_CONNECTIONS);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_starting_cluster_is_asked_again_and_given_up_after_the_budget() {
    let starting = || {
        error(
            "500 Internal Server Error",
            "Datafusion error: External error: node lookup for partition 3 failed",
        )
    };
    let server = Server::start(move |number, _| match number {
        0..=2 => vec![starting()],
        _ => result(&schema(), &[batch(&[1])]),
    })
    .await;
    assert_eq!(rows(source(&server).query("SELECT *").await.unwrap()).await.unwrap(), 1);
    assert_eq!(server.requests().len(), 4);

    let server = Server::start(move |_, _| vec![starting()]).await;
    let start = tokio::time::Instant::now();
    assert_eq!(failure(&source(&server)).await.code(), SqlState::CANNOT_CONNECT_NOW);
    assert!(start.elapsed() < Duration::from_secs(12));
    assert!(server.requests().len() > 4);
}

#[tokio::test]
async fn an_error_of_the_statement_is_told_and_not_asked_again() {
    let server = Server::always(vec![error(
        "500 Internal Server Error",
        "Datafusion error: Schema error: No field named nope. Valid fields are sys_deployment.id.",
    )])
    .await;
    let error = failure(&source(&server)).await;
    assert_eq!(
        (error.code(), error.message()),
        (SqlState::UNDEFINED_COLUMN, "column \"nope\" does not exist")
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_tried_once_more() {
    let server = Server::always(vec![Step::Close]).await;
    assert_eq!(failure(&source(&server)).await.code(), SqlState::INTERNAL_ERROR);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn silence_is_an_error_before_the_head_and_after() {
    for steps in [vec![Step::Hang], vec![head(), Step::Hang]] {
        let server = Server::always(steps).await;
        let client = HttpClient::new(&server.url)
            .unwrap()
            .with_silence_max(Duration::from_millis(100));
        let error = failure(&RuntimeSource::with_client(client, RuntimeLimits::default())).await;
        assert_eq!(
            (error.code(), error.message()),
            (SqlState::CONNECTION_FAILURE, "cluster does not answer")
        );
    }
}

#[tokio::test]
async fn an_address_that_refuses_is_not_named_to_the_client() {
    // Bound and dropped: nothing listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = failure(&RuntimeSource::new(&format!("http://{address}")).unwrap()).await;
    assert_eq!(
        (error.code(), error.message()),
        (SqlState::CONNECTION_FAILURE, "cluster is not reachable")
    );
    assert_eq!((error.detail(), error.hint()), (None, None));
    assert!(error.log().is_some());
}

#[test]
fn a_url_with_more_than_scheme_host_and_port_is_refused() {
    for url in [
        "ftp://h",
        "h:9070",
        "http://",
        "http://user:secret@h",
        "http://h/query",
        "http://h?x=1",
        "",
        "http://h h",
    ] {
        assert_eq!(
            RuntimeSource::new(url).unwrap_err().code(),
            SqlState::INVALID_PARAMETER_VALUE,
            "{url}"
        );
    }
    for url in ["http://h", "http://h/", "http://127.0.0.1:9070", "http://[::1]:9070/"] {
        assert!(RuntimeSource::new(url).is_ok(), "{url}");
    }
}

/// A result that never ends.
fn endless() -> Vec<Step> {
    let keys: Vec<u64> = (0..128).collect();
    let parts = messages(&schema(), &[batch(&keys)]);
    vec![head(), Step::Send(chunk(&parts[0])), Step::Endless(chunk(&parts[1]))]
}

#[tokio::test]
async fn dropping_the_stream_ends_the_request_at_once() {
    let mut server = Server::always(endless()).await;
    let mut stream = source(&server).query("SELECT *").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().num_rows(), 128);
    drop(stream);
    tokio::time::timeout(Duration::from_secs(1), server.gone.recv())
        .await
        .expect("the request must end")
        .unwrap();
}

#[tokio::test]
async fn giving_up_before_the_first_row_ends_the_request_at_once() {
    let mut server = Server::always(vec![head(), Step::Hang]).await;
    let source = source(&server);
    let waiting = tokio::time::timeout(Duration::from_millis(100), source.query("SELECT *")).await;
    assert!(waiting.is_err());
    tokio::time::timeout(Duration::from_secs(1), server.gone.recv())
        .await
        .expect("the request must end")
        .unwrap();
}
