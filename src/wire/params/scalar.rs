//! Parameters of the types that are not arrays.

use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;
use postgres_types::Type;

use super::{bad_binary, datetime, exactly, interval, invalid_syntax, numeric, take, text};
use crate::wire::encode::Zone;
use crate::wire::encode::datetime::{POSTGRES_EPOCH_DAYS, Scale, date_days, timestamp_out_of_range};
use crate::wire::encode::special::parse_uuid;
use crate::{Error, Result, SqlState};

/// The first byte of a jsonb value in binary.
const JSONB_VERSION: u8 = 1;

/// Whether a type is an alias of oid whose text is a name.
fn is_object_alias(ty: &Type) -> bool {
    ty.name().starts_with("reg")
}

pub(super) fn from_text(ty: &Type, input: &str, zone: &Zone) -> Result<ScalarValue> {
    let syntax = || invalid_syntax(SqlState::INVALID_TEXT_REPRESENTATION, ty, input);
    let trimmed = input.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    Ok(match *ty {
        Type::BOOL => ScalarValue::Boolean(Some(boolean(trimmed).ok_or_else(syntax)?)),
        Type::INT2 => ScalarValue::Int16(Some(integer(ty, input, trimmed)?)),
        Type::INT4 => ScalarValue::Int32(Some(integer(ty, input, trimmed)?)),
        Type::INT8 => ScalarValue::Int64(Some(integer(ty, input, trimmed)?)),
        Type::OID | Type::XID | Type::CID => ScalarValue::UInt32(Some(oid(ty, input, trimmed)?)),
        _ if is_object_alias(ty) => match trimmed.parse() {
            Ok(oid) => ScalarValue::UInt32(Some(oid)),
            Err(_) => ScalarValue::Utf8(Some(trimmed.to_string())),
        },
        Type::FLOAT4 => {
            let value: f32 = trimmed.parse().map_err(|_| syntax())?;
            ScalarValue::Float32(Some(finite(ty, trimmed, value, value.is_infinite(), value == 0.0)?))
        }
        Type::FLOAT8 => {
            let value: f64 = trimmed.parse().map_err(|_| syntax())?;
            ScalarValue::Float64(Some(finite(ty, trimmed, value, value.is_infinite(), value == 0.0)?))
        }
        Type::NUMERIC => numeric::Number::from_text(input, trimmed)?.scalar(),
        Type::BYTEA => ScalarValue::Binary(Some(bytea(input)?)),
        Type::DATE => ScalarValue::Date32(Some(datetime::date(input)?)),
        Type::TIME => ScalarValue::Time64Microsecond(Some(datetime::time(input)?)),
        Type::TIMESTAMP => ScalarValue::TimestampMicrosecond(Some(datetime::timestamp(input)?), None),
        Type::TIMESTAMPTZ => {
            ScalarValue::TimestampMicrosecond(Some(datetime::timestamptz(input, zone)?), Some("+00:00".into()))
        }
        Type::INTERVAL => ScalarValue::IntervalMonthDayNano(Some(interval::from_text(input)?)),
        Type::UUID => ScalarValue::Utf8(Some(uuid_text(parse_uuid(input.as_bytes()).ok_or_else(syntax)?))),
        Type::JSON | Type::JSONB => ScalarValue::Utf8(Some(json(input)?)),
        // "char" keeps its first byte; the rest of a character that is longer would be no text.
        Type::CHAR => ScalarValue::Utf8(Some(input.chars().take(1).collect())),
        _ => ScalarValue::Utf8(Some(input.to_string())),
    })
}

pub(super) fn from_binary(ty: &Type, bytes: &[u8]) -> Result<ScalarValue> {
    Ok(match *ty {
        Type::BOOL => {
            let [byte] = exactly(bytes)?;
            ScalarValue::Boolean(Some(byte != 0))
        }
        Type::INT2 => ScalarValue::Int16(Some(i16::from_be_bytes(exactly(bytes)?))),
        Type::INT4 => ScalarValue::Int32(Some(i32::from_be_bytes(exactly(bytes)?))),
        Type::INT8 => ScalarValue::Int64(Some(i64::from_be_bytes(exactly(bytes)?))),
        Type::OID | Type::XID | Type::CID => ScalarValue::UInt32(Some(u32::from_be_bytes(exactly(bytes)?))),
        _ if is_object_alias(ty) => ScalarValue::UInt32(Some(u32::from_be_bytes(exactly(bytes)?))),
        Type::FLOAT4 => ScalarValue::Float32(Some(f32::from_be_bytes(exactly(bytes)?))),
        Type::FLOAT8 => ScalarValue::Float64(Some(f64::from_be_bytes(exactly(bytes)?))),
        Type::NUMERIC => numeric::Number::from_binary(bytes)?.scalar(),
        Type::BYTEA => ScalarValue::Binary(Some(bytes.to_vec())),
        Type::DATE => {
            let days = i64::from(i32::from_be_bytes(exactly(bytes)?)) + i64::from(POSTGRES_EPOCH_DAYS);
            ScalarValue::Date32(Some(date_days(days)?))
        }
        Type::TIME => {
            let micros = i64::from_be_bytes(exactly(bytes)?);
            ScalarValue::Time64Microsecond(Some(datetime::day_time(micros).ok_or_else(bad_time)?))
        }
        Type::TIMESTAMP => ScalarValue::TimestampMicrosecond(Some(binary_timestamp(bytes)?), None),
        Type::TIMESTAMPTZ => ScalarValue::TimestampMicrosecond(Some(binary_timestamp(bytes)?), Some("+00:00".into())),
        Type::INTERVAL => {
            let mut rest = bytes;
            let micros = i64::from_be_bytes(take(&mut rest)?);
            let days = i32::from_be_bytes(take(&mut rest)?);
            let months = i32::from_be_bytes(exactly(rest)?);
            let nanos = micros.checked_mul(1_000).ok_or_else(interval::out_of_range)?;
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, days, nanos)))
        }
        Type::UUID => ScalarValue::Utf8(Some(uuid_text(exactly(bytes)?))),
        Type::JSON => ScalarValue::Utf8(Some(json(text(bytes)?)?)),
        Type::JSONB => match bytes.split_first() {
            Some((&JSONB_VERSION, rest)) => ScalarValue::Utf8(Some(json(text(rest)?)?)),
            Some((version, _)) => {
                return Err(Error::new(
                    SqlState::INTERNAL_ERROR,
                    format!("unsupported jsonb version number {version}"),
                ));
            }
            None => return Err(bad_binary()),
        },
        Type::CHAR => match exactly(bytes)? {
            [0] => ScalarValue::Utf8(Some(String::new())),
            byte => ScalarValue::Utf8(Some(text(&byte)?.to_string())),
        },
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML | Type::CSTRING => {
            ScalarValue::Utf8(Some(text(bytes)?.to_string()))
        }
        _ => {
            let words = format!("binary format is not supported for type {}", ty.name());
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, words));
        }
    })
}

fn bad_time() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "time out of range")
}

fn binary_timestamp(bytes: &[u8]) -> Result<i64> {
    let epoch = i64::from(POSTGRES_EPOCH_DAYS) * 86_400_000_000;
    let micros = i64::from_be_bytes(exactly(bytes)?)
        .checked_add(epoch)
        .ok_or_else(timestamp_out_of_range)?;
    Scale::Times(1).timestamp(micros)
}

/// Any unambiguous beginning of a word, in any case.
fn boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if text == "1" || begins("true", 1) || begins("yes", 1) || text == "on" {
        Some(true)
    } else if text == "0" || begins("false", 1) || begins("no", 1) || begins("off", 2) {
        Some(false)
    } else {
        None
    }
}

fn integer<I: std::str::FromStr<Err = std::num::ParseIntError>>(ty: &Type, input: &str, trimmed: &str) -> Result<I> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    trimmed
        .parse()
        .map_err(|error: std::num::ParseIntError| match error.kind() {
            PosOverflow | NegOverflow => out_of_range(ty, input),
            _ => invalid_syntax(SqlState::INVALID_TEXT_REPRESENTATION, ty, input),
        })
}

fn out_of_range(ty: &Type, input: &str) -> Error {
    let words = format!("value \"{input}\" is out of range for type {}", super::type_name(ty));
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, words)
}

/// An oid may be written as the signed number of the same 32 bits.
fn oid(ty: &Type, input: &str, trimmed: &str) -> Result<u32> {
    let value: i64 = integer(ty, input, trimmed)?;
    let oid = u32::try_from(value)
        .ok()
        .or_else(|| i32::try_from(value).ok().map(i32::cast_unsigned));
    oid.ok_or_else(|| out_of_range(ty, input))
}

/// Refuses digits that became infinite or zero.
fn finite<F>(ty: &Type, trimmed: &str, value: F, is_infinite: bool, is_zero: bool) -> Result<F> {
    let mantissa = trimmed.split(['e', 'E']).next().unwrap_or_default();
    let overflows = is_infinite && trimmed.bytes().any(|byte| byte.is_ascii_digit());
    let underflows = is_zero && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if overflows || underflows {
        let words = format!("\"{trimmed}\" is out of range for type {}", super::type_name(ty));
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, words));
    }
    Ok(value)
}

/// The hex form (`\x0aff`, white space between bytes) or the escape form (`\\`, `\377`).
fn bytea(input: &str) -> Result<Vec<u8>> {
    if let Some(hex) = input.strip_prefix("\\x") {
        let mut digits = Vec::new();
        for c in hex.chars().filter(|c| !c.is_ascii_whitespace()) {
            let invalid = || {
                Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("invalid hexadecimal digit: \"{c}\""),
                )
            };
            digits.push(
                c.to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
                    .ok_or_else(invalid)?,
            );
        }
        let (pairs, odd) = digits.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "invalid hexadecimal data: odd number of digits",
            ));
        }
        return Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect());
    }
    let mut rest = input.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match (byte, tail) {
            (b'\\', [b'\\', tail @ ..]) => {
                bytes.push(b'\\');
                tail
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                tail
            }
            (b'\\', _) => {
                return Err(Error::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    "invalid input syntax for type bytea",
                ));
            }
            _ => {
                bytes.push(byte);
                tail
            }
        };
    }
    Ok(bytes)
}

fn uuid_text(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(
            [byte >> 4, byte & 15]
                .iter()
                .filter_map(|nibble| char::from_digit(u32::from(*nibble), 16)),
        );
    }
    text
}

fn json(input: &str) -> Result<String> {
    match serde_json::from_str::<serde::de::IgnoredAny>(input) {
        Ok(_) => Ok(input.to_string()),
        Err(error) => {
            let words = "invalid input syntax for type json";
            Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, words).with_detail(error.to_string()))
        }
    }
}
