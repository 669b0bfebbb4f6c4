//! Functions as table rows: a name, parameter and result types, and a Rust function over text forms.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, Field, FieldRef},
};
use datafusion::{
    common::{ScalarValue, config::ConfigOptions},
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
    },
};

use crate::{
    Error, Result,
    catalog::{
        facts::{self, SessionFacts},
        model::Model,
        types,
    },
    wire::encode::{self, Style},
};

/// A row takes a millisecond at worst.
const ROWS_BETWEEN_CHECKS: usize = 64;

/// One function.
#[derive(Debug, Clone, Copy)]
pub struct Native {
    pub name: &'static str,
    /// The result's type as `format_type` spells it.
    pub returns: &'static str,
    /// NULL for any NULL argument, without a call.
    pub strict: bool,
    pub volatility: Volatility,
    pub call: Function,
}

/// What a function looks at beside its arguments, and what it does.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    /// The catalogue: all sessions of one are answered alike.
    OfCatalogue(fn(&Call<'_>) -> Result<Option<String>>),
    /// The session that asks.
    OfSession(fn(&Call<'_>, &SessionFacts) -> Result<Option<String>>),
}

/// The arguments of one row, and what names and OIDs mean.
pub struct Call<'a> {
    pub model: &'a Model,
    pub args: Vec<Option<String>>,
}

impl Call<'_> {
    /// The text form of an argument, `None` where it is NULL or not given.
    pub fn text(&self, index: usize) -> Option<&str> {
        self.args.get(index)?.as_deref()
    }

    /// An argument as a number.
    pub fn number(&self, index: usize) -> Option<i64> {
        self.text(index)?.trim().parse().ok()
    }

    /// An argument as an OID.
    pub fn oid(&self, index: usize) -> Option<u32> {
        u32::try_from(self.number(index)?).ok()
    }
}

/// A function that looks only at its arguments and the catalogue.
pub const fn stable(
    name: &'static str,
    returns: &'static str,
    call: fn(&Call<'_>) -> Result<Option<String>>,
) -> Native {
    Native {
        name,
        returns,
        strict: true,
        volatility: Volatility::Stable,
        call: Function::OfCatalogue(call),
    }
}

/// The same, called for NULL arguments too.
pub const fn lenient(
    name: &'static str,
    returns: &'static str,
    call: fn(&Call<'_>) -> Result<Option<String>>,
) -> Native {
    Native {
        strict: false,
        ..stable(name, returns, call)
    }
}

/// The answer NULL, whatever is asked.
pub fn nothing(_: &Call<'_>) -> Result<Option<String>> {
    Ok(None)
}

/// The answer 0.
pub fn zero(_: &Call<'_>) -> Result<Option<String>> {
    Ok(Some("0".into()))
}

/// The answer false.
pub fn no(_: &Call<'_>) -> Result<Option<String>> {
    yes_or_no(false)
}

pub fn yes_or_no(answer: bool) -> Result<Option<String>> {
    Ok(Some(if answer { "t" } else { "f" }.into()))
}

/// A function with all that it looks at.
#[derive(Debug, Clone)]
pub struct Bound {
    native: Native,
    to: To,
}

#[derive(Debug, Clone)]
enum To {
    Catalogue(Arc<Model>, fn(&Call<'_>) -> Result<Option<String>>),
    Session(
        Arc<SessionFacts>,
        fn(&Call<'_>, &SessionFacts) -> Result<Option<String>>,
    ),
}

impl Bound {
    pub fn new(native: Native, facts: &Arc<SessionFacts>) -> Self {
        let to = match native.call {
            Function::OfCatalogue(call) => To::Catalogue(Arc::clone(&facts.catalog.model), call),
            Function::OfSession(call) => To::Session(Arc::clone(facts), call),
        };
        Bound { native, to }
    }

    /// Whether it holds something of one session.
    pub fn is_of_session(&self) -> bool {
        matches!(self.to, To::Session(..))
    }

    fn call(&self, args: Vec<Option<String>>) -> Result<Option<String>> {
        match &self.to {
            To::Catalogue(model, call) => call(&Call { model, args }),
            To::Session(facts, call) => {
                let model = &facts.catalog.model;
                call(&Call { model, args }, facts)
            }
        }
    }
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.to, &other.to) {
            (To::Catalogue(own, _), To::Catalogue(other, _)) => Arc::ptr_eq(own, other),
            (To::Session(own, _), To::Session(other, _)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        is_same && self.native.name == other.native.name
    }
}

impl Eq for Bound {}

impl Hash for Bound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.native.name.hash(state);
    }
}

/// Any arguments at all: how many and of which types each function sees to itself.
pub fn any_arguments() -> TypeSignature {
    TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny])
}

impl ScalarUDFImpl for Bound {
    fn name(&self) -> &str {
        self.native.name
    }

    fn signature(&self) -> &Signature {
        signature(self.native.volatility)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(types::arrow_type(self.native.returns))
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(types::field(self.native.name, self.native.returns, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        // Constants are asked about once, but not where no row asks: what is not there may be the reason why none does.
        if args.number_rows == 0 {
            return Ok(ColumnarValue::Array(arrow::array::new_empty_array(
                args.return_field.data_type(),
            )));
        }
        evaluate(&args, |row| {
            if self.native.strict && row.iter().any(Option::is_none) {
                return Ok(None);
            }
            self.call(row)
        })
        .and_then(|(cells, scalar)| result(types::array(self.native.returns, &cells), scalar))
    }
}

/// One signature for each volatility: the trait hands out references.
pub fn signature(volatility: Volatility) -> &'static Signature {
    use std::sync::LazyLock;
    static SIGNATURES: LazyLock<[Signature; 3]> = LazyLock::new(|| {
        [Volatility::Immutable, Volatility::Stable, Volatility::Volatile].map(|v| Signature::new(any_arguments(), v))
    });
    let [immutable, stable, volatile] = &*SIGNATURES;
    match volatility {
        Volatility::Immutable => immutable,
        Volatility::Stable => stable,
        Volatility::Volatile => volatile,
    }
}

/// How many rows a function is called for, and whether that is one in all, for every argument is a constant.
pub fn rows(args: &ScalarFunctionArgs) -> (usize, bool) {
    let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    (if scalar { 1 } else { args.number_rows }, scalar)
}

/// The arguments as arrays of so many rows.
pub fn columns(args: &[ColumnarValue], rows: usize) -> EngineResult<Vec<ArrayRef>> {
    args.iter().map(|arg| arg.to_array(rows)).collect()
}

/// Calls `function` once for each row, once in all when every argument is a constant. Says whether that was so.
pub fn evaluate(
    args: &ScalarFunctionArgs,
    mut function: impl FnMut(Vec<Option<String>>) -> Result<Option<String>>,
) -> EngineResult<(Vec<Option<String>>, bool)> {
    let (rows, scalar) = rows(args);
    let style = style_of(&args.config_options);
    let columns = args
        .args
        .iter()
        .zip(&args.arg_fields)
        .map(|(arg, field)| texts(&arg.to_array(rows)?, field, &style))
        .collect::<EngineResult<Vec<_>>>()?;
    let cells = (0..rows)
        .map(|row| {
            check_interrupts(args, row)?;
            let values = columns.iter().map(|column| column.get(row).cloned().flatten());
            function(values.collect()).map_err(engine_error)
        })
        .collect::<EngineResult<Vec<_>>>()?;
    Ok((cells, scalar))
}

/// Fails once the statement should end, asked every few rows.
pub fn check_interrupts(args: &ScalarFunctionArgs, row: usize) -> EngineResult<()> {
    match row.is_multiple_of(ROWS_BETWEEN_CHECKS) {
        true => facts::check_interrupts(&args.config_options).map_err(engine_error),
        false => Ok(()),
    }
}

/// The array of a function's cells, or its one value.
pub fn result(array: Result<ArrayRef>, scalar: bool) -> EngineResult<ColumnarValue> {
    let array = array.map_err(engine_error)?;
    Ok(if scalar {
        ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
    } else {
        ColumnarValue::Array(array)
    })
}

/// An error of this program on its way through the engine; the session takes it out again whole.
pub fn engine_error(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// How a session's values are written where a function asks for their text.
pub fn style_of(options: &ConfigOptions) -> Style {
    Style {
        zone: super::zone_of(options),
        ..Style::default()
    }
}

/// The text forms of an array's values, as PostgreSQL writes them for the field's type; booleans in full, as `::text` does.
pub fn texts(array: &ArrayRef, field: &Field, style: &Style) -> EngineResult<Vec<Option<String>>> {
    if let DataType::Boolean = array.data_type() {
        let values = array.as_boolean();
        return Ok((0..values.len())
            .map(|row| values.is_valid(row).then(|| values.value(row).to_string()))
            .collect());
    }
    encode::texts(array, field, style).map_err(engine_error)
}

/// `{a,"b c",NULL}`, quoted as array_out does.
pub fn array_text(items: &[Option<String>]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| match item {
            None => "NULL".to_owned(),
            Some(text) => {
                let plain = !text.is_empty()
                    && !text.eq_ignore_ascii_case("null")
                    && !text.contains(|c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_ascii_whitespace());
                if plain {
                    text.clone()
                } else {
                    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
                }
            }
        })
        .collect();
    format!("{{{}}}", items.join(","))
}
