//! Times made coarser: `date_trunc` to a field, `date_bin` to a stride, rounding to a type's precision. The names of fields
//! are in `fields`.

use arrow::datatypes::{DataType, Field};

use super::{
    DAY, HOUR, MINUTE, SECOND, engine,
    fields::{unit, unit_error},
    interval, interval_order, local, to_local, to_utc, zone_named,
};
use crate::{
    Error, Result, SqlState,
    catalog::functions::{
        typed::{Inputs, Row, Typed, plain},
        value::Value,
    },
    wire::encode::{Interval, civil_from_days, days_from_civil, timestamp_out_of_range},
};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("date_trunc", truncated, date_trunc).simplified(engine::date_trunc),
    Typed::new("date_bin", binned, date_bin).simplified(engine::date_bin),
    Typed::new(
        "pg_precision",
        |inputs| Ok(inputs.first_or("text")),
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

fn truncated(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(match inputs.data_type(1) {
        DataType::Timestamp(..) => Field::new("", inputs.data_type(1).clone(), true),
        DataType::Interval(_) | DataType::Duration(_) => plain("interval"),
        DataType::Date32 | DataType::Null => plain("timestamp with time zone"),
        other if other.is_string() => plain("timestamp with time zone"),
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
    let first = |year: i64, month: u32| Some(days_from_civil(year, month, 1).saturating_mul(DAY));
    let down = |unit: i64| Some(micros.div_euclid(unit).saturating_mul(unit));
    match field {
        "microseconds" => Some(micros),
        "milliseconds" => down(1_000),
        "second" => down(SECOND),
        "minute" => down(MINUTE),
        "hour" => down(HOUR),
        "day" => Some(days.saturating_mul(DAY)),
        "week" => Some((days - (days + 3).rem_euclid(7)).saturating_mul(DAY)),
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
        other if other.is_string() => Ok(plain("timestamp without time zone")),
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
