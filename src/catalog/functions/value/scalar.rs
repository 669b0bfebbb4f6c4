//! A value out of an Arrow scalar, whichever of its kind's many types that has, and back into a scalar of a type that is
//! asked for. Text is read in [`Value::read`].

use arrow::{
    array::Array,
    datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit, i256},
};
use datafusion::common::ScalarValue;

use super::{Value, interval_out_of_range, numeric_overflow, out_of_range, power_of_ten, rescaled};
use crate::{
    Error, Result, SqlState,
    wire::encode::{Interval, timestamp_out_of_range},
};

impl Value {
    /// The value of a scalar.
    pub fn of(scalar: ScalarValue) -> Result<Value> {
        use ScalarValue::*;
        let integer = |value: i64| Value::Int(value);
        if scalar.is_null() {
            return Ok(Value::Null);
        }
        let moment = |unit, value: i64, zone: bool| {
            let micros = micros(unit, value).ok_or_else(timestamp_out_of_range)?;
            Ok(if zone {
                Value::Timestamptz(micros)
            } else {
                Value::Timestamp(micros)
            })
        };
        Ok(match scalar {
            Boolean(Some(value)) => Value::Bool(value),
            Int8(Some(value)) => integer(value.into()),
            Int16(Some(value)) => integer(value.into()),
            Int32(Some(value)) => integer(value.into()),
            Int64(Some(value)) => integer(value),
            UInt8(Some(value)) => integer(value.into()),
            UInt16(Some(value)) => integer(value.into()),
            UInt32(Some(value)) => integer(value.into()),
            UInt64(Some(value)) => match i64::try_from(value) {
                Ok(value) => Value::Int(value),
                Err(_) => Value::Numeric(i256::from_i128(value.into()), 0),
            },
            Float32(Some(value)) => Value::Float(value.into()),
            Float64(Some(value)) => Value::Float(value),
            Decimal128(Some(value), _, scale) => Value::Numeric(i256::from_i128(value), scale),
            Decimal256(Some(value), _, scale) => Value::Numeric(value, scale),
            Utf8(Some(text)) | LargeUtf8(Some(text)) | Utf8View(Some(text)) => Value::Text(text),
            Binary(Some(bytes)) | LargeBinary(Some(bytes)) | BinaryView(Some(bytes)) => Value::Bytes(bytes),
            Date32(Some(days)) => Value::Date(days.into()),
            Time64Microsecond(Some(value)) => Value::Time(value),
            Time64Nanosecond(Some(value)) => Value::Time(value / 1_000),
            TimestampSecond(Some(value), zone) => moment(TimeUnit::Second, value, zone.is_some())?,
            TimestampMillisecond(Some(value), zone) => moment(TimeUnit::Millisecond, value, zone.is_some())?,
            TimestampMicrosecond(Some(value), zone) => moment(TimeUnit::Microsecond, value, zone.is_some())?,
            TimestampNanosecond(Some(value), zone) => moment(TimeUnit::Nanosecond, value, zone.is_some())?,
            IntervalMonthDayNano(Some(value)) => Value::Interval(Interval::from_month_day_nano(value)),
            IntervalYearMonth(Some(months)) => Value::Interval(Interval::from_months(months)),
            IntervalDayTime(Some(value)) => Value::Interval(Interval::from_day_time(value)),
            DurationSecond(Some(value)) => elapsed(micros(TimeUnit::Second, value))?,
            DurationMillisecond(Some(value)) => elapsed(micros(TimeUnit::Millisecond, value))?,
            DurationMicrosecond(Some(value)) => elapsed(Some(value))?,
            DurationNanosecond(Some(value)) => elapsed(Some(value / 1_000))?,
            List(list) => list_of(&list.value(0))?,
            LargeList(list) => list_of(&list.value(0))?,
            FixedSizeList(list) => list_of(&list.value(0))?,
            Dictionary(_, value) => Value::of(*value)?,
            other => {
                return Err(Error::internal(format!("no function takes a {}", other.data_type())));
            }
        })
    }

    /// The value as a scalar of a type that it can be one of.
    pub fn into_scalar(self, to: &DataType) -> Result<ScalarValue> {
        let null = || ScalarValue::try_from(to).map_err(Error::internal);
        Ok(match (self, to) {
            (Value::Null, _) => null()?,
            (Value::Bool(value), DataType::Boolean) => ScalarValue::Boolean(Some(value)),
            (Value::Int(value), DataType::Int16) => {
                ScalarValue::Int16(Some(value.try_into().map_err(|_| out_of_range("smallint"))?))
            }
            (Value::Int(value), DataType::Int32) => {
                ScalarValue::Int32(Some(value.try_into().map_err(|_| out_of_range("integer"))?))
            }
            (Value::Int(value), DataType::Int64) => ScalarValue::Int64(Some(value)),
            (Value::Int(value), DataType::UInt32) => {
                ScalarValue::UInt32(Some(value.try_into().map_err(|_| out_of_range("oid"))?))
            }
            (Value::Int(value), DataType::UInt64) => {
                ScalarValue::UInt64(Some(value.try_into().map_err(|_| out_of_range("bigint"))?))
            }
            (Value::Int(value), DataType::Float64) => ScalarValue::Float64(Value::Int(value).float()),
            (Value::Float(value), DataType::Float64) => ScalarValue::Float64(Some(value)),
            (Value::Float(value), DataType::Float32) => {
                ScalarValue::Float64(Some(value)).cast_to(to).map_err(Error::internal)?
            }
            (Value::Int(value), DataType::Decimal128(..) | DataType::Decimal256(..)) => {
                Value::Numeric(i256::from_i128(value.into()), 0).into_scalar(to)?
            }
            (Value::Numeric(value, scale), DataType::Decimal128(precision, to_scale)) => {
                let value = rescaled(value, scale, *to_scale).filter(|value| fits(*value, *precision));
                let value = value.and_then(|value| value.to_i128()).ok_or_else(numeric_overflow)?;
                ScalarValue::Decimal128(Some(value), *precision, *to_scale)
            }
            (Value::Numeric(value, scale), DataType::Decimal256(precision, to_scale)) => {
                let value = rescaled(value, scale, *to_scale).filter(|value| fits(*value, *precision));
                ScalarValue::Decimal256(Some(value.ok_or_else(numeric_overflow)?), *precision, *to_scale)
            }
            (Value::Text(text), DataType::Utf8) => ScalarValue::Utf8(Some(text)),
            (Value::Text(text), DataType::LargeUtf8) => ScalarValue::LargeUtf8(Some(text)),
            (Value::Text(text), DataType::Utf8View) => ScalarValue::Utf8View(Some(text)),
            (Value::Bytes(bytes), DataType::Binary) => ScalarValue::Binary(Some(bytes)),
            (Value::Bytes(bytes), DataType::LargeBinary) => ScalarValue::LargeBinary(Some(bytes)),
            (Value::Bytes(bytes), DataType::BinaryView) => ScalarValue::BinaryView(Some(bytes)),
            (Value::Date(days), DataType::Date32) => {
                let error = || Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range");
                ScalarValue::Date32(Some(i32::try_from(days).map_err(|_| error())?))
            }
            (Value::Time(value), DataType::Time64(TimeUnit::Microsecond)) => {
                ScalarValue::Time64Microsecond(Some(value))
            }
            (Value::Time(value), DataType::Time64(TimeUnit::Nanosecond)) => {
                ScalarValue::Time64Nanosecond(value.checked_mul(1_000))
            }
            (Value::Timestamp(value) | Value::Timestamptz(value), DataType::Timestamp(unit, zone)) => {
                let value = Some(in_unit(*unit, value).ok_or_else(timestamp_out_of_range)?);
                match unit {
                    TimeUnit::Second => ScalarValue::TimestampSecond(value, zone.clone()),
                    TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(value, zone.clone()),
                    TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(value, zone.clone()),
                    TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(value, zone.clone()),
                }
            }
            (Value::Interval(value), DataType::Interval(IntervalUnit::MonthDayNano)) => {
                let nanoseconds = value.micros.checked_mul(1_000).ok_or_else(interval_out_of_range)?;
                let value = IntervalMonthDayNano::new(value.months, value.days, nanoseconds);
                ScalarValue::IntervalMonthDayNano(Some(value))
            }
            (Value::List(items), DataType::List(item)) => {
                let items = items
                    .into_iter()
                    .map(|value| value.into_scalar(item.data_type()))
                    .collect::<Result<Vec<_>>>()?;
                let values = match items.is_empty() {
                    true => arrow::array::new_empty_array(item.data_type()),
                    false => ScalarValue::iter_to_array(items).map_err(Error::internal)?,
                };
                let offsets = arrow::buffer::OffsetBuffer::from_lengths([values.len()]);
                let list = arrow::array::ListArray::try_new(item.clone(), offsets, values, None);
                ScalarValue::List(std::sync::Arc::new(list.map_err(Error::internal)?))
            }
            (value, to) => return Err(Error::internal(format!("{value:?} is no {to}"))),
        })
    }
}

fn micros(unit: TimeUnit, value: i64) -> Option<i64> {
    match unit {
        TimeUnit::Second => value.checked_mul(1_000_000),
        TimeUnit::Millisecond => value.checked_mul(1_000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => Some(value.div_euclid(1_000)),
    }
}

fn in_unit(unit: TimeUnit, micros: i64) -> Option<i64> {
    match unit {
        TimeUnit::Second => Some(micros.div_euclid(1_000_000)),
        TimeUnit::Millisecond => Some(micros.div_euclid(1_000)),
        TimeUnit::Microsecond => Some(micros),
        TimeUnit::Nanosecond => micros.checked_mul(1_000),
    }
}

fn elapsed(micros: Option<i64>) -> Result<Value> {
    micros
        .map(|micros| Value::Interval(Interval::from_micros(micros)))
        .ok_or_else(timestamp_out_of_range)
}

fn list_of(items: &dyn Array) -> Result<Value> {
    let items: Vec<Value> = (0..items.len())
        .map(|index| {
            let item = ScalarValue::try_from_array(items, index).map_err(Error::internal)?;
            Value::of(item)
        })
        .collect::<Result<_>>()?;
    Ok(Value::List(items))
}

fn fits(value: i256, precision: u8) -> bool {
    match power_of_ten(precision.into()) {
        Some(limit) => value.wrapping_abs() < limit,
        None => true,
    }
}
