//! A runtime of the engine's own kind: it answers `POST /query` with what the engine makes of it over tables in memory.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanArray, DurationMillisecondArray, LargeBinaryArray, LargeStringArray, RecordBatch,
        TimestampMillisecondArray, UInt32Array, UInt64Array,
    },
    ipc::writer::StreamWriter,
};
use datafusion::{
    catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider},
    datasource::MemTable,
    physical_plan::collect,
    prelude::{SessionConfig, SessionContext},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::source::RuntimeSource;

const SERVICES: [Option<&str>; 4] = [Some("Cart"), Some("Signup"), None, Some("it's \"odd\"")];
const STATUSES: [&str; 3] = ["completed", "running", "suspended"];
const HOUR: i64 = 3_600_000;

fn table(columns: Vec<(&str, ArrayRef)>) -> Arc<MemTable> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)));
    let batch = batch.unwrap();
    Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap())
}

fn strings(items: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(items.collect::<LargeStringArray>())
}

fn times(items: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(items.collect::<TimestampMillisecondArray>().with_timezone("+00:00"))
}

/// The stand-in's tables: 60 invocations with three entries each, most of the time; values of every type, and NULLs among them.
pub(super) fn stand_in() -> SessionContext {
    let n = 60_usize;
    let at = |i: usize| 1_790_000_000_000 + i64::try_from(i).unwrap() * HOUR / 2;
    let some = |i: usize, every: usize| !i.is_multiple_of(every);
    let id = |i: usize| format!("inv_{i:03}");
    let invocations = |key: &'static str| {
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("id", strings((0..n).map(|i| Some(id(i))))),
            (
                "target_service_name",
                strings((0..n).map(|i| SERVICES[i % 4].map(str::to_owned))),
            ),
            ("status", strings((0..n).map(|i| Some(STATUSES[i * 7 % 3].to_owned())))),
            ("created_at", times((0..n).map(|i| Some(at(i / 2))))),
            ("completed_at", times((0..n).map(|i| some(i, 3).then(|| at(i + 5))))),
            ("scheduled_at", times((0..n).map(|i| some(i, 2).then(|| at(i + 1))))),
            (
                "scheduled_start_at",
                times((0..n).map(|i| some(i, 4).then(|| at(i + 2)))),
            ),
            (
                "journal_size",
                Arc::new(
                    (0..n)
                        .map(|i| some(i, 5).then(|| u32::try_from(i % 11).unwrap()))
                        .collect::<UInt32Array>(),
                ),
            ),
            (
                "journal_retention",
                Arc::new(
                    (0..n)
                        .map(|i| some(i, 4).then_some(HOUR))
                        .collect::<DurationMillisecondArray>(),
                ),
            ),
            ("invoked_by_id", strings((0..n).map(|i| some(i, 2).then(|| id(i / 2))))),
        ];
        if !key.is_empty() {
            columns.push((
                key,
                Arc::new(
                    (0..n)
                        .map(|i| Some(u64::MAX - u64::try_from(i % 9).unwrap()))
                        .collect::<UInt64Array>(),
                ),
            ));
        }
        table(columns)
    };
    let m = 150_usize;
    let journal = table(vec![
        ("id", strings((0..m).map(|i| Some(id(i / 3 * 2))))),
        (
            "index",
            Arc::new(
                (0..m)
                    .map(|i| Some(u32::try_from(i % 3).unwrap()))
                    .collect::<UInt32Array>(),
            ),
        ),
        (
            "entry_type",
            strings((0..m).map(|i| some(i, 7).then(|| ["Command: Input", "Command: Run", "Output"][i % 3].to_owned()))),
        ),
        (
            "completed",
            Arc::new(
                (0..m)
                    .map(|i| some(i, 6).then_some(i % 4 == 1))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "raw",
            Arc::new(
                (0..m)
                    .map(|i| some(i, 5).then(|| vec![u8::try_from(i % 200).unwrap(), 0]))
                    .collect::<LargeBinaryArray>(),
            ),
        ),
        ("appended_at", times((0..m).map(|i| some(i, 9).then(|| at(i))))),
    ]);
    let services = table(vec![
        (
            "name",
            strings(["Cart", "Signup", "Idle"].map(|name| Some(name.to_owned())).into_iter()),
        ),
        ("revision", Arc::new(UInt64Array::from(vec![Some(1), Some(2), None]))),
        (
            "public",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
    ]);
    let config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema("restate", "public")
        .with_create_default_catalog_and_schema(false)
        .set_str("datafusion.sql_parser.dialect", "PostgreSQL");
    let context = SessionContext::new_with_config(config);
    let schema = Arc::new(MemorySchemaProvider::new());
    for (name, table) in [
        ("sys_invocation", invocations("")),
        ("sys_invocation_status", invocations("partition_key")),
        ("sys_journal", journal),
        ("sys_service", services),
        (
            "sys_inbox",
            table(vec![
                ("id", strings(std::iter::empty())),
                ("sequence_number", Arc::new(UInt64Array::new_null(0))),
            ]),
        ),
    ] {
        schema.register_table(name.to_owned(), table).unwrap();
    }
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema("public", schema).unwrap();
    context.register_catalog("restate", Arc::new(catalog));
    context
}

/// Serves the stand-in over HTTP for as long as the test runs.
pub(super) async fn serve(version: &'static str) -> RuntimeSource {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let context = stand_in();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, context.clone(), version));
        }
    });
    RuntimeSource::new(&url).unwrap()
}

async fn answer(mut socket: TcpStream, context: SessionContext, version: &'static str) {
    let mut buffer = Vec::new();
    while let Some((path, body)) = request(&mut socket, &mut buffer).await {
        let (status, body) = if path.contains("version") {
            ("200 OK", format!("{{\"version\":\"{version}\"}}").into_bytes())
        } else {
            let sql: serde_json::Value = serde_json::from_slice(&body).unwrap();
            match run(&context, sql["query"].as_str().unwrap()).await {
                Ok(rows) => ("200 OK", rows),
                Err(error) => {
                    let message = format!("Datafusion error: {error}");
                    (
                        "500 Internal Server Error",
                        serde_json::json!({ "message": message }).to_string().into_bytes(),
                    )
                }
            }
        };
        let kind = if status == "200 OK" && !path.contains("version") {
            "application/vnd.apache.arrow.stream"
        } else {
            "application/json"
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let sent = async {
            socket.write_all(head.as_bytes()).await?;
            socket.write_all(&body).await
        };
        if sent.await.is_err() {
            return;
        }
    }
}

/// The next request's first line and its body.
async fn request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let whole = end + 4 + length.map_or(0, |length| length.trim().parse::<usize>().unwrap());
            if buffer.len() >= whole {
                let body = buffer[end + 4..whole].to_vec();
                buffer.drain(..whole);
                return Some((head.lines().next()?.to_owned(), body));
            }
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

async fn run(context: &SessionContext, sql: &str) -> datafusion::error::Result<Vec<u8>> {
    // A frame's own schema is that of the plan before its types are coerced.
    let plan = context.sql(sql).await?.create_physical_plan().await?;
    let schema = plan.schema();
    let batches = collect(plan, context.task_ctx()).await?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    for batch in batches {
        writer.write(&batch)?;
    }
    writer.finish()?;
    Ok(writer.into_inner()?)
}
