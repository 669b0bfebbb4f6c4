//! The template patterns of `to_char`, `to_timestamp` and `to_date` for dates, times and intervals: a template as its
//! pieces, and the moment that they are said of. Those of numbers are in `picture`.

mod read;
mod write;

use super::datetime::{self, DAY, SECOND};
use crate::wire::encode::{Interval, Zone, civil_from_days};

pub use read::read;
pub use write::{ordinal, write};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From Sunday, day 1 of `D`.
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const ROMAN_MONTHS: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// Patterns whose case does not matter, the longer ones of each beginning first.
const PATTERNS: [&str; 45] = [
    "SSSSS", "Y,YYY", "IYYY", "IDDD", "YYYY", "SSSS", "HH24", "HH12", "MONTH", "A.D.", "B.C.", "A.M.", "P.M.", "DAY",
    "DDD", "DY", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "IYY", "IY", "ID", "IW", "I", "MON", "TZH", "TZM", "TZ",
    "YYY", "YY", "Y", "AD", "BC", "AM", "PM", "CC", "DD", "D", "HH", "J", "MI", "MM",
];
const MORE_PATTERNS: [&str; 8] = ["MS", "OF", "Q", "RM", "SS", "US", "WW", "W"];

/// One piece of a template.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Literal(char),
    Pattern {
        /// In upper case.
        name: &'static str,
        /// As it was written: names come in its case.
        written: String,
        /// No padding.
        fill: bool,
        /// With `th` (or `TH`) after it.
        ordinal: Option<bool>,
    },
}

fn nodes(template: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = template;
    let (mut fill, mut prefixed) = (false, false);
    while let Some(c) = rest.chars().next() {
        if !prefixed {
            fill = false;
        }
        prefixed = false;
        if c == '"' {
            let mut chars = rest.char_indices().skip(1);
            let mut end = rest.len();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    '\\' => nodes.extend(chars.next().map(|(_, c)| Node::Literal(c))),
                    c => nodes.push(Node::Literal(c)),
                }
            }
            rest = rest.get(end..).unwrap_or_default();
            continue;
        }
        let starts = |pattern: &str| {
            rest.get(..pattern.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(pattern))
        };
        if ["FM", "TM", "FX"].iter().any(|prefix| starts(prefix)) {
            fill |= starts("FM");
            prefixed = true;
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        match PATTERNS
            .into_iter()
            .chain(MORE_PATTERNS)
            .find(|pattern| starts(pattern))
        {
            Some(name) => {
                let (written, after) = rest.split_at_checked(name.len()).unwrap_or((rest, ""));
                let suffix = after.get(..2).filter(|suffix| suffix.eq_ignore_ascii_case("th"));
                nodes.push(Node::Pattern {
                    name,
                    written: written.to_owned(),
                    fill,
                    ordinal: suffix.map(|suffix| suffix == "TH"),
                });
                rest = after.get(suffix.map_or(0, str::len)..).unwrap_or_default();
            }
            None => {
                nodes.push(Node::Literal(c));
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    nodes
}

/// The unit of `date_trunc` that takes nothing from a time which the template says of it in UTC; `None` where it says seconds or less.
pub fn finest_unit(template: &str) -> Option<&'static str> {
    const UNITS: [&str; 5] = ["minute", "hour", "day", "month", "year"];
    let mut finest = UNITS.len() - 1;
    for node in nodes(template) {
        let Node::Pattern { name, .. } = node else { continue };
        let unit = match name {
            "MI" => 0,
            "HH24" | "HH12" | "HH" | "AM" | "PM" | "A.M." | "P.M." => 1,
            "MONTH" | "MON" | "MM" | "RM" | "Q" => 3,
            "YYYY" | "Y,YYY" | "YYY" | "YY" | "Y" | "CC" | "AD" | "BC" | "A.D." | "B.C." => 4,
            "TZ" | "TZH" | "TZM" | "OF" => continue,
            // Days, weeks, and the years that are made of weeks.
            "DAY" | "DY" | "DDD" | "DD" | "D" | "J" | "W" | "WW" | "IW" | "ID" | "IDDD" | "IYYY" | "IYY" | "IY"
            | "I" => 2,
            _ => return None,
        };
        finest = finest.min(unit);
    }
    UNITS.get(finest).copied()
}

/// What a template's patterns write.
pub struct Moment {
    year: i64,
    month: i64,
    day: i64,
    /// Hours are not bounded where it is an interval.
    micros: i64,
    /// Days since 1970, of a date.
    days: Option<i64>,
    /// Seconds east of UTC and the zone's abbreviation.
    zone: Option<(i32, String)>,
}

impl Moment {
    /// A local time.
    pub fn of_local(micros: i64) -> Moment {
        let days = micros.div_euclid(DAY);
        let (year, month, day) = civil_from_days(days);
        Moment {
            year,
            month: month.into(),
            day: day.into(),
            micros: micros.rem_euclid(DAY),
            days: Some(days),
            zone: None,
        }
    }

    /// An instant in a zone.
    pub fn of_instant(utc: i64, zone: &Zone) -> Moment {
        let unix = utc.div_euclid(SECOND);
        let mut moment = Moment::of_local(datetime::to_local(utc, zone));
        moment.zone = Some((zone.offset_at(unix), zone.abbreviation_at(unix).unwrap_or_default()));
        moment
    }

    pub fn of_interval(interval: Interval) -> Moment {
        Moment {
            year: i64::from(interval.months) / 12,
            month: i64::from(interval.months) % 12,
            day: interval.days.into(),
            micros: interval.micros,
            days: None,
            zone: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode::days_from_civil;

    /// A time's beginning, by a unit.
    fn truncated(micros: i64, unit: &str) -> i64 {
        let (year, month, _) = civil_from_days(micros.div_euclid(DAY));
        match unit {
            "minute" => micros.div_euclid(60 * SECOND) * 60 * SECOND,
            "hour" => micros.div_euclid(3_600 * SECOND) * 3_600 * SECOND,
            "day" => micros.div_euclid(DAY) * DAY,
            "month" => days_from_civil(year, month, 1) * DAY,
            _ => days_from_civil(year, 1, 1) * DAY,
        }
    }

    #[test]
    fn the_finest_unit_loses_nothing_that_a_template_says() {
        let times = (0..500).map(|step| -70_000_000_000_000_000 + step * 1_234_567_890_123_457);
        let times: Vec<i64> = times.collect();
        let says = |template: &str, micros| write(&Moment::of_instant(micros, &Zone::Fixed(0)), template).unwrap();
        for pattern in PATTERNS.into_iter().chain(MORE_PATTERNS) {
            let Some(unit) = finest_unit(pattern) else {
                assert!(
                    pattern.starts_with("SS") || ["MS", "US"].contains(&pattern) || pattern.starts_with("FF"),
                    "{pattern}"
                );
                continue;
            };
            for micros in &times {
                assert_eq!(
                    says(pattern, *micros),
                    says(pattern, truncated(*micros, unit)),
                    "{pattern}"
                );
            }
        }
        assert_eq!(finest_unit("YYYY-MM-DD \"at SS\" HH24"), Some("hour"));
        assert_eq!(finest_unit("no pattern: 1"), Some("year"));
    }
}
