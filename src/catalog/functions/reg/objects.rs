//! What values of the `reg*` types stand for: the names of the catalogue's objects to their OIDs and back, and what a name is told that is
//! none.

use arrow::{array::ArrayRef, datatypes::Field};
use datafusion::error::Result as EngineResult;

use crate::{
    Error, SqlState,
    catalog::{
        functions::native,
        model::{Model, OWNER},
        names, pg_catalog, quote, seed, types,
    },
    wire::{encode::Style, types::PG_TYPE},
};

/// The OID that `text` names as a value of a `reg*` type.
pub fn resolve(model: &Model, reg: &str, text: &str) -> Option<u32> {
    if text == "-" {
        return Some(0);
    }
    if let Ok(oid) = text.parse() {
        return Some(oid);
    }
    // A name of `pg_catalog`, as all but relations and types are.
    let own = || {
        let mut parts = quote::split(text.split('(').next()?)?;
        let name = parts.pop()?;
        parts
            .first()
            .is_none_or(|schema| schema == "pg_catalog")
            .then_some(name)
    };
    let seeded = |relation: &str, column: &str| only(relation, column, &own()?);
    match reg {
        "regclass" => pg_catalog::relation_oid(model, text),
        "regtype" => pg_catalog::type_oid(model, text),
        "regproc" => seeded("pg_proc", "proname"),
        "regprocedure" => {
            let name = own()?;
            let wanted = text.split_once('(')?.1.strip_suffix(')')?;
            let wanted: Vec<u32> = wanted
                .split(',')
                .filter(|argument| !argument.trim().is_empty())
                .map(|argument| pg_catalog::type_oid(model, argument))
                .collect::<Option<_>>()?;
            let wanted = crate::catalog::rows::vector(wanted);
            let mut procs = seed::rows("pg_proc").iter();
            let found = procs.find(|row| seed::get(row, "proname") == name && seed::get(row, "proargtypes") == wanted);
            found.map(|row| seed::number(row, "oid"))
        }
        "regoper" | "regoperator" => {
            let name = text.split('(').next()?.trim().trim_start_matches("pg_catalog.");
            only("pg_operator", "oprname", name)
        }
        "regnamespace" => crate::catalog::model::namespace_oid(&own_name(text)?),
        "regrole" => {
            let name = own_name(text)?;
            let own = (name == model.user).then_some(OWNER);
            own.or_else(|| pg_catalog::predefined_role(&name))
        }
        "regcollation" => {
            let name = own_name(text)?;
            seed::rows("pg_collation")
                .iter()
                .find(|row| seed::get(row, "collname") == name)
                .map(|row| seed::number(row, "oid"))
        }
        "regconfig" => seeded("pg_ts_config", "cfgname"),
        "regdictionary" => seeded("pg_ts_dict", "dictname"),
        _ => None,
    }
}

/// The OID of the system's one object of that name: one of several is none.
fn only(relation: &str, column: &str, name: &str) -> Option<u32> {
    let mut found = seed::rows(relation).iter().filter(|row| seed::get(row, column) == name);
    let oid = seed::number(found.next()?, "oid");
    found.next().is_none().then_some(oid)
}

fn own_name(text: &str) -> Option<String> {
    quote::split(text)?.pop()
}

/// How a value of a `reg*` type is written; a number that names nothing stays one.
pub fn name_of(model: &Model, reg: &str, oid: u32) -> String {
    if oid == 0 {
        return "-".to_owned();
    }
    let seeded = |relation: &str, column: &str| {
        let wanted = oid.to_string();
        let found = seed::rows(relation).iter().find(|row| seed::get(row, "oid") == wanted);
        found.map(|row| seed::get(row, column).to_owned())
    };
    let name = match reg {
        "regclass" => pg_catalog::relation_name(model, oid),
        "regtype" => names::format_type(model, oid, None),
        "regproc" => seeded("pg_proc", "proname").map(|name| quote::identifier(&name)),
        "regprocedure" => seeded("pg_proc", "proname").map(|name| {
            let types = seeded("pg_proc", "proargtypes").unwrap_or_default();
            let types = types
                .split_ascii_whitespace()
                .filter_map(|oid| names::format_type(model, oid.parse().ok()?, None));
            format!("{}({})", quote::identifier(&name), types.collect::<Vec<_>>().join(","))
        }),
        "regoper" | "regoperator" => seeded("pg_operator", "oprname"),
        "regnamespace" => Some(crate::catalog::model::namespace_name(oid).to_owned()).filter(|name| !name.is_empty()),
        "regrole" if oid == OWNER => Some(quote::identifier(&model.user)),
        "regrole" => pg_catalog::PREDEFINED_ROLES
            .iter()
            .find(|(role, _)| *role == oid)
            .map(|(_, name)| (*name).to_owned()),
        "regcollation" => seeded("pg_collation", "collname").map(|name| quote::identifier(&name)),
        "regconfig" => seeded("pg_ts_config", "cfgname"),
        "regdictionary" => seeded("pg_ts_dict", "dictname"),
        _ => None,
    };
    name.unwrap_or_else(|| oid.to_string())
}

/// A column of a `reg*` type (or of arrays of one) as its values are written, for results in text; `None` where the column
/// is of another type.
pub fn written(model: &Model, field: &Field, array: &ArrayRef) -> EngineResult<Option<ArrayRef>> {
    let pg_type = field.metadata().get(PG_TYPE).map_or("", String::as_str);
    let Some(reg) = types::REG_TYPES
        .iter()
        .copied()
        .find(|reg| *reg == pg_type.trim_end_matches("[]"))
    else {
        return Ok(None);
    };
    let name = |text: String| {
        text.parse()
            .map_or_else(|_| text.clone(), |oid| name_of(model, reg, oid))
    };
    let cells = native::texts(array, field, &Style::default())?.into_iter().map(|cell| {
        cell.map(|text| {
            if !pg_type.ends_with("[]") {
                return name(text);
            }
            let mut items = Vec::new();
            types::elements(&text, &mut items);
            native::array_text(&items.into_iter().map(|item| item.map(name)).collect::<Vec<_>>())
        })
    });
    types::array("text", &cells.collect::<Vec<_>>())
        .map(Some)
        .map_err(native::engine_error)
}

/// PostgreSQL's error for a name that a `reg*` type does not know, or knows more than once.
pub fn unknown(reg: &str, text: &str) -> Error {
    let is_among = |relation: &str, column: &str| {
        let name = own_name(text).unwrap_or_else(|| text.to_owned());
        seed::rows(relation).iter().any(|row| seed::get(row, column) == name)
    };
    match reg {
        "regproc" if is_among("pg_proc", "proname") => Error::new(
            SqlState::AMBIGUOUS_FUNCTION,
            format!("more than one function named \"{text}\""),
        ),
        "regoper" if is_among("pg_operator", "oprname") => Error::new(
            SqlState::AMBIGUOUS_FUNCTION,
            format!("more than one operator named {text}"),
        ),
        "regclass" => Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{text}\" does not exist")),
        "regtype" => Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{text}\" does not exist")),
        "regproc" | "regprocedure" => Error::new(
            SqlState::UNDEFINED_FUNCTION,
            format!("function \"{text}\" does not exist"),
        ),
        "regoper" | "regoperator" => {
            Error::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {text}"))
        }
        "regnamespace" => Error::new(
            SqlState::INVALID_SCHEMA_NAME,
            format!("schema \"{text}\" does not exist"),
        ),
        "regrole" => Error::new(SqlState::UNDEFINED_OBJECT, format!("role \"{text}\" does not exist")),
        "regcollation" => Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("collation \"{text}\" for encoding \"UTF8\" does not exist"),
        ),
        "oid" => Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type oid: \"{text}\""),
        ),
        other => Error::new(SqlState::UNDEFINED_OBJECT, format!("{other} \"{text}\" does not exist")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing;

    #[test]
    fn columns_of_oids_are_written_as_names() {
        let catalog = testing::catalog(&testing::introspection());
        for (pg_type, cell, expected) in [
            ("regclass", "1259", "pg_class"),
            ("regtype", "20", "bigint"),
            ("regtype", "0", "-"),
            ("regproc", "424242", "424242"),
            ("regtype[]", "{25,1009}", "{text,text[]}"),
        ] {
            let array = types::array(pg_type, &[Some(cell.to_owned())]).unwrap();
            let written = written(&catalog.model, &types::field("x", pg_type, true), &array)
                .unwrap()
                .unwrap();
            let texts = native::texts(&written, &types::field("x", "text", true), &Style::default()).unwrap();
            assert_eq!(texts, [Some(expected.to_owned())]);
        }
        let plain = types::array("oid", &[Some("1".to_owned())]).unwrap();
        assert!(
            written(&catalog.model, &types::field("x", "oid", true), &plain)
                .unwrap()
                .is_none()
        );
    }
}
