//! Numbers with units: how `'1.5s'` is read and `30000` ms is shown, as PostgreSQL's `guc.c` does.

use super::parameter::Parameter;
use crate::{Error, Result, SqlState};

/// Units of memory in bytes and of time in microseconds, smallest first.
const MEMORY: [(&str, f64); 5] = [
    ("B", 1.0),
    ("kB", 1024.0),
    ("MB", 1_048_576.0),
    ("GB", 1_073_741_824.0),
    ("TB", 1_099_511_627_776.0),
];
const TIME: [(&str, f64); 6] = [
    ("us", 1.0),
    ("ms", 1e3),
    ("s", 1e6),
    ("min", 6e7),
    ("h", 3.6e9),
    ("d", 8.64e10),
];

/// The units that a parameter may be given in, and the size of its own.
fn family(unit: &str) -> Option<(&'static [(&'static str, f64)], f64)> {
    let size = |units: &[(&str, f64)]| units.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
    match unit {
        "" => None,
        "8kB" => Some((&MEMORY, 8192.0)),
        _ => size(&MEMORY)
            .map(|size| (&MEMORY[..], size))
            .or_else(|| size(&TIME).map(|size| (&TIME[..], size))),
    }
}

/// A value in the parameter's own unit; `name` is the parameter's, as the client wrote it.
pub(super) fn parse(parameter: &Parameter, name: &str, text: &str, integer: bool) -> Result<f64> {
    let invalid = || {
        Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"{name}\": \"{text}\""),
        )
    };
    let trimmed = text.trim();
    let (mut value, rest) = number(trimmed, integer).ok_or_else(invalid)?;
    let suffix = rest.trim_start();
    if !suffix.is_empty() {
        let (units, own) = family(parameter.unit).ok_or_else(invalid)?;
        let Some((_, size)) = units.iter().find(|(unit, _)| *unit == suffix) else {
            let names: Vec<String> = units.iter().map(|(unit, _)| format!("\"{unit}\"")).collect();
            let (last, first) = names.split_last().ok_or_else(invalid)?;
            return Err(invalid().with_hint(format!(
                "Valid units for this parameter are {}, and {last}.",
                first.join(", ")
            )));
        };
        value = value * size / own;
    }
    if value.is_nan() {
        return Err(invalid());
    }
    if integer {
        value = value.round_ties_even();
        if value > f64::from(i32::MAX) || value < f64::from(i32::MIN) {
            return Err(invalid().with_hint("Value exceeds integer range."));
        }
    }
    let bound = |text: &str| text.parse::<f64>().ok();
    if bound(parameter.min_val).is_some_and(|min| value < min)
        || bound(parameter.max_val).is_some_and(|max| value > max)
    {
        let unit = if parameter.unit.is_empty() {
            String::new()
        } else {
            format!(" {}", parameter.unit)
        };
        let limit = |text: &str| bound(text).map_or_else(String::new, |bound| plain(bound, integer));
        let message = format!(
            "{}{unit} is outside the valid range for parameter \"{name}\" ({} .. {})",
            plain(value, integer),
            limit(parameter.min_val),
            limit(parameter.max_val)
        );
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    Ok(value)
}

/// A number at the start of `text` (decimal; for integers also octal and hexadecimal, as C has them), and what follows.
fn number(text: &str, integer: bool) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let digits = |text: &str, radix: u32| text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    if integer && let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let (number, rest) = hex.split_at(digits(hex, 16));
        return u32::from_str_radix(number, 16)
            .ok()
            .map(|number| (sign * f64::from(number), rest));
    }
    let whole = digits(unsigned, 10);
    let mut len = whole;
    let tail = |len: usize| unsigned.get(len..).unwrap_or_default();
    if let Some(fraction) = tail(len).strip_prefix('.') {
        len += 1 + digits(fraction, 10);
    }
    if let Some(exponent) = tail(len).strip_prefix(['e', 'E']) {
        let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(bare, 10);
        if count > 0 {
            len += 1 + (exponent.len() - bare.len()) + count;
        }
    }
    let (text, rest) = unsigned.split_at(len);
    if integer && len == whole && len > 1 && text.starts_with('0') {
        return u32::from_str_radix(text, 8)
            .ok()
            .map(|number| (sign * f64::from(number), rest));
    }
    text.parse::<f64>().ok().map(|number| (sign * number, rest))
}

/// A value as `pg_settings.setting` has it.
pub(super) fn plain(value: f64, integer: bool) -> String {
    if integer { format!("{value:.0}") } else { general(value) }
}

/// A value in the parameter's unit, as SHOW says it: in the largest unit that leaves a whole number.
pub(super) fn show(parameter: &Parameter, setting: &str, integer: bool) -> String {
    let (Some((units, own)), Ok(value)) = (family(parameter.unit), setting.parse::<f64>()) else {
        return setting.to_owned();
    };
    if value <= 0.0 {
        return setting.to_owned();
    }
    let amount = value * own;
    // As guc.c: rounding errors of a real must not make it choose microseconds.
    let whole = |size: f64| ((amount / size).round_ties_even() / (amount / size) - 1.0).abs() <= 1e-8;
    let best = units.iter().rev().find(|(_, size)| whole(*size)).or(units.first());
    best.map_or_else(
        || setting.to_owned(),
        |(unit, size)| format!("{}{unit}", plain(amount / size, integer)),
    )
}

/// C's `%g`: six significant digits.
fn general(value: f64) -> String {
    let scientific = format!("{value:.5e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    match usize::try_from(5 - exponent) {
        Ok(decimals) if exponent >= -4 => trim(&format!("{value:.decimals$}")),
        _ => format!(
            "{}e{}{:02}",
            trim(mantissa),
            if exponent < 0 { '-' } else { '+' },
            exponent.abs()
        ),
    }
}
