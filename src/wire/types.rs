//! Arrow data types → PostgreSQL types.
//!
//! A field may carry the PostgreSQL type that it stands for in its metadata under [`PG_TYPE`]; it wins over the Arrow
//! type. The catalogue sets it (`oid`, `name`, `bigint` for an unsigned 64-bit length …), the encoder and Describe read it.

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use postgres_types::{Kind, Type};

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

/// Field metadata key: which column of which relation a field is, as `oid.attnum`; the catalogue sets it.
pub const PG_ORIGIN: &str = "pg.origin";

/// Where a result's column comes from, as RowDescription says it; zeros for an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The relation's OID.
    pub table: u32,
    /// `attnum`.
    pub column: i16,
}

impl Origin {
    /// As field metadata, under [`PG_ORIGIN`].
    pub fn to_metadata(self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}

/// The relation and column that a field is.
pub fn origin(field: &Field) -> Origin {
    let parse = || {
        let (table, column) = field.metadata().get(PG_ORIGIN)?.split_once('.')?;
        Some(Origin {
            table: table.parse().ok()?,
            column: column.parse().ok()?,
        })
    };
    parse().unwrap_or_default()
}

/// Field metadata key: the OID of the composite type that a row is of; the catalogue sets it.
pub const PG_ROW: &str = "pg.row";

/// The OID that RowDescription names: of a relation's row the relation's own type, which is written as any record is.
pub fn type_oid(field: &Field, ty: &Type) -> u32 {
    let row = || field.metadata().get(PG_ROW)?.parse().ok();
    match *ty {
        Type::RECORD => row().unwrap_or(ty.oid()),
        _ => ty.oid(),
    }
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
        any if *any == NUMERIC_ANY || *any == NUMERIC_QUOTIENT => Type::NUMERIC,
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => return PgType::numeric(i32::from(*p), i32::from(*s)),
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

/// A type name as `format_type` spells it, or as it stands in `pg_type.typname`; `None` for one that is not known here.
pub fn parse_type_name(name: &str) -> Option<PgType> {
    let name = name.trim();
    // `format_type` writes `oid[]`, `typname` is `_oid`. An array has one type, whatever its dimensions; a client may write any number.
    let item = element_name(name);
    match item.strip_prefix('_') {
        Some(element) => array_of(parse_item_name(element)?),
        None if item.len() < name.len() => array_of(parse_item_name(item)?),
        None => parse_item_name(item),
    }
}

/// A type's name without the brackets of its dimensions.
pub fn element_name(name: &str) -> &str {
    let mut name = name.trim();
    while let Some(item) = name.strip_suffix("[]") {
        name = item.trim_end();
    }
    name
}

fn array_of(item: PgType) -> Option<PgType> {
    Some(PgType {
        ty: array_type(&item.ty)?,
        typmod: item.typmod,
    })
}

/// The name of a type that is no array.
fn parse_item_name(name: &str) -> Option<PgType> {
    if let Some((base, rest)) = name.split_once('(') {
        let (modifiers, suffix) = rest.split_once(')')?;
        let base = format!("{}{suffix}", base.trim_end());
        let ty = parse_base_name(&base)?;
        let mut modifiers = modifiers.split(',').map(|m| m.trim().parse::<i32>().ok());
        let first = modifiers.next()??;
        return Some(match ty {
            Type::NUMERIC => PgType::numeric(first, modifiers.next().flatten().unwrap_or(0)),
            Type::VARCHAR | Type::BPCHAR => PgType {
                ty,
                typmod: first.checked_add(TYPMOD_OFFSET)?,
            },
            _ => PgType { ty, typmod: first },
        });
    }
    parse_base_name(name).map(PgType::new)
}

fn parse_base_name(name: &str) -> Option<Type> {
    let bare = name
        .strip_prefix("pg_catalog.")
        .or_else(|| name.strip_prefix("information_schema."));
    Some(match bare.unwrap_or(name) {
        "boolean" => Type::BOOL,
        "smallint" => Type::INT2,
        "integer" | "int" | "cardinal_number" => Type::INT4,
        "bigint" => Type::INT8,
        "real" => Type::FLOAT4,
        "double precision" => Type::FLOAT8,
        "decimal" => Type::NUMERIC,
        "character varying" | "character_data" | "yes_or_no" => Type::VARCHAR,
        "character" => Type::BPCHAR,
        "sql_identifier" => Type::NAME,
        // The type `"char"` of one byte, and not `char(n)`: format_type quotes it, typname does not.
        "\"char\"" | "char" => Type::CHAR,
        "\"any\"" => Type::ANY,
        "timestamp without time zone" => Type::TIMESTAMP,
        "timestamp with time zone" | "time_stamp" => Type::TIMESTAMPTZ,
        "time without time zone" => Type::TIME,
        "time with time zone" => Type::TIMETZ,
        "bit varying" => Type::VARBIT,
        other => {
            return TYPES.iter().find(|row| row.0.name() == other).map(|row| row.0.clone());
        }
    })
}

/// The array type over an element type, where PostgreSQL has one.
pub fn array_type(item: &Type) -> Option<Type> {
    TYPES.iter().find(|row| row.0 == *item).and_then(|row| row.1.clone())
}

/// `pg_type.typlen`.
pub fn typlen(ty: &Type) -> i16 {
    TYPES.iter().find(|row| row.0 == *ty).map_or(-1, |row| row.2)
}

/// Every type that a column may have: the type, its array type, `typlen`. Array types are varlena like all the rest.
static TYPES: &[(Type, Option<Type>, i16)] = &[
    (Type::TEXT, Some(Type::TEXT_ARRAY), -1),
    (Type::INT8, Some(Type::INT8_ARRAY), 8),
    (Type::INT4, Some(Type::INT4_ARRAY), 4),
    (Type::INT2, Some(Type::INT2_ARRAY), 2),
    (Type::BOOL, Some(Type::BOOL_ARRAY), 1),
    (Type::TIMESTAMPTZ, Some(Type::TIMESTAMPTZ_ARRAY), 8),
    (Type::TIMESTAMP, Some(Type::TIMESTAMP_ARRAY), 8),
    (Type::NUMERIC, Some(Type::NUMERIC_ARRAY), -1),
    (Type::FLOAT8, Some(Type::FLOAT8_ARRAY), 8),
    (Type::FLOAT4, Some(Type::FLOAT4_ARRAY), 4),
    (Type::BYTEA, Some(Type::BYTEA_ARRAY), -1),
    (Type::VARCHAR, Some(Type::VARCHAR_ARRAY), -1),
    (Type::BPCHAR, Some(Type::BPCHAR_ARRAY), -1),
    (Type::NAME, Some(Type::NAME_ARRAY), 64),
    (Type::OID, Some(Type::OID_ARRAY), 4),
    (Type::CHAR, Some(Type::CHAR_ARRAY), 1),
    (Type::DATE, Some(Type::DATE_ARRAY), 4),
    (Type::TIME, Some(Type::TIME_ARRAY), 8),
    (Type::TIMETZ, Some(Type::TIMETZ_ARRAY), 12),
    (Type::INTERVAL, Some(Type::INTERVAL_ARRAY), 16),
    (Type::UUID, Some(Type::UUID_ARRAY), 16),
    (Type::JSON, Some(Type::JSON_ARRAY), -1),
    (Type::JSONB, Some(Type::JSONB_ARRAY), -1),
    (Type::XML, Some(Type::XML_ARRAY), -1),
    (Type::REGCLASS, Some(Type::REGCLASS_ARRAY), 4),
    (Type::REGTYPE, Some(Type::REGTYPE_ARRAY), 4),
    (Type::REGPROC, Some(Type::REGPROC_ARRAY), 4),
    (Type::REGPROCEDURE, Some(Type::REGPROCEDURE_ARRAY), 4),
    (Type::REGOPER, Some(Type::REGOPER_ARRAY), 4),
    (Type::REGOPERATOR, Some(Type::REGOPERATOR_ARRAY), 4),
    (Type::REGNAMESPACE, Some(Type::REGNAMESPACE_ARRAY), 4),
    (Type::REGROLE, Some(Type::REGROLE_ARRAY), 4),
    (Type::REGCONFIG, Some(Type::REGCONFIG_ARRAY), 4),
    (Type::REGDICTIONARY, Some(Type::REGDICTIONARY_ARRAY), 4),
    (Type::REGCOLLATION, Some(Type::REGCOLLATION_ARRAY), 4),
    (Type::INT2_VECTOR, Some(Type::INT2_VECTOR_ARRAY), -1),
    (Type::OID_VECTOR, Some(Type::OID_VECTOR_ARRAY), -1),
    (Type::XID, Some(Type::XID_ARRAY), 4),
    (Type::CID, Some(Type::CID_ARRAY), 4),
    (Type::XID8, Some(Type::XID8_ARRAY), 8),
    (Type::TID, Some(Type::TID_ARRAY), 6),
    (Type::PG_LSN, Some(Type::PG_LSN_ARRAY), 8),
    (Type::ACLITEM, Some(Type::ACLITEM_ARRAY), 12),
    (Type::RECORD, Some(Type::RECORD_ARRAY), -1),
    (Type::INET, Some(Type::INET_ARRAY), -1),
    (Type::CIDR, Some(Type::CIDR_ARRAY), -1),
    (Type::MONEY, Some(Type::MONEY_ARRAY), 8),
    (Type::BIT, Some(Type::BIT_ARRAY), -1),
    (Type::VARBIT, Some(Type::VARBIT_ARRAY), -1),
    (Type::TS_VECTOR, Some(Type::TS_VECTOR_ARRAY), -1),
    (Type::CSTRING, Some(Type::CSTRING_ARRAY), -2),
    (Type::PG_NODE_TREE, None, -1),
    (Type::PG_NDISTINCT, None, -1),
    (Type::PG_DEPENDENCIES, None, -1),
    (Type::PG_MCV_LIST, None, -1),
    (Type::ANYARRAY, None, -1),
    (Type::ANYELEMENT, None, 4),
    (Type::ANYNONARRAY, None, 4),
    (Type::ANY, None, 4),
    (Type::VOID, None, 4),
    (Type::TRIGGER, None, 4),
    (Type::UNKNOWN, None, -2),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> PgType {
        parse_type_name(name).unwrap()
    }

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
    fn names_are_read_as_format_type_writes_them() {
        assert_eq!(named("bigint"), PgType::new(Type::INT8));
        assert_eq!(named("\"char\""), PgType::new(Type::CHAR));
        assert_eq!(named("name[]"), PgType::new(Type::NAME_ARRAY));
        assert_eq!(named("_oid"), PgType::new(Type::OID_ARRAY));
        assert_eq!(named("information_schema.sql_identifier"), PgType::new(Type::NAME));
        assert_eq!(
            named("timestamp(3) with time zone"),
            PgType {
                ty: Type::TIMESTAMPTZ,
                typmod: 3
            }
        );
        assert_eq!(named("int2vector"), PgType::new(Type::INT2_VECTOR));
        assert_eq!(parse_type_name("no such type"), None);
        // A client may write any number of dimensions: they are one type, and no depth.
        assert_eq!(
            named(&format!("oid{}", "[]".repeat(500_000))),
            PgType::new(Type::OID_ARRAY)
        );
        assert_eq!(named("_oid[] []"), PgType::new(Type::OID_ARRAY));
        assert_eq!(parse_type_name(&"_".repeat(1_000_000)), None);
    }

    /// `select atttypmod from pg_attribute` over numeric(20,0), numeric(10,2), numeric(5,-2), varchar(7).
    #[test]
    fn modifiers_are_what_pg_attribute_holds() {
        assert_eq!(
            named("numeric(20,0)"),
            PgType {
                ty: Type::NUMERIC,
                typmod: 1_310_724
            }
        );
        assert_eq!(
            named("numeric(10,2)"),
            PgType {
                ty: Type::NUMERIC,
                typmod: 655_366
            }
        );
        assert_eq!(
            named("numeric(5,-2)"),
            PgType {
                ty: Type::NUMERIC,
                typmod: 329_730
            }
        );
        assert_eq!(
            named("character varying(7)"),
            PgType {
                ty: Type::VARCHAR,
                typmod: 11
            }
        );
        assert_eq!(arrow_pg_type(&DataType::UInt64).typmod, 1_310_724);
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

    #[test]
    fn lengths_are_those_of_pg_type() {
        let lengths = [Type::NAME, Type::INTERVAL, Type::TEXT_ARRAY, Type::TID].map(|ty| typlen(&ty));
        assert_eq!(lengths, [64, 16, -1, 6]);
    }
}
