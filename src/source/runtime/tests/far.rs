//! Replies of a remote runtime: asked for compressed, read as any other, bounded by what they say.

use arrow::ipc::writer::StreamWriter;

use super::{batch, failure, rows, schema, source};
use crate::{
    SqlState,
    source::runtime::{
        RuntimeLimits, RuntimeSource,
        client::HttpClient,
        testing::{Server, Step, response},
    },
};

const COMPRESSED: &str = "content-type: application/vnd.apache.arrow.stream\r\ncontent-encoding: zstd\r\n";

/// A reply of so many batches of 128 rows.
fn stream(batches: u64) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &schema()).unwrap();
    for number in 0..batches {
        writer.write(&batch(&[number; 128])).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn far(server: &Server, limits: RuntimeLimits) -> RuntimeSource {
    let client = HttpClient::new(&server.url).unwrap();
    client.take_for_far();
    RuntimeSource::with_client(client, limits)
}

#[tokio::test]
async fn a_far_runtime_is_asked_to_compress_and_a_near_one_is_not() {
    let server = Server::always(vec![response("200 OK", COMPRESSED, &zstd(&stream(100)))]).await;
    let far = far(&server, RuntimeLimits::default());
    assert_eq!(rows(far.query("SELECT 1").await.unwrap()).await.unwrap(), 12_800);
    let asked = server.requests().pop().unwrap();
    assert!(
        asked.head.to_lowercase().contains("accept-encoding: zstd"),
        "{}",
        asked.head
    );

    let near = source(&server);
    assert_eq!(rows(near.query("SELECT 1").await.unwrap()).await.unwrap(), 12_800);
    let asked = server.requests().pop().unwrap();
    assert!(!asked.head.to_lowercase().contains("accept-encoding"), "{}", asked.head);
}

#[tokio::test]
async fn the_spool_limits_what_a_reply_says_not_what_it_weighs() {
    let body = zstd(&stream(20_000));
    assert!(body.len() < 2 * 1024 * 1024);
    // Never whole: it is the limit that ends it.
    let head = format!(
        "HTTP/1.1 200 OK\r\n{COMPRESSED}content-length: {}\r\n\r\n",
        body.len() + 1
    );
    let sent = [head.as_bytes(), &body].concat();
    let mut server = Server::always(vec![Step::Send(sent), Step::Hang]).await;
    let limits = RuntimeLimits {
        spool_result_size_max: 8 * 1024 * 1024,
        ..RuntimeLimits::default()
    };
    let far = far(&server, limits);
    let stalled = far.query("SELECT 1").await.unwrap();
    server.gone.recv().await.unwrap();
    let error = rows(stalled).await.unwrap_err();
    assert_eq!(error.code(), SqlState::PROGRAM_LIMIT_EXCEEDED, "{error:?}");
}

#[tokio::test]
async fn a_compressed_reply_that_was_cut_is_not_whole() {
    let body = zstd(&stream(1000));
    let cut = body.get(..body.len() / 2).unwrap();
    let server = Server::always(vec![response("200 OK", COMPRESSED, cut)]).await;
    let far = far(&server, RuntimeLimits::default());
    let error = rows(far.query("SELECT 1").await.unwrap()).await.unwrap_err();
    assert_eq!(error.code(), SqlState::CONNECTION_FAILURE);
}

#[tokio::test]
async fn a_refusal_is_read_whichever_way_it_comes() {
    let text = br#"{"message":"Datafusion error: Resources exhausted: memory"}"#;
    let plain = response("500 Internal Server Error", "content-type: application/json\r\n", text);
    let small = response(
        "500 Internal Server Error",
        "content-type: application/json\r\ncontent-encoding: zstd\r\n",
        &zstd(text),
    );
    let (plain, small) = (Server::always(vec![plain]).await, Server::always(vec![small]).await);
    let plain = failure(&source(&plain)).await;
    let small = failure(&far(&small, RuntimeLimits::default())).await;
    assert_eq!((small.code(), small.message()), (plain.code(), plain.message()));
}

#[tokio::test]
async fn another_encoding_is_no_answer() {
    let headers = "content-type: application/vnd.apache.arrow.stream\r\ncontent-encoding: gzip\r\n";
    let server = Server::always(vec![response("200 OK", headers, &stream(1))]).await;
    let error = failure(&far(&server, RuntimeLimits::default())).await;
    assert_eq!(error.code(), failure(&source(&server)).await.code());
}
