//! Functions as table rows, over typed values: a name, the result's field, and a Rust function of one row. For functions whose
//! result depends on more than text. Where a call means what a function of the engine means, `simplify` says so, and the
//! engine's is used (and may be sent to the runtime).

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::{
    array::Array,
    datatypes::{DataType, Field, FieldRef},
};
use datafusion::{
    common::ScalarValue,
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
};

use super::{
    native::{check_interrupts, columns, engine_error, rows, signature},
    value::Value,
};
use crate::{
    Error, Result, SqlState,
    catalog::types,
    limits,
    wire::{encode::Zone, params, types as wire_types},
};

/// A call of a function said in the engine's own, where its arguments allow it.
pub type Simplify = fn(&[Expr], &SimplifyContext) -> EngineResult<Option<Expr>>;

/// One function.
#[derive(Clone, Copy)]
pub struct Typed {
    pub name: &'static str,
    /// The result's type for arguments of these types.
    pub returns: fn(&Inputs<'_>) -> Result<Field>,
    pub call: fn(&Row<'_>) -> Result<Value>,
    /// NULL for any NULL argument, without a call.
    pub strict: bool,
    pub volatility: Volatility,
    /// The same in functions of the engine, where there is such a thing.
    pub simplify: Option<Simplify>,
}

impl Typed {
    /// A function of nothing but its arguments that is NULL where one of them is.
    pub const fn new(
        name: &'static str,
        returns: fn(&Inputs<'_>) -> Result<Field>,
        call: fn(&Row<'_>) -> Result<Value>,
    ) -> Typed {
        Typed {
            name,
            returns,
            call,
            strict: true,
            volatility: Volatility::Immutable,
            simplify: None,
        }
    }

    /// The same, called for NULL arguments too.
    pub const fn lenient(mut self) -> Typed {
        self.strict = false;
        self
    }

    pub const fn volatile(mut self) -> Typed {
        self.volatility = Volatility::Volatile;
        self
    }

    pub const fn simplified(mut self, by: fn(&[Expr], &SimplifyContext) -> EngineResult<Option<Expr>>) -> Typed {
        self.simplify = Some(by);
        self
    }

    pub fn function(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Typed").field("name", &self.name).finish()
    }
}

impl PartialEq for Typed {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Typed {}

impl Hash for Typed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// What a call's arguments are, before they have values.
pub struct Inputs<'a> {
    pub name: &'static str,
    pub fields: &'a [FieldRef],
    pub constants: &'a [Option<&'a ScalarValue>],
}

impl Inputs<'_> {
    pub fn data_type(&self, index: usize) -> &DataType {
        self.fields
            .get(index)
            .map_or(&DataType::Null, |field| field.data_type())
    }

    /// The type of the first argument, for what gives it back changed; another one where there is none.
    pub fn first_or(&self, otherwise: &str) -> Field {
        self.fields
            .first()
            .map_or_else(|| plain(otherwise), |field| field.as_ref().clone())
    }

    /// The text of a constant argument.
    pub fn constant_text(&self, index: usize) -> Option<&str> {
        self.constants.get(index).copied().flatten()?.try_as_str().flatten()
    }

    /// The value of a constant argument that is an integer.
    pub fn constant_integer(&self, index: usize) -> Option<i64> {
        match Value::of(self.constants.get(index).copied().flatten()?.clone()).ok()? {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The PostgreSQL type that an argument's metadata names.
    pub fn pg_type(&self, index: usize) -> Option<&str> {
        types::pg_type_of(self.fields.get(index)?)
    }

    /// PostgreSQL's error for arguments that no such function takes.
    pub fn no_function(&self) -> Error {
        let types: Vec<String> = self.fields.iter().map(|field| type_name(field)).collect();
        Error::new(
            SqlState::UNDEFINED_FUNCTION,
            format!("function {}({}) does not exist", self.name, types.join(", ")),
        )
        .with_hint("No function matches the given name and argument types. You might need to add explicit type casts.")
    }
}

/// A field's PostgreSQL type by its short name.
pub fn type_name(field: &Field) -> String {
    wire_types::pg_type(field).ty.name().to_owned()
}

/// One row's arguments.
pub struct Row<'a> {
    pub values: Vec<Value>,
    /// The session's time zone.
    pub zone: Zone,
    pub fields: &'a [FieldRef],
    pub returns: &'a Field,
}

impl Row<'_> {
    /// An argument; NULL where it is not given.
    pub fn get(&self, index: usize) -> &Value {
        self.values.get(index).unwrap_or(&Value::Null)
    }

    pub fn text(&self, index: usize) -> &str {
        match self.get(index) {
            Value::Text(text) => text,
            _ => "",
        }
    }

    pub fn integer(&self, index: usize) -> i64 {
        self.get(index).integer().unwrap_or(0)
    }

    pub fn float(&self, index: usize) -> f64 {
        self.get(index).float().unwrap_or(f64::NAN)
    }
}

/// A field of a PostgreSQL type, `format_type`'s name of which says all there is to say.
pub fn plain(pg_type: &str) -> Field {
    let data_type = wire_types::parse_type_name(pg_type).and_then(|named| wire_types::arrow_type(&named.ty));
    types::tagged(Field::new("", data_type.unwrap_or(DataType::Utf8), true), pg_type)
}

/// A numeric of so many digits behind the point.
pub fn numeric(scale: i8) -> Field {
    Field::new("", DataType::Decimal128(38, scale), true)
}

/// The session's zone, as the engine is told of it.
pub fn zone_of(options: &datafusion::config::ConfigOptions) -> Zone {
    let name = options.execution.time_zone.as_deref();
    name.and_then(params::named_zone).unwrap_or(Zone::UTC)
}

impl ScalarUDFImpl for Typed {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(self.volatility)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        datafusion::common::internal_err!("the type of {} depends on its arguments", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let inputs = Inputs {
            name: self.name,
            fields: args.arg_fields,
            constants: args.scalar_arguments,
        };
        let field = (self.returns)(&inputs).map_err(engine_error)?;
        Ok(Arc::new(field.with_name(self.name).with_nullable(true)))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> EngineResult<ExprSimplifyResult> {
        if let Some(simplify) = self.simplify
            && let Some(expr) = simplify(&args, info)?
        {
            return Ok(ExprSimplifyResult::Simplified(expr));
        }
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let zone = zone_of(&args.config_options);
        invoke(&args, |values| {
            if self.strict && values.iter().any(|value| matches!(value, Value::Null)) {
                return Ok(Value::Null);
            }
            (self.call)(&Row {
                values,
                zone,
                fields: &args.arg_fields,
                returns: &args.return_field,
            })
        })
    }
}

/// Calls `function` once for each row, once in all when every argument is a constant.
pub fn invoke(
    args: &ScalarFunctionArgs,
    mut function: impl FnMut(Vec<Value>) -> Result<Value>,
) -> EngineResult<ColumnarValue> {
    let to = args.return_field.data_type();
    let (rows, scalar) = rows(args);
    let columns = columns(&args.args, rows)?;
    let mut cells = Vec::with_capacity(rows);
    let mut size = 0u64;
    for row in 0..rows {
        check_interrupts(args, row)?;
        let values = columns
            .iter()
            .map(|column| {
                if column.is_null(row) {
                    return Ok(Value::Null);
                }
                Value::of(ScalarValue::try_from_array(column, row)?).map_err(engine_error)
            })
            .collect::<EngineResult<Vec<_>>>()?;
        let value = function(values).map_err(engine_error)?;
        size = size.saturating_add(value.size());
        if size > limits::STEP_SIZE_MAX {
            let error = Error::new(SqlState::OUT_OF_MEMORY, "out of memory");
            return Err(engine_error(
                error.with_detail("A function would make more than fits into memory at once."),
            ));
        }
        cells.push(value.into_scalar(to).map_err(engine_error)?);
    }
    if scalar && let Some(cell) = cells.pop() {
        return Ok(ColumnarValue::Scalar(cell));
    }
    if cells.is_empty() {
        return Ok(ColumnarValue::Array(arrow::array::new_empty_array(to)));
    }
    Ok(ColumnarValue::Array(ScalarValue::iter_to_array(cells)?))
}
