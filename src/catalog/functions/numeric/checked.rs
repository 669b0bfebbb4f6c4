//! Sums, differences, products and quotients that do not leave their type: integers of each width, floats. Whole columns at a time, by
//! the kernels of the engine's own operators, which wrap and become infinite where PostgreSQL has an error.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Datum},
    compute::{cast, kernels::numeric},
    datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type},
    error::ArrowError,
};
use datafusion::{
    common::{ScalarValue, exec_err, internal_err},
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{
        ColumnarValue, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};

use crate::{
    Error, SqlState,
    catalog::{
        functions::{
            native::{engine_error, rows, signature},
            typed::type_name,
            value::{division_by_zero, out_of_range},
        },
        types::pg_type_of,
    },
};

/// One of the operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    /// Of floats alone.
    Divide,
    Negate,
}

/// An operator as a function: two arguments of one type, or one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checked {
    name: &'static str,
    operation: Operation,
}

const FUNCTIONS: [(&str, Operation); 5] = [
    ("pg_add", Operation::Add),
    ("pg_subtract", Operation::Subtract),
    ("pg_multiply", Operation::Multiply),
    ("pg_quotient", Operation::Divide),
    ("pg_negate", Operation::Negate),
];

/// The function of that name.
pub fn function(name: &str) -> Option<ScalarUDF> {
    let (name, operation) = FUNCTIONS.into_iter().find(|(own, _)| *own == name)?;
    Some(ScalarUDF::new_from_impl(Checked { name, operation }))
}

/// The operator that a function stands for; a sign is a difference with one side.
pub fn operator(function: &ScalarUDF) -> Option<Operator> {
    let checked: &Checked = function.inner().as_ref().downcast_ref()?;
    Some(checked.operation.operator())
}

impl Operation {
    fn operator(self) -> Operator {
        match self {
            Operation::Add => Operator::Plus,
            Operation::Subtract | Operation::Negate => Operator::Minus,
            Operation::Multiply => Operator::Multiply,
            Operation::Divide => Operator::Divide,
        }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Immutable)
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        match types.first() {
            Some(data_type) => Ok(data_type.clone()),
            None => internal_err!("{} without arguments", self.name),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let Some(first) = args.arg_fields.first() else {
            return internal_err!("{} without arguments", self.name);
        };
        let data_type = match self.operation {
            Operation::Negate => negated(first).map_err(engine_error)?,
            _ => first.data_type().clone(),
        };
        // A limit of the operand's (a scale, a length) is none of the result's.
        Ok(Arc::new(Field::new(self.name, data_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let (rows, _) = rows(&args);
        let result = match args.args.as_slice() {
            [value] if self.operation == Operation::Negate => {
                let value = cast(&value.to_array(rows)?, args.return_field.data_type())?;
                match value.data_type() {
                    DataType::Null => value,
                    data_type => self.of_error(numeric::neg(&value), data_type)?,
                }
            }
            [left, right] => self.of(left, right)?,
            _ => return exec_err!("{} of {} arguments", self.name, args.args.len()),
        };
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        match scalar {
            true => ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}

impl Checked {
    fn of(&self, left: &ColumnarValue, right: &ColumnarValue) -> EngineResult<ArrayRef> {
        let data_type = left.data_type();
        let (left, right) = (datum(left)?, datum(right)?);
        let (left, right) = (left.as_ref(), right.as_ref());
        let result = match self.operation {
            Operation::Add => numeric::add(left, right),
            Operation::Multiply => numeric::mul(left, right),
            Operation::Divide => numeric::div(left, right),
            Operation::Subtract | Operation::Negate => numeric::sub(left, right),
        };
        let result = self.of_error(result, &data_type)?;
        let out_of_float = match data_type {
            DataType::Float64 => self.out_of_float::<Float64Type>(&result, left, right),
            DataType::Float32 => self.out_of_float::<Float32Type>(&result, left, right),
            _ => None,
        };
        match out_of_float {
            Some(error) => Err(engine_error(error)),
            None => Ok(result),
        }
    }

    /// A kernel's error in PostgreSQL's words.
    fn of_error(&self, result: Result<ArrayRef, ArrowError>, data_type: &DataType) -> EngineResult<ArrayRef> {
        let name = match data_type {
            DataType::Int8 | DataType::Int16 => "smallint",
            DataType::Int32 => "integer",
            DataType::Int64 => "bigint",
            _ => "value",
        };
        result.map_err(|error| match error {
            ArrowError::ArithmeticOverflow(_) => engine_error(out_of_range(name)),
            ArrowError::DivideByZero => engine_error(division_by_zero()),
            error => DataFusionError::from(error),
        })
    }

    /// What is wrong with floats that became infinite, no number or nothing though their operands were not. The operands are looked at
    /// only where a result may be wrong.
    fn out_of_float<F: FloatType>(&self, result: &ArrayRef, left: &dyn Datum, right: &dyn Datum) -> Option<Error> {
        let values = result.as_primitive_opt::<F>()?;
        let scales = matches!(self.operation, Operation::Multiply | Operation::Divide);
        let may_be_wrong = |value: &F::Native| !F::is_finite(*value) || scales && F::is_zero(*value);
        if !values.values().iter().any(may_be_wrong) {
            return None;
        }
        let ((left, one_left), (right, one_right)) = (left.get(), right.get());
        let (left, right) = (left.as_primitive_opt::<F>()?, right.as_primitive_opt::<F>()?);
        let at = |one: bool, row: usize| if one { 0 } else { row };
        (0..values.len()).filter(|row| values.is_valid(*row)).find_map(|row| {
            let value = values.value(row);
            let (left, right) = (left.value(at(one_left, row)), right.value(at(one_right, row)));
            if self.operation == Operation::Divide && F::is_zero(right) && !F::is_nan(left) {
                return Some(division_by_zero());
            }
            let of_numbers = F::is_finite(left) && F::is_finite(right);
            if of_numbers && !F::is_finite(value) {
                return Some(float_out_of_range("overflow"));
            }
            let of_something = !F::is_zero(left) && (self.operation == Operation::Divide || !F::is_zero(right));
            (scales && of_numbers && of_something && F::is_zero(value)).then(|| float_out_of_range("underflow"))
        })
    }
}

/// What the negative of a value is.
fn negated(field: &FieldRef) -> Result<DataType, Error> {
    use DataType::*;
    Ok(match field.data_type() {
        UInt8 => Int16,
        UInt16 => Int32,
        UInt32 => Int64,
        UInt64 if pg_type_of(field) == Some("bigint") => Int64,
        UInt64 => Decimal128(20, 0),
        signed @ (Int8 | Int16 | Int32 | Int64 | Float32 | Float64 | Null | Interval(_) | Duration(_)) => {
            signed.clone()
        }
        signed @ (Decimal128(..) | Decimal256(..)) => signed.clone(),
        _ => {
            let words = format!("operator does not exist: - {}", type_name(field));
            let error = Error::new(SqlState::UNDEFINED_FUNCTION, words);
            return Err(error.with_hint(
                "No operator matches the given name and argument type. You might need to add an explicit type cast.",
            ));
        }
    })
}

/// `value out of range: overflow`.
pub fn float_out_of_range(how: &str) -> Error {
    let words = format!("value out of range: {how}");
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, words)
}

/// What the tests of a float need.
trait FloatType: arrow::datatypes::ArrowPrimitiveType {
    fn is_finite(value: Self::Native) -> bool;
    fn is_nan(value: Self::Native) -> bool;
    fn is_zero(value: Self::Native) -> bool;
}

impl FloatType for Float64Type {
    fn is_finite(value: f64) -> bool {
        value.is_finite()
    }
    fn is_nan(value: f64) -> bool {
        value.is_nan()
    }
    fn is_zero(value: f64) -> bool {
        value == 0.0
    }
}

impl FloatType for Float32Type {
    fn is_finite(value: f32) -> bool {
        value.is_finite()
    }
    fn is_nan(value: f32) -> bool {
        value.is_nan()
    }
    fn is_zero(value: f32) -> bool {
        value == 0.0
    }
}

/// One side, as the kernels take it.
fn datum(value: &ColumnarValue) -> EngineResult<Box<dyn Datum>> {
    Ok(match value {
        ColumnarValue::Array(array) => Box::new(Arc::clone(array)),
        ColumnarValue::Scalar(scalar) => Box::new(scalar.to_scalar()?),
    })
}
