//! Intervals from text: units (`1 day 2h`, `@ 1 day ago`), clocks (`3 04:05:06`), years and months (`1-2`), ISO 8601 (`P1DT2H`).

use datafusion::arrow::datatypes::IntervalMonthDayNano;
use postgres_types::Type;

use super::invalid_syntax;
use crate::{Error, Result, SqlState};

const MICROS_PER_SECOND: f64 = 1e6;
const SECONDS_PER_DAY: f64 = 86_400.0;
/// What a fraction of a month becomes: PostgreSQL's DAYS_PER_MONTH.
const DAYS_PER_MONTH: f64 = 30.0;

pub(super) fn out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range")
}

/// `interval_in`.
pub(super) fn from_text(input: &str) -> Result<IntervalMonthDayNano> {
    let syntax = || invalid_syntax(SqlState::INVALID_DATETIME_FORMAT, &Type::INTERVAL, input);
    let overflow = || {
        Error::new(
            SqlState::DATETIME_FIELD_OVERFLOW,
            format!("interval field value out of range: \"{input}\""),
        )
    };
    let text = input.trim_ascii().to_ascii_lowercase();
    let mut sum = Sum::default();
    let parsed = match text.strip_prefix('p') {
        Some(iso) => sum.add_iso(iso),
        None => sum.add_words(&text),
    };
    parsed.ok_or_else(syntax)?;
    sum.finish().ok_or_else(overflow)
}

/// The three fields while they are summed; doubles hold every interval that PostgreSQL can to the microsecond but the
/// longest, whose microseconds are no one's concern.
#[derive(Default)]
struct Sum {
    months: f64,
    days: f64,
    micros: f64,
}

impl Sum {
    /// Adds a value of a unit; fractions of months and days become days and microseconds.
    fn add(&mut self, value: f64, unit: &str) -> Option<()> {
        let unit = if unit.len() > 2 {
            unit.strip_suffix('s').unwrap_or(unit)
        } else {
            unit
        };
        match unit {
            "us" | "usec" | "microsecond" | "usecond" => self.micros += value,
            "ms" | "msec" | "millisecond" | "msecond" => self.micros += value * 1e3,
            "s" | "sec" | "second" => self.micros += value * MICROS_PER_SECOND,
            "m" | "min" | "minute" => self.micros += value * 60.0 * MICROS_PER_SECOND,
            "h" | "hr" | "hour" => self.micros += value * 3_600.0 * MICROS_PER_SECOND,
            "d" | "day" => self.add_days(value),
            "w" | "week" => self.add_days(value * 7.0),
            "mon" | "month" => {
                self.months += value.trunc();
                self.add_days(value.fract() * DAYS_PER_MONTH);
            }
            "y" | "yr" | "year" => self.months += (value * 12.0).round(),
            "dec" | "decade" => self.months += (value * 120.0).round(),
            "c" | "cent" | "century" | "centurie" => self.months += (value * 1_200.0).round(),
            "mil" | "mils" | "millennium" | "millennia" => self.months += (value * 12_000.0).round(),
            _ => return None,
        }
        Some(())
    }

    fn add_days(&mut self, value: f64) {
        self.days += value.trunc();
        self.micros += value.fract() * SECONDS_PER_DAY * MICROS_PER_SECOND;
    }

    fn add_words(&mut self, text: &str) -> Option<()> {
        let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
        if words.first() == Some(&"@") {
            words.remove(0);
        }
        let ago = words.last() == Some(&"ago");
        if ago {
            words.pop();
        }
        if words.is_empty() {
            return None;
        }
        let mut rest = words.as_slice();
        while let Some((word, tail)) = rest.split_first() {
            rest = tail;
            let (negative, unsigned) = match word.strip_prefix('-') {
                Some(unsigned) => (true, unsigned),
                None => (false, word.strip_prefix('+').unwrap_or(word)),
            };
            let sign = if negative { -1.0 } else { 1.0 };
            if unsigned.contains(':') {
                self.micros += sign * clock(unsigned)?;
            } else if let Some((years, months)) = unsigned.split_once('-') {
                self.months += sign * (whole(years)? * 12.0 + whole(months)?);
            } else {
                let end = unsigned
                    .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                    .unwrap_or(unsigned.len());
                let (number, unit) = unsigned.split_at_checked(end)?;
                let value = sign * decimal(number)?;
                match (unit, tail) {
                    // A bare number before a clock is days, at the end seconds.
                    ("", [next, ..]) if next.contains(':') => self.add(value, "day")?,
                    ("", [unit, tail @ ..]) => {
                        self.add(value, unit)?;
                        rest = tail;
                    }
                    ("", []) => self.add(value, "second")?,
                    (unit, _) => self.add(value, unit)?,
                }
            }
        }
        if ago {
            (self.months, self.days, self.micros) = (-self.months, -self.days, -self.micros);
        }
        Some(())
    }

    /// What follows the `P`.
    fn add_iso(&mut self, text: &str) -> Option<()> {
        let (date, time) = text.split_once('t').unwrap_or((text, ""));
        if date.is_empty() && time.is_empty() {
            return None;
        }
        for (part, units) in [
            (
                date,
                [("y", "year"), ("m", "mon"), ("w", "week"), ("d", "day")].as_slice(),
            ),
            (time, &[("h", "hour"), ("m", "min"), ("s", "sec")]),
        ] {
            let mut rest = part;
            while !rest.is_empty() {
                let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
                let (number, tail) = rest.split_at_checked(end)?;
                let (unit, tail) = tail.split_at_checked(1)?;
                let (sign, number) = match number.strip_prefix('-') {
                    Some(number) => (-1.0, number),
                    None => (1.0, number.strip_prefix('+').unwrap_or(number)),
                };
                let unit = units.iter().find(|(letter, _)| *letter == unit)?.1;
                self.add(sign * decimal(number)?, unit)?;
                rest = tail;
            }
        }
        Some(())
    }

    fn finish(&self) -> Option<IntervalMonthDayNano> {
        // Arrow keeps nanoseconds in 64 bits: 292 years of hours.
        let nanos = integer(self.micros, i64::MAX as f64 / 1_000.0)?.checked_mul(1_000)?;
        let small = |value: f64| integer(value, f64::from(i32::MAX)).and_then(|value| i32::try_from(value).ok());
        Some(IntervalMonthDayNano::new(small(self.months)?, small(self.days)?, nanos))
    }
}

/// A double that was checked to lie within `limit`, which itself fits 64 bits.
fn integer(value: f64, limit: f64) -> Option<i64> {
    (value.abs() <= limit).then(|| value.round() as i64)
}

/// Microseconds of `HH:MM`, `HH:MM:SS` or `MM:SS.fff`.
fn clock(text: &str) -> Option<f64> {
    let fields: Vec<&str> = text.split(':').collect();
    let (hours, minutes, seconds) = match fields.as_slice() {
        [minutes, seconds] if seconds.contains('.') => ("0", *minutes, *seconds),
        [hours, minutes] => (*hours, *minutes, "0"),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return None,
    };
    let (hours, minutes, seconds) = (whole(hours)?, whole(minutes)?, decimal(seconds)?);
    (minutes < 60.0 && seconds < 61.0).then_some(((hours * 60.0 + minutes) * 60.0 + seconds) * MICROS_PER_SECOND)
}

fn whole(text: &str) -> Option<f64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn decimal(text: &str) -> Option<f64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_digits && text.bytes().any(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}
