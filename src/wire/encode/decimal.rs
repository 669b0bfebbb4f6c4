//! Columns that leave as `numeric`: decimals of every width, integers, floats.

use arrow::array::{Array, AsArray};
use arrow::datatypes::*;

use super::cells::Cells;
use super::float::Decimal;
use super::number::put_int;
use super::numeric::{put_binary, put_integer_binary, put_text};
use crate::Result;
use crate::wire::types::{NUMERIC_ANY, NUMERIC_ANY_SCALE, NUMERIC_QUOTIENT};

/// Appends a cell for each slot of a numeric column.
pub(super) fn fill(array: &dyn Array, binary: bool, cells: &mut Cells) -> Result<()> {
    macro_rules! integers {
        ($arrow:ty) => {
            cells.each(array.as_primitive::<$arrow>(), |value, out| {
                if binary {
                    put_i128(i128::from(value), 0, true, out)
                } else {
                    put_int(value, out)
                }
                Ok(())
            })
        };
    }
    macro_rules! decimals {
        ($arrow:ty, $scale:expr) => {
            cells.each(array.as_primitive::<$arrow>(), |value, out| {
                put_i128(i128::from(value), i32::from(*$scale), binary, out);
                Ok(())
            })
        };
    }
    match array.data_type() {
        DataType::Int8 => integers!(Int8Type),
        DataType::Int16 => integers!(Int16Type),
        DataType::Int32 => integers!(Int32Type),
        DataType::Int64 => integers!(Int64Type),
        DataType::UInt8 => integers!(UInt8Type),
        DataType::UInt16 => integers!(UInt16Type),
        DataType::UInt32 => integers!(UInt32Type),
        DataType::UInt64 => integers!(UInt64Type),
        DataType::Decimal32(_, scale) => decimals!(Decimal32Type, scale),
        DataType::Decimal64(_, scale) => decimals!(Decimal64Type, scale),
        any if *any == NUMERIC_ANY => cells.each(array.as_primitive::<Decimal128Type>(), |value, out| {
            let (value, scale) = shortest(value, i32::from(NUMERIC_ANY_SCALE), 0);
            put_i128(value, scale, binary, out);
            Ok(())
        }),
        quotient if *quotient == NUMERIC_QUOTIENT => {
            cells.each(array.as_primitive::<Decimal256Type>(), |value, out| {
                put_quotient(value, binary, out);
                Ok(())
            })
        }
        DataType::Decimal128(_, scale) => decimals!(Decimal128Type, scale),
        DataType::Decimal256(_, scale) => {
            cells.each(array.as_primitive::<Decimal256Type>(), |value, out| {
                match value.to_i128() {
                    Some(value) => put_i128(value, i32::from(*scale), binary, out),
                    // Beyond 38 digits: rare enough for a string on the way.
                    None => put(
                        value.is_negative(),
                        value.to_string().trim_start_matches('-').as_bytes(),
                        i32::from(*scale),
                        binary,
                        out,
                    ),
                }
                Ok(())
            })
        }
        DataType::Float32 => cells.each(array.as_primitive::<Float32Type>(), |value, out| {
            let mut buffer = ryu::Buffer::new();
            put_float(value.into(), buffer.format(value.abs()), binary, out);
            Ok(())
        }),
        _ => cells.each(array.as_primitive::<Float64Type>(), |value, out| {
            let mut buffer = ryu::Buffer::new();
            put_float(value, buffer.format(value.abs()), binary, out);
            Ok(())
        }),
    }
}

/// A number without the zeros at its end, but not with fewer digits behind the point than `least`.
fn shortest(mut value: i128, mut scale: i32, least: i32) -> (i128, i32) {
    while scale > least && value % 10 == 0 {
        (value, scale) = (value / 10, scale - 1);
    }
    (value, scale)
}

/// A quotient with the digits that PostgreSQL's division gives it: sixteen and more, in groups of four.
fn put_quotient(value: i256, binary: bool, out: &mut Vec<u8>) {
    const SCALE: usize = 28;
    const ONE: i256 = i256::from_i128(10_i128.pow(SCALE as u32));
    let magnitude = value.wrapping_abs();
    let (mut buffer, long) = (
        itoa::Buffer::new(),
        magnitude.to_i128().is_none().then(|| magnitude.to_string()),
    );
    let text = match &long {
        Some(long) => long.as_str(),
        None => buffer.format(magnitude.as_i128()),
    };
    // The exponent of the first digit; zero and one are quotients of equals or of less.
    let exponent = i32::try_from(text.len()).unwrap_or(i32::MAX) - 1 - SCALE as i32;
    let mut scale = match magnitude {
        i256::ZERO | ONE => 20,
        _ => (16 - 4 * exponent.div_euclid(4)).clamp(0, SCALE as i32),
    };
    let zeros = text.bytes().rev().take_while(|digit| *digit == b'0').count();
    let needed = i32::try_from(SCALE.saturating_sub(zeros)).unwrap_or(0);
    while scale < needed {
        scale += 4;
    }
    let scale = scale.min(SCALE as i32);
    let cut = SCALE - usize::try_from(scale).unwrap_or(0);
    let digits = match text {
        "0" => "0",
        _ => text.get(..text.len().saturating_sub(cut)).unwrap_or("0"),
    };
    put(value.is_negative(), digits.as_bytes(), scale, binary, out);
}

#[inline]
fn put_i128(value: i128, scale: i32, binary: bool, out: &mut Vec<u8>) {
    if binary
        && scale == 0
        && let Ok(magnitude) = u64::try_from(value.unsigned_abs())
    {
        return put_integer_binary(value < 0, magnitude, out);
    }
    put(
        value < 0,
        itoa::Buffer::new().format(value.unsigned_abs()).as_bytes(),
        scale,
        binary,
        out,
    );
}

fn put(negative: bool, digits: &[u8], scale: i32, binary: bool, out: &mut Vec<u8>) {
    if binary {
        put_binary(negative, digits, scale, out)
    } else {
        put_text(negative, digits, scale, out)
    }
}

/// A float as the numeric of its shortest decimal. `NaN` and the infinities are numerics as well: signs of their own.
fn put_float(value: f64, shortest: &str, binary: bool, out: &mut Vec<u8>) {
    if value.is_finite() {
        return Decimal::parse(shortest).put_numeric(value.is_sign_negative(), |negative, digits, scale| {
            put(negative, digits, scale, binary, out)
        });
    }
    let (word, sign): (&[u8], u16) = if value.is_nan() {
        (b"NaN", 0xc000)
    } else if value > 0.0 {
        (b"Infinity", 0xd000)
    } else {
        (b"-Infinity", 0xf000)
    };
    if binary {
        let [high, low] = sign.to_be_bytes();
        // numeric_send gives an infinity a display scale of 32.
        out.extend_from_slice(&[0, 0, 0, 0, high, low, 0, if value.is_nan() { 0 } else { 32 }]);
    } else {
        out.extend_from_slice(word);
    }
}
