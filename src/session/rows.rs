//! The rows of one result: a stream of record batches, taken in pieces of any size.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{execution::SendableRecordBatchStream, physical_plan::stream::RecordBatchStreamAdapter};
use futures::{StreamExt, stream};

use crate::{
    Result,
    query::{ahead, errors::from_datafusion},
};

/// Batches that are made where they are sent. A result that goes on is made by a task of its own from there on, while what it gave is
/// written for the client; a short one would only wait for the other task.
const BATCHES_MADE_HERE: u32 = 4;

/// Batches that such a task is ahead.
const BATCHES_AHEAD: usize = 2;

/// Rows that have not been taken yet.
pub struct Rows {
    schema: SchemaRef,
    /// `None` from its end on: what it holds is let go of, however long the portal lives.
    stream: Option<SendableRecordBatchStream>,
    /// What is left of the batch that is being taken.
    rest: Option<RecordBatch>,
    /// Batches that the stream gave.
    taken: u32,
}

impl Rows {
    /// Rows of `stream`, described by `schema` (the stream's types, with the names and metadata that the client is told).
    pub fn new(schema: SchemaRef, stream: SendableRecordBatchStream) -> Self {
        Rows {
            schema,
            stream: Some(stream),
            rest: None,
            taken: 0,
        }
    }

    /// Rows that are all here.
    pub fn of(batch: RecordBatch) -> Self {
        let schema = batch.schema();
        let stream = RecordBatchStreamAdapter::new(schema.clone(), stream::iter([Ok(batch)]));
        Rows::new(schema, Box::pin(stream))
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next rows, at most `rows_max` of them; `None` at the end. Never an empty batch.
    pub async fn next(&mut self, rows_max: u64) -> Result<Option<RecordBatch>> {
        let batch = match self.rest.take() {
            Some(batch) => batch,
            None => match self.next_batch().await? {
                Some(batch) => batch,
                None => return Ok(None),
            },
        };
        let rows = batch.num_rows();
        let taken = usize::try_from(rows_max).map_or(rows, |rows_max| rows.min(rows_max));
        if taken < rows {
            self.rest = Some(batch.slice(taken, rows - taken));
        }
        Ok(Some(batch.slice(0, taken)))
    }

    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.taken = self.taken.saturating_add(1);
        if self.taken == BATCHES_MADE_HERE {
            self.stream = self.stream.take().map(|stream| ahead(stream, BATCHES_AHEAD));
        }
        while let Some(stream) = &mut self.stream {
            match stream.next().await {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => return Ok(Some(batch)),
                Some(Err(error)) => {
                    self.stream = None;
                    return Err(from_datafusion(error));
                }
                None => self.stream = None,
            }
        }
        Ok(None)
    }
}
