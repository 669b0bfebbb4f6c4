//! Intervals upon the calendar: what a time and an interval add up to, what lies between two times (`age`), whether two
//! periods overlap, which week a day is of. Intervals by themselves are `intervals`' own.

use std::cmp::Ordering;

use arrow::datatypes::{Field, FieldRef};

use super::{DAY, local, to_local, to_utc};
use crate::{
    Result,
    catalog::{
        functions::{
            returns,
            typed::{Inputs, Row, Typed},
            value::{Value, interval_out_of_range},
        },
        types::pg_type_of,
    },
    wire::encode::{Interval, Zone, civil_from_days, days_from_civil, timestamp_out_of_range},
};

/// The first transaction that is no marker, PostgreSQL's FirstNormalTransactionId.
const FIRST_TRANSACTION: i64 = 3;

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("age", age_field, age),
    Typed::new("pg_overlaps", returns::boolean, overlaps).lenient(),
];

/// Of two times an interval, of a transaction a number of transactions.
fn age_field(inputs: &Inputs<'_>) -> Result<Field> {
    match is_transaction(inputs.fields) {
        true => returns::integer(inputs),
        false => returns::interval(inputs),
    }
}

/// `age(xid)` comes as `age(today, xid)`: what the type is, is known only now.
fn is_transaction(fields: &[FieldRef]) -> bool {
    fields.get(1).and_then(|field| pg_type_of(field)) == Some("xid")
}

/// `age(end, start)`.
fn age(row: &Row<'_>) -> Result<Value> {
    if is_transaction(row.fields) {
        // Transactions are not counted here; those below PostgreSQL's first are older than any.
        let is_permanent = row.integer(1) < FIRST_TRANSACTION;
        return Ok(Value::Int(if is_permanent { i64::from(i32::MAX) } else { 0 }));
    }
    let (end, start) = (local(row.get(0), &row.zone)?, local(row.get(1), &row.zone)?);
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
        Ordering::Equal => true,
        Ordering::Greater => s1 < e2,
        Ordering::Less => s2 < e1,
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

/// The ISO year and week of a day.
pub fn iso_week(days: i64) -> (i64, i64) {
    // The week's Thursday lies in the week's year.
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, ..) = civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}
