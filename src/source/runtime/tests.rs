use std::{sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, Int64Array, LargeStringArray, RecordBatch, StringArray, UInt64Array},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use datafusion::{execution::SendableRecordBatchStream, prelude::SessionContext};
use futures::{StreamExt, TryStreamExt};

use super::{
    RuntimeExec, RuntimeSource,
    client::HttpClient,
    decode::IpcDecoder,
    from_datafusion,
    testing::{Server, Step, chunk, end, error, head, messages, response, result},
};
use crate::{Error, SqlState, source::Source};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::LargeUtf8, true),
        Field::new("partition_key", DataType::UInt64, true),
    ]))
}

fn batch(keys: &[u64]) -> RecordBatch {
    let ids: LargeStringArray = keys.iter().map(|key| Some(format!("inv_{key}"))).collect();
    let keys = UInt64Array::from(keys.to_vec());
    RecordBatch::try_new(schema(), vec![Arc::new(ids) as ArrayRef, Arc::new(keys)]).unwrap()
}

fn source(server: &Server) -> RuntimeSource {
    RuntimeSource::new(&server.url).unwrap()
}

async fn rows(stream: SendableRecordBatchStream) -> Result<usize, Error> {
    let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(from_datafusion)?;
    Ok(batches.iter().map(RecordBatch::num_rows).sum())
}

async fn failure(source: &RuntimeSource) -> Error {
    match source.query("SELECT 1").await {
        Ok(stream) => rows(stream).await.expect_err("the query must fail"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_whole_result_arrives_over_one_connection_that_is_kept() {
    let server = Server::always(result(
        &schema(),
        &[batch(&[1, 2]), batch(&[]), batch(&[u64::MAX])],
    ))
    .await;
    let source = source(&server);
    for _ in 0..2 {
        let batches: Vec<RecordBatch> = source
            .query("SELECT *")
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(batches, [batch(&[1, 2]), batch(&[u64::MAX])]);
    }
    let request = &server.requests()[0];
    assert_eq!(request.target, "post /query");
    assert!(
        request
            .head
            .contains("accept: application/vnd.apache.arrow.stream\r\n")
    );
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
        let mut wire_size = 0;
        for part in bytes.chunks(size) {
            decoder.feed(bytes::Bytes::copy_from_slice(part)).unwrap();
            while let Some((batch, size)) = decoder.next().unwrap() {
                batches.push(batch);
                wire_size += size;
            }
        }
        assert_eq!(
            batches,
            [batch(&[1, 2, 3]), batch(&[4])],
            "chunks of {size}"
        );
        assert!(decoder.is_whole(), "chunks of {size}");
        assert!(wire_size <= bytes.len() && wire_size > bytes.len() / 2);
    }
}

#[tokio::test]
async fn a_result_cut_at_a_batch_boundary_is_an_error_although_http_ends_well() {
    let parts = messages(&schema(), &[batch(&[1]), batch(&[2])]);
    let server = Server::always(vec![
        head(),
        Step::Send(chunk(&parts[0])),
        Step::Send(chunk(&parts[1])),
        Step::Send(chunk(&parts[2])),
        end(),
    ])
    .await;
    let mut stream = source(&server).query("SELECT *").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), batch(&[1]));
    assert_eq!(stream.next().await.unwrap().unwrap(), batch(&[2]));
    let error = from_datafusion(stream.next().await.unwrap().unwrap_err());
    assert_eq!(error.code(), SqlState::CONNECTION_FAILURE);
    assert_eq!(error.message(), "cluster ended the result early");
    assert!(stream.next().await.is_none());
    assert_eq!(
        server.requests().len(),
        1,
        "nothing is asked again once rows were seen"
    );
}

#[tokio::test]
async fn a_result_without_the_end_of_the_http_body_is_an_error_although_arrow_ends_well() {
    let all = messages(&schema(), &[batch(&[1])]).concat();
    let server = Server::always(vec![head(), Step::Send(chunk(&all)), Step::Close]).await;
    let error = failure(&source(&server)).await;
    assert_eq!(
        (error.code(), error.message()),
        (
            SqlState::CONNECTION_FAILURE,
            "cluster ended the result early"
        )
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_result_cut_before_its_first_row_is_asked_for_again() {
    let parts = messages(&schema(), &[batch(&[1])]);
    let server = Server::start(move |number, _| match number {
        0 => vec![head(), Step::Send(chunk(&parts[0])), Step::Close],
        _ => result(&schema(), &[batch(&[1])]),
    })
    .await;
    assert_eq!(
        rows(source(&server).query("SELECT *").await.unwrap())
            .await
            .unwrap(),
        1
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_is_not_an_arrow_stream_is_refused() {
    let arrow = "content-type: application/vnd.apache.arrow.stream\r\n";
    let whole = messages(&schema(), &[batch(&[1])]).concat();
    for (name, step) in [
        (
            "another type",
            response(
                "200 OK",
                "content-type: application/json\r\n",
                br#"{"rows":[]}"#,
            ),
        ),
        ("no type", response("200 OK", "", &whole)),
        (
            "compressed",
            response(
                "200 OK",
                &format!("{arrow}content-encoding: gzip\r\n"),
                &whole,
            ),
        ),
        (
            "another format",
            response(
                "200 OK",
                arrow,
                b"\xff\xff\xff\xff\x08\0\0\0nonsense and more",
            ),
        ),
        (
            "redirect",
            response(
                "307 Temporary Redirect",
                "location: http://127.0.0.1:1/query\r\n",
                b"",
            ),
        ),
        (
            "unauthorized",
            response("401 Unauthorized", "", b"who are you"),
        ),
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
        matches!(
            code,
            SqlState::CONNECTION_FAILURE | SqlState::INTERNAL_ERROR
        ),
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
    assert_eq!(
        rows(source(&server).query("SELECT *").await.unwrap())
            .await
            .unwrap(),
        1
    );

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
    assert_eq!(
        failure(&source(&server)).await.code(),
        SqlState::TOO_MANY_CONNECTIONS
    );
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
    assert_eq!(
        rows(source(&server).query("SELECT *").await.unwrap())
            .await
            .unwrap(),
        1
    );
    assert_eq!(server.requests().len(), 4);

    let server = Server::start(move |_, _| vec![starting()]).await;
    let start = tokio::time::Instant::now();
    assert_eq!(
        failure(&source(&server)).await.code(),
        SqlState::CANNOT_CONNECT_NOW
    );
    assert!(start.elapsed() < Duration::from_secs(4));
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
    assert_eq!(
        failure(&source(&server)).await.code(),
        SqlState::INTERNAL_ERROR
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn silence_is_an_error_before_the_head_and_after() {
    for steps in [vec![Step::Hang], vec![head(), Step::Hang]] {
        let server = Server::always(steps).await;
        let client = HttpClient::new(&server.url)
            .unwrap()
            .with_silence_max(Duration::from_millis(100));
        let error = failure(&RuntimeSource::with_client(client)).await;
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
    for url in [
        "http://h",
        "http://h/",
        "http://127.0.0.1:9070",
        "http://[::1]:9070/",
    ] {
        assert!(RuntimeSource::new(url).is_ok(), "{url}");
    }
}

/// A result that never ends.
fn endless() -> Vec<Step> {
    let keys: Vec<u64> = (0..128).collect();
    let parts = messages(&schema(), &[batch(&keys)]);
    vec![
        head(),
        Step::Send(chunk(&parts[0])),
        Step::Endless(chunk(&parts[1])),
    ]
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

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_a_bounded_number_of_bytes() {
    let server = Server::always(endless()).await;
    let stream = source(&server).query("SELECT *").await.unwrap();
    let mut before = 0;
    // The server stalls once the channel and the sockets' buffers are full.
    let sent = loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let sent = *server.sent.lock().unwrap();
        if sent == before && sent > 0 {
            break sent;
        }
        before = sent;
    };
    assert!(sent < 24 * 1024 * 1024, "{sent} bytes");
    drop(stream);
}

/// A context in which `t` is a table of the server.
fn context(source: &RuntimeSource, schema: SchemaRef) -> SessionContext {
    let context = SessionContext::new();
    context
        .register_table("t", source.table("t", schema))
        .unwrap();
    context
}

#[tokio::test]
async fn batches_come_in_the_schema_given_whatever_the_runtime_infers() {
    let inferred = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("partition_key", DataType::Int64, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["inv_7"])),
        Arc::new(Int64Array::from(vec![7])),
    ];
    let reply = RecordBatch::try_new(inferred.clone(), columns).unwrap();
    let server = Server::always(result(&inferred, &[reply])).await;
    let documented = Arc::new(Schema::new_with_metadata(
        schema()
            .fields()
            .iter()
            .map(|field| {
                field
                    .as_ref()
                    .clone()
                    .with_metadata([("comment".into(), "c".into())].into())
            })
            .collect::<Vec<_>>(),
        [("comment".into(), "table".into())].into(),
    ));
    let batches = context(&source(&server), documented.clone())
        .sql("SELECT * FROM t")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(batches[0].schema(), documented);
    assert_eq!(batches[0].columns(), batch(&[7]).columns());
}

#[tokio::test]
async fn columns_that_cannot_be_what_was_planned_end_the_statement() {
    let other = Arc::new(Schema::new(vec![
        Field::new("id", DataType::LargeUtf8, true),
        Field::new("partition_key", DataType::Int64, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(LargeStringArray::from(vec!["a"])),
        Arc::new(Int64Array::from(vec![-1])),
    ];
    let reply = RecordBatch::try_new(other.clone(), columns).unwrap();
    let fewer = batch(&[1]).project(&[0]).unwrap();
    for (schema_sent, reply) in [(other, reply), (fewer.schema(), fewer)] {
        let server = Server::always(result(&schema_sent, &[reply])).await;
        let error = context(&source(&server), schema())
            .sql("SELECT * FROM t")
            .await
            .unwrap()
            .collect()
            .await
            .unwrap_err();
        let error = from_datafusion(error);
        assert_eq!(
            (error.code(), error.message()),
            (
                SqlState::FEATURE_NOT_SUPPORTED,
                "cached plan must not change result type"
            )
        );
    }
}

#[tokio::test]
async fn rows_without_columns_are_counted_by_the_runtime() {
    let counted = Arc::new(Schema::new(vec![Field::new(
        "count(*)",
        DataType::Int64,
        false,
    )]));
    let reply = RecordBatch::try_new(
        counted.clone(),
        vec![Arc::new(Int64Array::from(vec![200_000])) as ArrayRef],
    )
    .unwrap();
    let server = Server::always(result(&counted, &[reply])).await;
    let context = context(&source(&server), schema());
    let batches = context
        .sql("SELECT count(*) FROM t WHERE id <> 'x'")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(
        batches[0].column(0).as_ref(),
        &Int64Array::from(vec![200_000])
    );
    let batches = context
        .sql("SELECT 1 FROM t LIMIT 200000")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
        200_000
    );
    assert_eq!(
        server.sql(),
        [
            r#"SELECT count(*) FROM "public"."t" WHERE ("id" <> 'x')"#,
            r#"SELECT count(*) FROM (SELECT 1 FROM "public"."t" LIMIT 200000)"#,
        ]
    );
}

#[tokio::test]
async fn explain_shows_the_sql_and_analyze_what_came_back() {
    let ids = batch(&[1, 2]).project(&[0]).unwrap();
    let server = Server::always(result(&ids.schema(), &[ids])).await;
    let context = context(&source(&server), schema());
    let plan = context
        .sql("EXPLAIN ANALYZE SELECT id FROM t LIMIT 10")
        .await
        .unwrap()
        .to_string()
        .await
        .unwrap();
    assert!(
        plan.contains(r#"RuntimeExec: sql=SELECT "id" FROM "public"."t" LIMIT 10"#),
        "{plan}"
    );
    assert!(
        plan.contains("output_rows=2") && plan.contains("bytes_received="),
        "{plan}"
    );
}

#[tokio::test]
async fn what_a_runtime_has_is_asked_once_for_each_version() {
    let names = Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, false)]));
    let name = |name: &str| {
        RecordBatch::try_new(
            names.clone(),
            vec![Arc::new(StringArray::from(vec![name])) as ArrayRef],
        )
        .unwrap()
    };
    let (table, function, names) = (name("state"), name("ABS"), names.clone());
    let version = Arc::new(std::sync::Mutex::new("1.6.1"));
    let answer = {
        let version = version.clone();
        move |_: usize, request: &super::testing::Request| match request.sql.as_str() {
            "" => {
                let body = serde_json::json!({ "version": *version.lock().unwrap() }).to_string();
                vec![response(
                    "200 OK",
                    "content-type: application/json\r\n",
                    body.as_bytes(),
                )]
            }
            sql if sql.contains("information_schema.tables") => result(&names, &[table.clone()]),
            sql if sql.contains("information_schema.routines") => {
                result(&names, &[function.clone()])
            }
            _ => result(&schema(), &[]),
        }
    };
    let server = Server::start(answer).await;
    let source = source(&server);
    let first = source.introspect().await.unwrap();
    assert_eq!(first.version, "1.6.1");
    assert_eq!(
        first.tables.iter().collect::<Vec<_>>(),
        [(&"state".to_owned(), &schema())]
    );
    assert_eq!(first.functions.iter().collect::<Vec<_>>(), ["abs"]);
    assert!(!source.compares_partition_key());
    let asked = server.requests().len();

    assert!(
        Arc::ptr_eq(&first, &source.introspect().await.unwrap()),
        "believed for a while"
    );
    assert_eq!(server.requests().len(), asked);
    source.distrust();
    assert!(
        Arc::ptr_eq(&first, &source.introspect().await.unwrap()),
        "the same version has the same tables"
    );
    assert_eq!(server.requests().len(), asked + 1);

    *version.lock().unwrap() = "1.7.12";
    source.distrust();
    assert_eq!(source.introspect().await.unwrap().version, "1.7.12");
    assert!(source.compares_partition_key());
    assert_eq!(server.requests().len(), asked * 2 + 1);
}

#[tokio::test]
async fn one_discovery_serves_all_who_wait_for_it() {
    let server = Server::start(|_, request| match request.sql.is_empty() {
        true => vec![response("200 OK", "", br#"{"version":"1.7.12"}"#)],
        false => result(
            &Schema::new(vec![Field::new("name", DataType::Utf8, true)]),
            &[],
        ),
    })
    .await;
    let source = source(&server);
    let all = futures::future::join_all((0..20).map(|_| source.introspect())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn those_who_wait_for_a_dead_cluster_share_its_refusal_and_what_was_known_stands() {
    let alive = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let answer = {
        let alive = alive.clone();
        move |_: usize, request: &super::testing::Request| match request.sql.is_empty() {
            _ if !alive.load(std::sync::atomic::Ordering::SeqCst) => {
                vec![response("503 Service Unavailable", "", b"")]
            }
            true => vec![response("200 OK", "", br#"{"version":"1.7.12"}"#)],
            false => result(
                &Schema::new(vec![Field::new("name", DataType::Utf8, true)]),
                &[],
            ),
        }
    };
    let server = Server::start(answer).await;
    let source = source(&server);
    let all = futures::future::join_all((0..20).map(|_| source.introspect())).await;
    assert!(all.iter().all(|one| {
        one.as_ref()
            .is_err_and(|error| error.code() == SqlState::CANNOT_CONNECT_NOW)
    }));
    assert_eq!(server.requests().len(), 1);

    alive.store(true, std::sync::atomic::Ordering::SeqCst);
    let known = source.introspect().await.unwrap();
    alive.store(false, std::sync::atomic::Ordering::SeqCst);
    source.distrust();
    assert!(Arc::ptr_eq(&known, &source.introspect().await.unwrap()));
}

/// The schema of `t` with a column of each type that tables have.
fn every_type() -> SchemaRef {
    let timestamp = DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()));
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::UInt32, true)));
    Arc::new(Schema::new(
        [
            ("text", DataType::LargeUtf8),
            ("partition_key", DataType::UInt64),
            ("small", DataType::UInt32),
            ("flag", DataType::Boolean),
            ("at", timestamp),
            ("took", DataType::Duration(TimeUnit::Millisecond)),
            ("bin", DataType::LargeBinary),
            ("list", list),
        ]
        .map(|(name, data_type)| Field::new(name, data_type, true))
        .to_vec(),
    ))
}

/// The WHERE clause that is sent for a filter; empty where nothing is sent.
async fn sent(table: &str, filter: &str) -> String {
    let source = RuntimeSource::new("http://127.0.0.1:1").unwrap();
    let context = SessionContext::new();
    context
        .register_table(table, source.table(table, every_type()))
        .unwrap();
    let frame = context
        .sql(&format!("SELECT \"small\" FROM {table} WHERE {filter}"))
        .await
        .unwrap();
    let mut plan = frame.create_physical_plan().await.unwrap();
    while let Some(child) = plan.children().first() {
        plan = Arc::clone(child);
    }
    let sql = plan.downcast_ref::<RuntimeExec>().unwrap().sql();
    sql.split_once(" WHERE ")
        .map_or(String::new(), |(_, filter)| filter.to_owned())
}

#[tokio::test]
async fn filters_on_every_type_are_sent_typed() {
    for (filter, expected) in [
        ("text = 'it''s'", r#"("text" = 'it''s')"#),
        (r"text = 'a\b'", r#"("text" = 'a\b')"#),
        ("'b' < text", r#"("text" > 'b')"#),
        (
            "partition_key = 18256376383539958004",
            r#"("partition_key" = arrow_cast(18256376383539958004, 'UInt64'))"#,
        ),
        ("small >= 7", r#"("small" >= arrow_cast(7, 'UInt32'))"#),
        ("flag", r#"("flag")"#),
        ("NOT flag", r#"(NOT ("flag"))"#),
        ("flag IS NOT TRUE", r#"("flag" IS NOT TRUE)"#),
        ("flag IS UNKNOWN", r#"("flag" IS NULL)"#),
        (
            "at >= '2026-11-24T10:00:00.123Z'",
            r#"("at" >= arrow_cast('2026-11-24T10:00:00.123Z', 'Timestamp(Millisecond, Some("+00:00"))'))"#,
        ),
        (
            "took > arrow_cast(1500, 'Duration(Millisecond)')",
            r#"("took" > arrow_cast(1500, 'Duration(Millisecond)'))"#,
        ),
        ("bin = X'00ff'", r#"("bin" = X'00ff')"#),
        ("list IS NULL", r#"("list" IS NULL)"#),
        (
            "text IN ('a', 'b', 'c', 'd')",
            r#"("text" IN ('a', 'b', 'c', 'd'))"#,
        ),
        (
            "text NOT IN ('a', 'b', 'c', 'd')",
            r#"("text" NOT IN ('a', 'b', 'c', 'd'))"#,
        ),
        (r"text LIKE 'a\_%'", r#"("text" LIKE 'a\_%')"#),
        ("text NOT ILIKE '%X_'", r#"("text" NOT ILIKE '%X_')"#),
        (
            "text = 'a' AND small < 3",
            r#"("text" = 'a') AND ("small" < arrow_cast(3, 'UInt32'))"#,
        ),
        (
            "text = 'a' OR (small < 3 AND NOT flag)",
            r#"(("text" = 'a') OR (("small" < arrow_cast(3, 'UInt32')) AND (NOT ("flag"))))"#,
        ),
    ] {
        assert_eq!(sent("t", filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn what_does_not_mean_the_same_there_stays_here() {
    for filter in [
        "text = chr(0)",
        "lower(text) = 'a'",
        "text = id2 OR flag",
        "cast(partition_key AS VARCHAR) LIKE '1%'",
        "list = make_array(1)",
        "random() < 0.5",
        "text SIMILAR TO 'a+'",
        "partition_key + 1 = 2",
    ] {
        assert_eq!(
            sent("t", &filter.replace("id2", "lower(text)")).await,
            "",
            "{filter}"
        );
    }
    // The part that can be sent is.
    assert_eq!(sent("t", "flag AND lower(text) = 'a'").await, r#"("flag")"#);
}

#[tokio::test]
async fn partition_keys_are_not_compared_where_an_old_runtime_would_fail() {
    // The version is not known yet, so the worst is assumed.
    assert_eq!(
        sent("sys_invocation_state", "partition_key = 5 AND small = 1").await,
        r#"("small" = arrow_cast(1, 'UInt32'))"#
    );
    assert_eq!(
        sent("sys_invocation_status", "partition_key IN (1,2,3,4,5)").await,
        ""
    );
    assert_ne!(sent("sys_journal", "partition_key = 5").await, "");
}

#[tokio::test]
async fn filters_beyond_the_limits_stay_here() {
    let terms = |count: usize| {
        (0..count)
            .map(|n| format!("text = 'v{n}' AND small = {n}"))
            .collect::<Vec<_>>()
            .join(" OR ")
    };
    assert_ne!(sent("t", &terms(40)).await, "");
    assert_eq!(sent("t", &terms(200)).await, "");
    let list = |count: usize| {
        format!(
            "text IN ({})",
            (0..count)
                .map(|n| format!("'v{n}'"))
                .collect::<Vec<_>>()
                .join(",")
        )
    };
    assert_ne!(sent("t", &list(4_000)).await, "");
    assert_eq!(sent("t", &list(6_000)).await, "");
    assert_eq!(
        sent("t", &format!("text = '{}'", "x".repeat(100_000))).await,
        ""
    );
    // The optimizer offers what was refused again, three times at most.
    let conjuncts = (0..500)
        .map(|n| format!("text <> 'v{n}'"))
        .collect::<Vec<_>>()
        .join(" AND ");
    let pushed = sent("t", &conjuncts).await;
    assert!((100..=400).contains(&pushed.matches("<>").count()));
}
