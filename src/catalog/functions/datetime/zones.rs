//! Time zones: how `AT TIME ZONE` names them, and an instant as the local time of one and back. What a zone's offset is at a
//! time, and which names are zones at all, is `wire`'s to say.

use arrow::datatypes::{DataType, Field};
use postgres_types::Type;

use super::{SECOND, interval, midnight};
use crate::{
    Error, Result, SqlState,
    catalog::functions::{
        typed::{Inputs, Row, Typed, plain},
        value::{Value, interval_out_of_range},
    },
    wire::{
        encode::{Zone, timestamp_out_of_range},
        params,
    },
};

pub const FUNCTIONS: &[Typed] = &[Typed::new("timezone", zoned, timezone)];

fn zoned(inputs: &Inputs<'_>) -> Result<Field> {
    match inputs.data_type(1) {
        DataType::Timestamp(_, Some(_)) | DataType::Date32 => Ok(plain("timestamp without time zone")),
        DataType::Timestamp(_, None) => Ok(plain("timestamp with time zone")),
        // A quoted literal is a timestamptz first.
        other if other.is_string() => Ok(plain("timestamp without time zone")),
        _ => Err(inputs.no_function()),
    }
}

/// `x AT TIME ZONE zone`.
fn timezone(row: &Row<'_>) -> Result<Value> {
    let zone = match row.get(0) {
        Value::Text(name) => zone_named(name)?,
        other => {
            let interval = interval(other)?;
            let seconds = interval.micros / SECOND;
            Zone::Fixed(i32::try_from(seconds).map_err(|_| interval_out_of_range())?)
        }
    };
    match row.get(1) {
        Value::Timestamptz(utc) => Ok(Value::Timestamp(to_local(*utc, &zone))),
        Value::Date(days) => Ok(Value::Timestamp(to_local(to_utc(midnight(*days)?, &row.zone)?, &zone))),
        Value::Timestamp(local) => to_utc(*local, &zone).map(Value::Timestamptz),
        Value::Text(text) => match Value::read(text, &Type::TIMESTAMPTZ, &row.zone)? {
            Value::Timestamptz(utc) => Ok(Value::Timestamp(to_local(utc, &zone))),
            other => Ok(other),
        },
        other => Err(Error::internal(format!("not a time: {other:?}"))),
    }
}

/// A zone as AT TIME ZONE names it: an offset is POSIX's there, west of UTC.
pub fn zone_named(text: &str) -> Result<Zone> {
    let unknown = || {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("time zone \"{text}\" not recognized"),
        )
    };
    let abbreviation = ABBREVIATIONS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    if let Some((_, hours)) = abbreviation {
        return Ok(Zone::Fixed(hours * 3_600));
    }
    match params::named_zone(text.trim()).ok_or_else(unknown)? {
        Zone::Fixed(east) => Ok(Zone::Fixed(-east)),
        named => Ok(named),
    }
}

/// Abbreviations that PostgreSQL knows and that are no zones of the IANA database, in hours east of UTC.
const ABBREVIATIONS: [(&str, i32); 12] = [
    ("PST", -8),
    ("PDT", -7),
    ("MDT", -6),
    ("CST", -6),
    ("CDT", -5),
    ("EDT", -4),
    ("BST", 1),
    ("CEST", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("JST", 9),
    ("AEST", 10),
];

/// Microseconds in UTC of a local time.
pub fn to_utc(local: i64, zone: &Zone) -> Result<i64> {
    let offset = params::offset_of_local(zone, local.div_euclid(SECOND));
    local
        .checked_sub(i64::from(offset) * SECOND)
        .ok_or_else(timestamp_out_of_range)
}

/// The local time at an instant.
pub fn to_local(utc: i64, zone: &Zone) -> i64 {
    utc.saturating_add(i64::from(zone.offset_at(utc.div_euclid(SECOND))) * SECOND)
}
