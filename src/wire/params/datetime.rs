//! Dates and times from text: ISO 8601 in the spellings that PostgreSQL takes, month names, and the American order of its
//! default `DateStyle`. Words that mean the present (`now`, `today`) are left to SQL, where the statement's clock is.

use postgres_types::Type;

use super::invalid_syntax;
use crate::wire::encode::Zone;
use crate::wire::encode::datetime::{
    MICROS_PER_DAY, MICROS_PER_SECOND, Scale, civil_from_days, date_days, days_from_civil,
};
use crate::{Error, Result, SqlState};

/// `date_in`: days since 1970. A time of day is taken and dropped.
pub(super) fn date(input: &str) -> Result<i32> {
    let parts = parse(input, &Type::DATE)?;
    date_days(parts.days.ok_or_else(|| syntax(&Type::DATE, input))?).map_err(|_| {
        Error::new(
            SqlState::DATETIME_FIELD_OVERFLOW,
            format!("date out of range: \"{input}\""),
        )
    })
}

/// `time_in`: microseconds of the day. A date and a zone are taken and dropped.
pub(super) fn time(input: &str) -> Result<i64> {
    let parts = parse(input, &Type::TIME)?;
    parts.micros.ok_or_else(|| syntax(&Type::TIME, input))
}

/// `timestamp_in`: microseconds since 1970. A zone is taken and dropped.
pub(super) fn timestamp(input: &str) -> Result<i64> {
    local(&parse(input, &Type::TIMESTAMP)?, &Type::TIMESTAMP, input)
}

/// `timestamptz_in`: microseconds since 1970 in UTC; `zone` holds where the text names none.
pub(super) fn timestamptz(input: &str, zone: &Zone) -> Result<i64> {
    let parts = parse(input, &Type::TIMESTAMPTZ)?;
    let local = local(&parts, &Type::TIMESTAMPTZ, input)?;
    let offset = offset_of_local(&parts.zone.unwrap_or(*zone), local.div_euclid(MICROS_PER_SECOND));
    let utc = local
        .checked_sub(i64::from(offset) * MICROS_PER_SECOND)
        .ok_or_else(|| out_of_range(input))?;
    Scale::Times(1).timestamp(utc).map_err(|_| out_of_range(input))
}

/// Microseconds of a day, 24:00:00 included.
pub(super) fn day_time(micros: i64) -> Option<i64> {
    (0..=MICROS_PER_DAY).contains(&micros).then_some(micros)
}

fn local(parts: &Parts, ty: &Type, input: &str) -> Result<i64> {
    let days = parts.days.ok_or_else(|| syntax(ty, input))?;
    let micros = days
        .checked_mul(MICROS_PER_DAY)
        .and_then(|start| start.checked_add(parts.micros.unwrap_or(0)));
    let micros = micros.ok_or_else(|| out_of_range(input))?;
    Scale::Times(1).timestamp(micros).map_err(|_| out_of_range(input))
}

/// The offset that a local time has. In the hour that a clock skips, the offset before it; in the one it repeats, that after.
pub(crate) fn offset_of_local(zone: &Zone, local: i64) -> i32 {
    let (before, after) = (zone.offset_at(local - 86_400), zone.offset_at(local + 86_400));
    let holds = |offset: i32| zone.offset_at(local - i64::from(offset)) == offset;
    if holds(after) { after } else { before }
}

fn syntax(ty: &Type, input: &str) -> Error {
    invalid_syntax(SqlState::INVALID_DATETIME_FORMAT, ty, input)
}

fn field_overflow(input: &str) -> Error {
    Error::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("date/time field value out of range: \"{input}\""),
    )
}

fn out_of_range(input: &str) -> Error {
    Error::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("timestamp out of range: \"{input}\""),
    )
}

#[derive(Default)]
struct Parts {
    days: Option<i64>,
    micros: Option<i64>,
    zone: Option<Zone>,
}

/// Year, month and day as written, before `BC` is known.
type Civil = (i64, u32, u32);

fn parse(input: &str, ty: &Type) -> Result<Parts> {
    let syntax = || syntax(ty, input);
    let text = input.trim_ascii();
    if text.eq_ignore_ascii_case("epoch") {
        return Ok(Parts {
            days: Some(0),
            micros: Some(0),
            zone: Some(Zone::UTC),
        });
    }
    if ["infinity", "+infinity", "-infinity"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
        && *ty != Type::TIME
    {
        // Arrow's timestamps are all finite.
        return Err(out_of_range(input));
    }
    let mut civil: Option<Civil> = None;
    let mut parts = Parts::default();
    let (mut bc, mut pm) = (false, None);
    // `2026-11-24T10:00` is a date and a time.
    let mut spaced = String::with_capacity(text.len());
    let mut previous = ' ';
    for (index, c) in text.char_indices() {
        let next = text.get(index + c.len_utf8()..).and_then(|rest| rest.chars().next());
        let is_separator =
            matches!(c, 'T' | 't') && previous.is_ascii_digit() && next.is_some_and(|next| next.is_ascii_digit());
        // `2026-11-24Z` is a date and a zone.
        if matches!(c, 'Z' | 'z') && previous.is_ascii_digit() && next.is_none() && !text.contains(':') {
            spaced.push(' ');
        }
        spaced.push(if is_separator || c == ',' { ' ' } else { c });
        previous = c;
    }
    let mut words: Vec<&str> = spaced.split_ascii_whitespace().collect();
    if let Some(date) = named_month(&mut words) {
        civil = Some(date.ok_or_else(syntax)?);
    }
    for word in words {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "bc" if !bc => bc = true,
            "ad" => {}
            "am" | "pm" if pm.is_none() && parts.micros.is_some() => pm = Some(lower == "pm"),
            _ if parts.micros.is_none() && (word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit())) => {
                take_time(word, &mut parts, input).ok_or_else(syntax)??;
            }
            _ if civil.is_none() && word.starts_with(|c: char| c.is_ascii_digit()) => {
                civil = Some(numeric_date(word).ok_or_else(syntax)?);
            }
            // `20261124T101500`, once the date is known.
            _ if parts.micros.is_none() && word.starts_with(|c: char| c.is_ascii_digit()) && civil.is_some() => {
                take_time(&compact_time(word).ok_or_else(syntax)?, &mut parts, input).ok_or_else(syntax)??;
            }
            _ if parts.zone.is_none() => parts.zone = Some(named_zone(word).ok_or_else(syntax)?),
            _ => return Err(syntax()),
        }
    }
    if let Some(pm) = pm {
        let hour = 3_600 * MICROS_PER_SECOND;
        let micros = parts
            .micros
            .filter(|micros| (0..13 * hour).contains(micros))
            .ok_or_else(|| field_overflow(input))?;
        parts.micros = Some(micros % (12 * hour) + if pm { 12 * hour } else { 0 });
    }
    if let Some((year, month, day)) = civil {
        let year = match bc {
            true => 1 - year,
            false => year,
        };
        if (year == 0 && !bc) || !(-4_713..=6_000_000).contains(&year) {
            return Err(field_overflow(input));
        }
        let days = days_from_civil(year, month, day);
        // A day that the month does not have comes back as another.
        if !(1..=12).contains(&month) || civil_from_days(days) != (year, month, day) {
            return Err(field_overflow(input));
        }
        parts.days = Some(days);
    }
    if parts.days.is_none() && parts.micros.is_none() {
        return Err(syntax());
    }
    Ok(parts)
}

/// `2026-11-24`, `2026/11/24`, `20261124`, `11/24/2026`.
fn numeric_date(word: &str) -> Option<Civil> {
    if word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((
            word.get(..4)?.parse().ok()?,
            word.get(4..6)?.parse().ok()?,
            word.get(6..)?.parse().ok()?,
        ));
    }
    let separator = word
        .chars()
        .find(|c| !c.is_ascii_digit())
        .filter(|c| matches!(c, '-' | '/' | '.'))?;
    let fields: Vec<&str> = word.split(separator).collect();
    let [a, b, c] = fields.as_slice() else { return None };
    if ![a, b, c]
        .iter()
        .all(|field| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    if a.len() > 2 {
        return Some((a.parse().ok()?, b.parse().ok()?, c.parse().ok()?));
    }
    Some((two_digit_year(c)?, a.parse().ok()?, b.parse().ok()?))
}

/// Years of two digits lie between 1970 and 2069.
fn two_digit_year(text: &str) -> Option<i64> {
    let year: i64 = text.parse().ok()?;
    Some(match text.len() {
        1 | 2 if year < 70 => year + 2000,
        1 | 2 => year + 1900,
        _ => year,
    })
}

/// Takes `Nov 24 2026`, `24 Nov 2026`, `24-Nov-2026` and the name of a weekday out of the words; `None` where no month is named.
fn named_month(words: &mut Vec<&str>) -> Option<Option<Civil>> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const WEEKDAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let is_name = |word: &str, name: &str| word.len() >= 3 && name.starts_with(&word.to_ascii_lowercase());
    let month_of = |word: &str| {
        MONTHS
            .iter()
            .zip(1u32..)
            .find(|(name, _)| is_name(word, name))
            .map(|(_, month)| month)
    };
    words.retain(|word| !WEEKDAYS.iter().any(|name| is_name(word, name)));
    for at in 0..words.len() {
        let word = *words.get(at)?;
        let fields: Vec<&str> = word.split('-').collect();
        if let [day, name, year] = fields.as_slice()
            && let Some(month) = month_of(name)
        {
            words.remove(at);
            return Some(two_digit_year(year).and_then(|year| Some((year, month, day.parse().ok()?))));
        }
        if let Some(month) = month_of(word) {
            // The day stands on either side, the year is the next number after both.
            words.remove(at);
            let before = at
                .checked_sub(1)
                .filter(|before| words.get(*before).is_some_and(|word| word.parse::<u32>().is_ok()));
            let day_at = before.unwrap_or(at);
            let day = (day_at < words.len()).then(|| words.remove(day_at))?.parse().ok();
            let year_at = words
                .iter()
                .position(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
            let year = year_at.and_then(|at| two_digit_year(words.remove(at)));
            return Some(day.zip(year).map(|(day, year)| (year, month, day)));
        }
    }
    None
}

/// `101500` or `1015` as `10:15:00`, with what follows the digits.
fn compact_time(word: &str) -> Option<String> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = word.split_at_checked(digits)?;
    match digits.len() {
        4 => Some(format!("{}:{}{rest}", digits.get(..2)?, digits.get(2..)?)),
        6 => Some(format!(
            "{}:{}:{}{rest}",
            digits.get(..2)?,
            digits.get(2..4)?,
            digits.get(4..)?
        )),
        _ => None,
    }
}

/// `10:00`, `10:00:00.52`, with a zone at its end: `Z`, `+05`, `+0530`, `+05:30`, `-00:34:08`.
fn take_time(word: &str, parts: &mut Parts, input: &str) -> Option<Result<()>> {
    let end = word
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.')))
        .unwrap_or(word.len());
    let (clock, zone) = word.split_at_checked(end)?;
    if !zone.is_empty() {
        match zone.to_ascii_lowercase().as_str() {
            "am" | "pm" => return None,
            _ => parts.zone = Some(named_zone(zone)?),
        }
    }
    let mut fields = clock.split(':');
    let (hours, minutes, seconds) = (fields.next()?, fields.next()?, fields.next().unwrap_or("0"));
    if fields.next().is_some() || seconds.is_empty() {
        return None;
    }
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let (hours, minutes, seconds): (i64, i64, i64) =
        (hours.parse().ok()?, minutes.parse().ok()?, seconds.parse().ok()?);
    if hours > 24 || minutes > 59 || seconds > 60 {
        return Some(Err(field_overflow(input)));
    }
    let whole = ((hours * 60 + minutes) * 60 + seconds) * MICROS_PER_SECOND;
    let Some(micros) = day_time(whole + fraction_micros(fraction)?) else {
        return Some(Err(field_overflow(input)));
    };
    parts.micros = Some(micros);
    Some(Ok(()))
}

/// Digits behind a second's point, rounded to microseconds.
pub(super) fn fraction_micros(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{digits:0<7}");
    let tenths: i64 = padded.get(..7)?.parse().ok()?;
    Some((tenths + 5) / 10)
}

/// A zone by its name, or by its offset east of UTC.
pub(crate) fn named_zone(text: &str) -> Option<Zone> {
    if matches!(text.to_ascii_lowercase().as_str(), "z" | "utc" | "gmt" | "zulu") {
        return Some(Zone::UTC);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => {
            let named = chrono_tz::TZ_VARIANTS
                .iter()
                .find(|zone| zone.name().eq_ignore_ascii_case(text));
            return named.map(|zone| Zone::Named(*zone));
        }
    };
    let fields: Vec<&str> = digits.split(':').collect();
    let number = |text: &str| {
        text.parse::<i32>()
            .ok()
            .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (hours, minutes, seconds) = match fields.as_slice() {
        [hours] if hours.len() <= 2 => (number(hours)?, 0, 0),
        [both] if both.len() <= 4 => {
            let (hours, minutes) = both.split_at_checked(both.len() - 2)?;
            (number(hours)?, number(minutes)?, 0)
        }
        [hours, minutes] => (number(hours)?, number(minutes)?, 0),
        [hours, minutes, seconds] => (number(hours)?, number(minutes)?, number(seconds)?),
        _ => return None,
    };
    // PostgreSQL's MAX_TZDISP_HOUR.
    (hours <= 15 && minutes < 60 && seconds < 60).then(|| Zone::Fixed(sign * (hours * 3600 + minutes * 60 + seconds)))
}
