//! What a template's patterns write of a moment: `to_char` of dates, times and intervals. How a value becomes a moment is
//! said with [`Moment`].

use super::{MONTHS, Moment, Node, ROMAN_MONTHS, WEEKDAYS, nodes};
use crate::{
    Error, Result, SqlState,
    catalog::functions::datetime::{JULIAN_UNIX, SECOND, iso_week},
    wire::encode::days_from_civil,
};

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
