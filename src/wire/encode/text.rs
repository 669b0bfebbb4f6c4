//! Strings and byte strings: borrowed from Arrow where they are sent as they lie there, copied where they are not.

use arrow::array::{Array, AsArray, GenericByteArray};
use arrow::datatypes::{ArrowNativeType as _, ByteArrayType, DataType};

use super::cells::{Cells, NULL, cell_len};
use crate::Result;

/// What stands for U+0000 in a text: its control picture, U+2400. PostgreSQL's text cannot hold a NUL and clients cut a
/// string there; who needs the bytes themselves reads the column of type bytea.
const NUL_PICTURE: &[u8] = "\u{2400}".as_bytes();

/// The bytes of all cells, and their lengths in `cells`; `None` where they must be copied: a NUL to replace, a null
/// slot that holds bytes, a cell that is too long.
pub(super) fn borrow<'a, T: ByteArrayType>(
    array: &'a GenericByteArray<T>,
    is_text: bool,
    cells: &mut Cells,
) -> Option<&'a [u8]> {
    let offsets = array.value_offsets();
    let (first, last) = (offsets.first()?.as_usize(), offsets.last()?.as_usize());
    let bytes = array.value_data().get(first..last)?;
    if is_text && memchr::memchr(0, bytes).is_some() {
        return None;
    }
    // Most windows are far below 2 GiB: no cell of theirs can be too long.
    i32::try_from(bytes.len()).ok()?;
    let lens = offsets.windows(2).map(|pair| match pair {
        [start, end] => (end.as_usize() - start.as_usize()) as i32,
        _ => 0,
    });
    cells.lens.extend(lens);
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        for (len, valid) in cells.lens.iter_mut().zip(nulls) {
            if !valid {
                if *len != 0 {
                    cells.lens.clear();
                    return None;
                }
                *len = NULL;
            }
        }
    }
    Some(bytes)
}

/// Appends a cell for each slot; `put` also learns whether the value is text.
pub(super) fn each(
    array: &dyn Array,
    cells: &mut Cells,
    mut put: impl FnMut(&[u8], bool, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut cell = |value: Option<&[u8]>, is_text: bool| match value {
        Some(value) => {
            cell_len(value.len())?;
            let start = cells.bytes.len();
            put(value, is_text, &mut cells.bytes)?;
            cells.end(start)
        }
        None => {
            cells.push_null();
            Ok(())
        }
    };
    match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .try_for_each(|v| cell(v.map(str::as_bytes), true)),
        DataType::LargeUtf8 => array
            .as_string::<i64>()
            .iter()
            .try_for_each(|v| cell(v.map(str::as_bytes), true)),
        DataType::Utf8View => array
            .as_string_view()
            .iter()
            .try_for_each(|v| cell(v.map(str::as_bytes), true)),
        DataType::Binary => array.as_binary::<i32>().iter().try_for_each(|v| cell(v, false)),
        DataType::LargeBinary => array.as_binary::<i64>().iter().try_for_each(|v| cell(v, false)),
        DataType::BinaryView => array.as_binary_view().iter().try_for_each(|v| cell(v, false)),
        _ => array.as_fixed_size_binary().iter().try_for_each(|v| cell(v, false)),
    }
}

/// Appends a text, each NUL replaced.
#[inline]
pub(super) fn put_without_nul(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((before, after)) = memchr::memchr(0, rest).and_then(|at| rest.split_at_checked(at)) {
        out.extend_from_slice(before);
        out.extend_from_slice(NUL_PICTURE);
        rest = after.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}
