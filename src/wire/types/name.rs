//! The names of types, as `format_type` and `pg_type.typname` spell them.

use postgres_types::Type;

use super::{
    PgType, TYPMOD_OFFSET,
    known::{array_type, by_name},
};

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
            return by_name(other);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> PgType {
        parse_type_name(name).unwrap()
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
    }
}
