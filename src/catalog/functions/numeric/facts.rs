//! What a number is: its sign and scale, its bucket, its hexadecimal digits, its factorial. Nothing here adds or rounds;
//! that is in `arithmetic` and `rounding`.

use arrow::datatypes::{DataType, Field, i256};

use super::is_exact;
use crate::{
    Error, Result, SqlState,
    catalog::functions::{
        returns,
        typed::{Row, Typed, numeric, plain},
        value::{Value, as_float, numeric_overflow, rounded, trimmed},
    },
    wire::types::NUMERIC_ANY,
};

pub const FUNCTIONS: &[Typed] = &[
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
    Typed::new("scale", returns::integer, |row| {
        Ok(Value::Int(row.get(0).numeric().map_or(0, |(_, scale)| scale.into())))
    }),
    Typed::new("min_scale", returns::integer, |row| {
        Ok(Value::Int(
            row.get(0)
                .numeric()
                .map_or(0, |(value, scale)| trimmed(value, scale).1.into()),
        ))
    }),
    Typed::new(
        "trim_scale",
        |_| Ok(Field::new("", NUMERIC_ANY, true)),
        |row| Ok(row.get(0).clone()),
    ),
    Typed::new("width_bucket", returns::integer, width_bucket),
    Typed::new("to_hex", returns::text, |row| {
        let value = row.integer(0);
        let narrow = row
            .fields
            .first()
            .is_some_and(|field| *field.data_type() == DataType::Int32);
        Ok(Value::Text(match i32::try_from(value) {
            Ok(value) if narrow => format!("{value:x}"),
            _ => format!("{value:x}"),
        }))
    }),
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
    let buckets = as_float(count);
    let at = ((value - low) / (high - low) * buckets).floor();
    Ok(Value::Int(if at < 0.0 {
        0
    } else if at >= buckets {
        count + 1
    } else {
        rounded(at).unwrap_or(0) + 1
    }))
}
