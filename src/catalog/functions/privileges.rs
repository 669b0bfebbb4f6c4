//! `has_*_privilege` and kin: everything may be read, nothing written. What is asked about must be there, as must the role.

use super::{
    native::{Call, Native, no, stable, yes_or_no},
    reg,
};
use crate::{
    Error, Result, SqlState,
    catalog::{
        model::{self, INFORMATION_SCHEMA, PG_CATALOG, PUBLIC},
        pg_catalog, seed,
    },
};

pub const FUNCTIONS: &[Native] = &[
    stable("has_table_privilege", "boolean", |call| {
        has(call, relation, &["SELECT"])
    }),
    stable("has_column_privilege", "boolean", column),
    stable("has_any_column_privilege", "boolean", |call| {
        has(call, relation, &["SELECT"])
    }),
    stable("has_sequence_privilege", "boolean", |call| {
        has(call, sequence, &["SELECT", "USAGE"])
    }),
    stable("has_schema_privilege", "boolean", |call| has(call, schema, &["USAGE"])),
    stable("has_database_privilege", "boolean", |call| {
        has(call, database, &["CONNECT"])
    }),
    stable("has_function_privilege", "boolean", |call| {
        has(call, |call, text| named(call, "regprocedure", text), &["EXECUTE"])
    }),
    stable("has_language_privilege", "boolean", |call| {
        has(
            call,
            |_, text| seeded("pg_language", "lanname", "language", text),
            &["USAGE"],
        )
    }),
    stable("has_type_privilege", "boolean", |call| {
        has(call, |call, text| named(call, "regtype", text), &["USAGE"])
    }),
    stable("has_tablespace_privilege", "boolean", |call| {
        has(
            call,
            |_, text| seeded("pg_tablespace", "spcname", "tablespace", text),
            &[],
        )
    }),
    stable("has_foreign_data_wrapper_privilege", "boolean", |call| {
        has(call, |_, text| none("foreign-data wrapper", text), &["USAGE"])
    }),
    stable("has_server_privilege", "boolean", |call| {
        has(call, |_, text| none("server", text), &["USAGE"])
    }),
    stable("has_parameter_privilege", "boolean", |call| {
        has(call, |_, _| Ok(true), &["SET"])
    }),
    stable("pg_has_role", "boolean", has_role),
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

/// Whether an object is there: an error where its name is unknown, false where its OID is.
type Exists = fn(&Call<'_>, &str) -> Result<bool>;

/// `([role,] object, privilege)`: NULL of an OID that is no object's.
fn has(call: &Call<'_>, exists: Exists, granted: &[&str]) -> Result<Option<String>> {
    let object = call.args.len().saturating_sub(2);
    if object == 1 {
        role(call, call.text(0).unwrap_or_default())?;
    }
    match exists(call, call.text(object).unwrap_or_default())? {
        true => yes_or_no(any(call, granted)?),
        false => Ok(None),
    }
}

/// The privilege comes last, whatever stands before it; of a list any one is enough.
fn any(call: &Call<'_>, granted: &[&str]) -> Result<bool> {
    let mut any = false;
    for privilege in call
        .args
        .last()
        .and_then(Option::as_deref)
        .unwrap_or_default()
        .split(',')
    {
        let word = privilege.trim().to_ascii_uppercase();
        let plain = word.strip_suffix(" WITH GRANT OPTION").unwrap_or(&word);
        if !PRIVILEGES.contains(&plain) {
            let message = format!("unrecognized privilege type: \"{}\"", privilege.trim());
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        any |= granted.contains(&word.as_str());
    }
    Ok(any)
}

fn oid_of(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn unknown(what: &str, text: &str) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("{what} \"{text}\" does not exist"))
}

/// A role, by name or by OID: of the latter anything will do, as PostgreSQL has it.
fn role(call: &Call<'_>, text: &str) -> Result<()> {
    let known = text == "public" || text == call.model.user || pg_catalog::predefined_role(text).is_some();
    match known || oid_of(text).is_some() {
        true => Ok(()),
        false => Err(unknown("role", text)),
    }
}

fn relation(call: &Call<'_>, text: &str) -> Result<bool> {
    match oid_of(text) {
        Some(oid) => Ok(pg_catalog::relation_name(call.model, oid).is_some()),
        None => match pg_catalog::relation_oid(call.model, text) {
            Some(_) => Ok(true),
            None => Err(reg::unknown("regclass", text)),
        },
    }
}

/// There is no sequence.
fn sequence(call: &Call<'_>, text: &str) -> Result<bool> {
    match relation(call, text)? && oid_of(text).is_none() {
        true => Err(Error::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{text}\" is not a sequence"),
        )),
        false => Ok(false),
    }
}

fn schema(_: &Call<'_>, text: &str) -> Result<bool> {
    match oid_of(text) {
        Some(oid) => Ok([PG_CATALOG, PUBLIC, INFORMATION_SCHEMA].contains(&oid)),
        None => match model::namespace_oid(text) {
            Some(_) => Ok(true),
            None => Err(reg::unknown("regnamespace", text)),
        },
    }
}

/// Any database that a session may be of is the cluster's.
fn database(call: &Call<'_>, text: &str) -> Result<bool> {
    match oid_of(text) {
        Some(oid) => Ok(oid == call.model.database_oid),
        None if text == call.model.database => Ok(true),
        None => Err(Error::new(
            SqlState::INVALID_CATALOG_NAME,
            format!("database \"{text}\" does not exist"),
        )),
    }
}

fn named(call: &Call<'_>, reg: &str, text: &str) -> Result<bool> {
    match oid_of(text) {
        Some(oid) => Ok(reg::name_of(call.model, reg, oid) != oid.to_string()),
        None => match reg::resolve(call.model, reg, text) {
            Some(_) => Ok(true),
            None => Err(reg::unknown(reg, text)),
        },
    }
}

fn seeded(table: &str, column: &str, what: &str, text: &str) -> Result<bool> {
    let is = |column: &str| seed::rows(table).iter().any(|row| seed::get(row, column) == text);
    match oid_of(text) {
        Some(_) => Ok(is("oid")),
        None if is(column) => Ok(true),
        None => Err(unknown(what, text)),
    }
}

/// An object of which there are none.
fn none(what: &str, text: &str) -> Result<bool> {
    match oid_of(text) {
        Some(_) => Ok(false),
        None => Err(unknown(what, text)),
    }
}

/// `([role,] table, column, privilege)`, the column by name or by number.
fn column(call: &Call<'_>) -> Result<Option<String>> {
    let table = call.args.len().saturating_sub(3);
    if table == 1 {
        role(call, call.text(0).unwrap_or_default())?;
    }
    let (text, column) = (
        call.text(table).unwrap_or_default(),
        call.text(table + 1).unwrap_or_default(),
    );
    if !relation(call, text)? {
        return Ok(None);
    }
    let model = call.model;
    let oid = oid_of(text).or_else(|| pg_catalog::relation_oid(model, text));
    let Some(relation) = oid.and_then(|oid| model.relation_by_oid(oid)) else {
        return Ok(None);
    };
    match column.parse::<usize>() {
        Ok(number) if relation.column(number).is_none() => return Ok(None),
        Err(_) if relation.number_of(column).is_none() => {
            let words = format!("column \"{column}\" of relation \"{}\" does not exist", relation.name);
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, words));
        }
        _ => {}
    }
    yes_or_no(any(call, &["SELECT"])?)
}

/// `([role,] role, privilege)`: the cluster's role is its own member and nobody else's.
fn has_role(call: &Call<'_>) -> Result<Option<String>> {
    let of = call.args.len().saturating_sub(2);
    if of == 1 {
        role(call, call.text(0).unwrap_or_default())?;
    }
    let wanted = call.text(of).unwrap_or_default();
    role(call, wanted)?;
    let own = wanted == call.model.user || oid_of(wanted) == Some(model::OWNER);
    yes_or_no(own)
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn reading_is_granted_and_nothing_else() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select has_table_privilege('sys_journal', 'select'), has_table_privilege('public', 'public.sys_journal', 'INSERT')",
                "true|false",
            ),
            (
                "select has_table_privilege('sys_journal'::regclass, 'INSERT, SELECT'), has_table_privilege(1, 'SELECT')",
                "true|",
            ),
            (
                "select has_column_privilege('sys_journal', 'id', 'SELECT'), has_column_privilege('sys_journal'::regclass, 99::int2, 'SELECT')",
                "true|",
            ),
            (
                "select has_schema_privilege('public', 'USAGE'), has_schema_privilege(current_user, 11, 'CREATE')",
                "true|false",
            ),
            (
                "select has_database_privilege(current_database(), 'CONNECT'), has_type_privilege('int4', 'USAGE')",
                "true|true",
            ),
            (
                "select has_function_privilege('now()', 'EXECUTE'), has_language_privilege('sql', 'USAGE'), has_tablespace_privilege('pg_default', 'CREATE')",
                "true|true|false",
            ),
            (
                "select pg_has_role('pg_monitor', 'USAGE'), pg_has_role(current_user, 'MEMBER'), pg_has_role(10, 'USAGE')",
                "false|true|true",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_no_row_asks_about_need_not_be_there() {
        let engine = Engine::new();
        let sql = "select has_table_privilege('nope.job', 'SELECT') where exists (select has_schema_privilege('nope', 'USAGE') \
                   where exists (select 1 from pg_class where relname = 'job'))";
        assert_eq!(engine.rows(sql).await, Vec::<String>::new());
        let sql = "select case when relname = 'nope' then has_table_privilege('nope', 'SELECT') end from pg_class where oid = 1259";
        assert_eq!(engine.rows(sql).await, [""]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_not_there_is_an_error() {
        let engine = Engine::new();
        for (call, expected) in [
            (
                "has_table_privilege('nope', 'select')",
                "relation \"nope\" does not exist",
            ),
            (
                "has_table_privilege('nope', 'sys_journal', 'select')",
                "role \"nope\" does not exist",
            ),
            (
                "has_sequence_privilege('sys_journal', 'usage')",
                "\"sys_journal\" is not a sequence",
            ),
            (
                "has_schema_privilege('nope', 'usage')",
                "schema \"nope\" does not exist",
            ),
            (
                "has_database_privilege('nope', 'connect')",
                "database \"nope\" does not exist",
            ),
            (
                "has_column_privilege('sys_journal', 'nope', 'select')",
                "column \"nope\" of relation \"sys_journal\" does not exist",
            ),
            (
                "has_function_privilege('nope()', 'execute')",
                "function \"nope()\" does not exist",
            ),
            ("has_type_privilege('nope', 'usage')", "type \"nope\" does not exist"),
            (
                "has_language_privilege('nope', 'usage')",
                "language \"nope\" does not exist",
            ),
            (
                "has_server_privilege('nope', 'usage')",
                "server \"nope\" does not exist",
            ),
            (
                "has_table_privilege('sys_journal', 'nope')",
                "unrecognized privilege type: \"nope\"",
            ),
            ("pg_has_role('nope', 'usage')", "role \"nope\" does not exist"),
        ] {
            let error = engine.error(&format!("select {call}")).await;
            assert!(error.contains(expected), "{call}: {error}");
        }
    }
}
