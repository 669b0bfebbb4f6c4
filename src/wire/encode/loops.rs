//! The typed loops over integers, times and intervals: one for each Arrow type, the same writing in each.

use arrow::array::{Array, AsArray};
use arrow::datatypes::*;
use postgres_types::Type;

use super::cells::Cells;
use super::codec::is_object_alias;
use super::datetime::{self, Scale};
use super::interval::Interval;
use super::number::put_int;
use crate::{Error, Result, SqlState};

/// The width of an integer in binary, and the words for a value that it cannot hold.
#[derive(Clone, Copy)]
pub(super) enum Width {
    Int2,
    Int4,
    Int8,
    /// `oid` and its aliases.
    Oid,
    Xid8,
}

impl Width {
    pub fn of(ty: &Type) -> Option<Width> {
        Some(match *ty {
            Type::INT2 => Width::Int2,
            Type::INT4 => Width::Int4,
            Type::INT8 => Width::Int8,
            Type::OID | Type::XID | Type::CID => Width::Oid,
            Type::XID8 => Width::Xid8,
            _ if is_object_alias(ty) => Width::Oid,
            _ => return None,
        })
    }

    #[inline]
    pub fn put(self, value: i128, binary: bool, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Width::Int2 => put_integer(
                i16::try_from(value).ok(),
                "smallint out of range",
                i16::to_be_bytes,
                binary,
                out,
            ),
            Width::Int4 => put_integer(
                i32::try_from(value).ok(),
                "integer out of range",
                i32::to_be_bytes,
                binary,
                out,
            ),
            Width::Int8 => put_integer(i64::try_from(value).ok(), BIGINT, i64::to_be_bytes, binary, out),
            // An oid kept in a signed Int32 is the same 32 bits.
            Width::Oid => {
                let value = u32::try_from(value)
                    .ok()
                    .or_else(|| i32::try_from(value).ok().map(i32::cast_unsigned));
                put_integer(value, "OID out of range", u32::to_be_bytes, binary, out)
            }
            Width::Xid8 => put_integer(
                u64::try_from(value).ok(),
                "xid8 out of range",
                u64::to_be_bytes,
                binary,
                out,
            ),
        }
    }
}

#[inline]
fn put_integer<I: itoa::Integer, const N: usize>(
    value: Option<I>,
    words: &'static str,
    bytes: impl Fn(I) -> [u8; N],
    binary: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let value = value.ok_or_else(|| out_of_range(words))?;
    if binary {
        out.extend_from_slice(&bytes(value))
    } else {
        put_int(value, out)
    }
    Ok(())
}

/// What a number that `bigint` cannot hold is told.
pub(super) const BIGINT: &str = "bigint out of range";

pub(super) fn out_of_range(words: &'static str) -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, words)
}

pub(super) fn integers(array: &dyn Array, width: Width, binary: bool, cells: &mut Cells) -> Result<()> {
    macro_rules! each {
        ($arrow:ty) => {
            match (width, binary) {
                // What nearly all numbers of a runtime leave as.
                (Width::Int8, true) => cells.fixed(array.as_primitive::<$arrow>(), |value| {
                    let value = i64::try_from(value).map_err(|_| out_of_range(BIGINT));
                    value.map(i64::to_be_bytes)
                }),
                _ => cells.each(array.as_primitive::<$arrow>(), |value, out| {
                    width.put(i128::from(value), binary, out)
                }),
            }
        };
    }
    match array.data_type() {
        DataType::Int8 => each!(Int8Type),
        DataType::Int16 => each!(Int16Type),
        DataType::Int32 => each!(Int32Type),
        DataType::Int64 => each!(Int64Type),
        DataType::UInt8 => each!(UInt8Type),
        DataType::UInt16 => each!(UInt16Type),
        DataType::UInt32 => each!(UInt32Type),
        _ => each!(UInt64Type),
    }
}

/// `put` gets microseconds; without it they are written as binary has them.
#[inline]
pub(super) fn timestamps(
    array: &dyn Array,
    cells: &mut Cells,
    put: Option<impl FnMut(i64, &mut Vec<u8>)>,
) -> Result<()> {
    macro_rules! each {
        ($arrow:ty) => {{
            let (array, scale) = (array.as_primitive::<$arrow>(), Scale::of(<$arrow>::UNIT));
            match put {
                Some(mut put) => cells.each(array, |value, out| {
                    put(scale.timestamp(value)?, out);
                    Ok(())
                }),
                None => cells.fixed(array, |value| {
                    Ok(datetime::timestamp_binary(scale.timestamp(value)?).to_be_bytes())
                }),
            }
        }};
    }
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => each!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => each!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => each!(TimestampMicrosecondType),
        _ => each!(TimestampNanosecondType),
    }
}

pub(super) fn times(array: &dyn Array, binary: bool, cells: &mut Cells) -> Result<()> {
    let put = |unit: TimeUnit, value: i64, out: &mut Vec<u8>| {
        let micros = datetime::time_micros(Scale::of(unit), value)?;
        if binary {
            out.extend_from_slice(&micros.to_be_bytes())
        } else {
            datetime::put_time(micros, out)
        }
        Ok(())
    };
    match array.data_type() {
        DataType::Time32(TimeUnit::Second) => cells.each(array.as_primitive::<Time32SecondType>(), |v, out| {
            put(TimeUnit::Second, v.into(), out)
        }),
        DataType::Time32(_) => cells.each(array.as_primitive::<Time32MillisecondType>(), |v, out| {
            put(TimeUnit::Millisecond, v.into(), out)
        }),
        DataType::Time64(TimeUnit::Microsecond) => cells
            .each(array.as_primitive::<Time64MicrosecondType>(), |v, out| {
                put(TimeUnit::Microsecond, v, out)
            }),
        _ => cells.each(array.as_primitive::<Time64NanosecondType>(), |v, out| {
            put(TimeUnit::Nanosecond, v, out)
        }),
    }
}

/// `put` gets microseconds and milliseconds; what passes 64 bits is `None`.
#[inline]
pub(super) fn durations(
    array: &dyn Array,
    cells: &mut Cells,
    mut put: impl FnMut(Option<i64>, Option<i64>, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    match array.data_type() {
        DataType::Duration(TimeUnit::Second) => cells.each(array.as_primitive::<DurationSecondType>(), |v, out| {
            put(v.checked_mul(1_000_000), v.checked_mul(1_000), out)
        }),
        DataType::Duration(TimeUnit::Millisecond) => cells
            .each(array.as_primitive::<DurationMillisecondType>(), |v, out| {
                put(v.checked_mul(1_000), Some(v), out)
            }),
        DataType::Duration(TimeUnit::Microsecond) => cells
            .each(array.as_primitive::<DurationMicrosecondType>(), |v, out| {
                put(Some(v), Some(v / 1_000), out)
            }),
        _ => cells.each(array.as_primitive::<DurationNanosecondType>(), |v, out| {
            put(Some(v / 1_000), Some(v / 1_000_000), out)
        }),
    }
}

#[inline]
pub(super) fn intervals(
    array: &dyn Array,
    cells: &mut Cells,
    mut put: impl FnMut(Interval, &mut Vec<u8>),
) -> Result<()> {
    match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            cells.each(array.as_primitive::<IntervalYearMonthType>(), |v, out| {
                put(Interval::from_months(v), out);
                Ok(())
            })
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            cells.each(array.as_primitive::<IntervalDayTimeType>(), |v, out| {
                put(Interval::from_day_time(v), out);
                Ok(())
            })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            cells.each(array.as_primitive::<IntervalMonthDayNanoType>(), |v, out| {
                put(Interval::from_month_day_nano(v), out);
                Ok(())
            })
        }
        _ => durations(array, cells, |micros, _, out| {
            let words = "interval out of range";
            put(
                Interval::from_micros(micros.ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, words))?),
                out,
            );
            Ok(())
        }),
    }
}
