//! Fields of times and intervals: `extract`, exactly, and `date_part`, as a float; the names that fields go by. Where a
//! function of the engine says the same, it is named in `engine`.

use arrow::datatypes::{DataType, Field, i256};

use super::{
    DAY, DAYS_PER_MONTH, DAYS_PER_YEAR_QUARTERS, HOUR, JULIAN_UNIX, MINUTE, SECOND, engine, iso_week, local, to_local,
};
use crate::{
    Error, Result, SqlState,
    catalog::functions::{
        returns,
        typed::{Inputs, Row, Typed, numeric, plain},
        value::Value,
    },
    wire::{
        encode::{Interval, Zone, civil_from_days, days_from_civil},
        types::NUMERIC_ANY,
    },
};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("pg_extract", extracted, |row| extract(row, true)).simplified(engine::extract),
    Typed::new(
        "pg_date_part",
        |_| Ok(plain("double precision")),
        |row| extract(row, false),
    )
    .simplified(engine::date_part),
    Typed::new("isfinite", returns::boolean, |_| Ok(Value::Bool(true))),
];

/// A field's name as PostgreSQL's functions spell it, of the many that it takes.
pub(super) fn unit(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecond" | "microseconds" | "microsecon" => {
            "microseconds"
        }
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecond" | "milliseconds" | "millisecon" => {
            "milliseconds"
        }
        "s" | "sec" | "secs" | "second" | "seconds" => "second",
        "m" | "min" | "mins" | "minute" | "minutes" => "minute",
        "h" | "hr" | "hrs" | "hour" | "hours" => "hour",
        "d" | "day" | "days" => "day",
        "w" | "week" | "weeks" => "week",
        "mon" | "mons" | "month" | "months" => "month",
        "qtr" | "quarter" => "quarter",
        "y" | "yr" | "yrs" | "year" | "years" => "year",
        "dec" | "decs" | "decade" | "decades" => "decade",
        "c" | "cent" | "century" | "centuries" => "century",
        "mil" | "mils" | "millennium" | "millennia" => "millennium",
        "epoch" => "epoch",
        "dow" => "dow",
        "isodow" => "isodow",
        "doy" => "doy",
        "isoyear" => "isoyear",
        "julian" | "jd" | "j" => "julian",
        "timezone" => "timezone",
        "timezone_h" | "timezone_hour" => "timezone_hour",
        "timezone_m" | "timezone_minute" => "timezone_minute",
        _ => return None,
    })
}

pub(super) fn unit_error(value: &Value, name: &str, known: bool) -> Error {
    let ty = match value {
        Value::Date(_) => "date",
        Value::Time(_) => "time without time zone",
        Value::Timestamp(_) => "timestamp without time zone",
        Value::Timestamptz(_) => "timestamp with time zone",
        _ => "interval",
    };
    let name = name.to_ascii_lowercase();
    if known {
        let words = format!("unit \"{name}\" not supported for type {ty}");
        return Error::new(SqlState::FEATURE_NOT_SUPPORTED, words);
    }
    let words = format!("unit \"{name}\" not recognized for type {ty}");
    Error::new(SqlState::INVALID_PARAMETER_VALUE, words)
}

/// The digits behind the point that a field has.
fn field_scale(field: &str, of: &DataType) -> i8 {
    match unit(field) {
        Some("second") => 6,
        Some("milliseconds") => 3,
        Some("epoch") if *of != DataType::Date32 => 6,
        Some("julian") if *of != DataType::Date32 => 20,
        _ => 0,
    }
}

fn extracted(inputs: &Inputs<'_>) -> Result<Field> {
    match inputs.constant_text(0) {
        Some(field) => Ok(numeric(field_scale(field, inputs.data_type(1)))),
        None => Ok(Field::new("", NUMERIC_ANY, true)),
    }
}

/// `extract(field from x)`, exact or as a float.
fn extract(row: &Row<'_>, exact: bool) -> Result<Value> {
    let (name, value) = (row.text(0), row.get(1));
    let field = unit(name).ok_or_else(|| unit_error(value, name, false))?;
    let (number, scale) = field_of(field, value, &row.zone)?.ok_or_else(|| unit_error(value, name, true))?;
    let value = Value::Numeric(i256::from_i128(number), scale);
    if exact {
        return Ok(value);
    }
    Ok(Value::Float(value.float().unwrap_or(f64::NAN)))
}

/// A field of a time as digits and their scale.
fn field_of(field: &str, value: &Value, zone: &Zone) -> Result<Option<(i128, i8)>> {
    let whole = |number: i64| Some((i128::from(number), 0));
    let clock = |micros: i64| match field {
        "microseconds" => whole(micros.rem_euclid(MINUTE)),
        "milliseconds" => Some((i128::from(micros.rem_euclid(MINUTE)), 3)),
        "second" => Some((i128::from(micros.rem_euclid(MINUTE)), 6)),
        "minute" => whole(micros.div_euclid(MINUTE) % 60),
        "hour" => whole(micros.div_euclid(HOUR)),
        _ => None,
    };
    let micros = match value {
        Value::Interval(value) => return Ok(interval_field(field, *value)),
        Value::Time(micros) if field == "epoch" => return Ok(Some((i128::from(*micros), 6))),
        Value::Time(micros) => return Ok(clock(*micros)),
        Value::Timestamptz(utc) => {
            let offset = i64::from(zone.offset_at(utc.div_euclid(SECOND)));
            match field {
                "epoch" => return Ok(Some((i128::from(*utc), 6))),
                "timezone" => return Ok(whole(offset)),
                "timezone_hour" => return Ok(whole(offset / 3_600)),
                "timezone_minute" => return Ok(whole(offset / 60 % 60)),
                _ => to_local(*utc, zone),
            }
        }
        Value::Date(days) if field == "epoch" => return Ok(whole(days * 86_400)),
        other => local(other, zone)?,
    };
    let days = micros.div_euclid(DAY);
    let (year, month, day) = civil_from_days(days);
    let is_date = matches!(value, Value::Date(_));
    Ok(match field {
        "epoch" => Some((i128::from(micros), 6)),
        "year" => whole(if year > 0 { year } else { year - 1 }),
        "month" => whole(month.into()),
        "day" => whole(day.into()),
        "quarter" => whole((i64::from(month) - 1) / 3 + 1),
        "decade" => whole(year.div_euclid(10)),
        "century" => whole(if year > 0 {
            (year + 99) / 100
        } else {
            -((99 - (year - 1)) / 100)
        }),
        "millennium" => whole(if year > 0 {
            (year + 999) / 1_000
        } else {
            -((999 - (year - 1)) / 1_000)
        }),
        "dow" => whole((days + 4).rem_euclid(7)),
        "isodow" => whole((days + 3).rem_euclid(7) + 1),
        "doy" => whole(days - days_from_civil(year, 1, 1) + 1),
        "week" => whole(iso_week(days).1),
        "isoyear" => whole(iso_week(days).0),
        "julian" if is_date => whole(days + JULIAN_UNIX),
        "julian" => {
            let fraction = i128::from(micros.rem_euclid(DAY)) * 10i128.pow(20) / i128::from(DAY);
            Some((i128::from(days + JULIAN_UNIX) * 10i128.pow(20) + fraction, 20)).filter(|_| fraction >= 0)
        }
        _ if is_date => None,
        _ => clock(micros.rem_euclid(DAY)),
    })
}

fn interval_field(field: &str, value: Interval) -> Option<(i128, i8)> {
    let whole = |number: i64| Some((i128::from(number), 0));
    let (months, micros) = (i64::from(value.months), value.micros);
    match field {
        "microseconds" => whole(micros % MINUTE),
        "milliseconds" => Some((i128::from(micros % MINUTE), 3)),
        "second" => Some((i128::from(micros % MINUTE), 6)),
        "minute" => whole(micros / MINUTE % 60),
        "hour" => whole(micros / HOUR),
        "day" => whole(value.days.into()),
        "month" => whole(months % 12),
        "quarter" => whole(months % 12 / 3 + 1),
        "year" => whole(months / 12),
        "decade" => whole(months / 120),
        "century" => whole(months / 1_200),
        "millennium" => whole(months / 12_000),
        "epoch" => {
            // A year of 365¼ days, a month of 30.
            let quarters =
                months / 12 * DAYS_PER_YEAR_QUARTERS + (months % 12 * DAYS_PER_MONTH + i64::from(value.days)) * 4;
            Some((i128::from(quarters) * i128::from(DAY / 4) + i128::from(micros), 6))
        }
        _ => None,
    }
}
