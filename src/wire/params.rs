//! Bind parameters: PostgreSQL's text and binary forms → DataFusion scalars.
//!
//! What PostgreSQL's input functions accept is accepted, and refused in their words. Which type a parameter has is decided
//! by the planner; looking up names (`'pg_class'::regclass`) is the catalogue's business.

mod array;
mod datetime;
mod interval;
mod numeric;
mod scalar;
#[cfg(test)]
mod tests;

use datafusion::common::ScalarValue;
use postgres_types::{Kind, Type};

use super::encode::{Format, Zone};
use super::types::arrow_type;
use crate::{Error, Result, SqlState};
pub(crate) use datetime::{named_zone, offset_of_local};

/// Decodes a parameter in a session whose time zone is UTC; see [`decode_parameter_in`].
pub fn decode_parameter(ty: &Type, format: Format, bytes: Option<&[u8]>) -> Result<ScalarValue> {
    decode_parameter_in(ty, format, bytes, &Zone::UTC)
}

/// Decodes a parameter; `None` is NULL. `zone` is the session's: it is that of a timestamp with time zone whose text names none.
///
/// The scalar has the type that [`arrow_type`] gives, but for `numeric`, whose precision and scale are the value's own (a
/// Decimal256 beyond 38 digits), arrays of several dimensions, which are lists of lists, and names given for a `reg*`
/// type, which stay text.
///
/// # Errors
/// 22P02, 22P03, 22003, 22007, 22008, 22021 as PostgreSQL's input functions raise them; 0A000 for a type that no parameter
/// can have in that format.
pub fn decode_parameter_in(ty: &Type, format: Format, bytes: Option<&[u8]>, zone: &Zone) -> Result<ScalarValue> {
    let Some(bytes) = bytes else {
        // A type that is not known here is text, as PostgreSQL's `unknown` is.
        let data_type = arrow_type(ty).unwrap_or(datafusion::arrow::datatypes::DataType::Utf8);
        return ScalarValue::try_from(&data_type).map_err(Error::internal);
    };
    if let Kind::Array(item) = ty.kind() {
        return match format {
            Format::Text => array::from_text(item, text(bytes)?, zone),
            Format::Binary => array::from_binary(item, bytes, zone),
        };
    }
    match format {
        Format::Text => scalar::from_text(ty, text(bytes)?, zone),
        Format::Binary => scalar::from_binary(ty, bytes),
    }
}

/// Text that PostgreSQL could hold: UTF-8 without NUL.
fn text(bytes: &[u8]) -> Result<&str> {
    let invalid = |at: usize| {
        let byte = bytes.get(at).copied().unwrap_or_default();
        Error::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            format!("invalid byte sequence for encoding \"UTF8\": 0x{byte:02x}"),
        )
    };
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(invalid(at));
    }
    std::str::from_utf8(bytes).map_err(|error| invalid(error.valid_up_to()))
}

/// A type's name as PostgreSQL's messages have it.
fn type_name(ty: &Type) -> &str {
    match *ty {
        Type::BOOL => "boolean",
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::TIMESTAMPTZ => "timestamp with time zone",
        _ => ty.name(),
    }
}

/// `invalid input syntax for type integer: "abc"`
fn invalid_syntax(code: SqlState, ty: &Type, text: &str) -> Error {
    Error::new(
        code,
        format!("invalid input syntax for type {}: \"{text}\"", type_name(ty)),
    )
}

/// What a value of the wrong length or with bytes left over gets; PostgreSQL names the parameter as well, which is known
/// to the caller only.
fn bad_binary() -> Error {
    Error::new(
        SqlState::INVALID_BINARY_REPRESENTATION,
        "incorrect binary data format in bind parameter",
    )
}

/// Takes a big-endian number off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or_else(bad_binary)?;
    *bytes = rest;
    Ok(*head)
}

/// All of the bytes as one big-endian number.
fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| bad_binary())
}
