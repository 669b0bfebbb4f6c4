//! `numeric`: text from a decimal's digits, and the base-10000 digits that `numeric_send` writes.

/// Decimal digits in one digit of PostgreSQL's numeric.
const DIGITS_PER_GROUP: usize = 4;

/// Writes `digits * 10^-scale` as `numeric_out` does: exactly `scale` digits after the point.
pub(super) fn put_text(negative: bool, digits: &[u8], scale: i32, out: &mut Vec<u8>) {
    let digits = strip_leading_zeros(digits);
    if negative && !digits.is_empty() {
        out.push(b'-');
    }
    let Ok(scale) = usize::try_from(scale) else {
        // A negative scale: zeros before the point.
        out.extend_from_slice(if digits.is_empty() { b"0" } else { digits });
        if !digits.is_empty() {
            out.resize(out.len() + scale.unsigned_abs() as usize, b'0');
        }
        return;
    };
    match digits.split_at_checked(digits.len().wrapping_sub(scale)) {
        Some((whole, fraction)) if !whole.is_empty() => {
            out.extend_from_slice(whole);
            if scale > 0 {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        }
        _ => {
            out.push(b'0');
            if scale > 0 {
                out.push(b'.');
                out.resize(out.len() + scale - digits.len(), b'0');
                out.extend_from_slice(digits);
            }
        }
    }
}

/// Writes `digits * 10^-scale` as `numeric_send` does: group count, weight of the first group, sign, display scale,
/// then the groups of four digits, without groups of zeros at either end.
pub(super) fn put_binary(negative: bool, digits: &[u8], scale: i32, out: &mut Vec<u8>) {
    let digits = strip_leading_zeros(digits);
    // Digits behind the last whole group, and zeros that a negative scale puts there.
    let scale_groups =
        scale.div_euclid(DIGITS_PER_GROUP as i32) + i32::from(scale.rem_euclid(DIGITS_PER_GROUP as i32) != 0);
    let padding = scale_groups * DIGITS_PER_GROUP as i32 - scale;
    let padded = digits.len() + padding as usize;
    let digit_at = |index: usize| digits.get(index).map_or(0, |digit| i16::from(digit - b'0'));
    let header = out.len();
    out.extend_from_slice(&[0; 8]);
    let groups = if digits.is_empty() {
        0
    } else {
        padded.div_ceil(DIGITS_PER_GROUP)
    };
    // The first group may be short: it starts before the first digit.
    let lead = groups * DIGITS_PER_GROUP - if groups == 0 { 0 } else { padded };
    let (mut written, mut trailing) = (0i16, 0i16);
    for group in 0..groups {
        let value = (0..DIGITS_PER_GROUP).fold(0, |sum, place| {
            let digit = (group * DIGITS_PER_GROUP + place).checked_sub(lead).map_or(0, digit_at);
            sum * 10 + digit
        });
        out.extend_from_slice(&value.to_be_bytes());
        written += 1;
        trailing = if value == 0 { trailing + 1 } else { 0 };
    }
    out.truncate(out.len() - 2 * trailing.unsigned_abs() as usize);
    written -= trailing;
    let weight = if groups == 0 {
        0
    } else {
        groups as i32 - 1 - scale_groups
    };
    let sign: u16 = if negative && groups > 0 { 0x4000 } else { 0 };
    let fields = [
        written.to_be_bytes(),
        (weight as i16).to_be_bytes(),
        sign.to_be_bytes(),
        (scale.max(0) as i16).to_be_bytes(),
    ];
    if let Some(slot) = out.get_mut(header..header + 8) {
        slot.copy_from_slice(fields.as_flattened());
    }
}

/// [`put_binary`] for an integer of 64 bits, which is what most numerics here are.
#[inline]
pub(super) fn put_integer_binary(negative: bool, value: u64, out: &mut Vec<u8>) {
    // 2⁶⁴ has twenty digits, so five groups of 16 bits: together they fit one number, the last group lowest.
    let (mut rest, mut groups) = (value, 0u128);
    for group in 0..5 {
        groups |= u128::from(rest % 10_000) << (16 * group);
        rest /= 10_000;
    }
    let used = (u128::BITS - groups.leading_zeros()).div_ceil(16);
    let zeros = if groups == 0 { 0 } else { groups.trailing_zeros() / 16 };
    let sign: u128 = if negative { 0x4000 } else { 0 };
    // Count, weight, sign and display scale, then the groups from the top of their number on.
    let header = u128::from(used - zeros) << 48 | u128::from(used.saturating_sub(1)) << 32 | sign << 16;
    let groups = groups << (16 * (8 - used)).min(127);
    let end = out.len() + 8 + 2 * (used - zeros) as usize;
    let bytes = [(header << 64) | (groups >> 64), groups << 64].map(u128::to_be_bytes);
    out.extend_from_slice(bytes.as_flattened());
    out.truncate(end);
}

fn strip_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}
