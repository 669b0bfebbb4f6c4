//! Intervals in PostgreSQL's four `IntervalStyle`s and its binary form.

use arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano};

use super::datetime::{MICROS_PER_DAY, MICROS_PER_SECOND};
use super::number::{put_int, put_two};
use super::style::IntervalStyle;

/// PostgreSQL's interval: three fields that do not carry over into one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

impl Interval {
    /// An elapsed time, with whole days apart: what PostgreSQL's subtraction of timestamps yields.
    pub fn from_micros(micros: i64) -> Interval {
        let days = i32::try_from(micros / MICROS_PER_DAY).unwrap_or_default();
        Interval {
            months: 0,
            days,
            micros: micros % MICROS_PER_DAY,
        }
    }

    pub fn from_months(months: i32) -> Interval {
        Interval {
            months,
            days: 0,
            micros: 0,
        }
    }

    pub fn from_day_time(value: IntervalDayTime) -> Interval {
        Interval {
            months: 0,
            days: value.days,
            micros: i64::from(value.milliseconds) * 1_000,
        }
    }

    pub fn from_month_day_nano(value: IntervalMonthDayNano) -> Interval {
        Interval {
            months: value.months,
            days: value.days,
            micros: value.nanoseconds / 1_000,
        }
    }

    /// `interval_send`.
    pub fn binary(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (micros, rest) = bytes.split_at_mut(8);
        let (days, months) = rest.split_at_mut(4);
        micros.copy_from_slice(&self.micros.to_be_bytes());
        days.copy_from_slice(&self.days.to_be_bytes());
        months.copy_from_slice(&self.months.to_be_bytes());
        bytes
    }

    /// `interval_out`.
    pub fn put(self, style: IntervalStyle, out: &mut Vec<u8>) {
        let fields = Fields::of(self);
        match style {
            IntervalStyle::Postgres => fields.put_postgres(out),
            IntervalStyle::PostgresVerbose => fields.put_verbose(out),
            IntervalStyle::SqlStandard => fields.put_sql_standard(out),
            IntervalStyle::Iso8601 => fields.put_iso_8601(out),
        }
    }
}

/// An interval taken apart; every field carries its own sign, those of the time of day the same one.
#[derive(Clone, Copy)]
struct Fields {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    micros: i64,
}

impl Fields {
    fn of(interval: Interval) -> Fields {
        let seconds = interval.micros / MICROS_PER_SECOND;
        Fields {
            years: i64::from(interval.months / 12),
            months: i64::from(interval.months % 12),
            days: i64::from(interval.days),
            hours: seconds / 3600,
            minutes: seconds / 60 % 60,
            seconds: seconds % 60,
            micros: interval.micros % MICROS_PER_SECOND,
        }
    }

    fn has_time(&self) -> bool {
        self.hours != 0 || self.minutes != 0 || self.seconds != 0 || self.micros != 0
    }

    fn time_is_negative(&self) -> bool {
        self.hours < 0 || self.minutes < 0 || self.seconds < 0 || self.micros < 0
    }

    fn put_postgres(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut before_is_negative = false;
        for (value, unit) in [(self.years, "year"), (self.months, "mon"), (self.days, "day")] {
            if value == 0 {
                continue;
            }
            if out.len() > start {
                out.push(b' ');
            }
            if before_is_negative && value > 0 {
                out.push(b'+');
            }
            put_int(value, out);
            out.push(b' ');
            out.extend_from_slice(unit.as_bytes());
            if value != 1 {
                out.push(b's');
            }
            before_is_negative = value < 0;
        }
        let is_zero = out.len() == start;
        if is_zero || self.has_time() {
            if !is_zero {
                out.push(b' ');
            }
            if self.time_is_negative() {
                out.push(b'-');
            } else if before_is_negative {
                out.push(b'+');
            }
            let hours = self.hours.unsigned_abs();
            if hours < 10 {
                out.push(b'0');
            }
            put_int(hours, out);
            self.put_minutes_seconds(out);
        }
    }

    /// `:MM:SS.ffffff`
    fn put_minutes_seconds(&self, out: &mut Vec<u8>) {
        out.push(b':');
        put_two(low(self.minutes), out);
        out.push(b':');
        self.put_seconds(true, out);
    }

    fn put_seconds(&self, two_digits: bool, out: &mut Vec<u8>) {
        let seconds = low(self.seconds);
        if two_digits {
            put_two(seconds, out)
        } else {
            put_int(seconds, out)
        }
        let fraction = low(self.micros);
        if fraction != 0 {
            out.push(b'.');
            put_two(fraction / 10_000, out);
            put_two(fraction / 100 % 100, out);
            put_two(fraction % 100, out);
            while out.last() == Some(&b'0') {
                out.pop();
            }
        }
    }

    fn put_verbose(&self, out: &mut Vec<u8>) {
        let (mut is_zero, mut ago) = (true, false);
        out.push(b'@');
        let fields = [
            (self.years, "year"),
            (self.months, "mon"),
            (self.days, "day"),
            (self.hours, "hour"),
            (self.minutes, "min"),
        ];
        for (value, unit) in fields {
            if value == 0 {
                continue;
            }
            // The first field decides on `ago`; the others are written as seen from there.
            let value = if is_zero {
                ago = value < 0;
                value.abs()
            } else if ago {
                -value
            } else {
                value
            };
            is_zero = false;
            out.push(b' ');
            put_int(value, out);
            out.push(b' ');
            out.extend_from_slice(unit.as_bytes());
            if value != 1 {
                out.push(b's');
            }
        }
        if self.seconds != 0 || self.micros != 0 {
            out.push(b' ');
            if self.seconds < 0 || self.micros < 0 {
                if is_zero {
                    ago = true;
                } else if !ago {
                    out.push(b'-');
                }
            } else if ago {
                out.push(b'-');
            }
            self.put_seconds(false, out);
            out.extend_from_slice(if self.seconds.abs() != 1 || self.micros != 0 {
                b" secs"
            } else {
                b" sec"
            });
            is_zero = false;
        }
        if is_zero {
            out.extend_from_slice(b" 0");
        }
        if ago {
            out.extend_from_slice(b" ago");
        }
    }

    fn put_iso_8601(&self, out: &mut Vec<u8>) {
        let put = |value: i64, unit: u8, out: &mut Vec<u8>| {
            if value != 0 {
                put_int(value, out);
                out.push(unit);
            }
        };
        out.push(b'P');
        let start = out.len();
        put(self.years, b'Y', out);
        put(self.months, b'M', out);
        put(self.days, b'D', out);
        if self.has_time() {
            out.push(b'T');
            put(self.hours, b'H', out);
            put(self.minutes, b'M', out);
            if self.seconds != 0 || self.micros != 0 {
                if self.seconds < 0 || self.micros < 0 {
                    out.push(b'-');
                }
                self.put_seconds(false, out);
                out.push(b'S');
            }
        } else if out.len() == start {
            out.extend_from_slice(b"T0S");
        }
    }

    fn put_sql_standard(&self, out: &mut Vec<u8>) {
        let all = [
            self.years,
            self.months,
            self.days,
            self.hours,
            self.minutes,
            self.seconds,
            self.micros,
        ];
        let (negative, positive) = (all.iter().any(|v| *v < 0), all.iter().any(|v| *v > 0));
        let has_years = self.years != 0 || self.months != 0;
        let has_days = self.days != 0 || self.has_time();
        if !negative && !positive {
            out.push(b'0');
        } else if (negative && positive) || (has_years && has_days) {
            // Not a value of the standard: every part gets its sign, so that none can be misread.
            let sign = |negative: bool| if negative { b'-' } else { b'+' };
            out.push(sign(self.years < 0 || self.months < 0));
            self.put_years_months(out);
            out.extend_from_slice(&[b' ', sign(self.days < 0)]);
            put_int(self.days.unsigned_abs(), out);
            out.extend_from_slice(&[b' ', sign(self.time_is_negative())]);
            put_int(self.hours.unsigned_abs(), out);
            self.put_minutes_seconds(out);
        } else {
            if negative {
                out.push(b'-');
            }
            if has_years {
                return self.put_years_months(out);
            }
            if self.days != 0 {
                put_int(self.days.unsigned_abs(), out);
                out.push(b' ');
            }
            put_int(self.hours.unsigned_abs(), out);
            self.put_minutes_seconds(out);
        }
    }

    fn put_years_months(&self, out: &mut Vec<u8>) {
        put_int(self.years.unsigned_abs(), out);
        out.push(b'-');
        put_int(self.months.unsigned_abs(), out);
    }
}

/// The magnitude of a field below a million.
fn low(value: i64) -> u32 {
    u32::try_from(value.unsigned_abs()).unwrap_or(0)
}
