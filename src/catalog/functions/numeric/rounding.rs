//! `round`, `trunc`, `ceil`, `floor`: a numeric becomes a numeric, all else a float. Floats are the engine's work where it
//! rounds alike.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, i256};
use datafusion::{
    error::Result as EngineResult,
    functions::math as engine,
    logical_expr::{Expr, ScalarUDF, simplify::SimplifyContext},
};

use super::{is_decimal, is_exact};
use crate::{
    Error, Result,
    catalog::functions::{
        typed::{Inputs, Row, Typed, numeric, plain},
        value::{Value, as_float, divided, numeric_overflow, power_of_ten},
    },
    wire::types::NUMERIC_ANY,
};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("round", round_field, |row| rounding(row, Rounding::Nearest)),
    Typed::new("trunc", round_field, |row| rounding(row, Rounding::Down)).simplified(engine_trunc),
    Typed::new("ceil", whole_field, |row| rounding(row, Rounding::Ceiling)).simplified(engine_ceil),
    Typed::new("floor", whole_field, |row| rounding(row, Rounding::Floor)).simplified(engine_floor),
];

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
            return Ok(Value::Float(as_float(*value)));
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

fn engine_whole(args: &[Expr], info: &SimplifyContext, function: fn() -> Arc<ScalarUDF>) -> EngineResult<Option<Expr>> {
    let [argument] = args else { return Ok(None) };
    if info.get_data_type(argument)? != DataType::Float64 {
        return Ok(None);
    }
    Ok(Some(function().call(vec![argument.clone()])))
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
