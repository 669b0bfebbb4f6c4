//! The types that a column may have.

use postgres_types::Type;

/// The array type over an element type, where PostgreSQL has one.
pub fn array_type(item: &Type) -> Option<Type> {
    TYPES.iter().find(|row| row.0 == *item).and_then(|row| row.1.clone())
}

/// `pg_type.typlen`.
pub fn typlen(ty: &Type) -> i16 {
    TYPES.iter().find(|row| row.0 == *ty).map_or(-1, |row| row.2)
}

/// The type that `pg_type.typname` calls so.
pub fn by_name(name: &str) -> Option<Type> {
    TYPES.iter().find(|row| row.0.name() == name).map(|row| row.0.clone())
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

    #[test]
    fn lengths_are_those_of_pg_type() {
        let lengths = [Type::NAME, Type::INTERVAL, Type::TEXT_ARRAY, Type::TID].map(|ty| typlen(&ty));
        assert_eq!(lengths, [64, 16, -1, 6]);
    }
}
