//! Casts that PostgreSQL does otherwise than the engine: text that is read by PostgreSQL's input functions, numbers that are
//! rounded, times in the session's zone, lengths that cut.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::{
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};
use postgres_types::Type;

use super::{
    datetime::{self, DAY},
    native::signature,
    typed::{self, Inputs, Row, Typed, numeric, plain},
    value::{Value, out_of_range, trimmed},
};
use crate::{
    Error, Result, SqlState,
    catalog::types,
    wire::{
        encode::{Format, Zone},
        params::decode_parameter_in,
        types::{NUMERIC_ANY, pg_type},
    },
};

pub const FUNCTIONS: &[Typed] = &[
    // The value of a cast, under the name of the type.
    Typed::new(
        "pg_as",
        |inputs| Ok(inputs.first_or("text")),
        |row| Ok(row.get(0).clone()),
    )
    .simplified(|args, _| Ok(args.first().cloned())),
    Typed::new("pg_numeric", as_numeric, to_numeric),
    Typed::new(
        "pg_varchar",
        |inputs| cut_field(inputs, "character varying"),
        |row| cut(row, false),
    ),
    Typed::new(
        "pg_bpchar",
        |inputs| cut_field(inputs, "character"),
        |row| cut(row, true),
    ),
];

/// A cast of anything to a type that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CastTo {
    pub field: FieldRef,
}

impl CastTo {
    pub fn function(field: FieldRef) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(CastTo { field }))
    }
}

impl ScalarUDFImpl for CastTo {
    fn name(&self) -> &str {
        "pg_cast"
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Stable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(self.field.data_type().clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(
            self.field.as_ref().clone().with_name(self.name()).with_nullable(true),
        ))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let zone = typed::zone_of(&args.config_options);
        let ty = pg_type(&self.field).ty;
        typed::invoke(&args, |mut values| {
            let value = values.pop().unwrap_or(Value::Null);
            converted(value, &self.field, &ty, &zone)
        })
    }
}

/// A value as one of another type.
fn converted(value: Value, to: &Field, ty: &Type, zone: &Zone) -> Result<Value> {
    let value = match value {
        Value::Text(text) => return read(&text, to, ty, zone),
        value => value,
    };
    Ok(match (value, to.data_type()) {
        (value @ (Value::Float(_) | Value::Numeric(..)), target) if target.is_integer() => {
            Value::Int(value.integer().ok_or_else(|| out_of_range(long_name(ty)))?)
        }
        (Value::Float(value), DataType::Decimal128(..) | DataType::Decimal256(..)) => of_float(value)?,
        (Value::Timestamptz(utc), DataType::Timestamp(_, None)) => Value::Timestamp(datetime::to_local(utc, zone)),
        (Value::Timestamptz(utc), DataType::Date32) => Value::Date(datetime::to_local(utc, zone).div_euclid(DAY)),
        (Value::Timestamptz(utc), DataType::Time64(_)) => Value::Time(datetime::to_local(utc, zone).rem_euclid(DAY)),
        (Value::Timestamp(local), DataType::Timestamp(_, Some(_))) => {
            Value::Timestamptz(datetime::to_utc(local, zone)?)
        }
        (Value::Date(days), DataType::Timestamp(_, Some(_))) => {
            Value::Timestamptz(datetime::to_utc(datetime::midnight(days)?, zone)?)
        }
        (Value::Date(days), DataType::Timestamp(_, None)) => Value::Timestamp(datetime::midnight(days)?),
        (Value::Timestamp(micros), DataType::Date32) => Value::Date(micros.div_euclid(DAY)),
        (Value::Timestamp(micros), DataType::Time64(_)) => Value::Time(micros.rem_euclid(DAY)),
        (value, _) => value,
    })
}

fn long_name(ty: &Type) -> &str {
    match *ty {
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        _ => ty.name(),
    }
}

/// Text as PostgreSQL's input functions read it.
fn read(text: &str, to: &Field, ty: &Type, zone: &Zone) -> Result<Value> {
    match to.data_type() {
        // Of what an array holds, the type may be another spelling.
        DataType::List(_) => {
            let scalar = decode_parameter_in(ty, Format::Text, Some(text.as_bytes()), zone)?;
            Value::of(scalar.cast_to(to.data_type()).map_err(Error::internal)?)
        }
        _ => Value::read(text, ty, zone),
    }
}

/// A float as the numeric of its fifteen digits.
pub fn of_float(value: f64) -> Result<Value> {
    if !value.is_finite() {
        let words = "NaN and infinity are not supported for type numeric";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, words));
    }
    Ok(
        match Value::read(&format!("{value:.14e}"), &Type::NUMERIC, &Zone::UTC)? {
            Value::Numeric(digits, scale) => {
                let (digits, scale) = trimmed(digits, scale);
                Value::Numeric(digits, scale)
            }
            other => other,
        },
    )
}

/// What `numeric` without digits is: as many as the argument's type has. (A literal's are counted by the rule that calls.)
fn as_numeric(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(match inputs.data_type(0) {
        DataType::Decimal128(..) | DataType::Decimal256(..) => Field::new("", inputs.data_type(0).clone(), true),
        other if other.is_integer() => numeric(0),
        _ => Field::new("", NUMERIC_ANY, true),
    })
}

fn to_numeric(row: &Row<'_>) -> Result<Value> {
    match row.get(0) {
        Value::Float(value) => of_float(*value),
        Value::Text(text) => Value::read(text, &Type::NUMERIC, &row.zone),
        Value::Bool(_) => Err(Error::new(
            SqlState::CANNOT_COERCE,
            "cannot cast type boolean to numeric",
        )),
        other => Ok(other.clone()),
    }
}

fn cut_field(inputs: &Inputs<'_>, name: &str) -> Result<Field> {
    let spelled = match inputs.constant_integer(1) {
        Some(length) => format!("{name}({length})"),
        None => name.to_owned(),
    };
    Ok(types::tagged(plain("text"), &spelled))
}

/// The first `n` characters. Blanks that fill a `char(n)` mean nothing: they are neither stored nor written.
fn cut(row: &Row<'_>, blanks: bool) -> Result<Value> {
    let length = usize::try_from(row.integer(1)).unwrap_or(0);
    let text: String = row.text(0).chars().take(length).collect();
    Ok(Value::Text(match blanks {
        true => text.trim_end_matches(' ').to_owned(),
        false => text,
    }))
}
