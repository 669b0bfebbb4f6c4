//! A position in a statement's rows, and the ways to move it: what Execute, FETCH and MOVE do.

use arrow::{
    array::{RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::SchemaRef,
};

use super::{kept::Share, rows::Rows};
use crate::{
    Error, Result, SqlState, limits,
    query::statement::{Direction, Scroll},
};

/// What a column of a kept batch takes beside its values: the array and its buffers' handles. FETCH 1 keeps a batch a row.
const COLUMN_OVERHEAD: usize = 256;

/// Rows and a place among them.
pub struct Cursor {
    rows: Rows,
    seen: Option<Seen>,
    /// Rows before the current one, plus one once a row is current: 0 is before the first row.
    position: u64,
    /// How many rows there are, once the end was seen.
    end: Option<u64>,
}

/// What a cursor has given, from its first row on: it can go back to all of it.
pub struct Seen {
    batches: Vec<RecordBatch>,
    rows: u64,
    share: Share,
    /// SCROLL was asked for: rows that take too much are an error then. Otherwise the cursor only goes forward from there.
    asked: bool,
}

impl Seen {
    /// Nothing yet; `None` where nothing is to be kept.
    pub fn new(scroll: Scroll, share: Share) -> Option<Self> {
        (scroll != Scroll::NoScroll).then(|| Seen {
            batches: Vec::new(),
            rows: 0,
            share,
            asked: scroll == Scroll::Scroll,
        })
    }

    /// Takes `size` bytes for more rows.
    fn take(&mut self, size: usize) -> Result<()> {
        let max = match self.asked {
            true => limits::SCROLL_MEMORY_MAX,
            false => limits::UNASKED_SCROLL_MEMORY_MAX,
        };
        if self.share.size().saturating_add(size) > max {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "a scrollable cursor's rows take too much memory",
            )
            .with_detail(format!("The limit is {max} bytes."))
            .with_hint("Declare the cursor with NO SCROLL, or select fewer rows."));
        }
        self.share.grow(size)
    }
}

impl Cursor {
    /// Rows that are kept as they are given, if `seen` says so.
    pub fn new(rows: Rows, seen: Option<Seen>) -> Self {
        Cursor {
            rows,
            seen,
            position: 0,
            end: None,
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        self.rows.schema()
    }

    /// The next rows, at most `rows_max`; `None` once there are no more (the cursor is then behind the last row).
    pub async fn forward(&mut self, rows_max: u64) -> Result<Option<RecordBatch>> {
        if rows_max == 0 {
            return Ok(None);
        }
        let seen_rows = self.seen.as_ref().map_or(0, |seen| seen.rows);
        if self.position < seen_rows {
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

    /// Moves forward by at most `rows_max` rows; how many there were.
    pub async fn skip(&mut self, rows_max: u64) -> Result<u64> {
        let mut moved = 0;
        while let Some(batch) = self.forward(rows_max - moved).await? {
            moved += batch.num_rows() as u64;
        }
        Ok(moved)
    }

    /// FETCH in any direction but forward by a count: one row, none, or rows backwards.
    pub async fn fetch(&mut self, direction: Direction) -> Result<Option<RecordBatch>> {
        let row = |number: i64| u64::try_from(number).unwrap_or(0);
        match direction {
            Direction::Forward(_) | Direction::Relative(0) | Direction::Backward(0) => self.current(),
            Direction::Backward(count) => self.backward(row(count)).map(Some),
            Direction::Relative(by) => {
                if by < 0 {
                    self.require_scroll()?;
                }
                let target = i64::try_from(self.position).unwrap_or(i64::MAX).saturating_add(by);
                self.move_to_row(row(target)).await
            }
            Direction::Absolute(number) if number >= 0 => self.move_to_row(row(number)).await,
            Direction::Absolute(number) => {
                self.require_scroll()?;
                let end = i64::try_from(self.count().await?).unwrap_or(i64::MAX);
                self.move_to_row(row(end.saturating_add(number).saturating_add(1)))
                    .await
            }
        }
    }

    /// The current row, where the cursor stands on one.
    fn current(&self) -> Result<Option<RecordBatch>> {
        match self.position.checked_sub(1) {
            Some(index) if self.is_on_row() => {
                self.require_scroll()?;
                self.seen_slice(index, 1).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub fn is_on_row(&self) -> bool {
        self.position > 0 && self.end.is_none_or(|end| self.position <= end)
    }

    /// The row before the current one, and so on, at most `rows_max` of them, the last one first.
    fn backward(&mut self, rows_max: u64) -> Result<RecordBatch> {
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

    /// Moves to row `number` and gives it; 0 is before the first.
    async fn move_to_row(&mut self, number: u64) -> Result<Option<RecordBatch>> {
        let before = number.saturating_sub(1);
        // A cursor that has not moved has nothing to go back over.
        if number <= self.position && self.position > 0 {
            self.require_scroll()?;
            self.position = before;
        }
        self.skip(before - self.position.min(before)).await?;
        if number == 0 { Ok(None) } else { self.forward(1).await }
    }

    /// How many rows the cursor has; takes all that are left.
    async fn count(&mut self) -> Result<u64> {
        loop {
            if let Some(end) = self.end {
                return Ok(end);
            }
            self.forward(u64::MAX).await?;
        }
    }

    fn require_scroll(&self) -> Result<()> {
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
        match seen.take(sizes.sum()) {
            Ok(()) => {}
            Err(error) if seen.asked => return Err(error),
            Err(_) => {
                self.seen = None;
                return Ok(());
            }
        }
        seen.batches.push(batch.clone());
        seen.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Rows `start..start + count` of what was seen.
    fn seen_slice(&self, start: u64, count: u64) -> Result<RecordBatch> {
        let mut parts = Vec::new();
        let (mut skip, mut left) = (start, count);
        for batch in self.seen.iter().flat_map(|seen| &seen.batches) {
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
