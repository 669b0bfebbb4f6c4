//! Literals of every type that a plan may hold, each written so that it has that very type in the runtime. Goes beyond what filters
//! of a scan need ([`crate::source::runtime::literal`]) by NULLs, decimals, floats, dates, intervals and other timestamps.

use arrow::{
    compute::{CastOptions, cast_with_options},
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::common::ScalarValue;

use super::meaning::{spelled, zoneless};
use crate::source::runtime::literal as filter_literal;

/// The literal as SQL; `None` where it cannot be said exactly.
pub(super) fn literal(value: &ScalarValue) -> Option<String> {
    if let ScalarValue::Null = value {
        return Some("NULL".to_owned());
    }
    let data_type = value.data_type();
    if value.is_null() {
        return Some(format!("arrow_cast(NULL, '{}')", spelled(&data_type)?));
    }
    match value {
        // A bare number is a 64-bit integer there as here.
        ScalarValue::Int64(Some(number)) if *number >= 0 => Some(number.to_string()),
        ScalarValue::Int8(Some(_))
        | ScalarValue::Int16(Some(_))
        | ScalarValue::UInt8(Some(_))
        | ScalarValue::UInt16(Some(_)) => Some(format!("arrow_cast({value}, '{}')", spelled(&data_type)?)),
        ScalarValue::Float64(Some(number)) if number.is_finite() => quoted(&format!("{number:e}"), &data_type),
        ScalarValue::Float32(Some(number)) if number.is_finite() => quoted(&format!("{number:e}"), &data_type),
        ScalarValue::Decimal128(..) | ScalarValue::Date32(_) | ScalarValue::IntervalMonthDayNano(_) => {
            quoted(&text(value)?, &data_type)
        }
        ScalarValue::TimestampSecond(..)
        | ScalarValue::TimestampMillisecond(..)
        | ScalarValue::TimestampMicrosecond(..)
        | ScalarValue::TimestampNanosecond(..) => {
            let zone = zoneless(&data_type)?;
            let local = value.cast_to(&zone).ok()?;
            let mark = if zone == data_type { "" } else { "Z" };
            quoted(&format!("{}{mark}", text(&local)?), &data_type)
        }
        _ => filter_literal(value),
    }
}

/// A quoted text that the runtime reads as that type.
fn quoted(text: &str, data_type: &DataType) -> Option<String> {
    Some(format!("arrow_cast('{text}', '{}')", spelled(data_type)?))
}

/// The value as Arrow prints it, and reads it again as the same.
fn text(value: &ScalarValue) -> Option<String> {
    let array = value.to_array().ok()?;
    let text = ArrayFormatter::try_new(&array, &FormatOptions::default())
        .ok()?
        .value(0)
        .try_to_string()
        .ok()?;
    let read = ScalarValue::from(text.as_str()).to_array().ok()?;
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let again = cast_with_options(&read, array.data_type(), &strict).ok()?;
    (again == array).then_some(text)
}
