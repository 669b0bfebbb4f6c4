//! `generate_series` as a list, which a SELECT list expands. The engine makes the list; what it may hold is bounded here,
//! for a few characters could ask for more than there is memory.

use arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, TimeUnit},
};
use datafusion::{
    error::Result as EngineResult,
    functions_nested::range::gen_series_udf,
    logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature},
};
use std::sync::{Arc, LazyLock};

use super::native::engine_error;
use crate::{Error, SqlState};

/// Elements of one list: 8 MiB of numbers. In FROM a series of constants is no list and has no bound.
const ELEMENTS_MAX: i128 = 1 << 20;

const NANOSECONDS_PER_DAY: i128 = 86_400_000_000_000;

/// A month is at least so long: a series by months has at most so many elements.
const DAYS_PER_MONTH_MIN: i128 = 28;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Series;

/// `pg_series(start, stop[, step])`.
pub fn function(name: &str) -> Option<ScalarUDF> {
    (name == "pg_series").then(|| ScalarUDF::new_from_impl(Series))
}

fn engine_function() -> &'static ScalarUDF {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(gen_series_udf);
    &FUNCTION
}

impl ScalarUDFImpl for Series {
    fn name(&self) -> &str {
        "pg_series"
    }

    fn signature(&self) -> &Signature {
        engine_function().signature()
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        engine_function().return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<arrow::datatypes::FieldRef> {
        engine_function().return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        engine_function().coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        if elements(&args)? > ELEMENTS_MAX {
            let message = format!("a series in a SELECT list may not have more than {ELEMENTS_MAX} elements");
            return Err(engine_error(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)));
        }
        engine_function().invoke_with_args(args)
    }
}

/// How many elements a batch's series have at most, all together.
fn elements(args: &ScalarFunctionArgs) -> EngineResult<i128> {
    let rows = args.number_rows;
    let arrays = args
        .args
        .iter()
        .map(|arg| arg.to_array(rows))
        .collect::<EngineResult<Vec<_>>>()?;
    let (Some(start), Some(stop)) = (arrays.first(), arrays.get(1)) else {
        return Ok(0);
    };
    let step = arrays.get(2);
    // Numbers count as they are, points in time in nanoseconds.
    let unit: i128 = match start.data_type() {
        DataType::Date32 => NANOSECONDS_PER_DAY,
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        _ => 1,
    };
    let start = cast(&plain(start)?, &DataType::Int64)?;
    let stop = cast(&plain(stop)?, &DataType::Int64)?;
    let (start, stop) = (start.as_primitive::<Int64Type>(), stop.as_primitive::<Int64Type>());
    let mut total = 0i128;
    for row in 0..rows {
        if start.is_null(row) || stop.is_null(row) {
            continue;
        }
        let length = match step.filter(|step| step.is_valid(row)) {
            None => 1,
            Some(step) => match step.data_type() {
                DataType::Interval(_) => {
                    let step = step.as_primitive::<IntervalMonthDayNanoType>().value(row);
                    let days = i128::from(step.months) * DAYS_PER_MONTH_MIN + i128::from(step.days);
                    days * NANOSECONDS_PER_DAY + i128::from(step.nanoseconds)
                }
                _ => i128::from(cast(step, &DataType::Int64)?.as_primitive::<Int64Type>().value(row)),
            },
        };
        // A step of nothing is an error that the engine knows.
        let distance = (i128::from(stop.value(row)) - i128::from(start.value(row))) * unit;
        total += distance.checked_div(length).unwrap_or(0).max(0);
    }
    Ok(total)
}

/// A date as its number of days; everything else casts to a number by itself.
fn plain(array: &arrow::array::ArrayRef) -> EngineResult<arrow::array::ArrayRef> {
    match array.data_type() {
        DataType::Date32 => Ok(cast(array, &DataType::Int32)?),
        _ => Ok(Arc::clone(array)),
    }
}
