//! Intervals by themselves: how they are read, compared, made, justified, multiplied and divided. What they do to dates is
//! in `calendar`.

use postgres_types::Type;

use super::{DAY, DAYS_PER_MONTH, HOUR, MINUTE};
use crate::{
    Error, Result,
    catalog::functions::{
        returns,
        typed::{Row, Typed, plain},
        value::{self, Value, as_float, division_by_zero, interval_out_of_range},
    },
    wire::encode::{Interval, Zone},
};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("justify_hours", returns::interval, |row| {
        Ok(Value::Interval(justify_hours(interval(row.get(0))?)?))
    }),
    Typed::new("justify_days", returns::interval, |row| {
        Ok(Value::Interval(justify_days(interval(row.get(0))?)?))
    }),
    Typed::new("justify_interval", returns::interval, justify_interval),
    Typed::new("pg_interval_multiply", returns::interval, |row| {
        let factor = row.float(1);
        scale_interval(interval(row.get(0))?, factor).map(Value::Interval)
    }),
    Typed::new("pg_interval_divide", returns::interval, |row| {
        let divisor = row.float(1);
        if divisor == 0.0 {
            return Err(division_by_zero());
        }
        divide_interval(interval(row.get(0))?, divisor).map(Value::Interval)
    }),
    INTERVAL_ORDER,
    Typed::new("make_interval", returns::interval, make_interval),
];

/// How long an interval is, in microseconds.
pub const INTERVAL_ORDER: Typed = Typed::new(
    "pg_interval_order",
    |_| Ok(plain("bigint")),
    |row| {
        let order = interval_order(interval(row.get(0))?);
        i64::try_from(order)
            .map(Value::Int)
            .map_err(|_| interval_out_of_range())
    },
);

pub fn interval(value: &Value) -> Result<Interval> {
    match value {
        Value::Interval(interval) => Ok(*interval),
        Value::Text(text) => interval(&Value::read(text, &Type::INTERVAL, &Zone::UTC)?),
        Value::Time(micros) => Ok(Interval {
            months: 0,
            days: 0,
            micros: *micros,
        }),
        other => Err(Error::internal(format!("not an interval: {other:?}"))),
    }
}

/// How PostgreSQL compares intervals: months of 30 days, days of 24 hours.
pub fn interval_order(value: Interval) -> i128 {
    let days = i128::from(value.months) * i128::from(DAYS_PER_MONTH) + i128::from(value.days);
    days * i128::from(DAY) + i128::from(value.micros)
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

fn spread(months: f64, days: f64, micros: f64) -> Result<Interval> {
    let whole = |value: f64, limit: f64| match value.abs() <= limit {
        true => value::rounded(value.trunc()).ok_or_else(interval_out_of_range),
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
        micros: value::rounded(micros + seconds * 1e6).ok_or_else(interval_out_of_range)?,
    })
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
        micros: value::rounded(seconds * 1e6)
            .and_then(|micros| {
                micros
                    .checked_add(part(4).checked_mul(HOUR)?)?
                    .checked_add(part(5).checked_mul(MINUTE)?)
            })
            .ok_or_else(interval_out_of_range)?,
    }))
}
