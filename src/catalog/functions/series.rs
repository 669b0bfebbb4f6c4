//! `generate_series` as a list, which a SELECT list expands. What it may hold is bounded here, for a few characters could ask
//! for more than there is memory.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, i256};
use datafusion::{
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};

use super::{
    datetime,
    native::{engine_error, signature},
    typed::{self, Inputs, plain},
    value::{Value, rescaled},
};
use crate::{
    Error, Result, SqlState,
    wire::{
        encode::{Interval, Zone},
        types::NUMERIC_ANY,
    },
};

/// Elements of one batch's lists: 8 MiB of numbers. In FROM a series of constants is no list and has no bound.
const ELEMENTS_MAX: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Series;

/// `pg_series(start, stop[, step])`.
pub fn function(name: &str) -> Option<ScalarUDF> {
    (name == "pg_series").then(|| ScalarUDF::new_from_impl(Series))
}

/// The elements' type.
fn element(inputs: &Inputs<'_>) -> Result<Field> {
    let types = (0..inputs.fields.len()).map(|index| inputs.data_type(index));
    let any = |test: fn(&DataType) -> bool| types.clone().any(test);
    Ok(if any(|ty| matches!(ty, DataType::Timestamp(_, None))) {
        plain("timestamp without time zone")
    } else if any(|ty| matches!(ty, DataType::Timestamp(..) | DataType::Date32)) {
        plain("timestamp with time zone")
    } else if any(|ty| matches!(ty, DataType::Decimal128(..) | DataType::Decimal256(..))) {
        Field::new("", NUMERIC_ANY, true)
    } else if any(|ty| matches!(ty, DataType::Int64 | DataType::UInt32 | DataType::UInt64)) {
        plain("bigint")
    } else if any(DataType::is_integer) {
        plain("integer")
    } else {
        let name = "generate_series";
        return Err(Inputs { name, ..*inputs }.no_function());
    })
}

impl ScalarUDFImpl for Series {
    fn name(&self) -> &str {
        "pg_series"
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Stable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        datafusion::common::internal_err!("the type of a series depends on its bounds")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let inputs = Inputs {
            name: "generate_series",
            fields: args.arg_fields,
            constants: args.scalar_arguments,
        };
        let item = element(&inputs)
            .map_err(engine_error)?
            .with_name(Field::LIST_FIELD_DEFAULT_NAME);
        Ok(Arc::new(Field::new(self.name(), DataType::List(Arc::new(item)), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let zone = typed::zone_of(&args.config_options);
        let timestamps = match args.return_field.data_type() {
            DataType::List(item) => matches!(item.data_type(), DataType::Timestamp(_, None)),
            _ => false,
        };
        let mut room = ELEMENTS_MAX;
        typed::invoke(&args, |values| {
            if values.contains(&Value::Null) {
                return Ok(Value::Null);
            }
            let series = of(&values, &zone, timestamps, room)?;
            room -= series.len();
            Ok(Value::List(series))
        })
    }
}

fn too_many() -> Error {
    let words = format!("a series in a SELECT list may not have more than {ELEMENTS_MAX} elements");
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, words)
}

fn no_step() -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero")
}

/// The elements from the first value to the second; at most so many as there is room for.
fn of(values: &[Value], zone: &Zone, timestamps: bool, room: usize) -> Result<Vec<Value>> {
    let (Some(start), Some(stop)) = (values.first(), values.get(1)) else {
        return Ok(Vec::new());
    };
    if matches!(start, Value::Date(_) | Value::Timestamp(_) | Value::Timestamptz(_)) {
        let Some(step) = values.get(2) else {
            return Err(Error::new(
                SqlState::UNDEFINED_FUNCTION,
                "a series of times needs a step",
            ));
        };
        return times(start, stop, datetime::interval(step)?, zone, timestamps, room);
    }
    numbers(start, stop, values.get(2), room)
}

fn numbers(start: &Value, stop: &Value, step: Option<&Value>, room: usize) -> Result<Vec<Value>> {
    let one = Value::Int(1);
    let parts = [start, stop, step.unwrap_or(&one)].map(|value| value.numeric().unwrap_or((i256::ZERO, 0)));
    let scale = parts.iter().map(|(_, scale)| *scale).max().unwrap_or(0);
    let [start, stop, step] = parts.map(|(value, from)| rescaled(value, from, scale).unwrap_or(i256::ZERO));
    if step == i256::ZERO {
        return Err(no_step());
    }
    let mut out = Vec::new();
    let mut at = Some(start);
    while let Some(value) = at.filter(|value| {
        if step > i256::ZERO {
            *value <= stop
        } else {
            *value >= stop
        }
    }) {
        if out.len() == room {
            return Err(too_many());
        }
        out.push(match i64::try_from(value.to_i128().unwrap_or(i128::MAX)) {
            Ok(value) if scale == 0 => Value::Int(value),
            _ => Value::Numeric(value, scale),
        });
        at = value.checked_add(step);
    }
    Ok(out)
}

fn times(
    start: &Value,
    stop: &Value,
    step: Interval,
    zone: &Zone,
    timestamps: bool,
    room: usize,
) -> Result<Vec<Value>> {
    let point = |value: &Value| match value {
        Value::Date(days) if timestamps => datetime::midnight(*days),
        Value::Date(days) => datetime::to_utc(datetime::midnight(*days)?, zone),
        Value::Timestamp(micros) | Value::Timestamptz(micros) => Ok(*micros),
        other => Err(Error::internal(format!("not a time: {other:?}"))),
    };
    let (start, stop, direction) = (point(start)?, point(stop)?, datetime::interval_order(step));
    if direction == 0 {
        return Err(no_step());
    }
    let mut out = Vec::new();
    let mut at = start;
    while if direction > 0 { at <= stop } else { at >= stop } {
        if out.len() == room {
            return Err(too_many());
        }
        out.push(match timestamps {
            true => Value::Timestamp(at),
            false => Value::Timestamptz(at),
        });
        at = match timestamps {
            true => datetime::add(at, step)?,
            false => datetime::add_zoned(at, step, zone)?,
        };
    }
    Ok(out)
}
