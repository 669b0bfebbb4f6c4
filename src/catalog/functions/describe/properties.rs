//! What else is said of objects: owners, files, default privileges, what can be done with them; and the server's encodings and key words.

use super::super::native::{Call, Native, array_text, lenient, no, nothing, stable, yes_or_no, zero};
use crate::{
    Error, Result, SqlState,
    catalog::{model::OWNER, quote, seed},
};

pub const FUNCTIONS: &[Native] = &[
    lenient("num_nulls", "integer", |call| {
        Ok(Some(call.args.iter().filter(|arg| arg.is_none()).count().to_string()))
    }),
    lenient("num_nonnulls", "integer", |call| {
        Ok(Some(call.args.iter().filter(|arg| arg.is_some()).count().to_string()))
    }),
    stable("pg_get_userbyid", "name", user_by_id),
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
        Some(OWNER) => quote::role(&call.model.user),
        _ => call.text(1).unwrap_or("").to_owned(),
    };
    let items = [("", public), (role.as_str(), owner)]
        .into_iter()
        .filter(|(_, letters)| !letters.is_empty())
        .map(|(grantee, letters)| Some(format!("{grantee}={letters}/{role}")));
    Ok(Some(array_text(&items.collect::<Vec<_>>())))
}

fn user_by_id(call: &Call<'_>) -> Result<Option<String>> {
    Ok(Some(match call.oid(0) {
        Some(OWNER) => call.model.user.clone(),
        _ => format!("unknown (OID={})", call.text(0).unwrap_or("")),
    }))
}

/// Indexes here are plain ascending btrees.
fn index_column_property(call: &Call<'_>) -> Result<Option<String>> {
    let property = call.text(2).unwrap_or("").to_ascii_lowercase();
    yes_or_no(matches!(
        property.as_str(),
        "asc" | "nulls_last" | "orderable" | "returnable" | "search_array" | "search_nulls"
    ))
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
    Ok(Some(array_text(&cells.collect::<Vec<_>>())))
}
