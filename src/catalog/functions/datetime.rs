//! Dates, times and intervals: `extract`, `date_trunc`, `age`, `make_*`, `AT TIME ZONE` and the arithmetic of intervals.

use std::time::{SystemTime, UNIX_EPOCH};

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit, i256};
use datafusion::{
    common::ScalarValue,
    error::Result as EngineResult,
    functions::datetime as engine,
    logical_expr::{Cast, Expr, expr::ScalarFunction, simplify::SimplifyContext},
};

use super::{
    typed::{self, Inputs, Row, Typed, numeric, plain},
    value::{Value, rescaled},
};
use crate::{
    Error, Result, SqlState,
    wire::{
        encode::{Interval, Zone, civil_from_days, days_from_civil, timestamp_out_of_range},
        params,
    },
};

pub const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// PostgreSQL's numbers for comparing and multiplying intervals, and for their epoch.
const DAYS_PER_MONTH: i64 = 30;
const DAYS_PER_YEAR_QUARTERS: i64 = 1_461;

/// The Julian day of 1970-01-01.
pub const JULIAN_UNIX: i64 = 2_440_588;

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("pg_extract", extracted, |row| extract(row, true)).simplified(engine_extract),
    Typed::new(
        "pg_date_part",
        |_| Ok(plain("double precision")),
        |row| extract(row, false),
    )
    .simplified(engine_date_part),
    Typed::new("date_trunc", truncated, date_trunc).simplified(engine_date_trunc),
    Typed::new("date_bin", binned, date_bin).simplified(engine_date_bin),
    Typed::new("timezone", zoned, timezone),
    Typed::new("age", |_| Ok(plain("interval")), age),
    Typed::new(
        "justify_hours",
        |_| Ok(plain("interval")),
        |row| Ok(Value::Interval(justify_hours(interval(row.get(0))?)?)),
    ),
    Typed::new(
        "justify_days",
        |_| Ok(plain("interval")),
        |row| Ok(Value::Interval(justify_days(interval(row.get(0))?)?)),
    ),
    Typed::new("justify_interval", |_| Ok(plain("interval")), justify_interval),
    Typed::new(
        "pg_interval_multiply",
        |_| Ok(plain("interval")),
        |row| {
            let factor = row.float(1);
            scale_interval(interval(row.get(0))?, factor).map(Value::Interval)
        },
    ),
    Typed::new(
        "pg_interval_divide",
        |_| Ok(plain("interval")),
        |row| {
            let divisor = row.float(1);
            if divisor == 0.0 {
                return Err(Error::new(SqlState::DIVISION_BY_ZERO, "division by zero"));
            }
            divide_interval(interval(row.get(0))?, divisor).map(Value::Interval)
        },
    ),
    Typed::new(
        "pg_interval_order",
        |_| Ok(plain("bigint")),
        |row| {
            let order = interval_order(interval(row.get(0))?);
            i64::try_from(order)
                .map(Value::Int)
                .map_err(|_| interval_out_of_range())
        },
    ),
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
    Typed::new(
        "make_timestamptz",
        |_| Ok(plain("timestamp with time zone")),
        |row| {
            let zone = match row.get(6) {
                Value::Text(name) => zone_named(name)?,
                _ => row.zone,
            };
            to_utc(date_of(row)? * DAY + time_of(row, 3)?, &zone).map(Value::Timestamptz)
        },
    ),
    Typed::new("make_interval", |_| Ok(plain("interval")), make_interval),
    Typed::new("isfinite", |_| Ok(plain("boolean")), |_| Ok(Value::Bool(true))),
    Typed::new("pg_overlaps", |_| Ok(plain("boolean")), overlaps).lenient(),
    Typed::new(
        "clock_timestamp",
        |_| Ok(plain("timestamp with time zone")),
        |_| Ok(Value::Timestamptz(now_micros())),
    )
    .volatile(),
    Typed::new(
        "pg_precision",
        |inputs| {
            Ok(inputs
                .fields
                .first()
                .map_or_else(|| plain("text"), |field| field.as_ref().clone()))
        },
        |row| {
            let digits = u32::try_from(row.integer(1).clamp(0, 6)).unwrap_or(6);
            let unit = 10i64.pow(6 - digits);
            let round = |micros: i64| {
                let down = micros.div_euclid(unit) * unit;
                if (micros - down) * 2 >= unit { down + unit } else { down }
            };
            Ok(match row.get(0) {
                Value::Timestamp(micros) => Value::Timestamp(round(*micros)),
                Value::Timestamptz(micros) => Value::Timestamptz(round(*micros)),
                Value::Time(micros) => Value::Time(round(*micros)),
                Value::Interval(value) => Value::Interval(Interval {
                    micros: round(value.micros),
                    ..*value
                }),
                other => other.clone(),
            })
        },
    ),
];

/// The clock's time, in microseconds since 1970.
pub fn now_micros() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

fn interval_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range")
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

pub fn interval(value: &Value) -> Result<Interval> {
    match value {
        Value::Interval(interval) => Ok(*interval),
        Value::Text(text) => {
            let scalar = params::decode_parameter(
                &postgres_types::Type::INTERVAL,
                Default::default(),
                Some(text.as_bytes()),
            )?;
            interval(&Value::of(scalar)?)
        }
        Value::Time(micros) => Ok(Interval {
            months: 0,
            days: 0,
            micros: *micros,
        }),
        other => Err(Error::internal(format!("not an interval: {other:?}"))),
    }
}

/// A date or a time in the session's zone, in microseconds, and whether it has a zone.
fn local(value: &Value, zone: &Zone) -> Result<i64> {
    Ok(match value {
        Value::Date(days) => days.checked_mul(DAY).ok_or_else(timestamp_out_of_range)?,
        Value::Timestamp(micros) => *micros,
        Value::Timestamptz(micros) => to_local(*micros, zone),
        Value::Text(text) => {
            let ty = postgres_types::Type::TIMESTAMP;
            let scalar = params::decode_parameter(&ty, Default::default(), Some(text.as_bytes()))?;
            local(&Value::of(scalar)?, zone)?
        }
        other => return Err(Error::internal(format!("not a time: {other:?}"))),
    })
}

/// How PostgreSQL compares intervals: months of 30 days, days of 24 hours.
pub fn interval_order(value: Interval) -> i128 {
    let days = i128::from(value.months) * i128::from(DAYS_PER_MONTH) + i128::from(value.days);
    days * i128::from(DAY) + i128::from(value.micros)
}

/// A field's name as PostgreSQL's functions spell it, of the many that it takes.
fn unit(name: &str) -> Option<&'static str> {
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

fn unit_error(value: &Value, name: &str, known: bool) -> Error {
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
        None => Ok(Field::new("", crate::wire::types::NUMERIC_ANY, true)),
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

/// The ISO year and week of a day.
pub fn iso_week(days: i64) -> (i64, i64) {
    // The week's Thursday lies in the week's year.
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, ..) = civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn truncated(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(match inputs.data_type(1) {
        DataType::Timestamp(..) => Field::new("", inputs.data_type(1).clone(), true),
        DataType::Interval(_) | DataType::Duration(_) => plain("interval"),
        DataType::Date32 | DataType::Null => plain("timestamp with time zone"),
        other if is_text(other) => plain("timestamp with time zone"),
        _ => return Err(inputs.no_function()),
    })
}

/// `date_trunc(unit, x[, zone])`.
fn date_trunc(row: &Row<'_>) -> Result<Value> {
    let (name, value) = (row.text(0), row.get(1));
    let field = unit(name).ok_or_else(|| unit_error(value, name, false))?;
    let refused = || unit_error(value, name, true);
    if let Value::Interval(value) = value {
        return truncate_interval(field, *value)
            .map(Value::Interval)
            .ok_or_else(refused);
    }
    let zone = match row.get(2) {
        Value::Text(name) => zone_named(name)?,
        _ => row.zone,
    };
    let start = truncate(field, local(value, &zone)?).ok_or_else(refused)?;
    Ok(match value {
        Value::Timestamp(_) => Value::Timestamp(start),
        // Below a day the offset is that of the instant: an hour that comes twice stays the one that it is.
        Value::Timestamptz(utc) if matches!(field, "microseconds" | "milliseconds" | "second" | "minute" | "hour") => {
            Value::Timestamptz(utc - (to_local(*utc, &zone) - start))
        }
        _ => Value::Timestamptz(to_utc(start, &zone)?),
    })
}

fn truncate(field: &str, micros: i64) -> Option<i64> {
    let days = micros.div_euclid(DAY);
    let (year, month, _) = civil_from_days(days);
    let first = |year: i64, month: u32| Some(days_from_civil(year, month, 1) * DAY);
    let down = |unit: i64| Some(micros.div_euclid(unit) * unit);
    match field {
        "microseconds" => Some(micros),
        "milliseconds" => down(1_000),
        "second" => down(SECOND),
        "minute" => down(MINUTE),
        "hour" => down(HOUR),
        "day" => Some(days * DAY),
        "week" => Some((days - (days + 3).rem_euclid(7)) * DAY),
        "month" => first(year, month),
        "quarter" => first(year, (month - 1) / 3 * 3 + 1),
        "year" => first(year, 1),
        "decade" => first(year.div_euclid(10) * 10, 1),
        "century" => first((year - 1).div_euclid(100) * 100 + 1, 1),
        "millennium" => first((year - 1).div_euclid(1_000) * 1_000 + 1, 1),
        _ => None,
    }
}

fn truncate_interval(field: &str, value: Interval) -> Option<Interval> {
    let months = |unit: i32| Interval::from_months(value.months / unit * unit);
    let time = |unit: i64| Interval {
        micros: value.micros / unit * unit,
        ..value
    };
    Some(match field {
        "microseconds" => value,
        "milliseconds" => time(1_000),
        "second" => time(SECOND),
        "minute" => time(MINUTE),
        "hour" => time(HOUR),
        "day" => Interval { micros: 0, ..value },
        "month" => months(1),
        "quarter" => months(3),
        "year" => months(12),
        "decade" => months(120),
        "century" => months(1_200),
        "millennium" => months(12_000),
        _ => return None,
    })
}

fn binned(inputs: &Inputs<'_>) -> Result<Field> {
    match inputs.data_type(1) {
        DataType::Timestamp(..) => Ok(Field::new("", inputs.data_type(1).clone(), true)),
        DataType::Date32 => Ok(plain("timestamp with time zone")),
        other if is_text(other) => Ok(plain("timestamp without time zone")),
        _ => Err(inputs.no_function()),
    }
}

/// `date_bin(stride, source, origin)`.
fn date_bin(row: &Row<'_>) -> Result<Value> {
    let stride = interval(row.get(0))?;
    if stride.months != 0 {
        let words = "timestamps cannot be binned into intervals containing months or years";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, words));
    }
    let stride = interval_order(stride);
    if stride <= 0 {
        return Err(Error::new(
            SqlState::DATETIME_FIELD_OVERFLOW,
            "stride must be greater than zero",
        ));
    }
    let utc = |value: &Value| match value {
        Value::Timestamptz(micros) => Ok(*micros),
        other => local(other, &row.zone),
    };
    let (source, origin) = (i128::from(utc(row.get(1))?), i128::from(utc(row.get(2))?));
    let start = origin + (source - origin).div_euclid(stride) * stride;
    let start = i64::try_from(start).map_err(|_| timestamp_out_of_range())?;
    Ok(match row.get(1) {
        Value::Timestamptz(_) => Value::Timestamptz(start),
        _ => Value::Timestamp(start),
    })
}

fn zoned(inputs: &Inputs<'_>) -> Result<Field> {
    match inputs.data_type(1) {
        DataType::Timestamp(_, Some(_)) | DataType::Date32 => Ok(plain("timestamp without time zone")),
        DataType::Timestamp(_, None) => Ok(plain("timestamp with time zone")),
        // A quoted literal is a timestamptz first.
        other if is_text(other) => Ok(plain("timestamp without time zone")),
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
        Value::Date(days) => Ok(Value::Timestamp(to_local(to_utc(days * DAY, &row.zone)?, &zone))),
        Value::Timestamp(local) => to_utc(*local, &zone).map(Value::Timestamptz),
        Value::Text(text) => {
            let ty = postgres_types::Type::TIMESTAMPTZ;
            let scalar = params::decode_parameter_in(&ty, Default::default(), Some(text.as_bytes()), &row.zone)?;
            match Value::of(scalar)? {
                Value::Timestamptz(utc) => Ok(Value::Timestamp(to_local(utc, &zone))),
                other => Ok(other),
            }
        }
        other => Err(Error::internal(format!("not a time: {other:?}"))),
    }
}

/// `age(end, start)`, `age(end)` from the midnight that began today.
fn age(row: &Row<'_>) -> Result<Value> {
    let today = to_local(now_micros(), &row.zone).div_euclid(DAY) * DAY;
    let (end, start) = match row.get(1) {
        Value::Null => (today, local(row.get(0), &row.zone)?),
        start => (local(row.get(0), &row.zone)?, local(start, &row.zone)?),
    };
    let (late, early, sign) = if end >= start {
        (end, start, 1)
    } else {
        (start, end, -1)
    };
    let parts = |micros: i64| {
        let (year, month, day) = civil_from_days(micros.div_euclid(DAY));
        (year * 12 + i64::from(month) - 1, i64::from(day), micros.rem_euclid(DAY))
    };
    let ((late_months, late_day, late_time), (early_months, early_day, early_time)) = (parts(late), parts(early));
    let (mut months, mut days, mut micros) = (late_months - early_months, late_day - early_day, late_time - early_time);
    if micros < 0 {
        micros += DAY;
        days -= 1;
    }
    while days < 0 {
        // As many as the earlier one's month has.
        let first = |months: i64| {
            let month = u32::try_from(months.rem_euclid(12) + 1).unwrap_or(1);
            days_from_civil(months.div_euclid(12), month, 1)
        };
        days += first(early_months + 1) - first(early_months);
        months -= 1;
    }
    let narrow = |number: i64| i32::try_from(number * sign).map_err(|_| interval_out_of_range());
    Ok(Value::Interval(Interval {
        months: narrow(months)?,
        days: narrow(days)?,
        micros: micros * sign,
    }))
}

fn carried(low: i64, high: i32, unit: i64) -> Result<(i64, i32)> {
    let carry = i32::try_from(low / unit).map_err(|_| interval_out_of_range())?;
    let high = high.checked_add(carry).ok_or_else(interval_out_of_range)?;
    Ok((low % unit, high))
}

fn justify_hours(value: Interval) -> Result<Interval> {
    let (mut micros, mut days) = carried(value.micros, value.days, DAY)?;
    if days > 0 && micros < 0 {
        (micros, days) = (micros + DAY, days - 1);
    } else if days < 0 && micros > 0 {
        (micros, days) = (micros - DAY, days + 1);
    }
    Ok(Interval { days, micros, ..value })
}

fn justify_days(value: Interval) -> Result<Interval> {
    let (days, mut months) = carried(value.days.into(), value.months, DAYS_PER_MONTH)?;
    let mut days = i32::try_from(days).map_err(|_| interval_out_of_range())?;
    if months > 0 && days < 0 {
        (days, months) = (days + 30, months - 1);
    } else if months < 0 && days > 0 {
        (days, months) = (days - 30, months + 1);
    }
    Ok(Interval { months, days, ..value })
}

fn justify_interval(row: &Row<'_>) -> Result<Value> {
    let value = interval(row.get(0))?;
    let (mut micros, days) = carried(value.micros, value.days, DAY)?;
    let (days, mut months) = carried(days.into(), value.months, DAYS_PER_MONTH)?;
    let mut days = i32::try_from(days).map_err(|_| interval_out_of_range())?;
    if months > 0 && (days < 0 || days == 0 && micros < 0) {
        (days, months) = (days + 30, months - 1);
    } else if months < 0 && (days > 0 || days == 0 && micros > 0) {
        (days, months) = (days - 30, months + 1);
    }
    if days > 0 && micros < 0 {
        (micros, days) = (micros + DAY, days - 1);
    } else if days < 0 && micros > 0 {
        (micros, days) = (micros - DAY, days + 1);
    }
    Ok(Value::Interval(Interval { months, days, micros }))
}

/// `interval * factor`: a fraction of a month becomes days, one of a day becomes time, as interval_mul has it.
fn scale_interval(value: Interval, factor: f64) -> Result<Interval> {
    spread(
        f64::from(value.months) * factor,
        f64::from(value.days) * factor,
        as_float(value.micros) * factor,
    )
}

fn divide_interval(value: Interval, divisor: f64) -> Result<Interval> {
    spread(
        f64::from(value.months) / divisor,
        f64::from(value.days) / divisor,
        as_float(value.micros) / divisor,
    )
}

fn as_float(value: i64) -> f64 {
    Value::Int(value).float().unwrap_or(f64::NAN)
}

fn spread(months: f64, days: f64, micros: f64) -> Result<Interval> {
    let whole = |value: f64, limit: f64| match value.abs() <= limit {
        true => super::value::rounded(value.trunc()).ok_or_else(interval_out_of_range),
        false => Err(interval_out_of_range()),
    };
    let rounded = |value: f64| (value * 1e6).round_ties_even() / 1e6;
    let limit = f64::from(i32::MAX);
    let whole_months = whole(months, limit)?;
    let whole_days = whole(days, limit)?;
    let month_days = rounded((months - months.trunc()) * 30.0);
    let day_seconds = rounded((days - days.trunc() + month_days - month_days.trunc()) * 86_400.0);
    let mut extra_days = whole_days + whole(month_days, limit)?;
    let mut seconds = day_seconds;
    if seconds.abs() >= 86_400.0 {
        extra_days += whole(seconds / 86_400.0, limit)?;
        seconds %= 86_400.0;
    }
    Ok(Interval {
        months: i32::try_from(whole_months).map_err(|_| interval_out_of_range())?,
        days: i32::try_from(extra_days).map_err(|_| interval_out_of_range())?,
        micros: super::value::rounded(micros + seconds * 1e6).ok_or_else(interval_out_of_range)?,
    })
}

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
    let micros = super::value::rounded(second * 1e6).ok_or_else(overflow)?;
    Some(hour * HOUR + minute * MINUTE + micros)
        .filter(|micros| *micros <= DAY)
        .ok_or_else(overflow)
}

fn make_interval(row: &Row<'_>) -> Result<Value> {
    let narrow = |value: i64| i32::try_from(value).map_err(|_| interval_out_of_range());
    let part = |index: usize| match row.get(index) {
        Value::Null => 0,
        _ => row.integer(index),
    };
    let seconds = match row.get(6) {
        Value::Null => 0.0,
        _ => row.float(6),
    };
    Ok(Value::Interval(Interval {
        months: narrow(part(0).saturating_mul(12).saturating_add(part(1)))?,
        days: narrow(part(2).saturating_mul(7).saturating_add(part(3)))?,
        micros: super::value::rounded(seconds * 1e6)
            .and_then(|micros| {
                micros
                    .checked_add(part(4).checked_mul(HOUR)?)?
                    .checked_add(part(5).checked_mul(MINUTE)?)
            })
            .ok_or_else(interval_out_of_range)?,
    }))
}

/// `(s1, e1) OVERLAPS (s2, e2)`, where an end may be a length.
fn overlaps(row: &Row<'_>) -> Result<Value> {
    let point = |value: &Value| -> Result<i64> {
        match value {
            Value::Timestamptz(micros) => Ok(*micros),
            other => local(other, &row.zone),
        }
    };
    if (0..4).any(|index| matches!(row.get(index), Value::Null)) {
        return Ok(Value::Null);
    }
    let period = |start: usize| -> Result<(i64, i64)> {
        let from = point(row.get(start))?;
        let to = match row.get(start + 1) {
            Value::Interval(length) => add(from, *length)?,
            end => point(end)?,
        };
        Ok((from.min(to), from.max(to)))
    };
    let ((s1, e1), (s2, e2)) = (period(0)?, period(2)?);
    let overlap = match s1.cmp(&s2) {
        std::cmp::Ordering::Equal => true,
        std::cmp::Ordering::Greater => s1 < e2,
        std::cmp::Ordering::Less => s2 < e1,
    };
    Ok(Value::Bool(overlap))
}

/// A local time and an interval: months first, to the last day where a month is too short, then days, then time.
pub fn add(local: i64, interval: Interval) -> Result<i64> {
    let mut days = local.div_euclid(DAY);
    if interval.months != 0 {
        let (year, month, day) = civil_from_days(days);
        let months = year * 12 + i64::from(month) - 1 + i64::from(interval.months);
        let (year, month) = (
            months.div_euclid(12),
            u32::try_from(months.rem_euclid(12) + 1).unwrap_or(1),
        );
        let next = months + 1;
        let next_month = days_from_civil(
            next.div_euclid(12),
            u32::try_from(next.rem_euclid(12) + 1).unwrap_or(1),
            1,
        );
        days = days_from_civil(year, month, day).min(next_month - 1);
    }
    days.checked_add(interval.days.into())
        .and_then(|days| days.checked_mul(DAY))
        .and_then(|start| start.checked_add(local.rem_euclid(DAY)))
        .and_then(|micros| micros.checked_add(interval.micros))
        .ok_or_else(timestamp_out_of_range)
}

/// The same for an instant: months and days are the session's, time is elapsed.
pub fn add_zoned(utc: i64, interval: Interval, zone: &Zone) -> Result<i64> {
    if interval.months == 0 && interval.days == 0 {
        return utc.checked_add(interval.micros).ok_or_else(timestamp_out_of_range);
    }
    let calendar = Interval { micros: 0, ..interval };
    let utc = to_utc(add(to_local(utc, zone), calendar)?, zone)?;
    utc.checked_add(interval.micros).ok_or_else(timestamp_out_of_range)
}

// What the engine's own functions say alike.

fn call(function: std::sync::Arc<datafusion::logical_expr::ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function, args))
}

/// Whether the engine reads an argument's clock as PostgreSQL does: it has no zone, or the session's is UTC.
fn same_clock(argument: &Expr, info: &SimplifyContext) -> EngineResult<bool> {
    Ok(match info.get_data_type(argument)? {
        DataType::Timestamp(_, Some(_)) => typed::zone_of(info.config_options()) == Zone::UTC,
        DataType::Timestamp(_, None) | DataType::Date32 => true,
        _ => false,
    })
}

fn constant(argument: Option<&Expr>) -> Option<&str> {
    match argument {
        Some(Expr::Literal(value, _)) => value.try_as_str().flatten(),
        _ => None,
    }
}

fn text(value: &str) -> Expr {
    Expr::Literal(ScalarValue::Utf8(Some(value.to_owned())), None)
}

/// Whole fields are the engine's, too.
fn engine_field(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let [_, argument] = args else { return Ok(None) };
    let field = constant(args.first()).and_then(unit);
    let is_date = info.get_data_type(argument)? == DataType::Date32;
    let Some(field) = field.filter(|field| match *field {
        "year" | "quarter" | "month" | "week" | "day" | "doy" | "dow" => true,
        "hour" | "minute" => !is_date,
        _ => false,
    }) else {
        return Ok(None);
    };
    if !same_clock(argument, info)? {
        return Ok(None);
    }
    Ok(Some(call(engine::date_part(), vec![text(field), argument.clone()])))
}

fn engine_extract(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let cast = |part| Expr::Cast(Cast::new(Box::new(part), DataType::Decimal128(38, 0)));
    Ok(engine_field(args, info)?.map(cast))
}

fn engine_date_part(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let cast = |part| Expr::Cast(Cast::new(Box::new(part), DataType::Float64));
    Ok(engine_field(args, info)?.map(cast))
}

fn engine_date_trunc(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let [_, argument] = args else { return Ok(None) };
    let field = constant(args.first()).and_then(unit);
    let Some(field) = field.filter(|field| {
        matches!(
            *field,
            "second" | "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year"
        )
    }) else {
        return Ok(None);
    };
    if !matches!(info.get_data_type(argument)?, DataType::Timestamp(..)) || !same_clock(argument, info)? {
        return Ok(None);
    }
    Ok(Some(call(engine::date_trunc(), vec![text(field), argument.clone()])))
}

fn engine_date_bin(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let [stride, source, origin] = args else {
        return Ok(None);
    };
    let (source_type, origin_type) = (info.get_data_type(source)?, info.get_data_type(origin)?);
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let same = source_type == origin_type && matches!(source_type, DataType::Timestamp(TimeUnit::Nanosecond, _));
    if !same || info.get_data_type(stride)? != interval {
        return Ok(None);
    }
    Ok(Some(call(engine::date_bin(), args.to_vec())))
}

/// The whole part of a number of seconds in microseconds: of use to functions that take seconds.
pub fn seconds_to_micros(value: &Value) -> Option<i64> {
    match value {
        Value::Int(seconds) => seconds.checked_mul(SECOND),
        Value::Numeric(digits, scale) => rescaled(*digits, *scale, 6)?.to_i128()?.try_into().ok(),
        Value::Float(seconds) => super::value::rounded(seconds * 1e6),
        _ => None,
    }
}
