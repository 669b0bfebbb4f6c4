//! Against a server that sends exactly what each test wants sent.

mod crowd;
mod far;
mod filter;
mod hostile;
mod introspect;
mod reply;
mod scan;
mod scopes;
mod slow;

use std::{path::Path, sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, LargeStringArray, RecordBatch, UInt64Array},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;

use super::{RuntimeSource, from_datafusion, testing::Server};
use crate::Error;

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

/// A batch of 128 rows and about 64 KiB, which differs from others by `number`.
fn wide(number: u64) -> RecordBatch {
    let ids: LargeStringArray = (0..128).map(|row| Some(format!("{number}-{row:-<500}"))).collect();
    let keys = UInt64Array::from_iter_values((0..128).map(|row| number * 128 + row));
    RecordBatch::try_new(schema(), vec![Arc::new(ids) as ArrayRef, Arc::new(keys)]).unwrap()
}

fn wides(mib: u64) -> Vec<RecordBatch> {
    (0..mib * 16).map(wide).collect()
}

fn source(server: &Server) -> RuntimeSource {
    RuntimeSource::new(&server.url).unwrap()
}

/// Waits for what must come about within a second or two.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come about");
}

/// Files below `dir` that this process holds open, those without a name included.
fn open_files(dir: &Path) -> usize {
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|link| link.starts_with(dir))
        .count()
}

/// Names in `dir`.
fn names(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
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
