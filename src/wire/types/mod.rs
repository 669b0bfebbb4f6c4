//! Arrow data types → PostgreSQL types.
//!
//! A field may carry the PostgreSQL type that it stands for in its metadata under [`PG_TYPE`]; it wins over the Arrow
//! type. The catalogue sets it (`oid`, `name`, `bigint` for an unsigned 64-bit length …), the encoder and Describe read it.

mod known;
mod name;
mod origin;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use postgres_types::{Kind, Type};

pub use known::{array_type, typlen};
pub use name::{element_name, parse_type_name};
pub use origin::{Origin, PG_ORIGIN, PG_ROW, origin, type_oid};

/// Field metadata key: the PostgreSQL type, as `format_type` spells it (`bigint`, `numeric(20,0)`, `oid`, `"char"`, `name[]`).
pub const PG_TYPE: &str = "pg.type";

/// What `pg_attribute.atttypmod` holds for a type without modifiers.
pub const NO_TYPMOD: i32 = -1;

/// PostgreSQL's VARHDRSZ: it is added to the modifiers of `varchar` and `numeric`.
const TYPMOD_OFFSET: i32 = 4;

/// A numeric whose values choose their digits: those behind the point are written up to the last that is not zero. In front of it there are
/// as many as an unsigned number of 64 bits has.
pub const NUMERIC_ANY: DataType = DataType::Decimal128(38, NUMERIC_ANY_SCALE);
pub const NUMERIC_ANY_SCALE: i8 = 18;

/// A quotient: written with the digits that PostgreSQL gives a division, at least sixteen that count.
pub const NUMERIC_QUOTIENT: DataType = DataType::Decimal256(76, 28);

/// A PostgreSQL type with its modifier, as RowDescription carries them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgType {
    pub ty: Type,
    /// `atttypmod`: -1 where there is none.
    pub typmod: i32,
}

impl PgType {
    /// A type without a modifier.
    pub const fn new(ty: Type) -> Self {
        PgType { ty, typmod: NO_TYPMOD }
    }

    fn numeric(precision: i32, scale: i32) -> Self {
        // PostgreSQL 15 keeps a scale of -1000..=1000 in the low 11 bits.
        PgType {
            ty: Type::NUMERIC,
            typmod: ((precision << 16) | (scale & 0x7ff)) + TYPMOD_OFFSET,
        }
    }

    /// `pg_type.typlen`: bytes of a fixed-width type, -1 for a varlena, -2 for a C string.
    pub fn typlen(&self) -> i16 {
        typlen(&self.ty)
    }
}

/// The PostgreSQL type of a column: what its metadata says, else what its Arrow type stands for. The engine hands a
/// column's metadata on to a cast of it, so a name that the Arrow type cannot stand for is passed over.
pub fn pg_type(field: &Field) -> PgType {
    let named = field.metadata().get(PG_TYPE).and_then(|name| parse_type_name(name));
    named
        .filter(|named| stands_for(field.data_type(), &named.ty))
        .unwrap_or_else(|| arrow_pg_type(field.data_type()))
}

/// Whether values of an Arrow type can be meant as a PostgreSQL type.
fn stands_for(data_type: &DataType, ty: &Type) -> bool {
    let by_itself = arrow_pg_type(data_type).ty;
    match data_type {
        DataType::Null => true,
        _ if data_type.is_integer() => by_itself == *ty || is_integer(ty) || *ty == Type::NUMERIC,
        DataType::Duration(_) => by_itself == *ty || *ty == Type::INT8,
        _ if data_type.is_floating() => by_itself == *ty || *ty == Type::NUMERIC,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => !matches!(
            *ty,
            Type::BOOL
                | Type::INT2
                | Type::INT4
                | Type::INT8
                | Type::OID
                | Type::NUMERIC
                | Type::FLOAT4
                | Type::FLOAT8
                | Type::BYTEA
                | Type::DATE
                | Type::TIME
                | Type::TIMESTAMP
                | Type::TIMESTAMPTZ
                | Type::INTERVAL
        ),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => {
            matches!(ty.kind(), Kind::Array(_)) || matches!(*ty, Type::INT2_VECTOR | Type::OID_VECTOR | Type::ANYARRAY)
        }
        DataType::Map(_, _) | DataType::Union(_, _) | DataType::Struct(_) => {
            by_itself == *ty || matches!(*ty, Type::JSON | Type::JSONB)
        }
        DataType::Dictionary(_, values) => stands_for(values, ty),
        _ => by_itself == *ty,
    }
}

fn is_integer(ty: &Type) -> bool {
    matches!(
        *ty,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID | Type::XID | Type::XID8 | Type::CID
    ) || ty.name().starts_with("reg")
}

fn arrow_pg_type(data_type: &DataType) -> PgType {
    let ty = match data_type {
        DataType::Boolean => Type::BOOL,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Type::INT2,
        DataType::Int32 | DataType::UInt16 => Type::INT4,
        DataType::Int64 | DataType::UInt32 => Type::INT8,
        // Twenty digits hold 2⁶⁴-1; int8 does not.
        DataType::UInt64 => return PgType::numeric(20, 0),
        DataType::Float16 | DataType::Float32 => Type::FLOAT4,
        DataType::Float64 => Type::FLOAT8,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::TEXT,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Type::BYTEA,
        DataType::Date32 | DataType::Date64 => Type::DATE,
        DataType::Time32(_) | DataType::Time64(_) => Type::TIME,
        DataType::Timestamp(_, None) => Type::TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => Type::TIMESTAMPTZ,
        DataType::Duration(_) | DataType::Interval(_) => Type::INTERVAL,
        // The digits that a sum or a product is kept with are no limit that anybody set.
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            Type::NUMERIC
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            let item = pg_type(item);
            // A list of lists is one array of two dimensions; PostgreSQL has no array of arrays.
            if matches!(item.ty.kind(), Kind::Array(_)) && array_type(&item.ty).is_none() {
                return item;
            }
            let ty = array_type(&item.ty).unwrap_or(Type::TEXT_ARRAY);
            return PgType {
                ty,
                typmod: item.typmod,
            };
        }
        DataType::Struct(_) => Type::RECORD,
        DataType::Map(_, _) | DataType::Union(_, _) => Type::JSONB,
        DataType::Dictionary(_, values) => return arrow_pg_type(values),
        DataType::RunEndEncoded(_, values) => return pg_type(values),
    };
    PgType::new(ty)
}

/// The Arrow type that values of a PostgreSQL type are kept in, for parameters; `None` for a type that no parameter
/// can have. An unconstrained `numeric` gets as many digits as a Decimal128 holds, half of them behind the point.
pub fn arrow_type(ty: &Type) -> Option<DataType> {
    if let Kind::Array(item) = ty.kind() {
        let item = arrow_type(item)?;
        return Some(DataType::List(Field::new_list_field(item, true).into()));
    }
    Some(match *ty {
        Type::BOOL => DataType::Boolean,
        Type::INT2 => DataType::Int16,
        Type::INT4 => DataType::Int32,
        Type::INT8 => DataType::Int64,
        Type::OID | Type::XID | Type::CID | Type::REGCLASS | Type::REGTYPE | Type::REGPROC | Type::REGNAMESPACE => {
            DataType::UInt32
        }
        Type::FLOAT4 => DataType::Float32,
        Type::FLOAT8 => DataType::Float64,
        Type::NUMERIC => NUMERIC_ANY,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::CHAR => DataType::Utf8,
        Type::UUID | Type::JSON | Type::JSONB | Type::XML => DataType::Utf8,
        Type::BYTEA => DataType::Binary,
        Type::DATE => DataType::Date32,
        Type::TIME => DataType::Time64(TimeUnit::Microsecond),
        Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        Type::INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept_as(name: &str, data_type: DataType) -> Type {
        let metadata = [(PG_TYPE.to_string(), name.to_string())].into();
        pg_type(&Field::new("c", data_type, true).with_metadata(metadata)).ty
    }

    #[test]
    fn every_unsigned_number_fits_a_numeric() {
        use datafusion::common::ScalarValue;
        let most = ScalarValue::UInt64(Some(u64::MAX)).cast_to(&NUMERIC_ANY).unwrap();
        assert_eq!(
            most.cast_to(&DataType::UInt64).unwrap(),
            ScalarValue::UInt64(Some(u64::MAX))
        );
        // As the modifier of numeric(20,0) stands in pg_attribute.
        assert_eq!(arrow_pg_type(&DataType::UInt64).typmod, 1_310_724);
    }

    #[test]
    fn metadata_wins_over_the_arrow_type_where_that_can_stand_for_it() {
        for (name, data_type, ty) in [
            ("bigint", DataType::UInt64, Type::INT8),
            ("bigint", DataType::Duration(TimeUnit::Millisecond), Type::INT8),
            ("oid", DataType::Int64, Type::OID),
            ("numeric", DataType::Float64, Type::NUMERIC),
            ("name", DataType::Utf8, Type::NAME),
            ("jsonb", DataType::LargeUtf8, Type::JSONB),
            // What the engine's casts hand on.
            ("bigint", DataType::Utf8, Type::TEXT),
            ("bigint", DataType::Decimal128(10, 2), Type::NUMERIC),
            ("text", DataType::Int64, Type::INT8),
            ("timestamp with time zone", DataType::Date32, Type::DATE),
            ("no such type", DataType::Boolean, Type::BOOL),
        ] {
            assert_eq!(kept_as(name, data_type.clone()), ty, "{name} in {data_type}");
        }
    }

    #[test]
    fn nested_lists_flatten_to_one_array_type() {
        let list = |item| DataType::List(Field::new_list_field(item, true).into());
        assert_eq!(arrow_pg_type(&list(list(DataType::Int32))).ty, Type::INT4_ARRAY);
        assert_eq!(arrow_pg_type(&list(DataType::UInt64)).ty, Type::NUMERIC_ARRAY);
        let dictionary = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
        assert_eq!(arrow_pg_type(&dictionary).ty, Type::TEXT);
    }

    #[test]
    fn parameters_come_in_the_type_that_they_leave_in() {
        for ty in [
            Type::BOOL,
            Type::INT2,
            Type::INT8,
            Type::FLOAT4,
            Type::BYTEA,
            Type::TIMESTAMPTZ,
            Type::INT4_ARRAY,
        ] {
            let field = Field::new("p", arrow_type(&ty).unwrap(), true);
            assert_eq!(pg_type(&field).ty, ty);
        }
    }
}
