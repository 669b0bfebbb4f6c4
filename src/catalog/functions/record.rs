//! The row of a FROM item, whose fields keep the types of PostgreSQL that its columns have.

use std::sync::Arc;

use arrow::{
    array::StructArray,
    datatypes::{DataType, Field, FieldRef, Fields},
};
use datafusion::{
    common::{exec_err, plan_err},
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};

use super::native::signature;
use crate::wire::types::PG_ROW;

/// `pg_record('a', x, 'b', y)`: as the engine's `named_struct`, which forgets what the columns' metadata says. After the fields there may be
/// the OID of the composite type that it is of.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Record;

/// The function of that name.
pub fn function(name: &str) -> Option<ScalarUDF> {
    (name == "pg_record").then(|| ScalarUDF::new_from_impl(Record))
}

impl ScalarUDFImpl for Record {
    fn name(&self) -> &'static str {
        "pg_record"
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Immutable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        plan_err!("the type of a record follows from its fields")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let names = args.scalar_arguments.as_chunks::<2>().0.iter();
        let values = args.arg_fields.as_chunks::<2>().0.iter();
        let fields = names.zip(values).map(|([name, _], [_, value])| {
            let Some(name) = name.and_then(|name| name.try_as_str().flatten()) else {
                return plan_err!("a field of a record is named by a literal");
            };
            Ok(value.as_ref().clone().with_name(name).with_nullable(true))
        });
        let fields: Fields = fields.collect::<EngineResult<_>>()?;
        let field = Field::new(self.name(), DataType::Struct(fields), false);
        let own = args.scalar_arguments.as_chunks::<2>().1.first().copied().flatten();
        Ok(Arc::new(match own {
            Some(oid) => field.with_metadata([(PG_ROW.to_owned(), oid.to_string())].into()),
            None => field,
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let DataType::Struct(fields) = args.return_field.data_type() else {
            return exec_err!("a record is of no other type");
        };
        let values = args.args.as_chunks::<2>().0.iter();
        let columns = values.map(|[_, value]| value.to_array(args.number_rows));
        let columns = columns.collect::<EngineResult<Vec<_>>>()?;
        let record = StructArray::try_new_with_length(fields.clone(), columns, None, args.number_rows)?;
        Ok(ColumnarValue::Array(Arc::new(record)))
    }
}
