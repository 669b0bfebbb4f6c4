//! Functions of floats that some numbers have no value of, or one that no float holds: PostgreSQL has an error where the engine's own
//! give NaN or an infinity. Whole columns at a time.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, Float64Array},
    compute::{cast, kernels::arity::try_binary},
    datatypes::{DataType, Field, FieldRef, Float64Type},
};
use datafusion::{
    common::{ScalarValue, exec_err},
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};

use super::checked::float_out_of_range;
use crate::{
    Error, Result, SqlState,
    catalog::functions::{
        native::{engine_error, rows, signature},
        typed::type_name,
    },
};

#[derive(Clone, Copy)]
enum Call {
    One(fn(f64) -> Result<f64>),
    Two(fn(f64, f64) -> Result<f64>),
}

const FUNCTIONS: [(&str, Call); 21] = [
    ("ln", Call::One(|x| logarithm(x, f64::ln))),
    ("log10", Call::One(|x| logarithm(x, f64::log10))),
    ("log", Call::One(|x| logarithm(x, f64::log10))),
    (
        "log",
        Call::Two(|base, x| within(logarithm(x, f64::ln)? / logarithm(base, f64::ln)?, x)),
    ),
    ("exp", Call::One(exp)),
    ("power", Call::Two(power)),
    ("pow", Call::Two(power)),
    ("sin", Call::One(|x| of_finite(x, f64::sin))),
    ("cos", Call::One(|x| of_finite(x, f64::cos))),
    ("tan", Call::One(|x| of_finite(x, f64::tan))),
    ("cot", Call::One(|x| of_finite(x, |x| 1.0 / x.tan()))),
    ("asin", Call::One(|x| between(x, -1.0, 1.0, f64::asin))),
    ("acos", Call::One(|x| between(x, -1.0, 1.0, f64::acos))),
    ("acosh", Call::One(|x| between(x, 1.0, f64::INFINITY, f64::acosh))),
    ("atanh", Call::One(|x| between(x, -1.0, 1.0, f64::atanh))),
    ("sind", Call::One(|x| of_finite(x, |x| degrees(x, f64::sin)))),
    ("cosd", Call::One(|x| of_finite(x, |x| degrees(x, f64::cos)))),
    ("tand", Call::One(|x| of_finite(x, |x| degrees(x, f64::tan)))),
    ("asind", Call::One(|x| between(x, -1.0, 1.0, |x| x.asin().to_degrees()))),
    ("acosd", Call::One(|x| between(x, -1.0, 1.0, |x| x.acos().to_degrees()))),
    ("atand", Call::One(|x| Ok(x.atan().to_degrees()))),
];

/// A function of one or two floats, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OfFloats {
    name: &'static str,
}

/// The function of that name.
pub fn function(name: &str) -> Option<ScalarUDF> {
    let (name, _) = FUNCTIONS.iter().find(|(own, _)| *own == name)?;
    Some(ScalarUDF::new_from_impl(OfFloats { name }))
}

fn no_value(code: SqlState, words: &str) -> Error {
    Error::new(code, words)
}

fn logarithm(x: f64, of: fn(f64) -> f64) -> Result<f64> {
    let words = match x {
        0.0 => "cannot take logarithm of zero",
        x if x < 0.0 => "cannot take logarithm of a negative number",
        x => return Ok(of(x)),
    };
    Err(no_value(SqlState::INVALID_ARGUMENT_FOR_LOGARITHM, words))
}

/// A result, where it is none that a finite number cannot have.
fn within(result: f64, of: f64) -> Result<f64> {
    match result {
        result if result.is_infinite() && of.is_finite() => Err(float_out_of_range("overflow")),
        result => Ok(result),
    }
}

fn exp(x: f64) -> Result<f64> {
    match x.exp() {
        0.0 if x.is_finite() => Err(float_out_of_range("underflow")),
        result => within(result, x),
    }
}

fn power(x: f64, y: f64) -> Result<f64> {
    let words = match (x, y) {
        (0.0, y) if y < 0.0 => "zero raised to a negative power is undefined",
        (x, y) if x < 0.0 && y.is_finite() && y.fract() != 0.0 => {
            "a negative number raised to a non-integer power yields a complex result"
        }
        _ => {
            let result = x.powf(y);
            return match result {
                0.0 if x != 0.0 && x.is_finite() && y.is_finite() => Err(float_out_of_range("underflow")),
                result if y.is_finite() => within(result, x),
                result => Ok(result),
            };
        }
    };
    Err(no_value(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, words))
}

fn input_out_of_range() -> Error {
    no_value(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range")
}

fn of_finite(x: f64, of: impl Fn(f64) -> f64) -> Result<f64> {
    match x.is_infinite() {
        true => Err(input_out_of_range()),
        false => Ok(of(x)),
    }
}

fn between(x: f64, low: f64, high: f64, of: impl Fn(f64) -> f64) -> Result<f64> {
    match x < low || x > high {
        true => Err(input_out_of_range()),
        false => Ok(of(x)),
    }
}

/// Of an angle in degrees: exact where the angle is a multiple of 30 or 45 degrees, to fifteen digits elsewhere.
fn degrees(x: f64, of: fn(f64) -> f64) -> f64 {
    let value = of((x % 360.0).to_radians());
    let rounded = (value * 1e15).round() / 1e15;
    match x.fract() {
        0.0 => rounded,
        _ => value,
    }
}

impl OfFloats {
    fn call(self, args: usize) -> Option<Call> {
        let takes = |call: &Call| match call {
            Call::One(_) => args == 1,
            Call::Two(_) => args == 2,
        };
        let own = FUNCTIONS.iter().filter(|(name, _)| *name == self.name);
        own.map(|(_, call)| *call).find(takes)
    }
}

impl ScalarUDFImpl for OfFloats {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Immutable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let is_number = |field: &FieldRef| {
            let is_text = matches!(field.data_type(), DataType::Utf8);
            field.data_type().is_numeric() || field.data_type().is_null() || is_text
        };
        if self.call(args.arg_fields.len()).is_none() || !args.arg_fields.iter().all(is_number) {
            let types: Vec<String> = args.arg_fields.iter().map(|field| type_name(field)).collect();
            let words = format!("function {}({}) does not exist", self.name, types.join(", "));
            let error = Error::new(SqlState::UNDEFINED_FUNCTION, words).with_hint(
                "No function matches the given name and argument types. You might need to add explicit type casts.",
            );
            return Err(engine_error(error));
        }
        Ok(Arc::new(Field::new(self.name, DataType::Float64, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let (rows, scalar) = rows(&args);
        let floats = |arg: &ColumnarValue| cast(&arg.to_array(rows)?, &DataType::Float64).map_err(Into::into);
        let columns = args.args.iter().map(floats).collect::<EngineResult<Vec<ArrayRef>>>()?;
        let result: Float64Array = match (self.call(columns.len()), columns.as_slice()) {
            (Some(Call::One(of)), [x]) => x
                .as_primitive::<Float64Type>()
                .try_unary(|x| of(x).map_err(engine_error))?,
            (Some(Call::Two(of)), [x, y]) => {
                let (x, y) = (x.as_primitive::<Float64Type>(), y.as_primitive::<Float64Type>());
                let external = |error| arrow::error::ArrowError::ExternalError(Box::new(error));
                try_binary(x, y, |x, y| of(x, y).map_err(external))?
            }
            _ => return exec_err!("{} of {} arguments", self.name, columns.len()),
        };
        match scalar {
            true => ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar),
            false => Ok(ColumnarValue::Array(Arc::new(result))),
        }
    }
}
