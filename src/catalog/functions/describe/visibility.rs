//! Whether an object is found without its schema's name.

use super::super::native::{Call, Native, stable, yes_or_no};
use crate::{
    Result,
    catalog::{
        model::{PG_CATALOG, PUBLIC},
        seed,
    },
};

pub const FUNCTIONS: &[Native] = &[
    stable("pg_table_is_visible", "boolean", table_is_visible),
    stable("pg_type_is_visible", "boolean", type_is_visible),
    stable("pg_function_is_visible", "boolean", exists),
    stable("pg_operator_is_visible", "boolean", exists),
    stable("pg_opclass_is_visible", "boolean", exists),
    stable("pg_opfamily_is_visible", "boolean", exists),
    stable("pg_collation_is_visible", "boolean", exists),
    stable("pg_conversion_is_visible", "boolean", exists),
    stable("pg_statistics_obj_is_visible", "boolean", exists),
    stable("pg_ts_config_is_visible", "boolean", exists),
    stable("pg_ts_dict_is_visible", "boolean", exists),
    stable("pg_ts_parser_is_visible", "boolean", exists),
    stable("pg_ts_template_is_visible", "boolean", exists),
];

fn table_is_visible(call: &Call<'_>) -> Result<Option<String>> {
    let Some(oid) = call.oid(0) else {
        return Ok(None);
    };
    let model = call.model;
    if let Some(relation) = model.relation_by_oid(oid) {
        return yes_or_no(matches!(relation.namespace, PG_CATALOG | PUBLIC));
    }
    let index = model.indexes().any(|(index, ..)| index == oid);
    if index { yes_or_no(true) } else { Ok(None) }
}

fn type_is_visible(call: &Call<'_>) -> Result<Option<String>> {
    let Some(oid) = call.oid(0) else {
        return Ok(None);
    };
    let namespace = match seed::types().get(&oid) {
        Some(system) => Some(system.namespace),
        None => {
            let mut relations = call.model.relations.iter();
            relations
                .find(|r| r.row_type == oid || r.array_type == oid)
                .map(|r| r.namespace)
        }
    };
    match namespace {
        Some(namespace) => yes_or_no(matches!(namespace, PG_CATALOG | PUBLIC)),
        None => Ok(None),
    }
}

/// Everything else that has an OID lies in `pg_catalog`.
fn exists(_: &Call<'_>) -> Result<Option<String>> {
    yes_or_no(true)
}
