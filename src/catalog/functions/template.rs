//! The template patterns of `to_char`, `to_timestamp` and `to_date` for dates, times and intervals.

use crate::{
    Error, Result, SqlState,
    wire::encode::{Interval, Zone, civil_from_days, days_from_civil},
};

use super::datetime::{self, DAY, JULIAN_UNIX, SECOND, iso_week};

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

/// The text of a number's English ordinal: `st`, `nd`, `rd`, `th`.
pub fn ordinal(number: &str, upper: bool) -> &'static str {
    let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
    let teen = digits.len() > 1 && digits.get(digits.len() - 2) == Some(&b'1');
    match (digits.last(), upper) {
        (Some(b'1'), false) if !teen => "st",
        (Some(b'2'), false) if !teen => "nd",
        (Some(b'3'), false) if !teen => "rd",
        (Some(b'1'), true) if !teen => "ST",
        (Some(b'2'), true) if !teen => "ND",
        (Some(b'3'), true) if !teen => "RD",
        (_, false) => "th",
        (_, true) => "TH",
    }
}

/// A name in the case that a pattern is written in: `MONTH`, `Month`, `month`.
fn in_case(name: &str, written: &str) -> String {
    let mut letters = written.chars().filter(|c| c.is_ascii_alphabetic());
    let (first, second) = (letters.next(), letters.next());
    match (
        first.is_some_and(|c| c.is_ascii_uppercase()),
        second.is_some_and(|c| c.is_ascii_uppercase()),
    ) {
        (true, true) => name.to_uppercase(),
        (true, false) => name.to_owned(),
        _ => name.to_lowercase(),
    }
}

/// `to_char` of a time.
pub fn write(moment: &Moment, template: &str) -> Result<String> {
    let mut out = String::new();
    for node in nodes(template) {
        match node {
            Node::Literal(c) => out.push(c),
            Node::Pattern {
                name,
                written,
                fill,
                ordinal: suffix,
            } => {
                let text = pattern(moment, name, &written, fill)?;
                out.push_str(&text);
                if let Some(upper) = suffix
                    && text.ends_with(|c: char| c.is_ascii_digit())
                {
                    out.push_str(ordinal(&text, upper));
                }
            }
        }
    }
    Ok(out)
}

fn pattern(moment: &Moment, name: &str, written: &str, fill: bool) -> Result<String> {
    let padded = |number: i64, width: usize| match fill {
        true => number.to_string(),
        false if number < 0 => format!("-{:0width$}", -number),
        false => format!("{number:0width$}"),
    };
    let invalid = || {
        let error = Error::new(
            SqlState::INVALID_DATETIME_FORMAT,
            "invalid format specification for an interval value",
        );
        error.with_hint("Intervals are not tied to specific calendar dates.")
    };
    let day = || moment.days.ok_or_else(invalid);
    let weekday = || Ok::<_, Error>((day()? + 4).rem_euclid(7));
    let is_date = moment.days.is_some();
    // Years before the first count back from it, as they are called.
    let year = if is_date && moment.year <= 0 {
        1 - moment.year
    } else {
        moment.year
    };
    let (hour, seconds) = (moment.micros / (3_600 * SECOND), moment.micros / SECOND);
    let fraction = (moment.micros % SECOND).abs();
    let digits = |count: u32| {
        format!(
            "{:0width$}",
            fraction / 10i64.pow(6 - count),
            width = usize::try_from(count).unwrap_or(6)
        )
    };
    let offset = || {
        let seconds = moment.zone.as_ref().map_or(0, |(seconds, _)| *seconds);
        (
            if seconds < 0 { '-' } else { '+' },
            seconds.abs() / 3_600,
            seconds.abs() / 60 % 60,
        )
    };
    let no_zone = || match is_date {
        true => Ok(()),
        false => Err(invalid()),
    };
    let name_of = |names: &[&'static str], index: i64| {
        let index = usize::try_from(index).unwrap_or(0);
        names.get(index).copied().unwrap_or_default()
    };
    let day_of_year = || Ok::<_, Error>(day()? - days_from_civil(moment.year, 1, 1) + 1);
    Ok(match name {
        "YYYY" => padded(year, 4),
        "YYY" => padded(year % 1_000, 3),
        "YY" => padded(year % 100, 2),
        "Y" => padded(year % 10, 1),
        "Y,YYY" => format!("{},{:03}", year / 1_000, year % 1_000),
        "IYYY" => padded(iso_week(day()?).0, 4),
        "IYY" => padded(iso_week(day()?).0 % 1_000, 3),
        "IY" => padded(iso_week(day()?).0 % 100, 2),
        "I" => padded(iso_week(day()?).0 % 10, 1),
        "MM" => padded(moment.month, 2),
        "MONTH" | "MON" if moment.month == 0 => String::new(),
        "MONTH" => {
            let text = in_case(name_of(&MONTHS, moment.month - 1), written);
            if fill { text } else { format!("{text:<9}") }
        }
        "MON" => in_case(name_of(&MONTHS, moment.month - 1).get(..3).unwrap_or_default(), written),
        "RM" => {
            let text = name_of(&ROMAN_MONTHS, moment.month - 1);
            let text = if written == "rm" {
                text.to_lowercase()
            } else {
                text.to_owned()
            };
            if fill { text } else { format!("{text:<4}") }
        }
        "DAY" => {
            let text = in_case(name_of(&WEEKDAYS, weekday()?), written);
            if fill { text } else { format!("{text:<9}") }
        }
        "DY" => in_case(name_of(&WEEKDAYS, weekday()?).get(..3).unwrap_or_default(), written),
        "DDD" => match is_date {
            true => padded(day_of_year()?, 3),
            false => padded(moment.day, 3),
        },
        "IDDD" => {
            let (_, week) = iso_week(day()?);
            padded((week - 1) * 7 + (day()? + 3).rem_euclid(7) + 1, 3)
        }
        "DD" => padded(moment.day, 2),
        "D" => padded(weekday()? + 1, 1),
        "ID" => padded((day()? + 3).rem_euclid(7) + 1, 1),
        "WW" => padded((day_of_year()? - 1) / 7 + 1, 2),
        "W" => padded((moment.day - 1) / 7 + 1, 1),
        "IW" => padded(iso_week(day()?).1, 2),
        "Q" if moment.month == 0 => String::new(),
        "Q" => padded((moment.month - 1) / 3 + 1, 1),
        "CC" => padded(
            if is_date {
                (year - 1).div_euclid(100) + 1
            } else {
                year / 100
            },
            2,
        ),
        "J" => padded(day()? + JULIAN_UNIX, 1),
        "HH24" => padded(hour, 2),
        "HH12" | "HH" => padded(if hour % 12 == 0 { 12 } else { hour % 12 }, 2),
        "MI" => padded(seconds / 60 % 60, 2),
        "SS" => padded(seconds % 60, 2),
        "SSSS" | "SSSSS" => padded(seconds, 1),
        "MS" | "FF3" => digits(3),
        "US" | "FF6" => digits(6),
        "FF1" => digits(1),
        "FF2" => digits(2),
        "FF4" => digits(4),
        "FF5" => digits(5),
        "AM" | "PM" | "A.M." | "P.M." => {
            let dotted = name.contains('.');
            let text = match (hour.rem_euclid(24) >= 12, dotted) {
                (true, false) => "PM",
                (false, false) => "AM",
                (true, true) => "P.M.",
                (false, true) => "A.M.",
            };
            in_case(text, written)
        }
        "AD" | "BC" | "A.D." | "B.C." => {
            let text = match (is_date && moment.year <= 0, name.contains('.')) {
                (true, false) => "BC",
                (false, false) => "AD",
                (true, true) => "B.C.",
                (false, true) => "A.D.",
            };
            in_case(text, written)
        }
        "TZ" => {
            no_zone()?;
            let text = moment.zone.as_ref().map(|(_, name)| name.as_str()).unwrap_or_default();
            if written == "tz" {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        }
        "TZH" => {
            no_zone()?;
            let (sign, hours, _) = offset();
            format!("{sign}{hours:02}")
        }
        "TZM" => format!("{:02}", offset().2),
        "OF" => {
            no_zone()?;
            let (sign, hours, minutes) = offset();
            match minutes {
                0 => format!("{sign}{hours:02}"),
                minutes => format!("{sign}{hours:02}:{minutes:02}"),
            }
        }
        _ => String::new(),
    })
}

/// What a text says in the places of a template.
#[derive(Default)]
struct Read {
    year: Option<i64>,
    iso: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    week: Option<i64>,
    iso_week: Option<i64>,
    iso_day: Option<i64>,
    julian: Option<i64>,
    hour: Option<i64>,
    half_day: bool,
    pm: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    day_seconds: Option<i64>,
    bc: bool,
    zone_sign: i64,
    zone_hours: Option<i64>,
    zone_minutes: i64,
}

/// A text read by a template: a local time in microseconds, and the seconds east of UTC where it names them.
pub fn read(text: &str, template: &str) -> Result<(i64, Option<i32>)> {
    let nodes = nodes(template);
    let mut found = Read::default();
    let mut rest = text;
    for (index, node) in nodes.iter().enumerate() {
        match node {
            Node::Literal(c) => {
                if c.is_whitespace() || c.is_ascii_punctuation() {
                    // Any separator stands for any other.
                    let trimmed = rest.trim_start();
                    rest = match trimmed.chars().next() {
                        Some(next)
                            if next.is_ascii_punctuation() && !matches!(next, '+' | '-') || trimmed.starts_with(*c) =>
                        {
                            trimmed.get(next_len(trimmed)..).unwrap_or_default()
                        }
                        Some('-') if !sign_follows(nodes.get(index + 1)) => trimmed.get(1..).unwrap_or_default(),
                        _ => trimmed,
                    };
                } else {
                    rest = rest.get(next_len(rest)..).unwrap_or_default();
                }
            }
            Node::Pattern { name, ordinal, .. } => {
                rest = rest.trim_start();
                let bounded = matches!(nodes.get(index + 1), Some(Node::Pattern { .. }));
                rest = take(&mut found, name, rest, bounded, text)?;
                if ordinal.is_some() {
                    rest = rest.get(2..).unwrap_or_default();
                }
            }
        }
    }
    assemble(&found, text)
}

fn next_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

fn sign_follows(node: Option<&Node>) -> bool {
    matches!(
        node,
        Some(Node::Pattern {
            name: "TZH" | "OF" | "TZ",
            ..
        })
    )
}

/// Takes what a pattern stands for from the beginning of `rest`.
fn take<'a>(found: &mut Read, name: &str, rest: &'a str, bounded: bool, text: &str) -> Result<&'a str> {
    let invalid = || {
        let shown: String = rest.chars().take(name.len()).collect();
        Error::new(
            SqlState::INVALID_DATETIME_FORMAT,
            format!("invalid value \"{shown}\" for \"{name}\""),
        )
        .with_detail("Value must be an integer.")
        .with_log(text.to_owned())
    };
    let width = match name {
        "HH24" | "HH12" => 2,
        "FF1" => 1,
        "FF2" => 2,
        "MS" | "FF3" => 3,
        "FF4" => 4,
        "FF5" => 5,
        "US" | "FF6" => 6,
        "J" => 7,
        "TZH" | "TZM" => 2,
        other => other.len(),
    };
    let number = |limit: usize| -> Result<(i64, &'a str, usize)> {
        let count = rest.bytes().take_while(u8::is_ascii_digit).take(limit).count();
        let (digits, after) = rest.split_at_checked(count).ok_or_else(invalid)?;
        Ok((digits.parse().map_err(|_| invalid())?, after, count))
    };
    let limit = if bounded { width } else { 18 };
    let named = |names: &[&str], short: bool| -> Result<(i64, &'a str)> {
        let found = names.iter().zip(0i64..).find_map(|(name, index)| {
            let name = if short { name.get(..3)? } else { *name };
            let start = rest.get(..name.len())?;
            start
                .eq_ignore_ascii_case(name)
                .then(|| rest.get(name.len()..).map(|after| (index, after)))?
        });
        found.ok_or_else(invalid)
    };
    let mut set = |slot: fn(&mut Read) -> &mut Option<i64>, limit: usize| -> Result<&'a str> {
        let (value, after, _) = number(limit)?;
        *slot(found) = Some(value);
        Ok(after)
    };
    match name {
        "YYYY" => set(|found| &mut found.year, limit),
        "YYY" | "YY" | "Y" | "IYY" | "IY" | "I" => {
            let (value, after, count) = number(limit)?;
            // Short years lie around 2020.
            found.year = Some(match count {
                1 | 2 if value < 70 => value + 2_000,
                1 | 2 => value + 1_900,
                3 if value < 520 => value + 2_000,
                3 => value + 1_000,
                _ => value,
            });
            found.iso = name.starts_with('I');
            Ok(after)
        }
        "Y,YYY" => {
            let (thousands, after) = rest.split_once(',').ok_or_else(invalid)?;
            let (low, after) = after.split_at_checked(3).ok_or_else(invalid)?;
            let parse = |text: &str| text.parse::<i64>().map_err(|_| invalid());
            found.year = Some(parse(thousands)? * 1_000 + parse(low)?);
            Ok(after)
        }
        "IYYY" => {
            found.iso = true;
            let (value, after, _) = number(limit)?;
            found.year = Some(value);
            Ok(after)
        }
        "MM" => set(|found| &mut found.month, limit),
        "MONTH" | "MON" => {
            let (index, after) = named(&MONTHS, false).or_else(|_| named(&MONTHS, true))?;
            found.month = Some(index + 1);
            Ok(after)
        }
        "RM" => {
            let count = rest
                .bytes()
                .take_while(|byte| matches!(byte.to_ascii_uppercase(), b'I' | b'V' | b'X'))
                .count();
            let (roman, after) = rest.split_at_checked(count).ok_or_else(invalid)?;
            let index = ROMAN_MONTHS
                .iter()
                .position(|month| month.eq_ignore_ascii_case(roman))
                .ok_or_else(invalid)?;
            found.month = i64::try_from(index + 1).ok();
            Ok(after)
        }
        "DAY" | "DY" => Ok(named(&WEEKDAYS, false).or_else(|_| named(&WEEKDAYS, true))?.1),
        "DDD" => set(|found| &mut found.day_of_year, limit),
        "DD" => set(|found| &mut found.day, limit),
        "D" => Ok(number(1)?.1),
        "ID" => set(|found| &mut found.iso_day, 1),
        "WW" => set(|found| &mut found.week, limit),
        "IW" => set(|found| &mut found.iso_week, limit),
        "W" | "Q" | "CC" | "IDDD" => Ok(number(limit)?.1),
        "J" => set(|found| &mut found.julian, limit),
        "HH24" => set(|found| &mut found.hour, limit),
        "HH12" | "HH" => {
            found.half_day = true;
            let (value, after, _) = number(limit)?;
            found.hour = Some(value);
            Ok(after)
        }
        "MI" => {
            let (value, after, _) = number(limit)?;
            found.minute = value;
            Ok(after)
        }
        "SS" => {
            let (value, after, _) = number(limit)?;
            found.second = value;
            Ok(after)
        }
        "SSSS" | "SSSSS" => set(|found| &mut found.day_seconds, limit),
        "MS" | "US" | "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
            let (value, after, count) = number(limit.min(6))?;
            found.micros = value * 10i64.pow(u32::try_from(6 - count.min(6)).unwrap_or(0));
            Ok(after)
        }
        "AM" | "PM" | "A.M." | "P.M." => {
            let words = [("a.m.", false), ("p.m.", true), ("am", false), ("pm", true)];
            let word = words.iter().find(|(word, _)| {
                rest.get(..word.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(word))
            });
            let (word, pm) = word.ok_or_else(invalid)?;
            found.pm = Some(*pm);
            Ok(rest.get(word.len()..).unwrap_or_default())
        }
        "AD" | "BC" | "A.D." | "B.C." => {
            found.bc = rest.starts_with(['b', 'B']);
            Ok(rest.get(name.len()..).unwrap_or_default())
        }
        "TZH" => {
            found.zone_sign = if rest.starts_with('-') { -1 } else { 1 };
            let rest = rest.trim_start_matches(['+', '-', ' ']);
            let count = rest.bytes().take_while(u8::is_ascii_digit).take(2).count();
            let (digits, after) = rest.split_at_checked(count).ok_or_else(invalid)?;
            found.zone_hours = Some(digits.parse().map_err(|_| invalid())?);
            Ok(after)
        }
        "TZM" => {
            let (value, after, _) = number(2)?;
            found.zone_minutes = value;
            Ok(after)
        }
        other => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("formatting field \"{other}\" is only supported in to_char"),
        )),
    }
}

fn assemble(found: &Read, text: &str) -> Result<(i64, Option<i32>)> {
    let out_of_range = || {
        let words = format!("date/time field value out of range: \"{text}\"");
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, words)
    };
    let mut hour = found.hour.unwrap_or(0);
    if found.half_day {
        if !(1..=12).contains(&hour) {
            let words = format!("hour \"{hour}\" is invalid for the 12-hour clock");
            let error = Error::new(SqlState::INVALID_DATETIME_FORMAT, words);
            return Err(error.with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
        }
        hour = hour % 12 + if found.pm == Some(true) { 12 } else { 0 };
    }
    if !(0..=24).contains(&hour) || !(0..60).contains(&found.minute) || !(0..=60).contains(&found.second) {
        return Err(out_of_range());
    }
    let seconds = found
        .day_seconds
        .unwrap_or(hour * 3_600 + found.minute * 60 + found.second);
    // Without a year it is the one before the first.
    let year = match found.year {
        Some(year) if found.bc => 1 - year,
        Some(year) => year,
        None => 0,
    };
    let days = if let Some(julian) = found.julian {
        julian - JULIAN_UNIX
    } else if let Some(week) = found.iso_week.filter(|_| found.iso) {
        // The fourth of January lies in the first week.
        let fourth = days_from_civil(year, 1, 4);
        fourth - (fourth + 3).rem_euclid(7) + (week - 1) * 7 + found.iso_day.unwrap_or(1) - 1
    } else if let Some(day) = found.day_of_year {
        days_from_civil(year, 1, 1) + day - 1
    } else if let Some(week) = found.week {
        days_from_civil(year, 1, 1) + (week - 1) * 7
    } else {
        let (month, day) = (found.month.unwrap_or(1), found.day.unwrap_or(1));
        let (month, day) = (u32::try_from(month).unwrap_or(0), u32::try_from(day).unwrap_or(0));
        if !(1..=12).contains(&month) || !(-4_713..=294_276).contains(&year) {
            return Err(out_of_range());
        }
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return Err(out_of_range());
        }
        days
    };
    let micros = days
        .checked_mul(DAY)
        .and_then(|start| start.checked_add(seconds * SECOND + found.micros))
        .ok_or_else(out_of_range)?;
    let offset = found
        .zone_hours
        .map(|hours| found.zone_sign * (hours * 3_600 + found.zone_minutes * 60))
        .and_then(|offset| i32::try_from(offset).ok());
    Ok((micros, offset))
}
