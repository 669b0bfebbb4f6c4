//! TimeZone: what zones there are, and what they are called.

use std::str::FromStr;

use chrono_tz::{TZ_VARIANTS, Tz};

use crate::wire::encode::Zone;

/// An offset is less than a day, either way.
const OFFSET_MAX: i32 = 86_400;

/// A zone's name as Arrow and DataFusion take it: `Europe/Berlin`, `+05:30`.
pub(super) fn arrow_name(zone: Zone) -> String {
    match zone {
        Zone::Named(zone) => zone.name().to_owned(),
        Zone::Fixed(east) => {
            let sign = if east < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", east.abs() / 3600, east.abs() / 60 % 60)
        }
    }
}

/// A zone and how SHOW names it; none where there is no such zone. Fixed offsets reach to 24 hours, PostgreSQL's to 168.
pub(super) fn parse(text: &str) -> Option<(Zone, String)> {
    if let Ok(hours) = text.trim().parse::<f64>()
        && !text.ends_with([':', '.'])
    {
        return from_hours(hours);
    }
    named(text)
        .map(|zone| (Zone::Named(zone), zone.name().to_owned()))
        .or_else(|| posix(text))
}

fn named(text: &str) -> Option<Tz> {
    Tz::from_str(text).ok().or_else(|| {
        TZ_VARIANTS
            .iter()
            .find(|zone| zone.name().eq_ignore_ascii_case(text))
            .copied()
    })
}

fn from_hours(hours: f64) -> Option<(Zone, String)> {
    let seconds = (hours * 3600.0).round_ties_even();
    // The bounds make the conversion exact.
    let seconds = if seconds.abs() < 86_400.0 {
        format!("{seconds:.0}").parse::<i32>().ok()?
    } else {
        return None;
    };
    from_seconds(seconds)
}

/// An interval's text: `-08:00`, `05:30:00`, or seconds.
pub(super) fn from_interval(text: &str) -> Option<(Zone, String)> {
    if text.contains(':') {
        from_seconds(clock(text)?)
    } else {
        from_seconds(text.trim().parse().ok()?)
    }
}

/// Seconds east of UTC, shown as PostgreSQL shows them: `<+05>-05`, whose second half counts westwards as POSIX has it.
fn from_seconds(east: i32) -> Option<(Zone, String)> {
    let offset = Some(east).filter(|east| east.abs() < OFFSET_MAX)?;
    let clock = |sign: char| {
        let (hours, minutes, seconds) = (east.abs() / 3600, east.abs() / 60 % 60, east.abs() % 60);
        let mut text = format!("{sign}{hours:02}");
        if minutes != 0 || seconds != 0 {
            text.push_str(&format!(":{minutes:02}"));
        }
        if seconds != 0 {
            text.push_str(&format!(":{seconds:02}"));
        }
        text
    };
    let (here, west) = if east < 0 { ('-', '+') } else { ('+', '-') };
    Some((Zone::Fixed(offset), format!("<{}>{}", clock(here), clock(west))))
}

/// `GMT+3`, `<+03>-3`, `+02:30`: an abbreviation (PostgreSQL does without) and hours *west* of UTC.
fn posix(text: &str) -> Option<(Zone, String)> {
    let (abbreviation, rest) = match text.strip_prefix('<') {
        Some(quoted) => text.split_at(quoted.find('>')? + 2),
        None => text.split_at(text.find(|c: char| !c.is_ascii_alphabetic())?),
    };
    let west = clock(rest)?;
    let zone = Zone::Fixed(Some(-west).filter(|east| east.abs() < OFFSET_MAX)?);
    let shown = if abbreviation.starts_with('<') {
        abbreviation.to_owned()
    } else {
        abbreviation.to_ascii_uppercase()
    };
    Some((zone, format!("{shown}{rest}")))
}

/// `[+-]hh[:mm[:ss]]` in seconds.
fn clock(text: &str) -> Option<i32> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut seconds = 0i32;
    let mut factors = [3600, 60, 1].into_iter();
    for part in unsigned.split(':') {
        let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let number: i32 = if digits {
            part.parse().ok()?
        } else {
            return None;
        };
        seconds += number * factors.next()?;
    }
    Some(if text.starts_with('-') { -seconds } else { seconds })
}
