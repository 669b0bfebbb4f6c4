//! Cursors: DECLARE, FETCH, MOVE.

use arrow::{
    array::{RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::SchemaRef,
};

use super::rows::Rows;
use crate::{Error, Result, SqlState, limits};

/// What a column of a kept batch takes beside its values: the array and its buffers' handles. FETCH 1 keeps a batch a row.
const COLUMN_OVERHEAD: usize = 256;

/// A cursor: rows that are fetched by name. One declared SCROLL keeps what it has seen, up to a bound.
pub struct Cursor {
    pub hold: bool,
    /// The transaction that declared it WITH HOLD has committed: it lives as long as the session.
    pub kept: bool,
    pub binary: bool,
    rows: Rows,
    seen: Option<Vec<RecordBatch>>,
    seen_rows: u64,
    seen_size: usize,
    /// Rows before the current one, plus one once a row is current: 0 is before the first row.
    position: u64,
    /// How many rows there are, once the end was seen.
    end: Option<u64>,
}

impl Cursor {
    pub fn new(rows: Rows, scroll: bool, hold: bool, binary: bool) -> Self {
        Cursor {
            hold,
            kept: false,
            binary,
            rows,
            seen: scroll.then(Vec::new),
            seen_rows: 0,
            seen_size: 0,
            position: 0,
            end: None,
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        self.rows.schema()
    }

    /// The next rows, at most `rows_max`; `None` once there are no more (the cursor is then behind the last row).
    pub async fn forward(&mut self, rows_max: u64) -> Result<Option<RecordBatch>> {
        let seen_rows = self.seen_rows;
        if self.seen.is_some() && self.position < seen_rows {
            let count = rows_max.min(seen_rows - self.position);
            let batch = self.seen_slice(self.position, count)?;
            self.position += count;
            return Ok(Some(batch));
        }
        if let Some(end) = self.end {
            self.position = end + 1;
            return Ok(None);
        }
        match self.rows.next(rows_max).await? {
            Some(batch) => {
                self.position += batch.num_rows() as u64;
                self.keep(&batch)?;
                Ok(Some(batch))
            }
            None => {
                self.end = Some(self.position);
                self.position += 1;
                Ok(None)
            }
        }
    }

    /// The row before the current one, and so on, at most `rows_max` of them, the last one first.
    pub fn backward(&mut self, rows_max: u64) -> Result<RecordBatch> {
        self.require_scroll()?;
        let before = self.position.saturating_sub(1);
        let count = rows_max.min(before);
        let batch = self.seen_slice(before - count, count)?;
        // Running off the start leaves the cursor before the first row.
        self.position = if rows_max > before { 0 } else { self.position - count };
        let rows = u32::try_from(batch.num_rows()).map_err(Error::internal)?;
        let reversed = UInt32Array::from_iter_values((0..rows).rev());
        take_record_batch(&batch, &reversed).map_err(Error::internal)
    }

    /// Moves to row `target` (0 is before the first) without giving rows; what lies beyond the end is the end.
    pub async fn seek(&mut self, target: u64) -> Result<()> {
        if target < self.position {
            self.require_scroll()?;
            self.position = target;
        }
        while self.position < target {
            if self.forward(target - self.position).await?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Rows up to and including the current one: 0 before the first.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many rows the cursor has; takes all that are left.
    pub async fn count(&mut self) -> Result<u64> {
        loop {
            if let Some(end) = self.end {
                return Ok(end);
            }
            self.forward(u64::MAX).await?;
        }
    }

    /// The current row, where the cursor stands on one.
    pub fn current(&self) -> Result<Option<RecordBatch>> {
        self.require_scroll()?;
        match self.position.checked_sub(1) {
            Some(index) if index < self.seen_rows => self.seen_slice(index, 1).map(Some),
            _ => Ok(None),
        }
    }

    pub fn require_scroll(&self) -> Result<()> {
        match self.seen {
            Some(_) => Ok(()),
            None => Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "cursor can only scan forward",
            )
            .with_hint("Declare it with SCROLL option to enable backward scan.")),
        }
    }

    fn keep(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(seen) = &mut self.seen else { return Ok(()) };
        let sizes = batch
            .columns()
            .iter()
            .map(|column| COLUMN_OVERHEAD + column.to_data().get_slice_memory_size().unwrap_or_default());
        self.seen_size += sizes.sum::<usize>();
        if self.seen_size > limits::SCROLL_MEMORY_MAX {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "a scrollable cursor's rows take too much memory",
            )
            .with_detail(format!("The limit is {} bytes.", limits::SCROLL_MEMORY_MAX))
            .with_hint("Declare the cursor with NO SCROLL, or select fewer rows."));
        }
        seen.push(batch.clone());
        self.seen_rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Rows `start..start + count` of what was seen.
    fn seen_slice(&self, start: u64, count: u64) -> Result<RecordBatch> {
        let mut parts = Vec::new();
        let (mut skip, mut left) = (start, count);
        for batch in self.seen.iter().flatten() {
            let rows = batch.num_rows() as u64;
            if skip >= rows {
                skip -= rows;
                continue;
            }
            let taken = left.min(rows - skip);
            if taken == 0 {
                break;
            }
            let index = |value: u64| usize::try_from(value).map_err(Error::internal);
            parts.push(batch.slice(index(skip)?, index(taken)?));
            (skip, left) = (0, left - taken);
        }
        concat_batches(self.rows.schema(), &parts).map_err(Error::internal)
    }
}
