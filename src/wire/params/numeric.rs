//! `numeric` parameters: digits and a scale, as wide as Arrow's widest decimal.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, i256};
use datafusion::common::ScalarValue;
use postgres_types::Type;

use super::{bad_binary, invalid_syntax, take};
use crate::{Error, Result, SqlState};

/// A decimal number: `value * 10^-scale`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    value: i256,
    /// Digits of `value`.
    digits: u8,
    scale: u8,
}

impl Number {
    /// `numeric_in`: digits with a point and an exponent.
    pub fn from_text(input: &str, trimmed: &str) -> Result<Number> {
        let syntax = || invalid_syntax(SqlState::INVALID_TEXT_REPRESENTATION, &Type::NUMERIC, input);
        let lower = trimmed.to_ascii_lowercase();
        let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
        if matches!(unsigned, "nan" | "inf" | "infinity") {
            return Err(not_finite());
        }
        let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
        let exponent: i64 = exponent.parse().map_err(|_| syntax())?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if (whole.is_empty() && fraction.is_empty())
            || !mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            return Err(syntax());
        }
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(syntax());
        }
        let scale = i64::try_from(fraction.len())
            .map_err(Error::internal)?
            .checked_sub(exponent)
            .ok_or_else(overflow)?;
        Number::new(lower.starts_with('-'), &digits, scale)
    }

    /// `numeric_recv`: groups of four decimal digits.
    pub fn from_binary(bytes: &[u8]) -> Result<Number> {
        let mut rest = bytes;
        let count = u16::from_be_bytes(take(&mut rest)?);
        let weight = i16::from_be_bytes(take(&mut rest)?);
        let sign = u16::from_be_bytes(take(&mut rest)?);
        let scale = u16::from_be_bytes(take(&mut rest)?);
        match sign {
            0 | 0x4000 => {}
            0xc000 | 0xd000 | 0xf000 => return Err(not_finite()),
            _ => {
                return Err(Error::new(
                    SqlState::INVALID_BINARY_REPRESENTATION,
                    "invalid sign in external \"numeric\" value",
                ));
            }
        }
        let mut digits = Vec::with_capacity(usize::from(count) * 4);
        for _ in 0..count {
            let group = u16::from_be_bytes(take(&mut rest)?);
            if group > 9_999 {
                return Err(Error::new(
                    SqlState::INVALID_BINARY_REPRESENTATION,
                    "invalid digit in external \"numeric\" value",
                ));
            }
            let places = [group / 1_000, group / 100 % 10, group / 10 % 10, group % 10];
            digits.extend(
                places
                    .iter()
                    .filter_map(|place| u8::try_from(*place).ok())
                    .map(|place| b'0' + place),
            );
        }
        if !rest.is_empty() {
            return Err(bad_binary());
        }
        // The last group's lowest digit stands this far behind the point; the display scale says how far it should.
        let stored = (i64::from(count) - 1 - i64::from(weight)) * 4;
        let wanted = i64::from(scale);
        if stored > wanted {
            let surplus = usize::try_from(stored - wanted).map_err(Error::internal)?;
            digits.truncate(digits.len().saturating_sub(surplus));
            return Number::new(sign != 0, &digits, wanted);
        }
        Number::new(sign != 0, &digits, stored)?.rescaled(u8::try_from(wanted).map_err(|_| overflow())?)
    }

    fn new(negative: bool, digits: &[u8], scale: i64) -> Result<Number> {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let mut text: Vec<u8> = digits.get(zeros..).unwrap_or_default().to_vec();
        // Arrow's negative scales are little known to DataFusion: zeros instead.
        if scale < 0 && !text.is_empty() {
            let zeros = usize::try_from(-scale)
                .ok()
                .filter(|zeros| *zeros <= usize::from(DECIMAL256_MAX_PRECISION));
            text.resize(text.len() + zeros.ok_or_else(overflow)?, b'0');
        }
        let scale = u8::try_from(scale.max(0))
            .ok()
            .filter(|scale| *scale <= DECIMAL256_MAX_PRECISION)
            .ok_or_else(overflow)?;
        let count = u8::try_from(text.len())
            .ok()
            .filter(|count| *count <= DECIMAL256_MAX_PRECISION)
            .ok_or_else(overflow)?;
        let value = text.iter().try_fold(i256::ZERO, |sum, digit| {
            sum.checked_mul(i256::from_i128(10))?
                .checked_add(i256::from_i128(i128::from(digit - b'0')))
        });
        let value = value.ok_or_else(overflow)?;
        Ok(Number {
            value: if negative { value.wrapping_neg() } else { value },
            digits: count,
            scale,
        })
    }

    /// The same number with a scale that is not smaller.
    fn rescaled(self, scale: u8) -> Result<Number> {
        let Some(zeros) = scale.checked_sub(self.scale).filter(|zeros| *zeros > 0) else {
            return Ok(self);
        };
        let digits = if self.digits == 0 {
            0
        } else {
            self.digits.saturating_add(zeros)
        };
        if digits > DECIMAL256_MAX_PRECISION || scale > DECIMAL256_MAX_PRECISION {
            return Err(overflow());
        }
        let factor = i256::from_i128(10).checked_pow(u32::from(zeros));
        let value = if self.digits == 0 {
            Some(self.value)
        } else {
            factor.and_then(|factor| self.value.checked_mul(factor))
        };
        Ok(Number {
            value: value.ok_or_else(overflow)?,
            digits,
            scale,
        })
    }

    fn precision(&self) -> u8 {
        self.digits.max(self.scale).max(1)
    }

    /// As narrow a decimal as holds the number.
    pub fn scalar(self) -> ScalarValue {
        self.scalar_of(self.precision())
    }

    fn scalar_of(self, precision: u8) -> ScalarValue {
        // A scale is at most 76.
        let scale = i8::try_from(self.scale).unwrap_or(i8::MAX);
        match self.value.to_i128() {
            Some(value) if precision <= DECIMAL128_MAX_PRECISION => {
                ScalarValue::Decimal128(Some(value), precision, scale)
            }
            _ => ScalarValue::Decimal256(Some(self.value), precision, scale),
        }
    }
}

/// Numbers as scalars of one type, which holds them all, and that type.
pub(super) fn unified(numbers: Vec<Option<Number>>) -> Result<(Vec<ScalarValue>, DataType)> {
    let present = || numbers.iter().flatten();
    let scale = present().map(|number| number.scale).max().unwrap_or(0);
    let whole = present()
        .map(|number| number.precision() - number.scale)
        .max()
        .unwrap_or(1);
    let precision = whole.saturating_add(scale).max(1);
    if precision > DECIMAL256_MAX_PRECISION {
        return Err(overflow());
    }
    let null = Number {
        value: i256::ZERO,
        digits: 0,
        scale,
    }
    .scalar_of(precision)
    .data_type();
    let scalar = |number: Option<Number>| match number {
        Some(number) => Ok(number.rescaled(scale)?.scalar_of(precision)),
        None => ScalarValue::try_from(&null).map_err(Error::internal),
    };
    Ok((numbers.into_iter().map(scalar).collect::<Result<_>>()?, null))
}

fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

/// Arrow's decimals have neither NaN nor infinities.
fn not_finite() -> Error {
    Error::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        "numeric parameters cannot be NaN or infinite",
    )
}
