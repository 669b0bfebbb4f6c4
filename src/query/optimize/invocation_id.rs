//! Whether a text can be the id of an invocation. A runtime refuses a statement that compares an id with any other text, where a text
//! that comes of a subquery is simply no id of a row.

/// Digits of base 62 that hold 64 bits, and 128.
const DIGITS_OF_64: usize = 11;
const DIGITS_OF_128: usize = 22;

/// `inv_`, the version of the format, the partition key, and a UUID.
pub(super) fn is_valid(text: &str) -> bool {
    let Some(digits) = text.strip_prefix("inv_1") else {
        return false;
    };
    if digits.len() != DIGITS_OF_64 + DIGITS_OF_128 || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let (key, uuid) = digits.split_at(DIGITS_OF_64);
    number(key).is_some_and(|key| u64::try_from(key).is_ok()) && number(uuid).is_some()
}

/// Base 62: digits, small letters, capitals; `None` beyond 128 bits.
fn number(digits: &str) -> Option<u128> {
    digits.bytes().try_fold(0_u128, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            _ => byte - b'A' + 36,
        };
        number.checked_mul(62)?.checked_add(u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn only_what_a_runtime_takes_for_an_id_is_one() {
        assert!(is_valid("inv_17RK9GoGEU7f29nWTSLWSHYSxeg2TNJSjm"));
        // The highest key and the highest UUID, and one beyond either.
        assert!(is_valid("inv_1lYGhA16ahyf7N42dgm5tFLK9N8MT7fHC7"));
        for other in [
            "",
            "inv_",
            "inv_1",
            "dp_17RK9GoGEU7f29nWTSLWSHYSxeg2TNJSjm",
            "inv_27RK9GoGEU7f29nWTSLWSHYSxeg2TNJSjm",
            "inv_17RK9GoGEU7f29nWTSLWSHYSxeg2TNJSj",
            "inv_17RK9GoGEU7f29nWTSLWSHYSxeg2TNJSjmm",
            "inv_17RK9GoGEU7f29nWTSLWSHYSxeg2TNJS-m",
            "inv_1lYGhA16ahyg7N42dgm5tFLK9N8MT7fHC7",
            "inv_1lYGhA16ahyf7N42dgm5tFLK9N8MT7fHC8",
        ] {
            assert!(!is_valid(other), "{other}");
        }
    }
}
