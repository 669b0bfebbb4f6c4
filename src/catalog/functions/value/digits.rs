//! Decimal digits: what numerics are scaled and divided by, rounded half away from zero as PostgreSQL does. What does not
//! fit is `None`; the error is the caller's.

use arrow::datatypes::i256;

/// 10^n, as far as it fits.
pub fn power_of_ten(exponent: u32) -> Option<i256> {
    i256::from_i128(10).checked_pow(exponent)
}

/// The digits for another scale, rounded half away from zero.
pub fn rescaled(value: i256, from: i8, to: i8) -> Option<i256> {
    let distance = i32::from(to) - i32::from(from);
    let factor = power_of_ten(distance.unsigned_abs())?;
    if distance >= 0 {
        return value.checked_mul(factor);
    }
    divided(value, factor)
}

/// A number without the zeros at its end.
pub fn trimmed(mut value: i256, mut scale: i8) -> (i256, i8) {
    let ten = i256::from_i128(10);
    while scale > 0 && value.wrapping_rem(ten) == i256::ZERO {
        (value, scale) = (value.wrapping_div(ten), scale - 1);
    }
    (value, scale)
}

/// A quotient rounded half away from zero.
pub fn divided(value: i256, by: i256) -> Option<i256> {
    let (quotient, remainder) = (value.checked_div(by)?, value.checked_rem(by)?);
    let (remainder, by_magnitude) = (remainder.wrapping_abs(), by.wrapping_abs());
    if remainder < by_magnitude.wrapping_sub(remainder) {
        return Some(quotient);
    }
    let away = if (value < i256::ZERO) == (by < i256::ZERO) {
        1
    } else {
        -1
    };
    quotient.checked_add(i256::from_i128(away))
}
