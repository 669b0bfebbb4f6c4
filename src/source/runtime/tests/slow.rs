//! Clients that do not read: the runtime is read nevertheless.

use std::time::Duration;

use arrow::array::RecordBatch;
use futures::{StreamExt, TryStreamExt};
use tempfile::TempDir;

use super::{batch, eventually, names, open_files, rows, schema, wide, wides};
use crate::{
    SqlState, limits,
    source::runtime::{
        RuntimeLimits, RuntimeSource, from_datafusion,
        testing::{Server, Step, chunk, end, head, messages, result},
    },
};

const MIB: u64 = 1024 * 1024;

/// A source that spools to a directory of its own.
fn source(server: &Server, result_size_max: u64, size_max: u64) -> (RuntimeSource, TempDir) {
    let dir = TempDir::new().unwrap();
    let limits = RuntimeLimits {
        spool_dir: dir.path().to_owned(),
        spool_result_size_max: result_size_max,
        spool_size_max: size_max,
        ..RuntimeLimits::default()
    };
    (RuntimeSource::with_limits(&server.url, limits).unwrap(), dir)
}

/// How many bytes a whole answer is.
fn size(steps: &[Step]) -> usize {
    steps
        .iter()
        .map(|step| match step {
            Step::Send(bytes) => bytes.len(),
            _ => 0,
        })
        .sum()
}

#[tokio::test]
async fn a_reply_is_read_whole_while_its_client_stops_and_then_given_in_order() {
    let batches = wides(64);
    let steps = result(&schema(), &batches);
    let whole = size(&steps);
    assert!(whole as u64 > 64 * MIB);
    let server = Server::always(steps).await;
    let (source, dir) = source(&server, 1024 * MIB, 1024 * MIB);
    let mut stream = source.query("SELECT *").await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    eventually("the end of the body", || *server.sent.lock().unwrap() == whole).await;
    let in_memory = limits::REPLY_MEMORY_MAX as u64 + 2 * MIB;
    eventually("the spool", || source.spooled_size() > whole as u64 - in_memory).await;
    assert!(source.spooled_size() <= whole as u64);
    assert_eq!((open_files(dir.path()), names(dir.path())), (1, 0));

    let rest: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    assert_eq!(first, batches[0]);
    assert!(rest == batches[1..], "another result");
    assert_eq!(source.spooled_size(), 0);
    eventually("the end of the file", || open_files(dir.path()) == 0).await;
}

#[tokio::test]
async fn a_client_that_keeps_up_never_touches_the_disk() {
    let batches = wides(1);
    let server = Server::always(result(&schema(), &batches)).await;
    let (source, dir) = source(&server, MIB, MIB);
    // Any attempt to write would fail here.
    std::fs::remove_dir(dir.path()).unwrap();
    for _ in 0..20 {
        assert_eq!(rows(source.query("SELECT *").await.unwrap()).await.unwrap(), 16 * 128);
    }
}

#[tokio::test]
async fn an_error_comes_after_the_rows_that_came_before_it_from_disk_too() {
    let batches = wides(8);
    let mut steps = vec![head()];
    let parts = messages(&schema(), &batches);
    steps.extend(parts[..parts.len() - 1].iter().map(|part| Step::Send(chunk(part))));
    let cut_by_http = steps.iter().cloned().chain([Step::Close]).collect();
    let cut_by_arrow = steps.iter().cloned().chain([end()]).collect();
    for steps in [cut_by_http, cut_by_arrow] {
        let server = Server::always(steps).await;
        let (source, _dir) = source(&server, 1024 * MIB, 1024 * MIB);
        let mut stream = source.query("SELECT *").await.unwrap();
        eventually("the spool", || source.spooled_size() > 5 * MIB).await;
        for batch in &batches {
            assert!(stream.next().await.unwrap().unwrap() == *batch);
        }
        let error = from_datafusion(stream.next().await.unwrap().unwrap_err());
        assert_eq!(error.message(), "cluster ended the result early");
        assert!(stream.next().await.is_none());
        assert_eq!(server.requests().len(), 1);
    }
}

/// A result that never ends.
fn endless() -> Vec<Step> {
    let parts = messages(&schema(), &[wide(0)]);
    vec![head(), Step::Send(chunk(&parts[0])), Step::Endless(chunk(&parts[1]))]
}

#[tokio::test]
async fn beyond_the_cap_the_request_ends_the_disk_is_free_and_the_client_told() {
    for (result_max, cluster_max, message) in [
        (4, 1024, "result exceeds the 4 MB that may wait for its client"),
        (
            1024,
            4,
            "results of this cluster exceed the 4 MB that may wait for their clients",
        ),
    ] {
        let mut server = Server::always(endless()).await;
        let (source, dir) = source(&server, result_max * MIB, cluster_max * MIB);
        let mut stream = source.query("SELECT *").await.unwrap();
        let sent = tokio::time::timeout(Duration::from_secs(5), server.gone.recv()).await;
        assert!(sent.expect("the request must end").unwrap() < 32 * MIB as usize);
        eventually("the end of the file", || open_files(dir.path()) == 0).await;
        assert_eq!((source.spooled_size(), names(dir.path())), (0, 0));
        let error = loop {
            match stream.next().await.unwrap() {
                Ok(_) => continue,
                Err(error) => break from_datafusion(error),
            }
        };
        assert_eq!(
            (error.code(), error.message()),
            (SqlState::PROGRAM_LIMIT_EXCEEDED, message)
        );
        assert!(error.hint().unwrap().starts_with("Add LIMIT"));
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn the_cap_is_on_what_waits_not_on_what_a_result_has() {
    let server = Server::always(result(&schema(), &wides(48))).await;
    let (source, _dir) = source(&server, 16 * MIB, 16 * MIB);
    let stream = source.query("SELECT *").await.unwrap();
    assert_eq!(rows(stream).await.unwrap(), 48 * 16 * 128);
}

#[tokio::test]
async fn a_stream_dropped_midway_leaves_no_file_and_no_request() {
    let mut server = Server::always(endless()).await;
    let (source, dir) = source(&server, 1024 * MIB, 1024 * MIB);
    let mut stream = source.query("SELECT *").await.unwrap();
    stream.next().await.unwrap().unwrap();
    eventually("the spool", || source.spooled_size() > MIB).await;
    drop(stream);
    tokio::time::timeout(Duration::from_secs(1), server.gone.recv())
        .await
        .expect("the request must end")
        .unwrap();
    eventually("the end of the file", || open_files(dir.path()) == 0).await;
    eventually("the end of what it took", || source.spooled_size() == 0).await;
    assert_eq!(names(dir.path()), 0);
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_fails_the_statement_that_needs_it_only() {
    let mut server = Server::start(|_, request| match request.sql.as_str() {
        "SELECT 1" => endless(),
        _ => result(&schema(), &[batch(&[1])]),
    })
    .await;
    let (source, dir) = source(&server, 1024 * MIB, 1024 * MIB);
    std::fs::remove_dir(dir.path()).unwrap();
    let stream = source.query("SELECT 1").await.unwrap();
    let gone = tokio::time::timeout(Duration::from_secs(5), server.gone.recv()).await;
    gone.expect("the request must end").unwrap();
    let error = from_datafusion(stream.try_collect::<Vec<RecordBatch>>().await.unwrap_err());
    assert_eq!(
        (error.code(), error.message()),
        (SqlState::IO_ERROR, "could not write to temporary file")
    );
    assert_eq!(rows(source.query("SELECT 2").await.unwrap()).await.unwrap(), 1);
}
