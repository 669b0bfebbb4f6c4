//! The rows of one result: a stream of record batches, taken in pieces of any size.

use arrow::{array::RecordBatch, datatypes::SchemaRef};

use crate::{Result, query::Execution};

/// Rows that have not been taken yet.
pub struct Rows {
    schema: SchemaRef,
    /// `None` from its end on: what it holds is let go of, however long the portal lives.
    execution: Option<Execution>,
    /// What is left of the batch that is being taken.
    rest: Option<RecordBatch>,
}

impl Rows {
    /// Rows of `execution`, described by `schema` (the rows' types, with the names and metadata that the client is told).
    pub fn new(schema: SchemaRef, execution: Execution) -> Self {
        Rows {
            schema,
            execution: Some(execution),
            rest: None,
        }
    }

    /// Rows that are all here.
    pub fn of(batch: RecordBatch) -> Self {
        Rows {
            schema: batch.schema(),
            execution: None,
            rest: (batch.num_rows() > 0).then_some(batch),
        }
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
        while let Some(execution) = &mut self.execution {
            match execution.next().await {
                Ok(Some(batch)) if batch.num_rows() == 0 => {}
                Ok(Some(batch)) => return Ok(Some(batch)),
                Ok(None) => self.execution = None,
                Err(error) => {
                    self.execution = None;
                    return Err(error);
                }
            }
        }
        Ok(None)
    }
}
