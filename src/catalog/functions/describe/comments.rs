//! Comments.

use super::super::native::{Call, Native, nothing, stable};
use crate::{
    Result,
    catalog::{model::NAMESPACES, pg_catalog},
};

pub const FUNCTIONS: &[Native] = &[
    stable("obj_description", "text", object_comment),
    stable("col_description", "text", column_comment),
    stable("shobj_description", "text", shared_comment),
    stable("pg_describe_object", "text", nothing),
];

fn object_comment(call: &Call<'_>) -> Result<Option<String>> {
    let Some(oid) = call.oid(0) else {
        return Ok(None);
    };
    let catalog = call.text(1).unwrap_or("pg_class");
    Ok(match catalog {
        "pg_class" => call
            .model
            .relation_by_oid(oid)
            .and_then(|relation| relation.comment.clone()),
        "pg_namespace" => NAMESPACES
            .iter()
            .find(|(namespace, _, comment)| *namespace == oid && !comment.is_empty())
            .map(|(_, _, comment)| (*comment).to_owned()),
        _ => None,
    })
}

fn column_comment(call: &Call<'_>) -> Result<Option<String>> {
    let (Some(oid), Some(number)) = (call.oid(0), call.number(1)) else {
        return Ok(None);
    };
    let relation = call.model.relation_by_oid(oid);
    let column = usize::try_from(number).ok().and_then(|number| relation?.column(number));
    Ok(column.and_then(|column| column.comment.clone()))
}

fn shared_comment(call: &Call<'_>) -> Result<Option<String>> {
    let model = call.model;
    let database = call.oid(0) == Some(model.database_oid) && call.text(1) == Some("pg_database");
    Ok(database.then(|| pg_catalog::database_comment(model)))
}
