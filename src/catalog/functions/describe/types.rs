//! Types by their OIDs, and what `information_schema` asks of one.

use super::super::native::{Call, Native, lenient, nothing, stable};
use crate::{
    Result,
    catalog::{names, seed},
};

pub const FUNCTIONS: &[Native] = &[
    lenient("format_type", "text", format_type),
    stable("oidvectortypes", "text", vector_types),
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

fn format_type(call: &Call<'_>) -> Result<Option<String>> {
    let Some(oid) = call.oid(0) else {
        return Ok(None);
    };
    let modifier = call.number(1).and_then(|modifier| i32::try_from(modifier).ok());
    Ok(Some(
        names::format_type(call.model, oid, modifier).unwrap_or_else(|| "???".into()),
    ))
}

/// The names of the types in a vector of OIDs.
fn vector_types(call: &Call<'_>) -> Result<Option<String>> {
    let oids = call.text(0).unwrap_or("").split_ascii_whitespace();
    let names = oids.map(|oid| {
        let name = oid
            .parse()
            .ok()
            .and_then(|oid| names::format_type(call.model, oid, None));
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
