//! A value that the engine's optimizer knows nothing of.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::{
    common::ScalarValue,
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        expr::ScalarFunction,
    },
};

use super::native::signature;

/// The first of its arguments; without any, something that is no constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opaque;

/// The same value, of which it is not known whether it is the same in all rows: for that, one part of it must not be.
pub fn opaque(value: Expr) -> Expr {
    let function = Arc::new(ScalarUDF::new_from_impl(Opaque));
    let call = |args| Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&function), args));
    call(vec![value, call(Vec::new())])
}

impl ScalarUDFImpl for Opaque {
    fn name(&self) -> &str {
        "pg_opaque"
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Volatile)
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Boolean))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(match args.arg_fields.first() {
            Some(field) => Arc::clone(field),
            None => Arc::new(Field::new(self.name(), DataType::Boolean, true)),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let nothing = ColumnarValue::Scalar(ScalarValue::Boolean(None));
        Ok(args.args.into_iter().next().unwrap_or(nothing))
    }
}
