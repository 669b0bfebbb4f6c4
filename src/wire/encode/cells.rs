//! The one shape that every column takes before its rows are written: cells back to back, and the length of each.

use arrow::array::{Array, ArrowPrimitiveType, PrimitiveArray};

use crate::{Error, Result, SqlState};

/// The length that stands for NULL, as in a DataRow.
pub(super) const NULL: i32 = -1;

/// A short text that is kept and appended again and again: as a block of fixed size, which takes no call to memcpy.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    bytes: [u8; Block::SIZE],
    len: usize,
}

impl Block {
    const SIZE: usize = 16;

    /// Keeps `text`; what passes a block's size is cut off.
    pub fn new(text: &[u8]) -> Block {
        let mut block = Block {
            len: text.len().min(Block::SIZE),
            ..Block::default()
        };
        block.bytes.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        block
    }

    /// A block of bytes of which the first `len` count.
    #[inline]
    pub fn of(bytes: [u8; Block::SIZE], len: usize) -> Block {
        Block { bytes, len }
    }

    #[inline]
    pub fn put(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len;
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

/// Room at the end of a buffer that blocks are written to one after the other. The buffer's length is settled once for
/// all of them: each change of it would wait for the one before.
pub(super) struct Room<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    len: usize,
}

impl<'a> Room<'a> {
    /// What fits: three full blocks, and the block that is written last.
    const SIZE: usize = 64;

    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Room<'a> {
        let start = out.len();
        out.extend_from_slice(&[0; Room::SIZE]);
        Room { out, start, len: 0 }
    }

    #[inline]
    pub fn put(&mut self, block: &Block) {
        let slot = self
            .out
            .last_chunk_mut::<{ Room::SIZE }>()
            .and_then(|room| room.get_mut(self.len..));
        if let Some(slot) = slot.and_then(|room| room.first_chunk_mut()) {
            *slot = block.bytes;
            self.len += block.len;
        }
    }

    #[inline]
    pub fn finish(self) {
        self.out.truncate(self.start + self.len);
    }
}

/// Cells of one column: contiguous bytes and the length of each cell. Cleared and filled again for each window of rows.
#[derive(Default)]
pub(super) struct Cells {
    pub bytes: Vec<u8>,
    pub lens: Vec<i32>,
}

/// What a window's scratch may keep for the next one: a single huge cell must not stay in memory for a session's life.
const SCRATCH_KEPT_MAX: usize = 1024 * 1024;

impl Cells {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(SCRATCH_KEPT_MAX);
        self.lens.clear();
    }

    #[inline]
    pub fn push_null(&mut self) {
        self.lens.push(NULL);
    }

    /// Appends a cell as it is.
    pub fn push(&mut self, cell: &[u8]) -> Result<()> {
        self.lens.push(cell_len(cell.len())?);
        self.bytes.extend_from_slice(cell);
        Ok(())
    }

    /// Ends the cell that was written to `bytes` from `start` on.
    #[inline]
    pub fn end(&mut self, start: usize) -> Result<()> {
        self.lens.push(cell_len(self.bytes.len().saturating_sub(start))?);
        Ok(())
    }

    /// Appends one cell for each slot of an array; `write` says how a value is written. Monomorphic for each caller: a tight loop.
    #[inline]
    pub fn each<T: ArrowPrimitiveType>(
        &mut self,
        array: &PrimitiveArray<T>,
        mut write: impl FnMut(T::Native, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.lens.reserve(array.len());
        if array.null_count() == 0 {
            for value in array.values() {
                let start = self.bytes.len();
                write(*value, &mut self.bytes)?;
                self.end(start)?;
            }
            return Ok(());
        }
        for value in array {
            match value {
                Some(value) => {
                    let start = self.bytes.len();
                    write(value, &mut self.bytes)?;
                    self.end(start)?;
                }
                None => self.push_null(),
            }
        }
        Ok(())
    }

    /// The same of values that all take `N` bytes.
    #[inline]
    pub fn fixed<T: ArrowPrimitiveType, const N: usize>(
        &mut self,
        array: &PrimitiveArray<T>,
        mut bytes: impl FnMut(T::Native) -> Result<[u8; N]>,
    ) -> Result<()> {
        let len = cell_len(N)?;
        self.bytes.reserve(N * array.len());
        if array.null_count() == 0 {
            for value in array.values() {
                self.bytes.extend_from_slice(&bytes(*value)?);
            }
            self.lens.resize(self.lens.len() + array.len(), len);
            return Ok(());
        }
        self.lens.reserve(array.len());
        for value in array {
            match value {
                Some(value) => {
                    self.bytes.extend_from_slice(&bytes(value)?);
                    self.lens.push(len);
                }
                None => self.push_null(),
            }
        }
        Ok(())
    }

    /// The cells one after the other.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut rest = self.bytes.as_slice();
        self.lens.iter().map(move |len| {
            let (cell, tail) = rest.split_at_checked(usize::try_from(*len).ok()?)?;
            rest = tail;
            Some(cell)
        })
    }
}

/// A cell's length as the protocol carries it.
#[inline]
pub(super) fn cell_len(len: usize) -> Result<i32> {
    i32::try_from(len).map_err(|_| too_large())
}

/// What PostgreSQL answers where a message or a datum passes its limits.
pub(super) fn too_large() -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "row is too large to be sent")
}
