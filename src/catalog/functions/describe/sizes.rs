//! Sizes: nothing here takes up space, and sizes that are written for people.

use super::super::native::{Call, Native, stable, zero};
use crate::{Error, Result, SqlState};

pub const FUNCTIONS: &[Native] = &[
    stable("pg_relation_size", "bigint", zero),
    stable("pg_total_relation_size", "bigint", zero),
    stable("pg_table_size", "bigint", zero),
    stable("pg_indexes_size", "bigint", zero),
    stable("pg_database_size", "bigint", zero),
    stable("pg_tablespace_size", "bigint", zero),
    stable("pg_size_pretty", "text", size_pretty),
    stable("pg_size_bytes", "bigint", size_bytes),
];

/// `pg_size_pretty`: a unit is left once ten of the next fit, and halves are rounded away from zero.
fn size_pretty(call: &Call<'_>) -> Result<Option<String>> {
    let Some(size) = call
        .text(0)
        .and_then(|text| text.split('.').next()?.parse::<i128>().ok())
    else {
        return Ok(None);
    };
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let limit = 10 * 1024;
    let mut value = size;
    if value.abs() < limit {
        return Ok(Some(format!("{value} bytes")));
    }
    // PostgreSQL keeps one more bit than it prints until the end, for rounding.
    value >>= 9;
    for (position, unit) in UNITS.iter().enumerate().skip(1) {
        if value.abs() < 2 * limit - 1 || position == UNITS.len() - 1 {
            let rounded = if value >= 0 { (value + 1) / 2 } else { (value - 1) / 2 };
            return Ok(Some(format!("{rounded} {unit}")));
        }
        value >>= 10;
    }
    Ok(None)
}

/// `'1 GB'` in bytes.
fn size_bytes(call: &Call<'_>) -> Result<Option<String>> {
    let text = call.text(0).unwrap_or("");
    let invalid = |detail: Option<String>| {
        let error = Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid size: \"{text}\""));
        match detail {
            Some(detail) => error
                .with_detail(detail)
                .with_hint("Valid units are \"bytes\", \"B\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\"."),
            None => error,
        }
    };
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-' | 'e' | 'E'));
    let (number, unit) = trimmed.split_at(end.unwrap_or(trimmed.len()));
    let number: f64 = number.parse().map_err(|_| invalid(None))?;
    let unit = unit.trim();
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let exponent = match unit {
        "" | "b" | "B" => Some(0),
        unit => UNITS.iter().position(|known| known.eq_ignore_ascii_case(unit)),
    };
    let exponent = exponent.and_then(|exponent| i32::try_from(exponent).ok());
    let exponent = exponent.ok_or_else(|| invalid(Some(format!("Invalid size unit: \"{unit}\"."))))?;
    let bytes = (number * 1024f64.powi(exponent)).round();
    if bytes.abs() >= 2f64.powi(63) {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range"));
    }
    Ok(Some(format!("{bytes:.0}")))
}
