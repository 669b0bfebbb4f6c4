//! One value as functions see it: every Arrow type of a kind is one variant here, times in microseconds as PostgreSQL has them;
//! and the errors of values beyond their bounds. Arrow's own types are in [`scalar`], decimal digits in [`digits`].

mod digits;
mod scalar;

use arrow::datatypes::i256;
use postgres_types::Type;

use crate::{
    Error, Result, SqlState,
    wire::{
        encode::{Format, Interval, Zone},
        params::decode_parameter_in,
    },
};

pub use digits::{divided, power_of_ten, rescaled, trimmed};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// `digits * 10^-scale`.
    Numeric(i256, i8),
    Text(String),
    Bytes(Vec<u8>),
    /// Days since 1970.
    Date(i64),
    /// Microseconds of the day.
    Time(i64),
    /// Microseconds since 1970, of no zone.
    Timestamp(i64),
    /// Microseconds since 1970 in UTC.
    Timestamptz(i64),
    Interval(Interval),
    List(Vec<Value>),
}

impl Value {
    /// The value that a text is to PostgreSQL's input function of a type; `zone` is for times that name none.
    pub fn read(text: &str, ty: &Type, zone: &Zone) -> Result<Value> {
        Value::of(decode_parameter_in(ty, Format::Text, Some(text.as_bytes()), zone)?)
    }

    /// The bytes that it takes besides its own few.
    pub fn size(&self) -> u64 {
        let bytes = match self {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(items) => return items.iter().map(|item| item.size().saturating_add(8)).sum(),
            _ => 0,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            Value::Numeric(value, scale) => rescaled(*value, *scale, 0)?.to_i128()?.try_into().ok(),
            Value::Float(value) => rounded(*value),
            _ => None,
        }
    }

    pub fn float(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            // Text is the exact way: numbers of more digits than a float has are rounded once.
            Value::Int(value) => value.to_string().parse().ok(),
            Value::Numeric(value, scale) => format!("{value}e{}", -i32::from(*scale)).parse().ok(),
            _ => None,
        }
    }

    /// The number in digits and scale.
    pub fn numeric(&self) -> Option<(i256, i8)> {
        match self {
            Value::Int(value) => Some((i256::from_i128((*value).into()), 0)),
            Value::Numeric(value, scale) => Some((*value, *scale)),
            _ => None,
        }
    }
}

/// An integer as the float that is nearest.
pub fn as_float(value: i64) -> f64 {
    Value::Int(value).float().unwrap_or(f64::NAN)
}

/// A float as the integer that is nearest, an even one where two are.
pub fn rounded(value: f64) -> Option<i64> {
    let value = value.round_ties_even();
    // 2⁶³ is a float, 2⁶³-1 is none.
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
        .contains(&value)
        .then(|| format!("{value:.0}").parse().ok())?
}

/// What a value beyond a numeric type's range gives.
pub fn out_of_range(what: &str) -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{what} out of range"))
}

/// What a numeric of too many digits gives.
pub fn numeric_overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow")
}

pub fn interval_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range")
}

pub fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}
