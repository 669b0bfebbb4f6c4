//! The function that stands for one that nobody knows: only when its arguments' types are known can the error be said as
//! PostgreSQL says it.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::{
    common::{DataFusionError, Result, ScalarValue},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
        Volatility,
    },
};

use crate::{Error, SqlState, wire::types::pg_type};

/// Functions of PostgreSQL that reach files or other servers: nobody here may call them.
const FORBIDDEN: [&str; 14] = [
    "pg_read_file",
    "pg_read_binary_file",
    "pg_stat_file",
    "pg_ls_dir",
    "pg_ls_logdir",
    "pg_ls_waldir",
    "pg_ls_tmpdir",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "lo_import",
    "lo_export",
    "dblink",
    "query_to_xml",
    "pg_switch_wal",
];

/// A function that refuses to be planned, whatever its arguments.
pub fn function(name: &str) -> Arc<ScalarUDF> {
    let any = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
    let signature = Signature::new(any, Volatility::Volatile);
    Arc::new(ScalarUDF::new_from_impl(Unknown {
        name: name.to_owned(),
        signature,
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Unknown {
    name: String,
    signature: Signature,
}

impl Unknown {
    fn error(&self, arguments: &str) -> DataFusionError {
        if FORBIDDEN.contains(&self.name.as_str()) {
            let words = format!("permission denied for function {}", self.name);
            return DataFusionError::External(Box::new(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, words)));
        }
        let words = format!("function {}({arguments}) does not exist", self.name);
        let error = Error::new(SqlState::UNDEFINED_FUNCTION, words).with_hint(
            "No function matches the given name and argument types. You might need to add explicit type casts.",
        );
        DataFusionError::External(Box::new(error))
    }
}

/// An argument's type as PostgreSQL would call it: a string constant is of no type yet, an integer one is as small as fits.
fn type_name(field: &FieldRef, constant: Option<&ScalarValue>) -> String {
    match constant {
        Some(ScalarValue::Utf8(_) | ScalarValue::Null) => "unknown".to_owned(),
        Some(ScalarValue::Int64(Some(value))) if i32::try_from(*value).is_ok() => "integer".to_owned(),
        _ => format_type(pg_type(field).ty.name()),
    }
}

/// PostgreSQL's long names for the types that have one.
pub(crate) fn format_type(name: &str) -> String {
    if let Some(element) = name.strip_prefix('_') {
        return format!("{}[]", format_type(element));
    }
    match name {
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "bool" => "boolean",
        "varchar" => "character varying",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "time" => "time without time zone",
        other => other,
    }
    .to_owned()
}

impl ScalarUDFImpl for Unknown {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Err(self.error(""))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let arguments = args.arg_fields.iter().zip(args.scalar_arguments);
        let types: Vec<_> = arguments.map(|(field, constant)| type_name(field, *constant)).collect();
        Err(self.error(&types.join(", ")))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(self.error(""))
    }
}
