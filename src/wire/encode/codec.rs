//! How one Arrow column becomes cells: chosen once for each column, applied to each window of rows.
//!
//! The choice depends on the Arrow type, the PostgreSQL type it leaves as, and the format; each pair has a typed loop
//! of its own. An Arrow type that has none for the asked PostgreSQL type goes through Arrow's cast first.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::*;
use postgres_types::{Kind as TypeKind, Type};

use super::Format;
use super::cells::Cells;
use super::datetime::{self, Clock};
use super::float::{put_float4, put_float8};
use super::json::Json;
use super::list::List;
use super::loops::{BIGINT, Width, durations, integers, intervals, out_of_range, times, timestamps};
use super::number::put_bytea;
use super::record::Record;
use super::style::Style;
use super::{decimal, special, text};
use crate::{Error, Result, SqlState};

/// The way of one column.
pub(super) struct Codec {
    /// What the column is cast to first, where no loop takes it as it is.
    cast: Option<DataType>,
    kind: Kind,
    binary: bool,
    style: Style,
}

enum Kind {
    /// Strings as they are, in both formats; also byte strings in binary.
    Bytes,
    Null,
    Bool,
    Integer(Width),
    /// A Duration that leaves as `bigint`.
    Milliseconds,
    Float4,
    Float8,
    Numeric,
    Bytea,
    Date(Clock),
    Time,
    Timestamp(Clock),
    Timestamptz(Clock),
    Interval,
    Uuid,
    /// `"char"` in binary, where an empty value is a zero byte.
    Char,
    /// JSON text that leaves as `jsonb`, or as `json`, unchanged.
    JsonText {
        jsonb: bool,
    },
    Json(Box<Json>),
    Vector {
        oids: bool,
    },
    List(Box<List>),
    Record(Box<Record>),
}

/// The `reg*` types: an oid in binary, a name as text.
pub(super) fn is_object_alias(ty: &Type) -> bool {
    ty.name().starts_with("reg")
}

impl Codec {
    /// Chooses how a column of `field`'s Arrow type leaves as `ty`.
    pub fn new(field: &Field, ty: &Type, format: Format, style: &Style) -> Result<Codec> {
        Codec::of(field.data_type(), ty, format, style)
    }

    pub fn of(data_type: &DataType, ty: &Type, format: Format, style: &Style) -> Result<Codec> {
        let binary = format == Format::Binary;
        // Encodings are undone first: the loops know plain columns.
        let (plain, mut cast) = match data_type {
            DataType::Dictionary(_, values) => (values.as_ref(), Some(values.as_ref().clone())),
            DataType::RunEndEncoded(_, values) => (values.data_type(), Some(values.data_type().clone())),
            other => (other, None),
        };
        let kind = match choose(plain, ty, format, style)? {
            Some(kind) => kind,
            None => {
                let target = crate::wire::types::arrow_type(ty)
                    .filter(|target| target != plain && can_cast_types(plain, target));
                let target = target.ok_or_else(|| no_form(ty, binary))?;
                cast = Some(target.clone());
                choose(&target, ty, format, style)?.ok_or_else(|| no_form(ty, binary))?
            }
        };
        Ok(Codec {
            cast,
            kind,
            binary,
            style: style.clone(),
        })
    }

    /// The column in the Arrow type that [`borrow`](Self::borrow) and [`fill`](Self::fill) take.
    pub fn plain(&self, array: &ArrayRef) -> Result<ArrayRef> {
        match &self.cast {
            Some(target) => cast(array, target).map_err(|error| {
                Error::new(
                    SqlState::CANNOT_COERCE,
                    "a result column cannot be converted to its type",
                )
                .with_log(error.to_string())
            }),
            None => Ok(array.clone()),
        }
    }

    /// Where the cells lie in Arrow's buffers exactly as they are sent: fills in their lengths and returns the bytes.
    pub fn borrow<'a>(&self, array: &'a dyn Array, cells: &mut Cells) -> Option<&'a [u8]> {
        if !matches!(self.kind, Kind::Bytes) {
            return None;
        }
        match array.data_type() {
            DataType::Utf8 => text::borrow(array.as_string::<i32>(), true, cells),
            DataType::LargeUtf8 => text::borrow(array.as_string::<i64>(), true, cells),
            DataType::Binary => text::borrow(array.as_binary::<i32>(), false, cells),
            DataType::LargeBinary => text::borrow(array.as_binary::<i64>(), false, cells),
            _ => None,
        }
    }

    /// Appends a cell for each slot of a column.
    pub fn fill(&mut self, array: &dyn Array, cells: &mut Cells) -> Result<()> {
        let (binary, style) = (self.binary, &self.style);
        match &mut self.kind {
            Kind::Null => {
                (0..array.len()).for_each(|_| cells.push_null());
                Ok(())
            }
            Kind::Bytes => text::each(array, cells, |value, is_text, out| {
                if is_text {
                    text::put_without_nul(value, out)
                } else {
                    out.extend_from_slice(value)
                }
                Ok(())
            }),
            Kind::Bool => {
                for value in array.as_boolean() {
                    match (value, binary) {
                        (None, _) => cells.push_null(),
                        (Some(value), true) => cells.push(&[u8::from(value)])?,
                        (Some(value), false) => cells.push(if value { b"t" } else { b"f" })?,
                    }
                }
                Ok(())
            }
            Kind::Integer(width) => integers(array, *width, binary, cells),
            Kind::Milliseconds => durations(array, cells, |_, millis, out| {
                Width::Int8.put(i128::from(millis.ok_or_else(|| out_of_range(BIGINT))?), binary, out)
            }),
            Kind::Float4 => {
                let put = |value: f32, out: &mut Vec<u8>| {
                    if binary {
                        out.extend_from_slice(&value.to_be_bytes())
                    } else {
                        put_float4(value, style.extra_float_digits, out)
                    }
                    Ok(())
                };
                match array.data_type() {
                    DataType::Float16 => cells.each(array.as_primitive::<Float16Type>(), |v, out| put(v.to_f32(), out)),
                    _ => cells.each(array.as_primitive::<Float32Type>(), put),
                }
            }
            Kind::Float8 => cells.each(array.as_primitive::<Float64Type>(), |value, out| {
                if binary {
                    out.extend_from_slice(&value.to_be_bytes())
                } else {
                    put_float8(value, style.extra_float_digits, out)
                }
                Ok(())
            }),
            Kind::Numeric => decimal::fill(array, binary, cells),
            Kind::Bytea => text::each(array, cells, |value, _, out| {
                if binary {
                    out.extend_from_slice(value)
                } else {
                    put_bytea(value, style.bytea_output, out)
                }
                Ok(())
            }),
            Kind::Date(clock) => {
                let mut put = |days: i64, out: &mut Vec<u8>| {
                    let days = datetime::date_days(days)?;
                    if binary {
                        out.extend_from_slice(&datetime::date_binary(days).to_be_bytes());
                    } else {
                        clock.put_date(days, out);
                    }
                    Ok(())
                };
                match array.data_type() {
                    DataType::Date64 => cells.each(array.as_primitive::<Date64Type>(), |ms, out| {
                        put(ms.div_euclid(86_400_000), out)
                    }),
                    _ => cells.each(array.as_primitive::<Date32Type>(), |days, out| {
                        put(i64::from(days), out)
                    }),
                }
            }
            Kind::Time => times(array, binary, cells),
            Kind::Timestamp(clock) => {
                let put = |micros, out: &mut Vec<u8>| clock.put_timestamp(micros, out);
                timestamps(array, cells, (!binary).then_some(put))
            }
            Kind::Timestamptz(clock) => {
                let put = |micros, out: &mut Vec<u8>| clock.put_timestamptz(micros, out);
                timestamps(array, cells, (!binary).then_some(put))
            }
            Kind::Interval => intervals(array, cells, |interval, out| {
                if binary {
                    out.extend_from_slice(&interval.binary())
                } else {
                    interval.put(style.interval_style, out)
                }
            }),
            Kind::Uuid => text::each(array, cells, |value, _, out| special::put_uuid(value, binary, out)),
            Kind::Char => text::each(array, cells, |value, _, out| {
                out.extend_from_slice(if value.is_empty() && binary { &[0] } else { value });
                Ok(())
            }),
            Kind::JsonText { jsonb } => text::each(array, cells, |value, _, out| {
                special::put_json_text(value, *jsonb, binary, out);
                Ok(())
            }),
            Kind::Json(json) => json.fill(array, cells),
            Kind::Vector { oids } => special::vectors(array, *oids, binary, cells),
            Kind::List(list) => list.fill(array, cells),
            Kind::Record(record) => record.fill(array, cells),
        }
    }
}

/// The loop for an Arrow type that leaves as a PostgreSQL type; `None` where a cast must come first.
fn choose(data_type: &DataType, ty: &Type, format: Format, style: &Style) -> Result<Option<Kind>> {
    let binary = format == Format::Binary;
    let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_bytes = matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    );
    let is_nested = data_type.is_nested();
    if data_type.is_null() {
        return Ok(Some(Kind::Null));
    }
    if let Some(width) = Width::of(ty) {
        return match data_type {
            _ if data_type.is_integer() => Ok(Some(Kind::Integer(width))),
            DataType::Duration(_) if *ty == Type::INT8 => Ok(Some(Kind::Milliseconds)),
            _ if is_text && is_object_alias(ty) && binary => Err(no_form(ty, true)),
            _ if is_text && is_object_alias(ty) => Ok(Some(Kind::Bytes)),
            _ => Ok(None),
        };
    }
    let kind = match *ty {
        Type::BOOL => (*data_type == DataType::Boolean).then_some(Kind::Bool),
        Type::FLOAT4 => matches!(data_type, DataType::Float16 | DataType::Float32).then_some(Kind::Float4),
        Type::FLOAT8 => (*data_type == DataType::Float64).then_some(Kind::Float8),
        Type::NUMERIC => (data_type.is_numeric() && *data_type != DataType::Float16).then_some(Kind::Numeric),
        Type::BYTEA if is_bytes || is_text => Some(if binary { Kind::Bytes } else { Kind::Bytea }),
        Type::DATE => matches!(data_type, DataType::Date32 | DataType::Date64).then(|| Kind::Date(Clock::new(style))),
        Type::TIME => matches!(data_type, DataType::Time32(_) | DataType::Time64(_)).then_some(Kind::Time),
        Type::TIMESTAMP => matches!(data_type, DataType::Timestamp(_, _)).then(|| Kind::Timestamp(Clock::new(style))),
        Type::TIMESTAMPTZ => {
            matches!(data_type, DataType::Timestamp(_, _)).then(|| Kind::Timestamptz(Clock::new(style)))
        }
        Type::INTERVAL => matches!(data_type, DataType::Duration(_) | DataType::Interval(_)).then_some(Kind::Interval),
        Type::UUID => is_text.then_some(Kind::Uuid),
        Type::CHAR => is_text.then_some(Kind::Char),
        Type::JSON | Type::JSONB if is_text => Some(Kind::JsonText {
            jsonb: *ty == Type::JSONB,
        }),
        Type::JSON | Type::JSONB if is_nested => {
            let version = binary && *ty == Type::JSONB;
            Some(Kind::Json(Box::new(Json::new(data_type, version, style)?)))
        }
        Type::INT2_VECTOR | Type::OID_VECTOR => (is_text || data_type.is_list()).then_some(Kind::Vector {
            oids: *ty == Type::OID_VECTOR,
        }),
        Type::RECORD => match data_type {
            DataType::Struct(fields) => Some(Kind::Record(Box::new(Record::new(fields, format, style)?))),
            _ => None,
        },
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::UNKNOWN
        | Type::XML
        | Type::CSTRING
        | Type::PG_NODE_TREE => match data_type {
            _ if is_text => Some(Kind::Bytes),
            _ if is_nested => Some(Kind::Json(Box::new(Json::new(data_type, false, style)?))),
            _ => None,
        },
        _ if data_type.is_list() => match ty.kind() {
            TypeKind::Array(item) => Some(Kind::List(Box::new(List::new(data_type, Some(item), format, style)?))),
            _ => Some(Kind::List(Box::new(List::new(data_type, None, format, style)?))),
        },
        // Types that come as PostgreSQL's own text: arrays of the catalogue, `aclitem`, `tid` …
        _ if is_text && !binary => Some(Kind::Bytes),
        _ => None,
    };
    Ok(kind)
}

/// What PostgreSQL answers for a type without an output function of the asked format.
fn no_form(ty: &Type, binary: bool) -> Error {
    if binary && *ty == Type::ACLITEM {
        return Error::new(
            SqlState::UNDEFINED_FUNCTION,
            "no binary output function available for type aclitem",
        );
    }
    let format = if binary { "binary" } else { "text" };
    Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("{format} format is not supported for type {}", ty.name()),
    )
}
