//! `has_*_privilege` and kin: everything may be read, nothing written.

use super::native::{Call, Native, no, stable, yes_or_no};
use crate::{Error, Result, SqlState};

pub const FUNCTIONS: &[Native] = &[
    stable("has_table_privilege", "boolean", |call| has(call, &["SELECT"])),
    stable("has_column_privilege", "boolean", |call| has(call, &["SELECT"])),
    stable("has_any_column_privilege", "boolean", |call| has(call, &["SELECT"])),
    stable("has_sequence_privilege", "boolean", |call| {
        has(call, &["SELECT", "USAGE"])
    }),
    stable("has_schema_privilege", "boolean", |call| has(call, &["USAGE"])),
    stable("has_database_privilege", "boolean", |call| has(call, &["CONNECT"])),
    stable("has_function_privilege", "boolean", |call| has(call, &["EXECUTE"])),
    stable("has_language_privilege", "boolean", |call| has(call, &["USAGE"])),
    stable("has_type_privilege", "boolean", |call| has(call, &["USAGE"])),
    stable("has_tablespace_privilege", "boolean", |call| has(call, &[])),
    stable("has_foreign_data_wrapper_privilege", "boolean", |call| {
        has(call, &["USAGE"])
    }),
    stable("has_server_privilege", "boolean", |call| has(call, &["USAGE"])),
    stable("has_parameter_privilege", "boolean", |call| has(call, &["SET"])),
    stable("pg_has_role", "boolean", |_| yes_or_no(true)),
    stable("row_security_active", "boolean", no),
];

/// The words that PostgreSQL 15 knows as privileges, each possibly WITH GRANT OPTION.
const PRIVILEGES: [&str; 14] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "TRIGGER",
    "USAGE",
    "CREATE",
    "CONNECT",
    "TEMPORARY",
    "TEMP",
    "EXECUTE",
    "SET",
];

/// The privilege comes last, whatever stands before it; of a list any one is enough.
fn has(call: &Call<'_>, granted: &[&str]) -> Result<Option<String>> {
    let Some(privileges) = call.args.last().and_then(Option::as_deref) else {
        return Ok(None);
    };
    let mut any = false;
    for privilege in privileges.split(',') {
        let word = privilege.trim().to_ascii_uppercase();
        let plain = word.strip_suffix(" WITH GRANT OPTION").unwrap_or(&word);
        if !PRIVILEGES.contains(&plain) {
            let message = format!("unrecognized privilege type: \"{}\"", privilege.trim());
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        any |= granted.contains(&word.as_str());
    }
    yes_or_no(any)
}
