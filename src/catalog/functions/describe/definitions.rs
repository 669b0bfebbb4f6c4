//! Definitions, as the SQL that would make an object: constraints, indexes, views, functions.

use super::super::native::{Call, Native, nothing, stable};
use crate::{
    Error, Result, SqlState,
    catalog::{definition, names, pg_catalog, quote, seed},
};

pub const FUNCTIONS: &[Native] = &[
    // No expression is stored anywhere: no defaults, no partial indexes, no generated columns.
    stable("pg_get_expr", "text", nothing),
    stable("pg_get_constraintdef", "text", constraint_definition),
    stable("pg_get_indexdef", "text", index_definition),
    stable("pg_get_viewdef", "text", view_definition),
    stable("pg_get_triggerdef", "text", nothing),
    stable("pg_get_ruledef", "text", rule_definition),
    stable("pg_get_partkeydef", "text", nothing),
    stable("pg_get_partition_constraintdef", "text", nothing),
    stable("pg_get_statisticsobjdef", "text", nothing),
    stable("pg_get_statisticsobjdef_columns", "text", nothing),
    stable("pg_get_statisticsobjdef_expressions", "text[]", nothing),
    stable("pg_get_serial_sequence", "text", nothing),
    stable("pg_get_functiondef", "text", nothing),
    stable("pg_get_function_sqlbody", "text", nothing),
    stable("pg_get_function_arg_default", "text", nothing),
    stable("pg_get_function_arguments", "text", function_arguments),
    stable("pg_get_function_identity_arguments", "text", function_arguments),
    stable("pg_get_function_result", "text", function_result),
];

fn constraint_definition(call: &Call<'_>) -> Result<Option<String>> {
    let model = call.model;
    let found = model
        .constraints()
        .find(|(constraint, _)| Some(constraint.oid) == call.oid(0));
    Ok(found.map(|(constraint, relation)| definition::constraint(model, constraint, relation)))
}

/// The whole definition, or with a column number above 0 that column's alone.
fn index_definition(call: &Call<'_>) -> Result<Option<String>> {
    let mut indexes = call.model.indexes();
    let Some((_, constraint, relation)) = indexes.find(|(index, ..)| Some(*index) == call.oid(0)) else {
        return Ok(None);
    };
    let position = call
        .number(1)
        .and_then(|position| usize::try_from(position).ok())
        .unwrap_or(0);
    if position == 0 {
        return Ok(Some(definition::index(constraint, relation)));
    }
    let column = constraint
        .key
        .get(position - 1)
        .and_then(|number| relation.column(*number));
    Ok(Some(
        column.map(|column| quote::identifier(&column.name)).unwrap_or_default(),
    ))
}

/// By OID or by name, whatever else is said of the layout: the text is the one that the view was written in.
fn view_definition(call: &Call<'_>) -> Result<Option<String>> {
    let model = call.model;
    let oid = match call.oid(0) {
        Some(oid) => oid,
        None => {
            let name = call.text(0).unwrap_or("");
            pg_catalog::relation_oid(model, name).ok_or_else(|| {
                let message = format!("relation \"{name}\" does not exist");
                Error::new(SqlState::UNDEFINED_TABLE, message)
            })?
        }
    };
    Ok(model.relation_by_oid(oid).and_then(definition::view))
}

fn rule_definition(call: &Call<'_>) -> Result<Option<String>> {
    let mut views = call.model.views();
    let found = views.find(|(rule, ..)| Some(*rule) == call.oid(0));
    Ok(found.and_then(|(_, _, view)| definition::rule(view)))
}

fn proc(call: &Call<'_>) -> Option<&'static seed::Row> {
    let oid = call.text(0)?;
    seed::rows("pg_proc").iter().find(|row| seed::get(row, "oid") == oid)
}

fn function_arguments(call: &Call<'_>) -> Result<Option<String>> {
    let Some(proc) = proc(call) else {
        return Ok(None);
    };
    let model = call.model;
    let all = seed::get(proc, "proallargtypes");
    let types = all.trim_matches(['{', '}']).split(',').filter(|oid| !oid.is_empty());
    let mut types: Vec<&str> = types.collect();
    if types.is_empty() {
        types = seed::get(proc, "proargtypes").split_ascii_whitespace().collect();
    }
    let named = seed::get(proc, "proargnames").trim_matches(['{', '}']);
    let names: Vec<&str> = named.split(',').collect();
    let modes: Vec<&str> = seed::get(proc, "proargmodes")
        .trim_matches(['{', '}'])
        .split(',')
        .collect();
    let arguments = types.iter().enumerate().map(|(index, oid)| {
        let mode = match modes.get(index).copied() {
            Some("o") => "OUT ",
            Some("b") => "INOUT ",
            Some("v") => "VARIADIC ",
            _ => "",
        };
        let name = names
            .get(index)
            .copied()
            .filter(|name| !name.is_empty() && *name != "\"\"");
        let type_name = oid
            .parse()
            .ok()
            .and_then(|oid| names::format_type(model, oid, None))
            .unwrap_or_default();
        match name {
            Some(name) => format!("{mode}{} {type_name}", quote::identifier(name)),
            None => format!("{mode}{type_name}"),
        }
    });
    Ok(Some(arguments.collect::<Vec<_>>().join(", ")))
}

fn function_result(call: &Call<'_>) -> Result<Option<String>> {
    let Some(proc) = proc(call) else {
        return Ok(None);
    };
    let set = if seed::get(proc, "proretset") == "t" {
        "SETOF "
    } else {
        ""
    };
    let result = names::format_type(call.model, seed::number(proc, "prorettype"), None).unwrap_or_default();
    Ok(Some(format!("{set}{result}")))
}
