//! Dates, times and timestamps: PostgreSQL's text in every `DateStyle` and its binary form.
//!
//! Neighbouring rows mostly lie on the same day and under the same zone offset: [`Clock`] keeps the text of both.

use super::cells::{Block, Room};
use super::number::{put_int, put_two};
use super::style::{DateForm, DateOrder, Style, Zone};
use crate::{Error, Result, SqlState};

pub(in crate::wire) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(in crate::wire) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01: the days in between.
pub(in crate::wire) const POSTGRES_EPOCH_DAYS: i32 = 10_957;
const POSTGRES_EPOCH_MICROS: i64 = POSTGRES_EPOCH_DAYS as i64 * MICROS_PER_DAY;

/// From 4714-11-24 BC (Julian day 0, PostgreSQL's MIN_TIMESTAMP), in microseconds from 1970. PostgreSQL's own end lies
/// beyond what 64 bits hold from 1970 on; the last day is left out, so that a zone's offset can be added to any value.
const TIMESTAMP_RANGE: std::ops::Range<i64> =
    -211_813_488_000_000_000 + POSTGRES_EPOCH_MICROS..i64::MAX - MICROS_PER_DAY;

/// Julian day 0 to 5874898-06-03 exclusive, in days from 1970: the range of `date`.
const DATE_RANGE: std::ops::Range<i64> = -2_440_588..2_147_483_494 - 2_440_588;

/// A time unit of Arrow as microseconds: finer units lose their last digits, as they would in PostgreSQL.
#[derive(Clone, Copy)]
pub(in crate::wire) enum Scale {
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
        self.micros(value)
            .filter(|micros| TIMESTAMP_RANGE.contains(micros))
            .ok_or_else(timestamp_out_of_range)
    }
}

pub(crate) fn timestamp_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range")
}

/// Days since 1970 that PostgreSQL can hold as a date.
pub(in crate::wire) fn date_days(days: i64) -> Result<i32> {
    let days = Some(days)
        .filter(|days| DATE_RANGE.contains(days))
        .and_then(|days| i32::try_from(days).ok());
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

/// Days since 1970 of a date in the proleptic Gregorian calendar; the year 0 is 1 BC.
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A number that is known to be small and positive.
#[inline]
fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// Whether a time lies on the day that starts at `start`; no day starts at `i64::MIN`, which stands for none.
#[inline]
fn is_within_day(micros: i64, start: i64) -> bool {
    micros.wrapping_sub(start).cast_unsigned() < MICROS_PER_DAY.unsigned_abs()
}

/// Writes dates and timestamps for one column, keeping the text of the last day and of the last zone offset.
pub(super) struct Clock {
    form: DateForm,
    order: DateOrder,
    zone: Zone,
    /// The start of the local day whose text is in `before` and `after`, in microseconds.
    day: i64,
    before: Block,
    after: Block,
    bc: bool,
    /// The start of the UTC day for which `constant` was found, in microseconds, and the offset if it holds throughout that day.
    utc_day: i64,
    constant: Option<i32>,
    /// The offset whose text is in `suffix`, and the day for which it was written.
    suffix_of: (i64, i32),
    suffix: Block,
}

impl Clock {
    pub fn new(style: &Style) -> Clock {
        Clock {
            form: style.date_form,
            order: style.date_order,
            zone: style.zone,
            day: i64::MIN,
            before: Block::default(),
            after: Block::default(),
            bc: false,
            utc_day: i64::MIN,
            constant: None,
            suffix_of: (i64::MIN, 0),
            suffix: Block::default(),
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
        self.put(micros, &Block::default(), out);
    }

    /// `timestamptz_out`; microseconds since 1970 in UTC, in range.
    #[inline]
    pub fn put_timestamptz(&mut self, micros: i64, out: &mut Vec<u8>) {
        let offset = self.offset(micros);
        if self.suffix_of != (self.utc_day, offset) {
            self.write_suffix(micros, offset);
        }
        let suffix = self.suffix;
        self.put(micros + i64::from(offset) * MICROS_PER_SECOND, &suffix, out);
    }

    /// Writes a local time and what stands for its zone.
    #[inline]
    fn put(&mut self, micros: i64, suffix: &Block, out: &mut Vec<u8>) {
        if !is_within_day(micros, self.day) {
            self.write_day(micros.div_euclid(MICROS_PER_DAY));
        }
        let mut room = Room::new(out);
        room.put(&self.before);
        room.put(&time_block(micros.wrapping_sub(self.day)));
        room.put(&self.after);
        room.put(suffix);
        if self.bc {
            room.put(&Block::new(b" BC"));
        }
        room.finish();
    }

    #[inline]
    fn offset(&mut self, micros: i64) -> i32 {
        if !is_within_day(micros, self.utc_day) {
            self.enter_utc_day(micros);
        }
        self.constant
            .unwrap_or_else(|| self.zone.offset_at(micros.div_euclid(MICROS_PER_SECOND)))
    }

    fn enter_utc_day(&mut self, micros: i64) {
        self.utc_day = micros - micros.rem_euclid(MICROS_PER_DAY);
        let midnight = self.utc_day / MICROS_PER_SECOND;
        let (first, last) = (self.zone.offset_at(midnight), self.zone.offset_at(midnight + 86_399));
        // No zone leaves an offset and returns to it within a day.
        self.constant = (first == last).then_some(first);
    }

    fn write_day(&mut self, days: i64) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let (year, month, day) = civil_from_days(days);
        if self.form == DateForm::Postgres {
            const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
            let weekday = usize::try_from(days.rem_euclid(7))
                .ok()
                .and_then(|day| WEEKDAYS.get(day));
            before.extend_from_slice(weekday.copied().unwrap_or_default().as_bytes());
            before.push(b' ');
            if self.order == DateOrder::Dmy {
                put_two(day, &mut before);
                before.push(b' ');
            }
            before.extend_from_slice(month_name(month).as_bytes());
            if self.order != DateOrder::Dmy {
                before.push(b' ');
                put_two(day, &mut before);
            }
            after.push(b' ');
            put_year(year, &mut after);
        } else {
            put_date_digits(self.form, self.order, year, month, day, &mut before);
        }
        before.push(b' ');
        (self.day, self.bc) = (days * MICROS_PER_DAY, year <= 0);
        (self.before, self.after) = (Block::new(&before), Block::new(&after));
    }

    fn write_suffix(&mut self, micros: i64, offset: i32) {
        // On a day with a change of offset the suffix is not kept: an abbreviation may change more than once.
        self.suffix_of = if self.constant.is_some() {
            (self.utc_day, offset)
        } else {
            (i64::MIN, 0)
        };
        let mut suffix = Vec::new();
        if self.form != DateForm::Iso {
            suffix.push(b' ');
        }
        match self.zone.abbreviation_at(micros.div_euclid(MICROS_PER_SECOND)) {
            Some(name) if self.form != DateForm::Iso => suffix.extend_from_slice(name.as_bytes()),
            _ => put_offset(offset, &mut suffix),
        }
        self.suffix = Block::new(&suffix);
    }
}

fn month_name(month: u32) -> &'static str {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    MONTHS
        .get((month as usize).wrapping_sub(1))
        .copied()
        .unwrap_or_default()
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
    if !seconds.is_multiple_of(3600) {
        out.push(b':');
        put_two(seconds / 60 % 60, out);
    }
    if !seconds.is_multiple_of(60) {
        out.push(b':');
        put_two(seconds % 60, out);
    }
}

/// `time_out`; microseconds of a day, 24:00:00 included.
pub(super) fn put_time(micros: i64, out: &mut Vec<u8>) {
    time_block(micros).put(out);
}

/// `HH:MM:SS.ffffff` without trailing zeros; microseconds of a day, 24:00:00 included.
#[inline]
fn time_block(micros: i64) -> Block {
    // At most a day: the seconds and what is left of them fit 32 bits.
    let seconds = (micros.unsigned_abs() / MICROS_PER_SECOND.unsigned_abs()) as u32;
    let fraction = (micros.unsigned_abs() % MICROS_PER_SECOND.unsigned_abs()) as u32;
    let (minutes, hundreds) = (seconds / 60, fraction / 100);
    let clock = digits(minutes / 60, minutes % 60, seconds % 60);
    let digits = digits(hundreds / 100, hundreds % 100, fraction % 100);
    // Put together in registers and stored at once: byte after byte the processor would wait for its own stores.
    let clock = clock & 0xffff | (clock & 0xffff_0000) << 8 | (clock >> 32) << 48 | COLON << 16 | COLON << 40;
    let text = u128::from(clock) | u128::from(u64::from(b'.') | digits << 8) << 64;
    // The highest of the six bytes is the last digit.
    let zeros = ((digits ^ 0x3030_3030_3030).leading_zeros() - 16) / 8;
    // Without a fraction the point goes as well.
    Block::of(text.to_le_bytes(), 15 - zeros as usize - usize::from(zeros == 6))
}

const COLON: u64 = b':' as u64;

/// The six digits of three numbers below 100, the first in the lowest byte: all three at once, each in 16 bits.
#[inline]
fn digits(first: u32, second: u32, third: u32) -> u64 {
    let lanes = u64::from(first) | u64::from(second) << 16 | u64::from(third) << 32;
    // 103 / 1024 is near enough to a tenth below 179.
    let tens = ((lanes * 103) >> 10) & 0x000f_000f_000f;
    0x3030_3030_3030 | tens | (lanes - 10 * tens) << 8
}

/// Microseconds of a day that PostgreSQL can hold as a `time`.
pub(super) fn time_micros(scale: Scale, value: i64) -> Result<i64> {
    scale
        .micros(value)
        .filter(|micros| (0..=MICROS_PER_DAY).contains(micros))
        .ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "time out of range"))
}
