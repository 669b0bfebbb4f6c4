//! Dates and times out of numbers: `make_date` and kin, seconds since 1970, the clock. Intervals out of numbers are in
//! `intervals`, text by a template is read for `to_timestamp`.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{DAY, HOUR, MINUTE, SECOND, to_utc, zone_named};
use crate::{
    Error, Result, SqlState,
    catalog::functions::{
        returns,
        typed::{Row, Typed, plain},
        value::{Value, rescaled, rounded},
    },
    wire::encode::{civil_from_days, days_from_civil},
};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new(
        "make_time",
        |_| Ok(plain("time without time zone")),
        |row| time_of(row, 0).map(Value::Time),
    ),
    Typed::new("make_date", |_| Ok(plain("date")), |row| date_of(row).map(Value::Date)),
    Typed::new(
        "make_timestamp",
        |_| Ok(plain("timestamp without time zone")),
        |row| Ok(Value::Timestamp(date_of(row)? * DAY + time_of(row, 3)?)),
    ),
    Typed::new("make_timestamptz", returns::timestamptz, |row| {
        let zone = match row.get(6) {
            Value::Text(name) => zone_named(name)?,
            _ => row.zone,
        };
        to_utc(date_of(row)? * DAY + time_of(row, 3)?, &zone).map(Value::Timestamptz)
    }),
    Typed::new("clock_timestamp", returns::timestamptz, |_| {
        Ok(Value::Timestamptz(now_micros()))
    })
    .volatile(),
];

fn date_of(row: &Row<'_>) -> Result<i64> {
    let (year, month, day) = (row.integer(0), row.integer(1), row.integer(2));
    let overflow = || {
        let words = format!("date field value out of range: {year}-{month:02}-{day:02}");
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, words)
    };
    let (month, day) = (
        u32::try_from(month).map_err(|_| overflow())?,
        u32::try_from(day).map_err(|_| overflow())?,
    );
    let astronomical = if year < 0 { year + 1 } else { year };
    if year == 0 || !(1..=12).contains(&month) || !(-4_713..=294_276).contains(&year) {
        return Err(overflow());
    }
    let days = days_from_civil(astronomical, month, day);
    if civil_from_days(days) != (astronomical, month, day) {
        return Err(overflow());
    }
    Ok(days)
}

fn time_of(row: &Row<'_>, from: usize) -> Result<i64> {
    let (hour, minute, second) = (row.integer(from), row.integer(from + 1), row.float(from + 2));
    let overflow = || {
        let words = format!("time field value out of range: {hour}:{minute:02}:{second}");
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, words)
    };
    if !(0..=24).contains(&hour) || !(0..=59).contains(&minute) || !(0.0..=60.0).contains(&second) {
        return Err(overflow());
    }
    let micros = rounded(second * 1e6).ok_or_else(overflow)?;
    Some(hour * HOUR + minute * MINUTE + micros)
        .filter(|micros| *micros <= DAY)
        .ok_or_else(overflow)
}

/// The clock's time, in microseconds since 1970.
fn now_micros() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

/// The whole part of a number of seconds in microseconds: of use to functions that take seconds.
pub fn seconds_to_micros(value: &Value) -> Option<i64> {
    match value {
        Value::Int(seconds) => seconds.checked_mul(SECOND),
        Value::Numeric(digits, scale) => rescaled(*digits, *scale, 6)?.to_i128()?.try_into().ok(),
        Value::Float(seconds) => rounded(seconds * 1e6),
        _ => None,
    }
}
