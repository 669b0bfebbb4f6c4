//! Dates, times and intervals. Here is what all of them share: the units of time in microseconds, and any value as a local
//! time. Each file beside has the functions of one kind; templates are `to_char`'s, text forms are `wire`'s.

mod calendar;
mod engine;
mod fields;
mod intervals;
mod make;
mod truncate;
mod zones;

use postgres_types::Type;

use super::{typed::Typed, value::Value};
use crate::{Error, Result, SqlState, wire::encode::Zone};

pub use calendar::{add, add_zoned, iso_week};
pub use intervals::{INTERVAL_ORDER, interval, interval_order};
pub use make::seconds_to_micros;
use zones::zone_named;
pub use zones::{to_local, to_utc};

pub const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// PostgreSQL's numbers for comparing and multiplying intervals, and for their epoch.
const DAYS_PER_MONTH: i64 = 30;
const DAYS_PER_YEAR_QUARTERS: i64 = 1_461;

/// The Julian day of 1970-01-01.
pub const JULIAN_UNIX: i64 = 2_440_588;

pub const FUNCTIONS: [&[Typed]; 6] = [
    calendar::FUNCTIONS,
    fields::FUNCTIONS,
    intervals::FUNCTIONS,
    make::FUNCTIONS,
    truncate::FUNCTIONS,
    zones::FUNCTIONS,
];

/// When a day begins, in microseconds of its own zone since 1970; not every day that a date can be has a time.
pub fn midnight(days: i64) -> Result<i64> {
    let words = "date out of range for timestamp";
    days.checked_mul(DAY)
        .ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, words))
}

/// A date or a time as the local time in a zone, in microseconds.
fn local(value: &Value, zone: &Zone) -> Result<i64> {
    Ok(match value {
        Value::Date(days) => midnight(*days)?,
        Value::Timestamp(micros) => *micros,
        Value::Timestamptz(micros) => to_local(*micros, zone),
        Value::Text(text) => local(&Value::read(text, &Type::TIMESTAMP, &Zone::UTC)?, zone)?,
        other => return Err(Error::internal(format!("not a time: {other:?}"))),
    })
}
