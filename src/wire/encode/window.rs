//! A window of rows: every column of a batch encoded for a few hundred rows, which stay in the processor's cache.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use bytes::BytesMut;

use super::Format;
use super::cells::{Cells, too_large};
use super::codec::Codec;
use super::row::styled_type;
use super::style::Style;
use crate::{Error, Result};

/// Rows in a window: a dozen columns' cells of so many rows, and the rows made of them, stay in the caches of one core.
const WINDOW_ROWS_MAX: usize = 256;

/// Bytes of strings in a window: rows of megabytes are taken one by one, so that scratch does not hold hundreds of them.
const WINDOW_BYTES_MAX: usize = 1024 * 1024;

/// Bytes before each cell in a row: its length.
pub(super) const CELL_LEN_SIZE: usize = 4;

/// The columns of a result and their scratch.
pub(super) struct Window {
    types: Vec<DataType>,
    codecs: Vec<Codec>,
    cells: Vec<Cells>,
    /// The mean size of the last window's rows in bytes, 0 before the first.
    row_size: usize,
}

/// One encoded column: its cells back to back, and their lengths.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    pub bytes: &'a [u8],
    pub lens: &'a [i32],
}

impl<'a> Column<'a> {
    /// Takes the next cell, whose length is not that of NULL.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (cell, rest) = self
            .bytes
            .split_at_checked(len)
            .ok_or_else(|| Error::internal("cells end before their lengths"))?;
        self.bytes = rest;
        Ok(cell)
    }
}

impl Window {
    /// `formats` as Bind has them: none is text for all, one is for all, else one for each column.
    pub fn new(schema: &Schema, formats: &[Format], style: &Style) -> Result<Window> {
        let mut codecs = Vec::with_capacity(schema.fields().len());
        for (index, field) in schema.fields().iter().enumerate() {
            let format = match formats {
                [] => Format::Text,
                [format] => *format,
                formats => formats
                    .get(index)
                    .copied()
                    .ok_or_else(|| Error::internal("fewer formats than columns"))?,
            };
            codecs.push(Codec::new(field, &styled_type(field, style).ty, format, style)?);
        }
        let cells = codecs.iter().map(|_| Cells::default()).collect();
        let types = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        Ok(Window {
            types,
            codecs,
            cells,
            row_size: 0,
        })
    }

    pub fn width(&self) -> usize {
        self.codecs.len()
    }

    /// Whether the codecs' loops fit the batch. Names inside nested types and the zone that a timestamp names do not matter.
    fn has_types_of(&self, batch: &RecordBatch) -> bool {
        self.types
            .iter()
            .zip(batch.columns())
            .all(|(expected, column)| match (expected, column.data_type()) {
                (DataType::Timestamp(expected, _), DataType::Timestamp(unit, _)) => expected == unit,
                (expected, actual) => expected.equals_datatype(actual),
            })
    }

    /// Has `write` append windows of `rows` to `out` until that holds `size` bytes or more, at least one row; returns the first row
    /// that is left (`rows.end` if none is). Keeps the buffer small however large the rows are.
    pub fn encode_until(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        size: usize,
        out: &mut BytesMut,
        mut write: impl FnMut(&mut [Column<'_>], usize, &mut BytesMut) -> Result<usize>,
    ) -> Result<usize> {
        let mut next = rows.start;
        while next < rows.end {
            let room = size.saturating_sub(out.len());
            next += self.encode(batch, next..rows.end, room, |columns, count| write(columns, count, out))?;
            if out.len() >= size {
                break;
            }
        }
        Ok(next)
    }

    /// Encodes as many of `rows` as make a window (at least one) and passes on their columns; returns what `write` does: how
    /// many of them it wrote. `room` says how many bytes it will write: no more rows are encoded than are likely to fit.
    fn encode(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        room: usize,
        write: impl FnOnce(&mut [Column<'_>], usize) -> Result<usize>,
    ) -> Result<usize> {
        if batch.num_columns() != self.codecs.len() || rows.end > batch.num_rows() || !self.has_types_of(batch) {
            return Err(Error::internal("a batch that does not fit its schema"));
        }
        // A few rows more than the last ones' mean says: the window should fill the room.
        let likely = room
            .checked_div(self.row_size)
            .map_or(usize::MAX, |rows| rows.saturating_add(rows / 8 + 4));
        let count = fitting(batch, &rows, likely);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.codecs.len());
        for (codec, column) in self.codecs.iter().zip(batch.columns()) {
            arrays.push(codec.plain(&column.slice(rows.start, count))?);
        }
        let mut borrowed: Vec<Option<&[u8]>> = Vec::with_capacity(arrays.len());
        for ((codec, cells), array) in self.codecs.iter_mut().zip(&mut self.cells).zip(&arrays) {
            cells.clear();
            let bytes = codec.borrow(array, cells);
            if bytes.is_none() {
                codec.fill(array, cells)?;
            }
            borrowed.push(bytes);
        }
        let mut columns = Vec::with_capacity(borrowed.len());
        for (bytes, cells) in borrowed.into_iter().zip(&self.cells) {
            if cells.lens.len() != count {
                return Err(Error::internal("a column of another length than its batch"));
            }
            columns.push(Column {
                bytes: bytes.unwrap_or(&cells.bytes),
                lens: &cells.lens,
            });
        }
        let bytes: usize = columns.iter().map(|column| column.bytes.len()).sum();
        self.row_size = bytes.checked_div(count).unwrap_or(0) + columns.len() * CELL_LEN_SIZE + 1;
        write(&mut columns, count)
    }
}

/// The length of each row: `frame` bytes, and for each column its cell and `per_cell` bytes.
pub(super) fn row_lens(
    columns: &[Column<'_>],
    rows: usize,
    frame: usize,
    per_cell: usize,
    lens: &mut Vec<usize>,
) -> Result<()> {
    lens.clear();
    lens.resize(rows, frame + columns.len() * per_cell);
    for column in columns {
        for (sum, len) in lens.iter_mut().zip(column.lens) {
            // NULL is -1: it adds nothing.
            *sum += (*len).max(0).unsigned_abs() as usize;
        }
    }
    match lens.iter().all(|len| i32::try_from(*len).is_ok()) {
        true => Ok(()),
        false => Err(too_large()),
    }
}

/// How many of `rows` a window takes, by the bytes of their strings.
fn fitting(batch: &RecordBatch, rows: &Range<usize>, likely: usize) -> usize {
    let mut count = rows.len().min(WINDOW_ROWS_MAX).min(likely);
    while count > 1 {
        let end = rows.start + count;
        let bytes: usize = batch
            .columns()
            .iter()
            .map(|column| weight(column, rows.start..end))
            .sum();
        if bytes <= WINDOW_BYTES_MAX {
            break;
        }
        count /= 2;
    }
    count
}

/// The bytes of strings in some rows of a column. Fixed-width values are small whatever they are.
fn weight(array: &ArrayRef, rows: Range<usize>) -> usize {
    fn span<O: OffsetSizeTrait>(offsets: &[O], rows: &Range<usize>) -> Range<usize> {
        let at = |index: usize| offsets.get(index).map_or(0, |offset| offset.as_usize());
        at(rows.start)..at(rows.end)
    }
    match array.data_type() {
        DataType::Utf8 => span(array.as_string::<i32>().value_offsets(), &rows).len(),
        DataType::LargeUtf8 => span(array.as_string::<i64>().value_offsets(), &rows).len(),
        DataType::Binary => span(array.as_binary::<i32>().value_offsets(), &rows).len(),
        DataType::LargeBinary => span(array.as_binary::<i64>().value_offsets(), &rows).len(),
        // The low half of a view is its length.
        DataType::Utf8View => view_bytes(array.as_string_view().views().get(rows)),
        DataType::BinaryView => view_bytes(array.as_binary_view().views().get(rows)),
        DataType::List(_) => weight(
            array.as_list::<i32>().values(),
            span(array.as_list::<i32>().value_offsets(), &rows),
        ),
        DataType::LargeList(_) => weight(
            array.as_list::<i64>().values(),
            span(array.as_list::<i64>().value_offsets(), &rows),
        ),
        DataType::Struct(_) => array
            .as_struct()
            .columns()
            .iter()
            .map(|column| weight(column, rows.clone()))
            .sum(),
        DataType::Union(fields, arrow::datatypes::UnionMode::Sparse) => fields
            .iter()
            .map(|(id, _)| weight(array.as_union().child(id), rows.clone()))
            .sum(),
        // The mean of the values: which of them the rows name is not worth a look.
        DataType::Dictionary(_, _) => {
            let values = array.as_any_dictionary().values();
            weight(values, 0..values.len()) / values.len().max(1) * rows.len()
        }
        _ => 0,
    }
}

fn view_bytes(views: Option<&[u128]>) -> usize {
    views
        .unwrap_or_default()
        .iter()
        .map(|view| (view & u128::from(u32::MAX)) as usize)
        .sum()
}
