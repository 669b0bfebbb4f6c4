//! The rows that both sides hold: a snapshot whose `sys_invocation` has twelve columns, and its DDL for PostgreSQL.

use std::{fs, fs::File, path::Path, sync::Arc};

use arrow::{
    array::{ArrayRef, LargeStringArray, RecordBatch, TimestampMillisecondArray, UInt32Array, UInt64Array},
    datatypes::{DataType, Field, Schema, TimeUnit},
};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use serde_json::json;

/// The same table for PostgreSQL.
pub const DDL: &str = "CREATE TABLE sys_invocation (id text PRIMARY KEY, target text, target_service_name text, \
    target_service_key text, target_handler_name text, target_service_ty text, invoked_by text, status text, \
    created_at timestamptz, modified_at timestamptz, retry_count int8, journal_size int8)";

/// Rows of a row group, as `restate-pg snapshot` writes them.
const BATCH_ROWS: usize = 64 * 1024;
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes the snapshot into `dir`.
pub fn write(dir: &Path, rows: usize) {
    let path = dir.join("sys_invocation.parquet");
    let schema = Arc::new(schema());
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_max_row_group_row_count(Some(BATCH_ROWS))
        .build();
    let file = File::create(&path).expect("create the table's file");
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).expect("a Parquet writer");
    for start in (0..rows).step_by(BATCH_ROWS) {
        let batch = batch(schema.clone(), start..rows.min(start + BATCH_ROWS));
        writer.write(&batch).expect("write rows");
    }
    writer.close().expect("finish the table's file");
    let bytes = fs::metadata(&path).expect("the table's file").len();
    let manifest = json!({
        "format": 1, "runtime_version": "1.7.12", "captured_at": "2026-01-01T00:00:00Z",
        "tables": { "sys_invocation": { "rows": rows, "bytes": bytes } }, "functions": ["count"],
    });
    fs::write(dir.join("manifest.json"), manifest.to_string()).expect("write the manifest");
}

fn schema() -> Schema {
    let text = |name| Field::new(name, DataType::LargeUtf8, true);
    let time = |name| {
        Field::new(
            name,
            DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into())),
            true,
        )
    };
    Schema::new(vec![
        text("id"),
        text("target"),
        text("target_service_name"),
        text("target_service_key"),
        text("target_handler_name"),
        text("target_service_ty"),
        text("invoked_by"),
        text("status"),
        time("created_at"),
        time("modified_at"),
        Field::new("retry_count", DataType::UInt64, true),
        Field::new("journal_size", DataType::UInt32, true),
    ])
}

fn batch(schema: Arc<Schema>, rows: std::ops::Range<usize>) -> RecordBatch {
    let text = |value: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new(rows.clone().map(value).collect::<LargeStringArray>())
    };
    let time = |offset: i64| -> ArrayRef {
        let at = |row: usize| 1_767_225_600_000 + 137 * row as i64 + offset;
        Arc::new(TimestampMillisecondArray::from_iter_values(rows.clone().map(at)).with_timezone("+00:00"))
    };
    let service = |row: usize| ["Greeter", "Checkout", "Counter", "Signup"][row % 4];
    let handler = |row: usize| ["greet", "run", "add"][row % 3];
    let columns: Vec<ArrayRef> = vec![
        text(&|row| Some(id(row))),
        text(&|row| Some(format!("{}/{}", service(row), handler(row)))),
        text(&|row| Some(service(row).to_owned())),
        text(&|row| (row % 4 == 2).then(|| format!("key-{}", row % 1000))),
        text(&|row| Some(handler(row).to_owned())),
        text(&|row| Some(["service", "service", "virtual_object", "workflow"][row % 4].to_owned())),
        text(&|_| Some("ingress".to_owned())),
        text(&|row| Some(["completed", "completed", "completed", "running", "suspended"][row % 5].to_owned())),
        time(0),
        time(1_234),
        Arc::new(
            rows.clone()
                .map(|row| (row % 3 == 0).then_some(row as u64 % 17))
                .collect::<UInt64Array>(),
        ),
        Arc::new(rows.clone().map(|row| Some(row as u32 % 40)).collect::<UInt32Array>()),
    ];
    RecordBatch::try_new(schema, columns).expect("columns of the schema's types")
}

/// Looks like an invocation's id, and is another one for each row.
fn id(row: usize) -> String {
    let mut state = (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = format!("inv_1{row:07}");
    for _ in 0..26 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push(char::from(BASE62[(state % 62) as usize]));
    }
    text
}
