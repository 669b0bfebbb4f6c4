//! `DataRow` messages from record batches.

use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::BytesMut;
use postgres_types::Type;

use super::Format;
use super::style::Style;
use super::window::{CELL_LEN_SIZE, Column, Window, row_lens};
use crate::wire::types::{PgType, pg_type};
use crate::{Error, Result};

/// A column as RowDescription names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDescription {
    pub name: String,
    pub ty: PgType,
    pub format: Format,
}

impl FieldDescription {
    /// The columns of a schema. `formats` as Bind has them: none is text for all, one is for all, else one for each.
    pub fn of(schema: &Schema, formats: &[Format], style: &Style) -> Vec<FieldDescription> {
        let format = |index: usize| match formats {
            [format] => *format,
            formats => formats.get(index).copied().unwrap_or_default(),
        };
        let describe = |(index, field): (usize, &std::sync::Arc<Field>)| FieldDescription {
            name: field.name().clone(),
            ty: styled_type(field, style),
            format: format(index),
        };
        schema.fields().iter().enumerate().map(describe).collect()
    }
}

/// The type that a column leaves as under a session's settings.
pub(super) fn styled_type(field: &Field, style: &Style) -> PgType {
    let ty = pg_type(field);
    let is_duration = matches!(field.data_type(), DataType::Duration(_));
    if is_duration && style.durations_as_interval {
        PgType::new(Type::INTERVAL)
    } else {
        ty
    }
}

/// The first byte of a DataRow message.
const DATA_ROW: u8 = b'D';

/// Tag, length and column count of a DataRow message.
const FRAME_SIZE: usize = 7;

/// PostgreSQL's MaxTupleAttributeNumber; the count of cells is a 16-bit number on the wire.
const COLUMNS_MAX: usize = 1664;

/// Encodes the rows of one result.
pub struct RowEncoder {
    window: Window,
    row_lens: Vec<usize>,
}

impl RowEncoder {
    /// `formats` as Bind has them: none is text for all, one is for all, else one for each column.
    ///
    /// # Errors
    /// 0A000 for a type that has no form in the asked format, 54000 for more columns than PostgreSQL sends.
    pub fn new(schema: &Schema, formats: &[Format], style: &Style) -> Result<RowEncoder> {
        if schema.fields().len() > COLUMNS_MAX {
            let words = format!("target lists can have at most {COLUMNS_MAX} entries");
            return Err(Error::new(crate::SqlState::PROGRAM_LIMIT_EXCEEDED, words));
        }
        Ok(RowEncoder {
            window: Window::new(schema, formats, style)?,
            row_lens: Vec::new(),
        })
    }

    /// Appends a DataRow message for each of `rows`. On an error the rows before the faulty window remain in `out`.
    pub fn encode(&mut self, batch: &RecordBatch, rows: Range<usize>, out: &mut BytesMut) -> Result<()> {
        self.encode_until(batch, rows, usize::MAX, out).map(|_| ())
    }

    /// Appends DataRow messages until `out` holds `size` bytes or more, at least one; returns the first row that is left
    /// (`rows.end` if none is).
    pub fn encode_until(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        size: usize,
        out: &mut BytesMut,
    ) -> Result<usize> {
        let lens = &mut self.row_lens;
        self.window.encode_until(batch, rows, size, out, |columns, count, out| {
            row_lens(columns, count, FRAME_SIZE, CELL_LEN_SIZE, lens)?;
            put_rows(columns, lens, size, out)
        })
    }
}

/// Writes rows until `out` holds `size` bytes; returns how many were written.
fn put_rows(columns: &mut [Column<'_>], row_lens: &[usize], size: usize, out: &mut BytesMut) -> Result<usize> {
    let (mut count, mut end) = (0, out.len());
    for len in row_lens {
        end += len;
        count += 1;
        if end >= size {
            break;
        }
    }
    let start = out.len();
    let cell_count = u16::try_from(columns.len()).map_err(Error::internal)?.to_be_bytes();
    // The slack lets short cells be copied as one fixed-size block; it is cut off at the end.
    out.resize(end + BLOCK_SIZE, 0);
    let mut rest = out.get_mut(start..).unwrap_or_default();
    for (row, len) in row_lens.iter().take(count).enumerate() {
        put(&mut rest, &[DATA_ROW])?;
        // The length counts itself and not the tag; row_lens has checked that it fits.
        put(&mut rest, &((len - 1) as u32).to_be_bytes())?;
        put(&mut rest, &cell_count)?;
        for column in columns.iter_mut() {
            let len = column.lens.get(row).copied().unwrap_or(-1);
            put(&mut rest, &len.to_be_bytes())?;
            if len > 0 {
                put_cell(&mut rest, column, len.unsigned_abs() as usize)?;
            }
        }
    }
    out.truncate(end);
    Ok(count)
}

/// Cells up to this size are copied as one block: a few vector moves in place of a call to memcpy.
const BLOCK_SIZE: usize = 64;

/// Most cells are shorter still.
const SMALL_BLOCK_SIZE: usize = 16;

#[inline(always)]
fn put_cell(rest: &mut &mut [u8], column: &mut Column<'_>, len: usize) -> Result<()> {
    if len <= SMALL_BLOCK_SIZE {
        if let (Some(to), Some(from)) = (rest.first_chunk_mut::<SMALL_BLOCK_SIZE>(), column.bytes.first_chunk()) {
            *to = *from;
            column.take(len)?;
            advance(rest, len)?;
            return Ok(());
        }
    } else if len <= BLOCK_SIZE
        && let (Some(to), Some(from)) = (rest.first_chunk_mut::<BLOCK_SIZE>(), column.bytes.first_chunk())
    {
        *to = *from;
        column.take(len)?;
        advance(rest, len)?;
        return Ok(());
    }
    let cell = column.take(len)?;
    put(rest, cell)
}

#[inline(always)]
fn put(rest: &mut &mut [u8], bytes: &[u8]) -> Result<()> {
    let to = advance(rest, bytes.len())?;
    to.copy_from_slice(bytes);
    Ok(())
}

#[inline(always)]
fn advance<'a>(rest: &mut &'a mut [u8], len: usize) -> Result<&'a mut [u8]> {
    rest.split_off_mut(..len)
        .ok_or_else(|| Error::internal("rows are longer than they were measured"))
}
