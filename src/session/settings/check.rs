//! Is a text a value of a parameter, and what is its canonical form? PostgreSQL's rules, its words, its hints.

use super::{
    date_style::DateStyle,
    parameter::{Parameter, Vartype},
    units, zone,
};
use crate::{Error, Result, SqlState, query::statement::encoding_name};

/// PostgreSQL's NAMEDATALEN - 1.
const NAME_SIZE_MAX: usize = 63;

/// `invalid value for parameter`, with the name as PostgreSQL's check hooks write it: the parameter's own.
pub(super) fn invalid(name: &str, value: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{name}\": \"{value}\""),
    )
}

/// The canonical form of `text`: what `pg_settings.setting` has. `name` is the parameter's name as the client wrote it,
/// `current` its present value (a DateStyle may change only half of it).
pub(super) fn canonical(parameter: &Parameter, name: &str, text: &str, current: &str) -> Result<String> {
    match parameter.vartype {
        Vartype::Bool => {
            let value = boolean(text).ok_or_else(|| {
                Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("parameter \"{name}\" requires a Boolean value"),
                )
            })?;
            if parameter.name == "standard_conforming_strings" && !value {
                let message = "standard_conforming_strings cannot be turned off";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            Ok(on_off(value).to_owned())
        }
        Vartype::Integer => units::parse(parameter, name, text, true).map(|value| units::plain(value, true)),
        Vartype::Real => units::parse(parameter, name, text, false).map(|value| units::plain(value, false)),
        Vartype::Enum => enumerated(parameter, name, text),
        Vartype::String => string(parameter, text, current),
    }
}

fn on_off(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

/// PostgreSQL's `parse_bool`: unambiguous beginnings of true, false, yes, no, on, off; 1 and 0.
fn boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || text == "on" || text == "1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

fn enumerated(parameter: &Parameter, name: &str, text: &str) -> Result<String> {
    let own = |value: &str| parameter.enumvals.iter().find(|own| own.eq_ignore_ascii_case(value));
    // Values that PostgreSQL takes and does not list.
    let other = match (parameter.name, text.to_ascii_lowercase().as_str()) {
        ("client_min_messages", "info") => return Ok("info".to_owned()),
        ("client_min_messages", "debug") => "debug2",
        (_, "true" | "yes" | "1") => "on",
        (_, "false" | "no" | "0") => "off",
        _ => text,
    };
    match own(text).or_else(|| own(other)) {
        Some(value) => Ok((*value).to_owned()),
        None => Err(invalid(name, text).with_hint(format!("Available values: {}.", parameter.enumvals.join(", ")))),
    }
}

fn string(parameter: &Parameter, text: &str, current: &str) -> Result<String> {
    match parameter.name {
        "DateStyle" => DateStyle::parse(text, current).map(|style| style.to_string()),
        "TimeZone" => zone::parse(text)
            .map(|(_, shown)| shown)
            .ok_or_else(|| invalid("TimeZone", text)),
        "client_encoding" => match encoding_name(text) {
            // SQL_ASCII asks for bytes as they are, and they are UTF-8.
            Some(name @ ("UTF8" | "SQL_ASCII")) => Ok(name.to_owned()),
            Some(name) => {
                let error = Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    invalid("client_encoding", text).message(),
                );
                Err(error.with_detail(format!("Conversion between {name} and UTF8 is not supported.")))
            }
            None => Err(invalid("client_encoding", text)),
        },
        "application_name" | "cluster_name" => Ok(clean_ascii(text)),
        "default_tablespace" if !matches!(text, "" | "pg_default" | "pg_global") => {
            Err(invalid("default_tablespace", text).with_detail(format!("Tablespace \"{text}\" does not exist.")))
        }
        _ => Ok(text.to_owned()),
    }
}

/// Cut to 63 bytes; what is not printable ASCII becomes `?`, byte by byte.
pub(super) fn clean_ascii(text: &str) -> String {
    let cut = text.get(..text.floor_char_boundary(NAME_SIZE_MAX)).unwrap_or_default();
    cut.bytes()
        .map(|byte| {
            if (32..127).contains(&byte) {
                char::from(byte)
            } else {
                '?'
            }
        })
        .collect()
}

/// The one text that SET's values make: a list where the parameter is one, otherwise a single value.
pub(super) fn join(parameter: Option<&Parameter>, name: &str, values: &[String]) -> Result<String> {
    let own = parameter.map_or(name, |parameter| parameter.name);
    if LISTS_OF_NAMES.contains(&own) {
        return Ok(values
            .iter()
            .map(|value| quote_identifier(value))
            .collect::<Vec<_>>()
            .join(", "));
    }
    match values {
        [value] => Ok(value.clone()),
        values if own == "DateStyle" => Ok(values.join(", ")),
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("SET {name} takes only one argument"),
        )),
    }
}

/// Parameters whose values are lists of identifiers.
const LISTS_OF_NAMES: [&str; 3] = ["search_path", "temp_tablespaces", "local_preload_libraries"];

/// An identifier as SQL needs it: in quotes unless it is lower case and no key word.
fn quote_identifier(name: &str) -> String {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if first && plain && !KEYWORDS.split_ascii_whitespace().any(|word| word == name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// PostgreSQL 15's key words that are not unreserved (`pg_get_keywords()` where `catcode <> 'U'`).
const KEYWORDS: &str = "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit \
    boolean both case cast char character check coalesce collate collation column concurrently constraint create cross \
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec decimal \
    default deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full \
    grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull \
    join lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not \
    notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision primary \
    real references returning right row select session_user setof similar smallint some substring symmetric table \
    tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic verbose \
    when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot \
    xmlserialize xmltable";

/// A custom parameter's name: two or more simple identifiers separated by dots, not in our own class.
pub(super) fn custom_name(name: &str) -> Result<()> {
    if !name.contains('.') {
        return Err(unrecognized(name));
    }
    let simple = |part: &str| {
        let start = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        part.starts_with(start) && part.chars().all(|c| start(c) || c.is_ascii_digit() || c == '$')
    };
    let fault = Error::new(
        SqlState::INVALID_NAME,
        format!("invalid configuration parameter name \"{name}\""),
    );
    if !name.split('.').all(simple) {
        return Err(
            fault.with_detail("Custom parameter names must be two or more simple identifiers separated by dots.")
        );
    }
    if name
        .split('.')
        .next()
        .is_some_and(|class| class.eq_ignore_ascii_case("restate"))
    {
        return Err(fault.with_detail("\"restate\" is a reserved prefix."));
    }
    Ok(())
}

pub(super) fn unrecognized(name: &str) -> Error {
    Error::new(
        SqlState::UNDEFINED_OBJECT,
        format!("unrecognized configuration parameter \"{name}\""),
    )
}
