//! Names ⇄ OIDs of types: how `format_type` spells a type, and which type a spelling means.

use super::{model::Model, seed};
use crate::wire::types::element_name;

/// How `format_type` spells types whose `pg_type.typname` is another word.
const SPELLINGS: [(&str, &str); 14] = [
    ("bigint", "int8"),
    ("integer", "int4"),
    ("smallint", "int2"),
    ("boolean", "bool"),
    ("real", "float4"),
    ("double precision", "float8"),
    ("character varying", "varchar"),
    ("character", "bpchar"),
    ("\"char\"", "char"),
    ("bit varying", "varbit"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
];

/// Other spellings that SQL has for them.
const ALIASES: [(&str, &str); 9] = [
    ("int", "int4"),
    ("float", "float8"),
    ("char", "bpchar"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("national character", "bpchar"),
    ("national character varying", "varchar"),
    ("nchar", "bpchar"),
    // The parser's own word.
    ("string", "text"),
];

/// Bytes that a length word takes in a variable-length type's modifier (VARHDRSZ).
const VARHDRSZ: i32 = 4;

/// The OID and the modifier (-1: none) of a type by its name, as `regtype` reads it.
pub fn parse_type(text: &str) -> Option<(u32, i32)> {
    let text = text.trim();
    let element = element_name(text);
    let (oid, modifier) = parse_item_type(element)?;
    match element.len() < text.len() {
        true => Some((seed::array_oid(oid)?, modifier)),
        false => Some((oid, modifier)),
    }
}

/// The same of a type that is no array.
fn parse_item_type(text: &str) -> Option<(u32, i32)> {
    let (name, arguments, rest) = match (text.find('('), text.find(')')) {
        (Some(open), Some(close)) if open < close => (
            &text[..open],
            text.get(open + 1..close),
            text.get(close + 1..).unwrap_or(""),
        ),
        _ => (text, None, ""),
    };
    let mut name = name.trim().to_owned();
    name.push_str(if rest.is_empty() { "" } else { rest });
    let schemas = [
        "pg_catalog.",
        "information_schema.",
        "\"pg_catalog\".",
        "\"information_schema\".",
    ];
    let unqualified = schemas
        .iter()
        .find_map(|schema| name.strip_prefix(schema))
        .unwrap_or(&name);
    // A quoted name is the type's own: `"char"` is not SQL's `char`.
    let typname = match unqualified.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => {
            let lower = unqualified.to_ascii_lowercase();
            match SPELLINGS
                .iter()
                .chain(&ALIASES)
                .find(|(spelling, _)| *spelling == lower)
            {
                Some((_, typname)) => (*typname).to_owned(),
                None => lower,
            }
        }
    };
    let oid = seed::type_oid(&typname)?;
    let numbers: Vec<i32> = match arguments {
        Some(arguments) => arguments
            .split(',')
            .map(|number| number.trim().parse().ok())
            .collect::<Option<_>>()?,
        None => Vec::new(),
    };
    let modifier = match (typname.as_str(), numbers.as_slice()) {
        (_, []) => -1,
        ("numeric", [precision]) => (precision.checked_shl(16)?) + VARHDRSZ,
        ("numeric", [precision, scale]) => (precision.checked_shl(16)? | (scale & 0x7ff)) + VARHDRSZ,
        ("varchar" | "bpchar", [length]) => length.checked_add(VARHDRSZ)?,
        (_, [number]) => *number,
        _ => return None,
    };
    Some((oid, modifier))
}

/// What `format_type(oid, modifier)` writes; `None` where there is no such type.
pub fn format_type(model: &Model, oid: u32, modifier: Option<i32>) -> Option<String> {
    if oid == 0 {
        return Some("-".to_owned());
    }
    if seed::types().contains_key(&oid) {
        return builtin(oid, modifier);
    }
    let relation = model
        .relations
        .iter()
        .find(|r| r.row_type == oid || r.array_type == oid)?;
    let schema = if relation.schema() == "information_schema" {
        "information_schema."
    } else {
        ""
    };
    let array = if relation.array_type == oid { "[]" } else { "" };
    Some(format!("{schema}{}{array}", super::quote::identifier(&relation.name)))
}

/// The same for a type that needs no cluster.
pub fn builtin(oid: u32, modifier: Option<i32>) -> Option<String> {
    let system = seed::types().get(&oid)?;
    if system.element != 0 && system.category == "A" && system.name.starts_with('_') {
        return Some(format!("{}[]", builtin(system.element, modifier)?));
    }
    let modifier = modifier.filter(|modifier| *modifier >= 0);
    let suffix = |modifier: Option<i32>| modifier.map_or(String::new(), |modifier| format!("({modifier})"));
    let length = modifier.map(|modifier| modifier - VARHDRSZ);
    Some(match system.name {
        "numeric" => match length {
            Some(packed) => format!("numeric({},{})", (packed >> 16) & 0xffff, packed & 0x7ff),
            None => "numeric".to_owned(),
        },
        "varchar" => format!("character varying{}", suffix(length)),
        "bpchar" => format!("character{}", suffix(length)),
        "timestamp" => format!("timestamp{} without time zone", suffix(modifier)),
        "timestamptz" => format!("timestamp{} with time zone", suffix(modifier)),
        "time" => format!("time{} without time zone", suffix(modifier)),
        "timetz" => format!("time{} with time zone", suffix(modifier)),
        "varbit" => format!("bit varying{}", suffix(modifier)),
        "bit" => format!("bit{}", suffix(modifier)),
        name => match SPELLINGS.iter().find(|(_, typname)| *typname == name) {
            Some((spelling, _)) => (*spelling).to_owned(),
            None if system.namespace == super::model::PG_CATALOG => name.to_owned(),
            None => format!("information_schema.{name}"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_mean_postgresqls_types() {
        for (text, expected) in [
            ("bigint", (20, -1)),
            ("int8", (20, -1)),
            ("numeric(20,0)", (1700, 1_310_724)),
            ("character varying(3)", (1043, 7)),
            ("\"char\"", (18, -1)),
            ("char", (1042, -1)),
            ("timestamp(2) with time zone", (1184, 2)),
            ("text[]", (1009, -1)),
            ("pg_statistic[]", (10028, -1)),
            ("pg_catalog.regclass", (2205, -1)),
            ("\"pg_catalog\".\"text\"", (25, -1)),
            (
                "information_schema.sql_identifier",
                (seed::type_named("sql_identifier").unwrap().oid, -1),
            ),
        ] {
            assert_eq!(parse_type(text), Some(expected), "{text}");
        }
        assert_eq!(parse_type("nothing"), None);
        // A client may write any number of dimensions: they are one type, and no depth.
        assert_eq!(parse_type(&format!("text{}", "[]".repeat(500_000))), Some((1009, -1)));
    }

    #[test]
    fn types_are_spelled_as_format_type_spells_them() {
        for (oid, modifier, expected) in [
            (25, None, "text"),
            (20, None, "bigint"),
            (1700, Some(1_310_724), "numeric(20,0)"),
            (1184, None, "timestamp with time zone"),
            (1184, Some(3), "timestamp(3) with time zone"),
            (1009, None, "text[]"),
            (18, None, "\"char\""),
            (1043, Some(14), "character varying(10)"),
            (22, None, "int2vector"),
        ] {
            assert_eq!(builtin(oid, modifier).as_deref(), Some(expected));
        }
        assert_eq!(builtin(1, None), None);
    }
}
