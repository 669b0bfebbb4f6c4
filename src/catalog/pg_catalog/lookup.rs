//! What the OIDs that `reg*` types hold are called, and which OID a name means.

use crate::catalog::{
    model::{self, Model, PG_CATALOG, PUBLIC},
    names, quote,
};

/// What the OIDs that `reg*` types hold are called: schema-qualified where PostgreSQL would qualify.
pub fn relation_name(model: &Model, oid: u32) -> Option<String> {
    if let Some(relation) = model.relation_by_oid(oid) {
        let name = quote::identifier(&relation.name);
        return Some(match relation.namespace {
            PUBLIC | PG_CATALOG => name,
            _ => format!("{}.{name}", relation.schema()),
        });
    }
    model
        .indexes()
        .find(|(index, ..)| *index == oid)
        .map(|(_, constraint, _)| quote::identifier(&constraint.name))
}

/// The OID of a relation or an index by its name, as `regclass` reads it.
pub fn relation_oid(model: &Model, text: &str) -> Option<u32> {
    let parts = quote::split(text)?;
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name),
        [schema, name] | [_, schema, name] => (Some(schema.as_str()), name),
        _ => return None,
    };
    let searched: Vec<u32> = match schema {
        Some(schema) => vec![model::namespace_oid(schema)?],
        None => vec![PG_CATALOG, PUBLIC],
    };
    searched.into_iter().find_map(|namespace| {
        let index = || {
            let mut indexes = model.indexes();
            indexes.find(|(_, constraint, relation)| relation.namespace == namespace && constraint.name == *name)
        };
        model
            .relation(namespace, name)
            .map(|relation| relation.oid)
            .or_else(|| index().map(|(oid, ..)| oid))
    })
}

/// The OID of a type by its name, as `regtype` reads it.
pub fn type_oid(model: &Model, text: &str) -> Option<u32> {
    if let Some((oid, _)) = names::parse_type(text) {
        return Some(oid);
    }
    let (element, array) = match text.trim().strip_suffix("[]") {
        Some(element) => (element, true),
        None => (text, false),
    };
    let parts = quote::split(element)?;
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name),
        [schema, name] => (Some(schema.as_str()), name),
        _ => return None,
    };
    let relation = match schema {
        Some(schema) => model.relation(model::namespace_oid(schema)?, name),
        None => model
            .relation(PG_CATALOG, name)
            .or_else(|| model.relation(PUBLIC, name)),
    }?;
    Some(if array { relation.array_type } else { relation.row_type })
}
