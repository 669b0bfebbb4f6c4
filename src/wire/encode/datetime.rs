//! Dates, times and timestamps: PostgreSQL's text in every `DateStyle` and its binary form.
//!
//! Neighbouring rows mostly lie on the same day and under the same zone offset: [`Clock`] keeps the text of both.

use super::number::{put_int, put_two, two};
use super::style::{DateForm, DateOrder, Style, Zone};
use crate::{Error, Result, SqlState};

pub(super) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(super) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01: the days in between.
pub(super) const POSTGRES_EPOCH_DAYS: i32 = 10_957;
const POSTGRES_EPOCH_MICROS: i64 = POSTGRES_EPOCH_DAYS as i64 * MICROS_PER_DAY;

/// From 4714-11-24 BC (Julian day 0, PostgreSQL's MIN_TIMESTAMP), in microseconds from 1970. PostgreSQL's own end lies
/// beyond what 64 bits hold from 1970 on; the last day is left out, so that a zone's offset can be added to any value.
const TIMESTAMP_RANGE: std::ops::Range<i64> = -211_813_488_000_000_000 + POSTGRES_EPOCH_MICROS..i64::MAX - MICROS_PER_DAY;

/// Julian day 0 to 5874898-06-03 exclusive, in days from 1970: the range of `date`.
const DATE_RANGE: std::ops::Range<i64> = -2_440_588..2_147_483_494 - 2_440_588;

/// A time unit of Arrow as microseconds: finer units lose their last digits, as they would in PostgreSQL.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    Times(i64),
    Nanos,
}

impl Scale {
    pub fn of(unit: arrow::datatypes::TimeUnit) -> Scale {
        match unit {
            arrow::datatypes::TimeUnit::Second => Scale::Times(MICROS_PER_SECOND),
            arrow::datatypes::TimeUnit::Millisecond => Scale::Times(1_000),
            arrow::datatypes::TimeUnit::Microsecond => Scale::Times(1),
            arrow::datatypes::TimeUnit::Nanosecond => Scale::Nanos,
        }
    }

    #[inline]
    pub fn micros(self, value: i64) -> Option<i64> {
        match self {
            Scale::Times(factor) => value.checked_mul(factor),
            Scale::Nanos => Some(value.div_euclid(1_000)),
        }
    }

    /// Microseconds since 1970 that PostgreSQL can hold as a timestamp.
    #[inline]
    pub fn timestamp(self, value: i64) -> Result<i64> {
        self.micros(value).filter(|micros| TIMESTAMP_RANGE.contains(micros)).ok_or_else(timestamp_out_of_range)
    }
}

pub(super) fn timestamp_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range")
}

/// Days since 1970 that PostgreSQL can hold as a date.
pub(super) fn date_days(days: i64) -> Result<i32> {
    let days = Some(days).filter(|days| DATE_RANGE.contains(days)).and_then(|days| i32::try_from(days).ok());
    days.ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range"))
}

/// Days since 1970 in range, as `date_send` has them.
pub(super) fn date_binary(days: i32) -> i32 {
    days.wrapping_sub(POSTGRES_EPOCH_DAYS)
}

/// Microseconds since 1970 in range, as `timestamp_send` has them.
#[inline]
pub(super) fn timestamp_binary(micros: i64) -> i64 {
    micros.wrapping_sub(POSTGRES_EPOCH_MICROS)
}

/// Year (0 is 1 BC), month and day of a day since 1970, in the proleptic Gregorian calendar.
/// Counts in years that start in March, so that a leap day is the last of its year.
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, small(month), small(day))
}

/// A number that is known to be small and positive.
#[inline]
fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// Writes dates and timestamps for one column, keeping the text of the last day and of the last zone offset.
pub(super) struct Clock {
    form: DateForm,
    order: DateOrder,
    zone: Zone,
    /// The local day whose text is in `before` and `after`.
    day: i64,
    before: Vec<u8>,
    after: Vec<u8>,
    bc: bool,
    /// The UTC day for which `constant` was found, and the offset if it holds throughout that day.
    utc_day: i64,
    constant: Option<i32>,
    /// The offset whose text is in `suffix`, and the day for which it was written.
    suffix_of: (i64, i32),
    suffix: Vec<u8>,
}

impl Clock {
    pub fn new(style: &Style) -> Clock {
        Clock {
            form: style.date_form,
            order: style.date_order,
            zone: style.zone,
            day: i64::MIN,
            before: Vec::new(),
            after: Vec::new(),
            bc: false,
            utc_day: i64::MIN,
            constant: None,
            suffix_of: (i64::MIN, 0),
            suffix: Vec::new(),
        }
    }

    /// `date_out`; `days` since 1970, in range.
    pub fn put_date(&mut self, days: i32, out: &mut Vec<u8>) {
        let (year, month, day) = civil_from_days(i64::from(days));
        put_date_digits(self.form, self.order, year, month, day, out);
        if year <= 0 {
            out.extend_from_slice(b" BC");
        }
    }


    /// `timestamp_out`; microseconds since 1970, in range.
    #[inline]
    pub fn put_timestamp(&mut self, micros: i64, out: &mut Vec<u8>) {
        self.put_local(micros, out);
        if self.bc {
            out.extend_from_slice(b" BC");
        }
    }

    /// `timestamptz_out`; microseconds since 1970 in UTC, in range.
    #[inline]
    pub fn put_timestamptz(&mut self, micros: i64, out: &mut Vec<u8>) {
        let offset = self.offset(micros);
        self.put_local(micros + i64::from(offset) * MICROS_PER_SECOND, out);
        if self.suffix_of != (self.utc_day, offset) {
            self.write_suffix(micros, offset);
        }
        out.extend_from_slice(&self.suffix);
        if self.bc {
            out.extend_from_slice(b" BC");
        }
    }

    #[inline]
    fn offset(&mut self, micros: i64) -> i32 {
        let utc_day = micros.div_euclid(MICROS_PER_DAY);
        if utc_day != self.utc_day {
            self.utc_day = utc_day;
            let midnight = utc_day * 86_400;
            let (first, last) = (self.zone.offset_at(midnight), self.zone.offset_at(midnight + 86_399));
            // No zone leaves an offset and returns to it within a day.
            self.constant = (first == last).then_some(first);
        }
        self.constant.unwrap_or_else(|| self.zone.offset_at(micros.div_euclid(MICROS_PER_SECOND)))
    }

    #[inline]
    fn put_local(&mut self, micros: i64, out: &mut Vec<u8>) {
        let day = micros.div_euclid(MICROS_PER_DAY);
        if day != self.day {
            self.write_day(day);
        }
        out.extend_from_slice(&self.before);
        put_time(micros.rem_euclid(MICROS_PER_DAY), out);
        out.extend_from_slice(&self.after);
    }

    fn write_day(&mut self, days: i64) {
        self.day = days;
        self.before.clear();
        self.after.clear();
        let (year, month, day) = civil_from_days(days);
        self.bc = year <= 0;
        if self.form == DateForm::Postgres {
            const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
            let weekday = usize::try_from(days.rem_euclid(7)).ok().and_then(|day| WEEKDAYS.get(day));
            self.before.extend_from_slice(weekday.copied().unwrap_or_default().as_bytes());
            self.before.push(b' ');
            if self.order == DateOrder::Dmy {
                put_two(day, &mut self.before);
                self.before.push(b' ');
            }
            self.before.extend_from_slice(month_name(month).as_bytes());
            if self.order != DateOrder::Dmy {
                self.before.push(b' ');
                put_two(day, &mut self.before);
            }
            self.after.push(b' ');
            put_year(year, &mut self.after);
        } else {
            put_date_digits(self.form, self.order, year, month, day, &mut self.before);
        }
        self.before.push(b' ');
    }

    fn write_suffix(&mut self, micros: i64, offset: i32) {
        // On a day with a change of offset the suffix is not kept: an abbreviation may change more than once.
        self.suffix_of = if self.constant.is_some() { (self.utc_day, offset) } else { (i64::MIN, 0) };
        self.suffix.clear();
        if self.form != DateForm::Iso {
            self.suffix.push(b' ');
            if let Some(name) = self.zone.abbreviation_at(micros.div_euclid(MICROS_PER_SECOND)) {
                self.suffix.extend_from_slice(name.as_bytes());
                return;
            }
        }
        put_offset(offset, &mut self.suffix);
    }
}

fn month_name(month: u32) -> &'static str {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    MONTHS.get((month as usize).wrapping_sub(1)).copied().unwrap_or_default()
}

fn put_date_digits(form: DateForm, order: DateOrder, year: i64, month: u32, day: u32, out: &mut Vec<u8>) {
    let separator = match form {
        DateForm::Iso => {
            put_year(year, out);
            out.push(b'-');
            put_two(month, out);
            out.push(b'-');
            return put_two(day, out);
        }
        DateForm::Sql => b'/',
        DateForm::Postgres => b'-',
        DateForm::German => b'.',
    };
    let day_first = form == DateForm::German || order == DateOrder::Dmy;
    let (first, second) = if day_first { (day, month) } else { (month, day) };
    put_two(first, out);
    out.push(separator);
    put_two(second, out);
    out.push(separator);
    put_year(year, out);
}

/// At least four digits; years before 1 count backwards, and ` BC` stands at the very end.
fn put_year(year: i64, out: &mut Vec<u8>) {
    let year = if year > 0 { year } else { 1 - year };
    if year < 10_000 {
        put_two(small(year / 100), out);
        put_two(small(year % 100), out);
    } else {
        put_int(year, out);
    }
}

/// `+00`, `+05:30`, `-00:34:08`.
pub(super) fn put_offset(offset: i32, out: &mut Vec<u8>) {
    out.push(if offset < 0 { b'-' } else { b'+' });
    let seconds = offset.unsigned_abs();
    put_two(seconds / 3600, out);
    if seconds % 3600 != 0 {
        out.push(b':');
        put_two(seconds / 60 % 60, out);
    }
    if seconds % 60 != 0 {
        out.push(b':');
        put_two(seconds % 60, out);
    }
}

/// `HH:MM:SS.ffffff` without trailing zeros; microseconds of a day, 24:00:00 included.
#[inline]
pub(super) fn put_time(micros: i64, out: &mut Vec<u8>) {
    let (seconds, fraction) = (small(micros / MICROS_PER_SECOND), small(micros % MICROS_PER_SECOND));
    let ([h1, h0], [m1, m0], [s1, s0]) = (two(seconds / 3600), two(seconds / 60 % 60), two(seconds % 60));
    let ([a, b], [c, d], [e, f]) = (two(fraction / 10_000), two(fraction / 100 % 100), two(fraction % 100));
    let text = [h1, h0, b':', m1, m0, b':', s1, s0, b'.', a, b, c, d, e, f];
    out.extend_from_slice(&text);
    if fraction == 0 {
        out.truncate(out.len() - 7);
    } else {
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Microseconds of a day that PostgreSQL can hold as a `time`.
pub(super) fn time_micros(scale: Scale, value: i64) -> Result<i64> {
    scale
        .micros(value)
        .filter(|micros| (0..=MICROS_PER_DAY).contains(micros))
        .ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "time out of range"))
}
