//! Operators and sums: division whose digits PostgreSQL chooses by the values, the mean. Operators that must not leave their type are in
//! `checked`; what else operators do to numbers is the engine's.

use arrow::datatypes::{DataType, Field, i256};
use datafusion::{
    error::Result as EngineResult,
    logical_expr::{Cast, Expr, simplify::SimplifyContext},
};

use super::{Number, is_exact};
use crate::{
    Error, Result,
    catalog::functions::{
        datetime::DAY,
        typed::{Inputs, Row, Typed, numeric, plain},
        value::{Value, as_float, divided, division_by_zero, numeric_overflow, power_of_ten, rescaled, trimmed},
    },
    wire::{encode::Interval, types::NUMERIC_QUOTIENT},
};

/// The digits that a quotient has at least, PostgreSQL's NUMERIC_MIN_SIG_DIGITS.
const SIGNIFICANT_DIGITS: i32 = 16;
/// Decimal digits in one of PostgreSQL's.
const GROUP: i32 = 4;
/// The digits behind the point that [`NUMERIC_QUOTIENT`] holds.
const QUOTIENT_SCALE: i32 = 28;

pub const FUNCTIONS: &[Typed] = &[
    Typed::new(
        "pg_divide",
        |_| Ok(Field::new("", NUMERIC_QUOTIENT, true)),
        |row| {
            let (left, right) = operands(row)?;
            divide(left, right)
        },
    ),
    Typed::new(
        "div",
        |_| Ok(numeric(0)),
        |row| {
            let (left, right) = operands(row)?;
            whole_quotient(left, right)
        },
    ),
    Typed::new("pg_summand", summand, |row| Ok(row.get(0).clone())).simplified(engine_summand),
    Typed::new("pg_mean", mean_field, mean),
];

fn operands(row: &Row<'_>) -> Result<(Number, Number)> {
    let number = |index: usize| {
        row.get(index)
            .numeric()
            .ok_or_else(|| Error::internal("a numeric operator got no number"))
    };
    Ok((number(0)?, number(1)?))
}

/// The weight of a number's first base-10000 digit, and that digit.
fn first_group((value, scale): Number) -> (i32, i32) {
    let digits = value.wrapping_abs().to_string();
    if digits == "0" {
        return (0, 0);
    }
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    // The exponent of the first digit.
    let exponent = length - 1 - i32::from(scale);
    let weight = exponent.div_euclid(GROUP);
    let count = exponent.rem_euclid(GROUP) + 1;
    let group: String = digits
        .chars()
        .chain(std::iter::repeat('0'))
        .take(usize::try_from(count).unwrap_or(1))
        .collect();
    (weight, group.parse().unwrap_or(0))
}

/// The digits behind the point that PostgreSQL gives a quotient: select_div_scale.
fn quotient_scale(left: Number, right: Number) -> i32 {
    let ((left_weight, left_group), (right_weight, right_group)) = (first_group(left), first_group(right));
    let mut weight = left_weight - right_weight;
    if left_group <= right_group {
        weight -= 1;
    }
    (SIGNIFICANT_DIGITS - weight * GROUP)
        .max(left.1.into())
        .max(right.1.into())
        .clamp(0, QUOTIENT_SCALE)
}

fn divide(left: Number, right: Number) -> Result<Value> {
    if right.0 == i256::ZERO {
        return Err(division_by_zero());
    }
    let mut scale = quotient_scale(left, right);
    let ((left, left_scale), (right, right_scale)) = (trimmed(left.0, left.1), trimmed(right.0, right.1));
    loop {
        let shift = scale + i32::from(right_scale) - i32::from(left_scale);
        let factor = power_of_ten(shift.unsigned_abs());
        let quotient = factor.and_then(|factor| {
            if shift >= 0 {
                divided(left.checked_mul(factor)?, right)
            } else {
                divided(left, right.checked_mul(factor)?)
            }
        });
        match quotient {
            Some(quotient) => return Ok(Value::Numeric(quotient, i8::try_from(scale).unwrap_or(0))),
            // Operands of very many digits: fewer of the quotient's fit.
            None if scale > 0 => scale -= 1,
            None => return Err(numeric_overflow()),
        }
    }
}

fn whole_quotient(left: Number, right: Number) -> Result<Value> {
    if right.0 == i256::ZERO {
        return Err(division_by_zero());
    }
    let scale = left.1.max(right.1);
    let (left, right) = (rescaled(left.0, left.1, scale), rescaled(right.0, right.1, scale));
    let quotient = left.zip(right).and_then(|(left, right)| left.checked_div(right));
    quotient
        .map(|value| Value::Numeric(value, 0))
        .ok_or_else(numeric_overflow)
}

/// What `sum` adds up: integers of 64 bits as numeric, so that they do not wrap.
fn summand(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(match inputs.data_type(0) {
        DataType::Int64 | DataType::UInt64 => numeric(0),
        other => Field::new("", other.clone(), true),
    })
}

fn engine_summand(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let [argument] = args else { return Ok(None) };
    Ok(Some(match info.get_data_type(argument)? {
        DataType::Int64 | DataType::UInt64 => {
            Expr::Cast(Cast::new(Box::new(argument.clone()), DataType::Decimal128(38, 0)))
        }
        _ => argument.clone(),
    }))
}

fn mean_field(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(match inputs.data_type(0) {
        DataType::Interval(_) | DataType::Duration(_) => plain("interval"),
        exact if is_exact(exact) => Field::new("", NUMERIC_QUOTIENT, true),
        _ => plain("double precision"),
    })
}

/// `avg`: the sum by the count.
fn mean(row: &Row<'_>) -> Result<Value> {
    let count = row.integer(1);
    if count == 0 {
        return Ok(Value::Null);
    }
    match row.get(0) {
        Value::Float(sum) => Ok(Value::Float(sum / as_float(count))),
        Value::Interval(sum) => {
            // Whole months and days first, what is left of them as time.
            let (months, days) = (i64::from(sum.months), i64::from(sum.days));
            let left_days = days + months % count * 30;
            let micros = i128::from(left_days % count) * i128::from(DAY) + i128::from(sum.micros);
            let narrow = |value: i64| i32::try_from(value).unwrap_or_default();
            Ok(Value::Interval(Interval {
                months: narrow(months / count),
                days: narrow(left_days / count),
                micros: i64::try_from(micros / i128::from(count)).unwrap_or_default(),
            }))
        }
        sum => {
            let sum = sum
                .numeric()
                .ok_or_else(|| Error::internal("a sum that is no number"))?;
            divide(sum, (i256::from_i128(count.into()), 0))
        }
    }
}
