//! The functions of the `reg*` types. `x::regclass` is the function `regclass(x)` once rewritten: what it does depends on whether `x` is a
//! number or a name, and what `::text` then does depends on the type that the field's metadata names. Which name is which OID is in
//! [`objects`].

mod objects;

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::{
    common::exec_err,
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};

use super::native::{self, Call, Native, evaluate, result, signature, stable};
use crate::{
    Result,
    catalog::{facts::SessionFacts, model::Model, names, types},
    wire::encode,
};

pub use objects::{name_of, resolve, unknown, written};

/// `regclass(x)`, `oid(x)` …: a number as it is, a name looked up.
#[derive(Debug, Clone)]
pub(super) struct ToOid {
    /// The type, which is also the function's name.
    name: &'static str,
    model: Arc<Model>,
}

/// `pg_text(x)`: `x::text` as PostgreSQL has it for every type of the catalogue.
#[derive(Debug, Clone)]
pub(super) struct ToText {
    /// `pg_text`, or `pg_output`, which writes booleans as clients get them.
    name: &'static str,
    model: Arc<Model>,
}

/// `pg_typeof(x)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TypeOf;

macro_rules! same_by {
    ($function:ty, $($field:ident),*) => {
        impl PartialEq for $function {
            fn eq(&self, other: &Self) -> bool {
                $(self.$field == other.$field &&)* Arc::ptr_eq(&self.model, &other.model)
            }
        }

        impl Eq for $function {}

        impl Hash for $function {
            fn hash<H: Hasher>(&self, state: &mut H) {
                $(self.$field.hash(state);)*
                Arc::as_ptr(&self.model).hash(state);
            }
        }
    };
}

same_by!(ToOid, name);
same_by!(ToText, name);

/// The function of that name over the catalogue of a session, which is all that it has of it.
pub fn function(name: &str, facts: &Arc<SessionFacts>) -> Option<ScalarUDF> {
    if let Some(name) = types::REG_TYPES.iter().copied().chain(["oid"]).find(|reg| *reg == name) {
        return Some(ScalarUDF::new_from_impl(ToOid {
            name,
            model: Arc::clone(&facts.catalog.model),
        }));
    }
    match name {
        "pg_text" | "pg_output" => Some(ScalarUDF::new_from_impl(ToText {
            name: if name == "pg_text" { "pg_text" } else { "pg_output" },
            model: Arc::clone(&facts.catalog.model),
        })),
        "pg_typeof" => Some(ScalarUDF::new_from_impl(TypeOf)),
        _ => None,
    }
}

/// `to_reg*`: NULL rather than an error.
pub const FUNCTIONS: &[Native] = &[
    stable("to_regclass", "regclass", |call| lookup(call, "regclass")),
    stable("to_regtype", "regtype", |call| lookup(call, "regtype")),
    stable("to_regproc", "regproc", |call| lookup(call, "regproc")),
    stable("to_regprocedure", "regprocedure", |call| lookup(call, "regprocedure")),
    stable("to_regoper", "regoper", |call| lookup(call, "regoper")),
    stable("to_regoperator", "regoperator", |call| lookup(call, "regoperator")),
    stable("to_regnamespace", "regnamespace", |call| lookup(call, "regnamespace")),
    stable("to_regrole", "regrole", |call| lookup(call, "regrole")),
    stable("to_regcollation", "regcollation", |call| lookup(call, "regcollation")),
];

fn lookup(call: &Call<'_>, reg: &str) -> Result<Option<String>> {
    Ok(resolve(call.model, reg, call.text(0).unwrap_or("")).map(|oid| oid.to_string()))
}

impl ScalarUDFImpl for ToOid {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Stable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(types::field(self.name, self.name, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let (cells, scalar) = evaluate(&args, |row| {
            let Some(text) = row.into_iter().next().flatten() else {
                return Ok(None);
            };
            if text.parse::<i64>().is_ok() {
                return Ok(Some(text));
            }
            match resolve(&self.model, self.name, &text) {
                Some(oid) => Ok(Some(oid.to_string())),
                None => Err(unknown(self.name, &text)),
            }
        })?;
        result(types::array(self.name, &cells), scalar)
    }
}

impl ScalarUDFImpl for ToText {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Stable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(types::field(self.name(), "text", true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let (Some(arg), Some(field)) = (args.args.first(), args.arg_fields.first()) else {
            return exec_err!("function pg_text() does not exist");
        };
        let scalar = matches!(arg, ColumnarValue::Scalar(_));
        let array = arg.to_array(if scalar { 1 } else { args.number_rows })?;
        let array = match written(&self.model, field, &array)? {
            Some(names) => names,
            None => {
                let style = native::style_of(&args.config_options);
                let texts = match self.name {
                    "pg_output" => encode::texts(&array, field, &style).map_err(native::engine_error)?,
                    _ => native::texts(&array, field, &style)?,
                };
                types::array("text", &texts).map_err(native::engine_error)?
            }
        };
        result(Ok(array), scalar)
    }
}

impl ScalarUDFImpl for TypeOf {
    fn name(&self) -> &str {
        "pg_typeof"
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Stable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(types::field(self.name(), "regtype", true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let oid = args.arg_fields.first().and_then(|field| {
            let spelled = types::pg_type_of(field).map(str::to_owned);
            names::parse_type(&spelled.unwrap_or_else(|| crate::catalog::model::discovered_type(field)))
        });
        let cell = oid.map(|(oid, _)| oid.to_string());
        result(types::array("regtype", &[cell]), true)
    }
}
