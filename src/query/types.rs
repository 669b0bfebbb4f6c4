//! Type names in a statement (`x::timestamptz`, `CAST(x AS varchar(10))`) → Arrow types, each field carrying the
//! PostgreSQL type that was named, so that Describe and the encoder say exactly that.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::{
    common::Result,
    config::ConfigOptions,
    logical_expr::planner::TypePlanner,
    sql::sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType as SqlType, ExactNumberInfo, TimezoneInfo},
};
use postgres_types::Type;

use super::rewrite::planners::PostgresTypes;
use crate::wire::types::{PG_TYPE, array_type, parse_type_name};

/// What `numeric` without digits is kept in: the engine has no decimal whose scale each value chooses.
const NUMERIC: DataType = DataType::Decimal128(38, 10);

/// Types as one session sees them: `timestamptz` literals without an offset are read in its time zone.
#[derive(Debug)]
pub struct Types {
    time_zone: Arc<str>,
}

impl Types {
    pub fn new(options: &ConfigOptions) -> Self {
        Types {
            time_zone: options.execution.time_zone.as_deref().unwrap_or("+00:00").into(),
        }
    }

    /// An array of a type that has a name here.
    fn array(&self, element: &SqlType) -> Option<(DataType, String)> {
        let field = self.plan_type_field(element).ok()??;
        let name = field.metadata().get(PG_TYPE)?;
        let name = name.split('(').next().unwrap_or(name);
        let item = Field::new_list_field(field.data_type().clone(), true);
        Some((DataType::List(Arc::new(item)), format!("{name}[]")))
    }

    fn plan(&self, sql_type: &SqlType) -> Option<(DataType, String)> {
        let named = |data_type, name: &str| Some((data_type, name.to_owned()));
        match sql_type {
            SqlType::Bool | SqlType::Boolean => named(DataType::Boolean, "boolean"),
            SqlType::SmallInt(_) | SqlType::Int2(_) => named(DataType::Int16, "smallint"),
            SqlType::Int(_) | SqlType::Integer(_) | SqlType::Int4(_) => named(DataType::Int32, "integer"),
            SqlType::BigInt(_) | SqlType::Int8(_) => named(DataType::Int64, "bigint"),
            SqlType::Real | SqlType::Float4 => named(DataType::Float32, "real"),
            SqlType::Double(_) | SqlType::DoublePrecision | SqlType::Float8 => {
                named(DataType::Float64, "double precision")
            }
            SqlType::Float(ExactNumberInfo::Precision(1..=24)) => named(DataType::Float32, "real"),
            SqlType::Float(_) => named(DataType::Float64, "double precision"),
            SqlType::Text | SqlType::String(_) => named(DataType::Utf8, "text"),
            SqlType::Varchar(None) | SqlType::CharacterVarying(None) | SqlType::CharVarying(None) => {
                named(DataType::Utf8, "character varying")
            }
            SqlType::Varchar(Some(length))
            | SqlType::CharacterVarying(Some(length))
            | SqlType::CharVarying(Some(length)) => match length {
                CharacterLength::IntegerLength { length, .. } => {
                    Some((DataType::Utf8, format!("character varying({length})")))
                }
                CharacterLength::Max => named(DataType::Utf8, "character varying"),
            },
            SqlType::Char(length) | SqlType::Character(length) => match length {
                Some(CharacterLength::IntegerLength { length, .. }) => {
                    Some((DataType::Utf8, format!("character({length})")))
                }
                _ => named(DataType::Utf8, "character(1)"),
            },
            SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info) => {
                let (precision, scale) = match info {
                    ExactNumberInfo::None => return named(NUMERIC, "numeric"),
                    ExactNumberInfo::Precision(precision) => (*precision, 0),
                    ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
                };
                let (p, s) = (u8::try_from(precision).ok()?, i8::try_from(scale).ok()?);
                let data_type = if p <= DECIMAL128_MAX_PRECISION {
                    DataType::Decimal128(p, s)
                } else {
                    DataType::Decimal256(p, s)
                };
                Some((data_type, format!("numeric({precision},{scale})")))
            }
            SqlType::Bytea => named(DataType::Binary, "bytea"),
            SqlType::Date => named(DataType::Date32, "date"),
            SqlType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                named(DataType::Time64(TimeUnit::Microsecond), "time without time zone")
            }
            SqlType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => named(
                DataType::Timestamp(TimeUnit::Microsecond, None),
                "timestamp without time zone",
            ),
            SqlType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => named(
                DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(&self.time_zone))),
                "timestamp with time zone",
            ),
            SqlType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => self.array(element),
            SqlType::Interval { .. } => named(DataType::Interval(IntervalUnit::MonthDayNano), "interval"),
            _ => None,
        }
    }
}

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        match self.plan(sql_type) {
            Some((data_type, name)) => {
                let metadata = HashMap::from([(PG_TYPE.to_owned(), name)]);
                Ok(Some(Arc::new(Field::new("", data_type, true).with_metadata(metadata))))
            }
            None => PostgresTypes.plan_type_field(sql_type),
        }
    }
}

/// The PostgreSQL type that a type name stands for, where it is a built-in one.
pub fn by_name(sql_type: &SqlType) -> Option<Type> {
    match sql_type {
        SqlType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
            array_type(&by_name(element)?)
        }
        SqlType::Custom(name, _) => parse_type_name(&name.to_string().to_lowercase()).map(|named| named.ty),
        _ => {
            let types = Types {
                time_zone: "+00:00".into(),
            };
            let name = match types.plan(sql_type) {
                Some((_, name)) => name,
                None => sql_type.to_string().to_lowercase(),
            };
            parse_type_name(&name).map(|named| named.ty)
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

    use super::*;

    #[test]
    fn arrays_say_what_they_are_arrays_of() {
        let dialect = PostgreSqlDialect {};
        let types = Types::new(&ConfigOptions::default());
        for (name, expected) in [
            ("int[]", "integer[]"),
            ("oid[]", "oid[]"),
            ("regtype[]", "regtype[]"),
            ("varchar(3)[]", "character varying[]"),
        ] {
            let sql_type = Parser::new(&dialect)
                .try_with_sql(name)
                .unwrap()
                .parse_data_type()
                .unwrap();
            let field = types.plan_type_field(&sql_type).unwrap().unwrap();
            assert_eq!(field.metadata().get(PG_TYPE).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn parameters_have_the_type_that_their_cast_names() {
        for (name, expected) in [
            ("int8", Type::INT8),
            ("oid[]", Type::OID_ARRAY),
            ("pg_catalog.oid", Type::OID),
            ("name[]", Type::NAME_ARRAY),
            ("uuid", Type::UUID),
            ("jsonb", Type::JSONB),
            ("varchar(10)", Type::VARCHAR),
            ("char(3)", Type::BPCHAR),
            ("timestamptz", Type::TIMESTAMPTZ),
            ("bytea", Type::BYTEA),
        ] {
            let dialect = PostgreSqlDialect {};
            let sql_type = Parser::new(&dialect)
                .try_with_sql(name)
                .unwrap()
                .parse_data_type()
                .unwrap();
            assert_eq!(by_name(&sql_type), Some(expected), "{name}");
        }
    }
}
