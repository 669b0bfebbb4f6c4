//! Numbers whose template has no places for their digits: `EEEE`, with an exponent, and `RN`, in Roman numerals. Those with
//! places are in `write`.

use arrow::datatypes::i256;

use super::{Node, Picture};
use crate::{
    Result,
    catalog::functions::value::{divided, numeric_overflow, power_of_ten},
};

pub(super) fn scientific(magnitude: i256, scale: i8, negative: bool, behind: usize) -> Result<String> {
    let digits = magnitude.to_string();
    let exponent = match magnitude == i256::ZERO {
        true => 0,
        false => i32::try_from(digits.len()).unwrap_or(0) - 1 - i32::from(scale),
    };
    let places = i32::try_from(behind).unwrap_or(0);
    let shift = places - exponent - i32::from(scale);
    let factor = power_of_ten(shift.unsigned_abs()).ok_or_else(numeric_overflow)?;
    let mantissa = match shift >= 0 {
        true => magnitude.checked_mul(factor),
        false => divided(magnitude, factor),
    };
    let mantissa = format!(
        "{:0>width$}",
        mantissa.ok_or_else(numeric_overflow)?.to_string(),
        width = behind + 1
    );
    // 9.99 may round up to 10.0.
    let (mantissa, exponent) = match mantissa.len() > behind + 1 {
        true => (mantissa.get(..behind + 1).unwrap_or_default().to_owned(), exponent + 1),
        false => (mantissa, exponent),
    };
    let (whole, fraction) = mantissa.split_at_checked(1).unwrap_or((&mantissa, ""));
    let point = if behind > 0 { "." } else { "" };
    let sign = if negative { '-' } else { ' ' };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    Ok(format!(
        "{sign}{whole}{point}{fraction}e{exponent_sign}{:02}",
        exponent.abs()
    ))
}

pub(super) fn roman(value: Option<i128>, picture: &Picture) -> String {
    const NUMERALS: [(i128, &str); 13] = [
        (1_000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut text = String::new();
    match value.filter(|value| (1..4_000).contains(value)) {
        Some(mut left) => {
            for (value, numeral) in NUMERALS {
                while left >= value {
                    text.push_str(numeral);
                    left -= value;
                }
            }
        }
        None => text = "#".repeat(15),
    }
    if picture.nodes.contains(&Node::Roman(true)) {
        text = text.to_lowercase();
    }
    if picture.fill { text } else { format!("{text:>15}") }
}
