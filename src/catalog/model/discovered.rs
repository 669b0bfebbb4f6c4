//! What a cluster's own columns are in PostgreSQL's terms: the type of a column that `sql/` does not know, and the schema
//! of a table with its PostgreSQL types laid over it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::Relation;
use crate::catalog::types;

/// The PostgreSQL type of a column that `sql/` does not know.
pub fn discovered_type(field: &Field) -> String {
    fn of(data_type: &DataType) -> String {
        match data_type {
            DataType::Boolean => "boolean".into(),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => "smallint".into(),
            DataType::Int32 | DataType::UInt16 => "integer".into(),
            // A Duration column is a number of milliseconds: interval columns crash data tools.
            DataType::Int64 | DataType::UInt32 | DataType::Duration(_) => "bigint".into(),
            DataType::UInt64 => "numeric(20,0)".into(),
            DataType::Float16 | DataType::Float32 => "real".into(),
            DataType::Float64 => "double precision".into(),
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                format!("numeric({precision},{scale})")
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                "bytea".into()
            }
            DataType::Date32 | DataType::Date64 => "date".into(),
            DataType::Time32(_) | DataType::Time64(_) => "time without time zone".into(),
            DataType::Timestamp(
                TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond,
                zone,
            ) => match zone {
                Some(_) => "timestamp with time zone".into(),
                None => "timestamp without time zone".into(),
            },
            DataType::Interval(_) => "interval".into(),
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::ListView(item) => {
                format!("{}[]", of(item.data_type()))
            }
            DataType::Dictionary(_, value) => of(value),
            _ => "text".into(),
        }
    }
    of(field.data_type())
}

/// `schema` with the types of `relation` laid over it as metadata: same names, same types, same order.
pub fn overlay(relation: &Relation, schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(relation.numbered())
        .map(|(field, (number, column))| {
            types::placed(
                types::tagged(field.as_ref().clone(), &column.pg_type),
                relation.oid,
                number,
            )
        })
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}
