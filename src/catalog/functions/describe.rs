//! What an OID is: types, expressions, definitions, comments, sizes, visibility.

use super::native::{Call, Native, array_text, lenient, no, nothing, stable, yes_or_no, zero};
use crate::{
    Error, Result, SqlState,
    catalog::{
        definition,
        model::{OWNER, PG_CATALOG, PUBLIC},
        names, pg_catalog, quote, seed,
    },
};

pub const FUNCTIONS: &[Native] = &[
    lenient("format_type", "text", format_type),
    lenient("num_nulls", "integer", |call| {
        Ok(Some(call.args.iter().filter(|arg| arg.is_none()).count().to_string()))
    }),
    lenient("num_nonnulls", "integer", |call| {
        Ok(Some(call.args.iter().filter(|arg| arg.is_some()).count().to_string()))
    }),
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
    stable("pg_get_userbyid", "name", user_by_id),
    stable("obj_description", "text", object_comment),
    stable("col_description", "text", column_comment),
    stable("shobj_description", "text", shared_comment),
    stable("pg_describe_object", "text", nothing),
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
    stable("pg_relation_size", "bigint", zero),
    stable("pg_total_relation_size", "bigint", zero),
    stable("pg_table_size", "bigint", zero),
    stable("pg_indexes_size", "bigint", zero),
    stable("pg_database_size", "bigint", zero),
    stable("pg_tablespace_size", "bigint", zero),
    stable("pg_size_pretty", "text", size_pretty),
    stable("pg_size_bytes", "bigint", size_bytes),
    stable("oidvectortypes", "text", vector_types),
    stable("mxid_age", "integer", zero),
    stable("pg_relation_filenode", "oid", |call| {
        Ok(call.oid(0).map(|oid| oid.to_string()))
    }),
    stable("pg_relation_filepath", "text", nothing),
    stable("pg_tablespace_location", "text", |_| Ok(Some(String::new()))),
    stable("pg_tablespace_databases", "oid[]", |_| Ok(Some("{}".into()))),
    stable("pg_relation_is_updatable", "integer", zero),
    stable("pg_column_is_updatable", "boolean", no),
    stable("pg_relation_is_publishable", "boolean", no),
    stable("pg_index_column_has_property", "boolean", index_column_property),
    stable("pg_index_has_property", "boolean", no),
    stable("pg_indexam_has_property", "boolean", no),
    stable("pg_encoding_to_char", "name", |call| {
        let wanted = call.number(0);
        let name = seed::encodings()
            .find(|(encoding, _)| Some(i64::from(*encoding)) == wanted)
            .map(|(_, name)| name);
        Ok(Some(name.unwrap_or("").to_owned()))
    }),
    stable("pg_char_to_encoding", "integer", |call| {
        let wanted = call.text(0).unwrap_or("");
        let found = seed::encodings().find(|(_, name)| name.eq_ignore_ascii_case(wanted));
        Ok(Some(found.map_or(-1, |(encoding, _)| encoding).to_string()))
    }),
    stable("pg_keywords", "text[]", keywords),
    lenient("pg_empty_oids", "oid[]", |_| Ok(Some("{}".into()))),
    stable("acldefault", "aclitem[]", default_privileges),
    stable("_pg_index_position", "integer", nothing),
    stable("_pg_char_max_length", "integer", |call| type_fact(call, "length")),
    stable("_pg_char_octet_length", "integer", |call| type_fact(call, "octets")),
    stable("_pg_numeric_precision", "integer", |call| type_fact(call, "precision")),
    stable("_pg_numeric_precision_radix", "integer", |call| {
        type_fact(call, "radix")
    }),
    stable("_pg_interval_type", "text", nothing),
    stable("_pg_numeric_scale", "integer", |call| type_fact(call, "scale")),
    stable("_pg_datetime_precision", "integer", |call| type_fact(call, "datetime")),
];

/// What PostgreSQL grants on a new object of a kind: the first to everybody, the second to its owner.
fn default_privileges(call: &Call<'_>) -> Result<Option<String>> {
    let (public, owner) = match call.text(0).unwrap_or("") {
        "c" => ("", ""),
        "r" => ("", "arwdDxt"),
        "s" => ("", "rwU"),
        "d" => ("Tc", "CTc"),
        "f" => ("X", "X"),
        "l" | "T" => ("U", "U"),
        "L" => ("", "rw"),
        "n" => ("", "UC"),
        "t" => ("", "C"),
        "F" | "S" => ("", "U"),
        "p" => ("", "sA"),
        kind => {
            return Err(Error::new(
                SqlState::INTERNAL_ERROR,
                format!("unrecognized object type abbreviation: {kind}"),
            ));
        }
    };
    let role = match call.oid(1) {
        Some(OWNER) => quote::role(&call.model().user),
        _ => call.text(1).unwrap_or("").to_owned(),
    };
    let items = [("", public), (role.as_str(), owner)]
        .into_iter()
        .filter(|(_, letters)| !letters.is_empty())
        .map(|(grantee, letters)| Some(format!("{grantee}={letters}/{role}")));
    Ok(Some(array_text(&items.collect::<Vec<_>>())))
}

fn format_type(call: &Call<'_>) -> Result<Option<String>> {
    let Some(oid) = call.oid(0) else {
        return Ok(None);
    };
    let modifier = call.number(1).and_then(|modifier| i32::try_from(modifier).ok());
    Ok(Some(
        names::format_type(call.model(), oid, modifier).unwrap_or_else(|| "???".into()),
    ))
}

fn constraint_definition(call: &Call<'_>) -> Result<Option<String>> {
    let model = call.model();
    let found = model
        .constraints()
        .find(|(constraint, _)| Some(constraint.oid) == call.oid(0));
    Ok(found.map(|(constraint, relation)| definition::constraint(model, constraint, relation)))
}

/// The whole definition, or with a column number above 0 that column's alone.
fn index_definition(call: &Call<'_>) -> Result<Option<String>> {
    let mut indexes = call.model().indexes();
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
    let model = call.model();
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
    let mut views = call.model().views();
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
    let model = call.model();
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
    let result = names::format_type(call.model(), seed::number(proc, "prorettype"), None).unwrap_or_default();
    Ok(Some(format!("{set}{result}")))
}

fn user_by_id(call: &Call<'_>) -> Result<Option<String>> {
    Ok(Some(match call.oid(0) {
        Some(OWNER) => call.model().user.clone(),
        _ => format!("unknown (OID={})", call.text(0).unwrap_or("")),
    }))
}

fn object_comment(call: &Call<'_>) -> Result<Option<String>> {
    let Some(oid) = call.oid(0) else {
        return Ok(None);
    };
    let catalog = call.text(1).unwrap_or("pg_class");
    Ok(match catalog {
        "pg_class" => call
            .model()
            .relation_by_oid(oid)
            .and_then(|relation| relation.comment.clone()),
        "pg_namespace" => crate::catalog::model::NAMESPACES
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
    let relation = call.model().relation_by_oid(oid);
    let column = usize::try_from(number).ok().and_then(|number| relation?.column(number));
    Ok(column.and_then(|column| column.comment.clone()))
}

fn shared_comment(call: &Call<'_>) -> Result<Option<String>> {
    let model = call.model();
    let database = call.oid(0) == Some(model.database_oid) && call.text(1) == Some("pg_database");
    Ok(database.then(|| pg_catalog::database_comment(model)))
}

fn table_is_visible(call: &Call<'_>) -> Result<Option<String>> {
    let Some(oid) = call.oid(0) else {
        return Ok(None);
    };
    let model = call.model();
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
            let mut relations = call.model().relations.iter();
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

/// Indexes here are plain ascending btrees.
fn index_column_property(call: &Call<'_>) -> Result<Option<String>> {
    let property = call.text(2).unwrap_or("").to_ascii_lowercase();
    yes_or_no(matches!(
        property.as_str(),
        "asc" | "nulls_last" | "orderable" | "returnable" | "search_array" | "search_nulls"
    ))
}

/// `pg_size_pretty`: a unit is left once ten of the next fit, and halves are rounded away from zero.
fn size_pretty(call: &Call<'_>) -> Result<Option<String>> {
    let Some(size) = call
        .text(0)
        .and_then(|text| text.split('.').next()?.parse::<i128>().ok())
    else {
        return Ok(None);
    };
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let limit = 10 * 1024;
    let mut value = size;
    if value.abs() < limit {
        return Ok(Some(format!("{value} bytes")));
    }
    // PostgreSQL keeps one more bit than it prints until the end, for rounding.
    value >>= 9;
    for (position, unit) in UNITS.iter().enumerate().skip(1) {
        if value.abs() < 2 * limit - 1 || position == UNITS.len() - 1 {
            let rounded = if value >= 0 { (value + 1) / 2 } else { (value - 1) / 2 };
            return Ok(Some(format!("{rounded} {unit}")));
        }
        value >>= 10;
    }
    Ok(None)
}

/// `'1 GB'` in bytes.
fn size_bytes(call: &Call<'_>) -> Result<Option<String>> {
    let text = call.text(0).unwrap_or("");
    let invalid = |detail: Option<String>| {
        let error = Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid size: \"{text}\""));
        match detail {
            Some(detail) => error
                .with_detail(detail)
                .with_hint("Valid units are \"bytes\", \"B\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\"."),
            None => error,
        }
    };
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-' | 'e' | 'E'));
    let (number, unit) = trimmed.split_at(end.unwrap_or(trimmed.len()));
    let number: f64 = number.parse().map_err(|_| invalid(None))?;
    let unit = unit.trim();
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let exponent = match unit {
        "" | "b" | "B" => Some(0),
        unit => UNITS.iter().position(|known| known.eq_ignore_ascii_case(unit)),
    };
    let exponent = exponent.and_then(|exponent| i32::try_from(exponent).ok());
    let exponent = exponent.ok_or_else(|| invalid(Some(format!("Invalid size unit: \"{unit}\"."))))?;
    let bytes = (number * 1024f64.powi(exponent)).round();
    if bytes.abs() >= 2f64.powi(63) {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range"));
    }
    Ok(Some(format!("{bytes:.0}")))
}

/// The names of the types in a vector of OIDs.
fn vector_types(call: &Call<'_>) -> Result<Option<String>> {
    let oids = call.text(0).unwrap_or("").split_ascii_whitespace();
    let names = oids.map(|oid| {
        let name = oid
            .parse()
            .ok()
            .and_then(|oid| names::format_type(call.model(), oid, None));
        name.unwrap_or_else(|| "???".into())
    });
    Ok(Some(names.collect::<Vec<_>>().join(", ")))
}

/// The helpers of `information_schema` over a type and its modifier.
fn type_fact(call: &Call<'_>, fact: &str) -> Result<Option<String>> {
    let (Some(oid), Some(modifier)) = (call.oid(0), call.number(1)) else {
        return Ok(None);
    };
    let name = seed::types().get(&oid).map_or("", |system| system.name);
    let packed = modifier - 4;
    let value = match (fact, name) {
        ("length", "varchar" | "bpchar") if modifier >= 4 => Some(packed),
        // Of a string without a limit what PostgreSQL's longest value has.
        ("octets", "text" | "varchar" | "bpchar") if modifier < 4 => Some(1 << 30),
        ("octets", "varchar" | "bpchar") => Some(packed * 4),
        ("octets", "text") => Some(1 << 30),
        ("radix", "int2" | "int4" | "int8" | "float4" | "float8") => Some(2),
        ("radix", "numeric") => Some(10),
        ("precision", "int2") => Some(16),
        ("precision", "int4") => Some(32),
        ("precision", "int8") => Some(64),
        ("precision", "float4") => Some(24),
        ("precision", "float8") => Some(53),
        ("precision", "numeric") if modifier >= 4 => Some((packed >> 16) & 0xffff),
        ("scale", "int2" | "int4" | "int8") => Some(0),
        ("scale", "numeric") if modifier >= 4 => Some(packed & 0x7ff),
        ("datetime", "date") => Some(0),
        ("datetime", "time" | "timetz" | "timestamp" | "timestamptz" | "interval") => {
            Some(if modifier < 0 { 6 } else { modifier & 0xffff })
        }
        _ => None,
    };
    Ok(value.map(|value| value.to_string()))
}

/// One column of `pg_get_keywords()`, as an array.
fn keywords(call: &Call<'_>) -> Result<Option<String>> {
    let column = call.text(0).unwrap_or("word");
    let cells = seed::rows("keywords").iter().map(|row| {
        let text = match column {
            "catdesc" => match seed::get(row, "catcode") {
                "U" => "unreserved",
                "C" => "unreserved (cannot be function or type name)",
                "T" => "reserved (can be function or type name)",
                _ => "reserved",
            },
            "baredesc" => match seed::get(row, "barelabel") {
                "t" => "can be bare label",
                _ => "requires AS",
            },
            column => seed::get(row, column),
        };
        Some(text.to_owned())
    });
    Ok(Some(super::native::array_text(&cells.collect::<Vec<_>>())))
}
