//! PostgreSQL types of catalogue columns: their Arrow form, and Arrow arrays from PostgreSQL's text form.
//!
//! OIDs and the `reg*` types are `Int64`: that compares with integer and with quoted literals, and joins without a cast.
//! What they stand for travels in the field's metadata ([`PG_TYPE`]).

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder,
        Int64Builder, IntervalMonthDayNanoBuilder, ListArray, StringArray, StringBuilder, TimestampMicrosecondBuilder,
    },
    buffer::{NullBuffer, OffsetBuffer},
    compute,
    datatypes::{DataType, Field, IntervalMonthDayNano, IntervalUnit, TimeUnit},
};

use crate::{
    Error, Result,
    wire::types::{Origin, PG_ORIGIN, PG_TYPE},
};

/// The types whose text form is the name of what their number stands for.
pub const REG_TYPES: [&str; 11] = [
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regclass",
    "regtype",
    "regrole",
    "regnamespace",
    "regcollation",
    "regconfig",
    "regdictionary",
];

/// The Arrow type that a catalogue column of type `pg_type` (as `format_type` spells it) has.
pub fn arrow_type(pg_type: &str) -> DataType {
    if let Some(element) = pg_type.strip_suffix("[]") {
        return list_of(arrow_type(element));
    }
    match pg_type {
        "boolean" => DataType::Boolean,
        "smallint" => DataType::Int16,
        "integer" => DataType::Int32,
        "bigint" | "oid" | "xid" | "xid8" | "cid" => DataType::Int64,
        reg if REG_TYPES.contains(&reg) => DataType::Int64,
        "real" => DataType::Float32,
        "double precision" => DataType::Float64,
        "numeric" => DataType::Decimal128(38, 0),
        "bytea" => DataType::Binary,
        "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
        "timestamp with time zone" | "timestamp(2) with time zone" => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        "int2vector" => list_of(DataType::Int16),
        "oidvector" => list_of(DataType::Int64),
        _ => DataType::Utf8,
    }
}

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// A field whose metadata names its PostgreSQL type.
pub fn field(name: &str, pg_type: &str, nullable: bool) -> Field {
    tagged(Field::new(name, arrow_type(pg_type), nullable), pg_type)
}

/// `field` with its PostgreSQL type laid over it.
pub fn tagged(field: Field, pg_type: &str) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(PG_TYPE.to_owned(), pg_type.to_owned());
    field.with_metadata(metadata)
}

/// `field` with the relation and column laid over it that it is: RowDescription says them.
pub fn placed(field: Field, relation: u32, number: usize) -> Field {
    let Ok(column) = i16::try_from(number) else {
        return field;
    };
    let mut metadata = field.metadata().clone();
    metadata.insert(
        PG_ORIGIN.to_owned(),
        Origin {
            table: relation,
            column,
        }
        .to_metadata(),
    );
    field.with_metadata(metadata)
}

/// The metadata of a column of type `pg_type` at its place in a relation.
pub fn metadata_at(pg_type: &str, relation: u32, number: usize) -> HashMap<String, String> {
    let field = field("", pg_type, true);
    placed(field, relation, number).metadata().clone()
}

/// The PostgreSQL type that a field's metadata names; an empty name says that it is what the Arrow type stands for.
pub fn pg_type_of(field: &Field) -> Option<&str> {
    let name = field.metadata().get(PG_TYPE).map(String::as_str);
    name.filter(|name| !name.is_empty())
}

/// The text form of the value that a NOT NULL column of this type has when nothing is said of it.
pub fn zero(pg_type: &str) -> &'static str {
    match pg_type {
        "boolean" => "f",
        "smallint" | "integer" | "bigint" | "oid" | "xid" | "xid8" | "numeric" | "real" | "double precision" => "0",
        reg if REG_TYPES.contains(&reg) => "0",
        array if array.ends_with("[]") => "{}",
        _ => "",
    }
}

/// An array of `pg_type` from text forms, which are PostgreSQL's own (`t`, `{1,2}`, `1 2` for a vector).
pub fn array(pg_type: &str, values: &[Option<String>]) -> Result<ArrayRef> {
    array_of(&arrow_type(pg_type), values)
}

/// The same for an Arrow type.
pub fn array_of(data_type: &DataType, values: &[Option<String>]) -> Result<ArrayRef> {
    macro_rules! parsed {
        ($builder:ty) => {{
            let mut builder = <$builder>::with_capacity(values.len());
            for value in values {
                match value {
                    None => builder.append_null(),
                    Some(text) => builder.append_value(text.parse().map_err(|_| bad(data_type, text))?),
                }
            }
            Ok(Arc::new(builder.finish()) as ArrayRef)
        }};
    }
    match data_type {
        DataType::Int16 => parsed!(Int16Builder),
        DataType::Int32 => parsed!(Int32Builder),
        DataType::Int64 => parsed!(Int64Builder),
        DataType::Float32 => parsed!(Float32Builder),
        DataType::Float64 => parsed!(Float64Builder),
        DataType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(values.len());
            for value in values {
                match value.as_deref() {
                    None => builder.append_null(),
                    Some("t" | "true") => builder.append_value(true),
                    Some("f" | "false") => builder.append_value(false),
                    Some(text) => return Err(bad(data_type, text)),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        DataType::Decimal128(..) => {
            let texts: ArrayRef = Arc::new(StringArray::from_iter(values.iter().map(Option::as_deref)));
            compute::cast(&texts, data_type).map_err(|_| bad(data_type, "a numeric"))
        }
        DataType::Utf8 => {
            let mut builder = StringBuilder::with_capacity(values.len(), values.len() * 8);
            values.iter().for_each(|value| builder.append_option(value.as_deref()));
            Ok(Arc::new(builder.finish()))
        }
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            values
                .iter()
                .for_each(|value| builder.append_option(value.as_deref().map(str::as_bytes)));
            Ok(Arc::new(builder.finish()))
        }
        // Microseconds since 1970: such cells are computed here, never read from a file.
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let mut builder = TimestampMicrosecondBuilder::new();
            for value in values {
                match value {
                    None => builder.append_null(),
                    Some(text) => builder.append_value(text.parse().map_err(|_| bad(data_type, text))?),
                }
            }
            Ok(Arc::new(builder.finish().with_timezone_opt(zone.clone())))
        }
        // Nanoseconds, for the same reason.
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let mut builder = IntervalMonthDayNanoBuilder::new();
            for value in values {
                match value {
                    None => builder.append_null(),
                    Some(text) => {
                        let nanoseconds = text.parse().map_err(|_| bad(data_type, text))?;
                        builder.append_value(IntervalMonthDayNano::new(0, 0, nanoseconds));
                    }
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        DataType::List(element) => {
            let mut items = Vec::new();
            let mut lengths = Vec::with_capacity(values.len());
            for value in values {
                let before = items.len();
                if let Some(text) = value {
                    elements(text, &mut items);
                }
                lengths.push(items.len() - before);
            }
            let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
            let list = ListArray::try_new(
                Arc::clone(element),
                OffsetBuffer::from_lengths(lengths),
                array_of(element.data_type(), &items)?,
                Some(nulls),
            );
            Ok(Arc::new(list.map_err(Error::internal)?))
        }
        other => Err(Error::internal(format!("no catalogue column is of type {other}"))),
    }
}

fn bad(data_type: &DataType, text: &str) -> Error {
    Error::internal(format!("not a {data_type}: {text:?}"))
}

/// The elements of an array (`{a,"b c",NULL}`) or of a vector (`1 2`).
pub fn elements(text: &str, out: &mut Vec<Option<String>>) {
    let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        out.extend(text.split_ascii_whitespace().map(|item| Some(item.to_owned())));
        return;
    };
    if inner.trim().is_empty() {
        return;
    }
    let mut chars = inner.chars();
    let mut item = String::new();
    let mut quoted = false;
    let mut in_quotes = false;
    let mut push = |item: &mut String, quoted: &mut bool| {
        let text = if *quoted {
            std::mem::take(item)
        } else {
            item.trim().to_owned()
        };
        item.clear();
        out.push(if !*quoted && text.eq_ignore_ascii_case("null") {
            None
        } else {
            Some(text)
        });
        *quoted = false;
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                in_quotes = !in_quotes;
                quoted = true;
            }
            '\\' => item.extend(chars.next()),
            ',' if !in_quotes => push(&mut item, &mut quoted),
            _ => item.push(c),
        }
    }
    push(&mut item, &mut quoted);
}

/// Field metadata that names a PostgreSQL type.
pub fn metadata(pg_type: &str) -> HashMap<String, String> {
    HashMap::from([(PG_TYPE.to_owned(), pg_type.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};

    fn split(text: &str) -> Vec<Option<String>> {
        let mut out = Vec::new();
        elements(text, &mut out);
        out
    }

    #[test]
    fn array_literals_are_read_as_postgresql_reads_them() {
        assert_eq!(split("{}"), vec![]);
        assert_eq!(split("{a, b}"), vec![Some("a".into()), Some("b".into())]);
        assert_eq!(
            split(r#"{"a,\"b",NULL,"NULL"}"#),
            vec![Some("a,\"b".into()), None, Some("NULL".into())]
        );
        assert_eq!(split("1 2"), vec![Some("1".into()), Some("2".into())]);
        assert_eq!(split(""), vec![]);
    }

    #[test]
    fn vectors_and_numbers_become_arrow() {
        let array = array("int2vector", &[Some("1 3".into()), None]).unwrap();
        assert_eq!(array.as_list::<i32>().value(0).len(), 2);
        assert!(array.is_null(1));
        assert!(super::array("oid", &[Some("x".into())]).is_err());
    }
}
