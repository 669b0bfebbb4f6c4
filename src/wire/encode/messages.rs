//! Rows of cells, each with its length before it: what DataRow messages and the CopyData messages of binary COPY both hold.

use bytes::BytesMut;

use super::cells::cell_len;
use super::window::{CELL_LEN_SIZE, Column, row_lens};
use crate::{Error, Result};

/// The messages that rows are written as, one for each.
pub(super) struct Message {
    pub tag: u8,
    /// What comes before the first row within its message.
    pub before: &'static [u8],
}

impl Message {
    pub fn of(tag: u8) -> Message {
        Message { tag, before: &[] }
    }
}

/// Tag, length and column count of a message.
const FRAME_SIZE: usize = 7;

/// Writes rows, of the `rows` that the columns hold, until `out` holds `size` bytes; returns how many were written. `lens` is scratch.
///
/// # Errors
/// 54000 for a row that is longer than a message can be.
pub(super) fn put_rows(
    mut message: Message,
    columns: &mut [Column<'_>],
    rows: usize,
    lens: &mut Vec<usize>,
    size: usize,
    out: &mut BytesMut,
) -> Result<usize> {
    row_lens(columns, rows, FRAME_SIZE, CELL_LEN_SIZE, lens)?;
    if let Some(first) = lens.first_mut() {
        *first += message.before.len();
        cell_len(*first)?;
    }
    let (mut count, mut end) = (0, out.len());
    for len in lens.iter() {
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
    for (row, len) in lens.iter().take(count).enumerate() {
        put(&mut rest, &[message.tag])?;
        // The length counts itself and not the tag; row_lens has checked that it fits.
        put(&mut rest, &((len - 1) as u32).to_be_bytes())?;
        put(&mut rest, std::mem::take(&mut message.before))?;
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
