//! Types that come as text and have a binary form of their own: `uuid`, `json`, `int2vector`, `oidvector`.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

use super::cells::Cells;
use super::jsonb;
use super::list::Level;
use super::number::put_int;
use super::text;
use crate::{Error, Result, SqlState};

/// A UUID of text; sixteen bytes in binary.
pub(super) fn put_uuid(value: &[u8], binary: bool, out: &mut Vec<u8>) -> Result<()> {
    if !binary {
        out.extend_from_slice(value);
        return Ok(());
    }
    let invalid = || {
        let words = format!(
            "invalid input syntax for type uuid: \"{}\"",
            String::from_utf8_lossy(value)
        );
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, words)
    };
    out.extend_from_slice(&parse_uuid(value).ok_or_else(invalid)?);
    Ok(())
}

/// Reads the forms that `uuid_in` takes: hex digits, with hyphens or without, in braces or not.
pub(crate) fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let inner = match text {
        [b'{', inner @ .., b'}'] => inner,
        other => other,
    };
    let mut bytes = [0u8; 16];
    let mut digits = 0;
    let mut after_hyphen = true;
    for &byte in inner {
        if byte == b'-' {
            // PostgreSQL takes a hyphen after any group of four digits.
            if after_hyphen || digits % 4 != 0 || digits == 32 {
                return None;
            }
            after_hyphen = true;
            continue;
        }
        after_hyphen = false;
        let digit = char::from(byte).to_digit(16)?;
        let slot = bytes.get_mut(digits / 2)?;
        *slot = *slot << 4 | u8::try_from(digit).ok()?;
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

/// JSON text as `json` (as it is) or as `jsonb` (PostgreSQL's normal form; a version byte in binary).
pub(super) fn put_json_text(value: &[u8], is_jsonb: bool, binary: bool, out: &mut Vec<u8>) {
    if !is_jsonb {
        return text::put_without_nul(value, out);
    }
    if binary {
        out.push(jsonb::VERSION);
    }
    // The runtime's JSON columns are not always JSON: such a value is better shown than refused.
    if !jsonb::put_normal(value, out) {
        text::put_without_nul(value, out);
    }
}

/// `int2vector` or `oidvector` from a list of integers, or from its text.
pub(super) fn vectors(array: &dyn Array, oids: bool, binary: bool, cells: &mut Cells) -> Result<()> {
    if !array.data_type().is_list() {
        let mut items = Vec::new();
        return text::each(array, cells, |value, _, out| {
            if !binary {
                out.extend_from_slice(value);
                return Ok(());
            }
            let words = || {
                let text = String::from_utf8_lossy(value);
                Error::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    format!("invalid input syntax for type oid: \"{text}\""),
                )
            };
            items.clear();
            for item in std::str::from_utf8(value)
                .map_err(|_| words())?
                .split_ascii_whitespace()
            {
                items.push(item.parse::<i64>().map_err(|_| words())?);
            }
            put_vector(items.iter().copied(), items.len(), oids, binary, out)
        });
    }
    let (level, items) = Level::of(array);
    let items = cast(&items, &DataType::Int64).map_err(Error::internal)?;
    let items = items.as_primitive::<Int64Type>().values();
    for row in 0..array.len() {
        if array.is_null(row) {
            cells.push_null();
            continue;
        }
        let start = cells.bytes.len();
        let items = items.get(level.range(row)).unwrap_or_default();
        put_vector(items.iter().copied(), items.len(), oids, binary, &mut cells.bytes)?;
        cells.end(start)?;
    }
    Ok(())
}

fn put_vector(items: impl Iterator<Item = i64>, len: usize, oids: bool, binary: bool, out: &mut Vec<u8>) -> Result<()> {
    if !binary {
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            put_int(item, out);
        }
        return Ok(());
    }
    let item_type = if oids {
        postgres_types::Type::OID
    } else {
        postgres_types::Type::INT2
    };
    // One dimension, no nulls, the element type, the length; vectors count from 0.
    for field in [1, 0, item_type.oid(), u32::try_from(len).unwrap_or(u32::MAX), 0] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    let out_of_range = || Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "vector element out of range");
    for item in items {
        if oids {
            out.extend_from_slice(&4u32.to_be_bytes());
            out.extend_from_slice(&u32::try_from(item).map_err(|_| out_of_range())?.to_be_bytes());
        } else {
            out.extend_from_slice(&2u32.to_be_bytes());
            out.extend_from_slice(&i16::try_from(item).map_err(|_| out_of_range())?.to_be_bytes());
        }
    }
    Ok(())
}
