//! Numbers: division whose digits PostgreSQL chooses by the values, rounding, sums and means, integers that do not wrap.

use arrow::datatypes::{DataType, Field, i256};
use datafusion::{
    error::Result as EngineResult,
    functions::math as engine,
    logical_expr::{Cast, Expr, expr::ScalarFunction, simplify::SimplifyContext},
};

use super::{
    datetime::DAY,
    typed::{Inputs, Row, Typed, numeric, plain},
    value::{Value, divided, numeric_overflow, power_of_ten, rescaled},
};
use crate::{
    Error, Result, SqlState,
    wire::{
        encode::Interval,
        types::{NUMERIC_ANY, NUMERIC_QUOTIENT},
    },
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
    Typed::new("pg_add", integer_field, |row| checked(row, i64::checked_add)),
    Typed::new("pg_subtract", integer_field, |row| checked(row, i64::checked_sub)),
    Typed::new("pg_multiply", integer_field, |row| checked(row, i64::checked_mul)),
    Typed::new("pg_summand", summand, |row| Ok(row.get(0).clone())).simplified(engine_summand),
    Typed::new("pg_mean", mean_field, mean),
    Typed::new("round", round_field, |row| rounding(row, Rounding::Nearest)),
    Typed::new("trunc", round_field, |row| rounding(row, Rounding::Down)).simplified(engine_trunc),
    Typed::new("ceil", whole_field, |row| rounding(row, Rounding::Ceiling)).simplified(engine_ceil),
    Typed::new("floor", whole_field, |row| rounding(row, Rounding::Floor)).simplified(engine_floor),
    Typed::new(
        "div",
        |_| Ok(numeric(0)),
        |row| {
            let (left, right) = operands(row)?;
            whole_quotient(left, right)
        },
    ),
    Typed::new(
        "sign",
        |inputs| {
            Ok(if is_exact(inputs.data_type(0)) && !inputs.data_type(0).is_integer() {
                numeric(0)
            } else {
                plain("double precision")
            })
        },
        sign,
    ),
    Typed::new(
        "scale",
        |_| Ok(plain("integer")),
        |row| Ok(Value::Int(row.get(0).numeric().map_or(0, |(_, scale)| scale.into()))),
    ),
    Typed::new(
        "min_scale",
        |_| Ok(plain("integer")),
        |row| {
            Ok(Value::Int(
                row.get(0)
                    .numeric()
                    .map_or(0, |(value, scale)| trimmed(value, scale).1.into()),
            ))
        },
    ),
    Typed::new(
        "trim_scale",
        |_| Ok(Field::new("", NUMERIC_ANY, true)),
        |row| Ok(row.get(0).clone()),
    ),
    Typed::new("width_bucket", |_| Ok(plain("integer")), width_bucket),
    Typed::new(
        "to_hex",
        |_| Ok(plain("text")),
        |row| {
            let value = row.integer(0);
            let narrow = row
                .fields
                .first()
                .is_some_and(|field| *field.data_type() == DataType::Int32);
            Ok(Value::Text(match i32::try_from(value) {
                Ok(value) if narrow => format!("{value:x}"),
                _ => format!("{value:x}"),
            }))
        },
    ),
    Typed::new(
        "factorial",
        |_| Ok(numeric(0)),
        |row| {
            let n = row.integer(0);
            if n < 0 {
                let words = "factorial of a negative number is undefined";
                return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, words));
            }
            let product = (1..=n.min(60)).try_fold(i256::from_i128(1), |product, factor| {
                product.checked_mul(i256::from_i128(factor.into()))
            });
            product
                .filter(|_| n <= 33)
                .map(|product| Value::Numeric(product, 0))
                .ok_or_else(numeric_overflow)
        },
    ),
];

fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || is_decimal(data_type)
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}

type Number = (i256, i8);

fn operands(row: &Row<'_>) -> Result<(Number, Number)> {
    let number = |index: usize| {
        row.get(index)
            .numeric()
            .ok_or_else(|| Error::internal("a numeric operator got no number"))
    };
    Ok((number(0)?, number(1)?))
}

fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

/// A number without the zeros at its end.
fn trimmed(mut value: i256, mut scale: i8) -> Number {
    let ten = i256::from_i128(10);
    while scale > 0 && value.wrapping_rem(ten) == i256::ZERO {
        (value, scale) = (value.wrapping_div(ten), scale - 1);
    }
    (value, scale)
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

fn integer_field(inputs: &Inputs<'_>) -> Result<Field> {
    let small = |index| *inputs.data_type(index) == DataType::Int16;
    let middle = |index| matches!(inputs.data_type(index), DataType::Int16 | DataType::Int32);
    Ok(plain(match () {
        () if small(0) && small(1) => "smallint",
        () if middle(0) && middle(1) => "integer",
        () => "bigint",
    }))
}

fn checked(row: &Row<'_>, operation: fn(i64, i64) -> Option<i64>) -> Result<Value> {
    let out_of_range = || Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range");
    operation(row.integer(0), row.integer(1))
        .map(Value::Int)
        .ok_or_else(out_of_range)
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
        Value::Float(sum) => Ok(Value::Float(sum / Value::Int(count).float().unwrap_or(f64::NAN))),
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

#[derive(Clone, Copy)]
enum Rounding {
    Nearest,
    Down,
    Ceiling,
    Floor,
}

fn whole_field(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(match inputs.data_type(0) {
        decimal if is_decimal(decimal) => numeric(0),
        _ => plain("double precision"),
    })
}

/// `round(x)`, `round(x, n)`: with places a numeric of so many.
fn round_field(inputs: &Inputs<'_>) -> Result<Field> {
    if inputs.fields.len() < 2 {
        return whole_field(inputs);
    }
    if !is_exact(inputs.data_type(0)) && !inputs.data_type(0).is_null() {
        return Err(inputs.no_function());
    }
    // Places that are written as a number stand there a third time as text: what is folded to a constant later must not
    // change the type.
    Ok(
        match inputs.constant_text(2).and_then(|places| places.parse::<i8>().ok()) {
            Some(places) => numeric(places.clamp(0, 28)),
            None => Field::new("", NUMERIC_ANY, true),
        },
    )
}

fn rounding(row: &Row<'_>, how: Rounding) -> Result<Value> {
    let places = match row.get(1) {
        Value::Null => 0,
        places => places.integer().unwrap_or(0).clamp(-70, 28),
    };
    let (value, scale) = match row.get(0) {
        Value::Int(value) if row.values.len() < 2 => {
            return Ok(Value::Float(Value::Int(*value).float().unwrap_or(f64::NAN)));
        }
        Value::Float(value) => {
            return Ok(Value::Float(match how {
                Rounding::Nearest => value.round_ties_even(),
                Rounding::Down => value.trunc(),
                Rounding::Ceiling => value.ceil(),
                Rounding::Floor => value.floor(),
            }));
        }
        other => other
            .numeric()
            .ok_or_else(|| Error::internal("not a number to round"))?,
    };
    let places = i8::try_from(places).unwrap_or(0);
    if scale <= places {
        return Ok(Value::Numeric(value, scale));
    }
    let unit = power_of_ten((i32::from(scale) - i32::from(places)).unsigned_abs());
    let Some(unit) = unit else {
        return Ok(Value::Numeric(i256::ZERO, 0));
    };
    let (quotient, remainder) = (value.wrapping_div(unit), value.wrapping_rem(unit));
    let one = i256::from_i128(1);
    let quotient = match how {
        Rounding::Nearest => divided(value, unit).ok_or_else(numeric_overflow)?,
        Rounding::Ceiling if remainder > i256::ZERO => quotient.wrapping_add(one),
        Rounding::Floor if remainder < i256::ZERO => quotient.wrapping_sub(one),
        _ => quotient,
    };
    if places >= 0 {
        return Ok(Value::Numeric(quotient, places));
    }
    let zeros = power_of_ten(u32::from(places.unsigned_abs()));
    let value = zeros
        .and_then(|zeros| quotient.checked_mul(zeros))
        .ok_or_else(numeric_overflow)?;
    Ok(Value::Numeric(value, 0))
}

fn engine_whole(
    args: &[Expr],
    info: &SimplifyContext,
    function: fn() -> std::sync::Arc<datafusion::logical_expr::ScalarUDF>,
) -> EngineResult<Option<Expr>> {
    let [argument] = args else { return Ok(None) };
    if info.get_data_type(argument)? != DataType::Float64 {
        return Ok(None);
    }
    let call = ScalarFunction::new_udf(function(), vec![argument.clone()]);
    Ok(Some(Expr::ScalarFunction(call)))
}

fn engine_ceil(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    engine_whole(args, info, engine::ceil)
}

fn engine_floor(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    engine_whole(args, info, engine::floor)
}

fn engine_trunc(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    engine_whole(args, info, engine::trunc)
}

fn sign(row: &Row<'_>) -> Result<Value> {
    let sign = match row.get(0) {
        Value::Float(value) if *value == 0.0 => 0,
        Value::Float(value) => {
            if *value < 0.0 {
                -1
            } else {
                1
            }
        }
        other => match other.numeric() {
            Some((value, _)) if value == i256::ZERO => 0,
            Some((value, _)) if value < i256::ZERO => -1,
            _ => 1,
        },
    };
    Ok(Value::Int(sign))
}

/// `width_bucket(x, low, high, count)`, `width_bucket(x, thresholds)`.
fn width_bucket(row: &Row<'_>) -> Result<Value> {
    if let Value::List(thresholds) = row.get(1) {
        let value = row.float(0);
        let below = thresholds
            .iter()
            .filter(|threshold| threshold.float().is_some_and(|threshold| threshold <= value));
        return Ok(Value::Int(i64::try_from(below.count()).unwrap_or(0)));
    }
    let (value, low, high, count) = (row.float(0), row.float(1), row.float(2), row.integer(3));
    let refuse = |words: &str| Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET, words));
    if count <= 0 {
        return refuse("count must be greater than zero");
    }
    if low == high {
        return refuse("lower bound cannot equal upper bound");
    }
    let buckets = Value::Int(count).float().unwrap_or(f64::NAN);
    let at = ((value - low) / (high - low) * buckets).floor();
    Ok(Value::Int(if at < 0.0 {
        0
    } else if at >= buckets {
        count + 1
    } else {
        super::value::rounded(at).unwrap_or(0) + 1
    }))
}
