//! Floats in PostgreSQL's text form: the shortest decimal that reads back as the value, or C's `%g` with fewer digits.

use super::number::{put_int, put_two};

/// Digits that a float is certain to carry: C's DBL_DIG and FLT_DIG.
const DOUBLE_DIGITS: i32 = 15;
const FLOAT_DIGITS: i32 = 6;

/// `float8out`.
pub(super) fn put_float8(value: f64, extra_digits: i32, out: &mut Vec<u8>) {
    if put_special(value, out) {
        return;
    }
    if extra_digits > 0 {
        let mut buffer = ryu::Buffer::new();
        let shortest = Decimal::parse(buffer.format_finite(value.abs()));
        let shortest = if on_boundary_f64(value.abs(), &shortest) {
            inside(value.abs(), &shortest)
        } else {
            shortest
        };
        shortest.put_shortest(value.is_sign_negative(), DOUBLE_DIGITS, out);
    } else {
        put_significant(value, DOUBLE_DIGITS.saturating_add(extra_digits).max(1), out);
    }
}

/// `float4out`.
pub(super) fn put_float4(value: f32, extra_digits: i32, out: &mut Vec<u8>) {
    if put_special(f64::from(value), out) {
        return;
    }
    if extra_digits > 0 {
        let mut buffer = ryu::Buffer::new();
        let shortest = Decimal::parse(buffer.format_finite(value.abs()));
        let shortest = if on_boundary_f32(value.abs(), &shortest) {
            inside(value.abs(), &shortest)
        } else {
            shortest
        };
        shortest.put_shortest(value.is_sign_negative(), FLOAT_DIGITS, out);
    } else {
        put_significant(f64::from(value), FLOAT_DIGITS.saturating_add(extra_digits).max(1), out);
    }
}

fn put_special(value: f64, out: &mut Vec<u8>) -> bool {
    let word: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value == f64::INFINITY {
        b"Infinity"
    } else if value == f64::NEG_INFINITY {
        b"-Infinity"
    } else {
        return false;
    };
    out.extend_from_slice(word);
    true
}

/// Significant digits without zeros at either end, and the power of ten of the first.
pub(super) struct Decimal {
    digits: [u8; 32],
    len: usize,
    exponent: i32,
}

impl Decimal {
    /// Reads what Rust and `ryu` print: `1.5`, `1e23`, `1.2345e-7`.
    pub fn parse(text: &str) -> Decimal {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut exponent = exponent
            .parse::<i32>()
            .unwrap_or(0)
            .saturating_add(whole.len() as i32 - 1);
        let (mut digits, mut len) = ([b'0'; 32], 0);
        for byte in whole.bytes().chain(fraction.bytes()) {
            if len == 0 && byte == b'0' {
                exponent -= 1;
            } else if let Some(slot) = digits.get_mut(len) {
                *slot = byte;
                len += 1;
            }
        }
        while len > 0 && digits.get(len - 1) == Some(&b'0') {
            len -= 1;
        }
        if len == 0 {
            (len, exponent) = (1, 0);
        }
        Decimal { digits, len, exponent }
    }

    fn digits(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    /// Passes on sign, digits and scale, the scale as small as it may be without losing a digit.
    pub fn put_numeric(&self, negative: bool, put: impl FnOnce(bool, &[u8], i32)) {
        let scale = self.len as i32 - 1 - self.exponent;
        // Zeros before the point are digits of the number, not a negative scale: both print the same.
        put(negative && self.integer() != 0, self.digits(), scale)
    }

    fn integer(&self) -> u128 {
        self.digits()
            .iter()
            .fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'))
    }

    /// PostgreSQL writes exponents below -4 and from the type's certain digits on.
    fn put_shortest(&self, negative: bool, certain_digits: i32, out: &mut Vec<u8>) {
        if negative {
            out.push(b'-');
        }
        if self.exponent < -4 || self.exponent >= certain_digits {
            self.put_scientific(out)
        } else {
            self.put_plain(out)
        }
    }

    fn put_scientific(&self, out: &mut Vec<u8>) {
        let (first, rest) = self.digits().split_at(1);
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        out.push(b'e');
        out.push(if self.exponent < 0 { b'-' } else { b'+' });
        let exponent = self.exponent.unsigned_abs();
        if exponent < 100 {
            put_two(exponent, out)
        } else {
            put_int(exponent, out)
        }
    }

    fn put_plain(&self, out: &mut Vec<u8>) {
        let digits = self.digits();
        match usize::try_from(self.exponent) {
            Err(_) => {
                out.extend_from_slice(b"0.");
                out.resize(out.len() + self.exponent.unsigned_abs() as usize - 1, b'0');
                out.extend_from_slice(digits);
            }
            Ok(exponent) => {
                let whole = digits.len().min(exponent + 1);
                let (before, after) = digits.split_at(whole);
                out.extend_from_slice(before);
                out.resize(out.len() + exponent + 1 - whole, b'0');
                if !after.is_empty() {
                    out.push(b'.');
                    out.extend_from_slice(after);
                }
            }
        }
    }
}

/// C's `%.*g`, which PostgreSQL uses where `extra_float_digits` is 0 or less. Rare: `format!` may cost what it costs.
fn put_significant(value: f64, digits: i32, out: &mut Vec<u8>) {
    let precision = usize::try_from(digits - 1).unwrap_or(0);
    let rounded = Decimal::parse(&format!("{:.precision$e}", value.abs()));
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if rounded.exponent < -4 || rounded.exponent >= digits {
        rounded.put_scientific(out)
    } else {
        rounded.put_plain(out)
    }
}

// PostgreSQL's Ryu wants the digits strictly inside the interval that rounds to the value (`STRICTLY_SHORTEST 0`), the
// `ryu` crate takes its end as well: 1e23 lies exactly between two doubles. Such a value gets a digit more.

fn on_boundary_f64(value: f64, shortest: &Decimal) -> bool {
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) as i32);
    let mantissa = if exponent == 0 { fraction } else { fraction | (1 << 52) };
    on_boundary(
        mantissa,
        exponent.max(1) - 1075,
        fraction == 0 && exponent > 1,
        shortest,
    )
}

fn on_boundary_f32(value: f32, shortest: &Decimal) -> bool {
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & ((1 << 23) - 1), (bits >> 23) as i32);
    let mantissa = if exponent == 0 { fraction } else { fraction | (1 << 23) };
    on_boundary(
        u64::from(mantissa),
        exponent.max(1) - 150,
        fraction == 0 && exponent > 1,
        shortest,
    )
}

/// Whether the decimal lies exactly half-way between `mantissa * 2^exponent` and a neighbour of it.
fn on_boundary(mantissa: u64, exponent: i32, at_power_of_two: bool, shortest: &Decimal) -> bool {
    // An odd mantissa loses ties, so `ryu` does not accept the ends either.
    if mantissa % 2 == 1 || mantissa == 0 {
        return false;
    }
    let power = shortest.exponent - (shortest.len as i32 - 1);
    let (mantissa, digits) = (u128::from(mantissa), shortest.integer());
    // Below a power of two the neighbour is half as far away.
    let lower = if at_power_of_two {
        (4 * mantissa - 1, exponent - 2)
    } else {
        (2 * mantissa - 1, exponent - 1)
    };
    [lower, (2 * mantissa + 1, exponent - 1)]
        .into_iter()
        .any(|(odd, two_exponent)| {
            // digits * 10^power == odd * 2^two_exponent, with the powers of five on the side where they are whole.
            let Some(five) = 5u128.checked_pow(power.unsigned_abs()) else {
                return false;
            };
            let (left, right) = if power >= 0 {
                (digits.checked_mul(five), Some(odd))
            } else {
                (Some(digits), odd.checked_mul(five))
            };
            let (Some(left), Some(right)) = (left, right) else {
                return false;
            };
            let (left_twos, right_twos) = (left.trailing_zeros(), right.trailing_zeros());
            left >> left_twos == right >> right_twos && left_twos as i32 + power == right_twos as i32 + two_exponent
        })
}

/// The next longer decimal that rounds to `value`.
fn inside(value: impl std::fmt::LowerExp, shortest: &Decimal) -> Decimal {
    // Not below 16 digits of a double (7 of a float) is there a decimal strictly inside: one digit more always is.
    let mut precision = shortest.len;
    loop {
        let candidate = Decimal::parse(&format!("{value:.precision$e}"));
        if candidate.len > shortest.len || precision > 17 {
            return candidate;
        }
        precision += 1;
    }
}
