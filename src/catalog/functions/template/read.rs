//! What a text says in the places of a template, and the time that this makes: `to_timestamp`, `to_date`. The session's
//! zone is the caller's to add.

use super::{MONTHS, Node, ROMAN_MONTHS, WEEKDAYS, nodes};
use crate::{
    Error, Result, SqlState,
    catalog::functions::datetime::{DAY, JULIAN_UNIX, SECOND},
    wire::encode::{civil_from_days, days_from_civil},
};

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
