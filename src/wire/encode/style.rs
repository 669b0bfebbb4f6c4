//! The session settings that say how a value is written as text. Parsing `SET` is the session's business.

use chrono::{DateTime, NaiveDateTime, Offset, TimeZone as _};
use chrono_tz::{OffsetName as _, Tz};

use super::datetime::{civil_from_days, days_from_civil, put_offset};

/// What `TimeZone` is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of UTC, the same all year round.
    Fixed(i32),
    /// A zone of the IANA database, with its daylight saving time.
    Named(Tz),
}

impl Zone {
    pub const UTC: Zone = Zone::Named(Tz::UTC);

    /// Seconds east of UTC that hold at an instant (seconds since 1970).
    pub(crate) fn offset_at(&self, unix: i64) -> i32 {
        match self {
            Zone::Fixed(seconds) => *seconds,
            Zone::Named(Tz::UTC) => 0,
            Zone::Named(tz) => tz.offset_from_utc_datetime(&equivalent(unix)).fix().local_minus_utc(),
        }
    }

    /// The zone's abbreviation at an instant (`CET`), as the styles other than ISO print it.
    pub(crate) fn abbreviation_at(&self, unix: i64) -> Option<String> {
        match self {
            Zone::Fixed(_) => None,
            Zone::Named(tz) => {
                let offset = tz.offset_from_utc_datetime(&equivalent(unix));
                // Zones without letters are named by their offset, without a colon.
                let number = || {
                    let mut text = Vec::new();
                    put_offset(offset.fix().local_minus_utc(), &mut text);
                    text.retain(|byte| *byte != b':');
                    String::from_utf8(text).unwrap_or_default()
                };
                Some(offset.abbreviation().map_or_else(number, str::to_string))
            }
        }
    }
}

/// An instant at which a zone's rules say the same and chrono-tz has them.
///
/// Its tables end with the year 2099, PostgreSQL follows the last rule for ever: a later year is taken for the last one
/// before that begins on the same weekday and is as long. Instants before chrono's own range are as LMT as any.
fn equivalent(unix: i64) -> NaiveDateTime {
    let days = unix.div_euclid(86_400);
    let (year, ..) = civil_from_days(days);
    let same_year = |candidate: &i64| {
        let (start, other) = (days_from_civil(year, 1, 1), days_from_civil(*candidate, 1, 1));
        let len = |year| days_from_civil(year + 1, 1, 1) - days_from_civil(year, 1, 1);
        (start - other) % 7 == 0 && len(year) == len(*candidate)
    };
    let unix = match (2072..2100).rev().find(same_year) {
        Some(other) if year > 2099 => unix - (days_from_civil(year, 1, 1) - days_from_civil(other, 1, 1)) * 86_400,
        _ => unix.max(DateTime::<chrono::Utc>::MIN_UTC.timestamp()),
    };
    DateTime::from_timestamp(unix, 0).unwrap_or_default().naive_utc()
}

/// First half of `DateStyle`: the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateForm {
    #[default]
    Iso,
    Sql,
    Postgres,
    German,
}

/// Second half of `DateStyle`: the order of day, month and year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}

/// `IntervalStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalStyle {
    #[default]
    Postgres,
    PostgresVerbose,
    SqlStandard,
    Iso8601,
}

/// `bytea_output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteaOutput {
    #[default]
    Hex,
    Escape,
}

/// How values are written as text. The default is PostgreSQL's, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    pub zone: Zone,
    pub date_form: DateForm,
    pub date_order: DateOrder,
    pub interval_style: IntervalStyle,
    pub bytea_output: ByteaOutput,
    /// `extra_float_digits`: above 0 floats print as their shortest exact form, else with 15 (6) digits and this many more.
    pub extra_float_digits: i32,
    /// A Duration column that the catalogue names `bigint` leaves as an interval all the same.
    pub durations_as_interval: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            zone: Zone::UTC,
            date_form: DateForm::default(),
            date_order: DateOrder::default(),
            interval_style: IntervalStyle::default(),
            bytea_output: ByteaOutput::default(),
            extra_float_digits: 1,
            durations_as_interval: false,
        }
    }
}
