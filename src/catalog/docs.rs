//! Restate's introspection tables and the views over them as `sql/` documents them: columns with their Postgres types,
//! comments and keys. The files are embedded and parsed once. What a cluster really has is for the source to discover:
//! these documents are laid over it.

mod parse;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod view_tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use datafusion::sql::sqlparser::ast::Query;

use crate::Result;

/// A table as its file in `sql/tables` documents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDoc {
    pub name: String,
    pub comment: String,
    /// In the order of the newest documented version; those that only an older version has stand where they stood.
    pub columns: Vec<ColumnDoc>,
    /// In key order. Empty where no set of columns is unique and never NULL.
    pub primary_key: Vec<String>,
    pub foreign_keys: Vec<ForeignKey>,
}

/// A column of a documented table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDoc {
    pub name: String,
    /// As PostgreSQL's `format_type` spells it: `bigint`, `numeric(20,0)`, `timestamp with time zone`, `bigint[]`.
    pub pg_type: String,
    /// Part of the primary key. A statement about how things are, not one that the runtime enforces: its Arrow fields
    /// are nullable, and must stay so here.
    pub not_null: bool,
    pub comment: String,
}

/// A relation between two tables. The runtime enforces none: the row that is named may have been purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub columns: Vec<String>,
    /// The table that is referenced.
    pub table: String,
    /// The columns referenced there, as many as `columns`.
    pub referenced: Vec<String>,
}

/// A view as its file in `sql/views` defines and documents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewDoc {
    pub name: String,
    pub comment: String,
    /// The columns that the query returns, in order; their types follow from planning it.
    pub columns: Vec<ViewColumnDoc>,
    /// The query alone as it is written, without `CREATE VIEW` and without a semicolon.
    pub sql: String,
    /// The same, parsed.
    pub query: Query,
}

/// A column of a documented view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewColumnDoc {
    pub name: String,
    pub comment: String,
}

/// The documented tables by name.
pub fn tables() -> &'static BTreeMap<String, TableDoc> {
    static TABLES: LazyLock<BTreeMap<String, TableDoc>> = LazyLock::new(|| load(TABLE_FILES, parse::table));
    &TABLES
}

/// The documented views by name.
pub fn views() -> &'static BTreeMap<String, ViewDoc> {
    static VIEWS: LazyLock<BTreeMap<String, ViewDoc>> = LazyLock::new(|| load(VIEW_FILES, parse::view));
    &VIEWS
}

macro_rules! embed {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../sql/", $folder, "/", $name, ".sql")))),*]
    };
}

/// Name and text of each table's file. A table stands after those that its foreign keys name, as in `sql/load.sql`.
const TABLE_FILES: &[(&str, &str)] = embed!("tables":
    "sys_deployment",
    "sys_service",
    "sys_vqueue_meta",
    "sys_vqueue_entry_status",
    "sys_vqueues",
    "sys_scheduler",
    "sys_invocation",
    "sys_invocation_status",
    "sys_invocation_state",
    "sys_inbox",
    "sys_journal",
    "sys_journal_events",
    "sys_keyed_service_status",
    "sys_idempotency",
    "state",
    "sys_promise",
    "sys_locks",
    "sys_rules",
    "sys_user_limits",
);

/// Name and text of each view's file, as in `sql/load.sql`.
const VIEW_FILES: &[(&str, &str)] = embed!("views":
    "stuck_invocations",
    "object_queue",
    "vqueue_backlog",
    "failures",
    "invocation_timeline",
    "unused_deployments",
    "object_state",
);

/// Parses every file. One that is malformed is left out and logged: its table then appears without documentation.
/// The tests let none through.
fn load<T>(files: &[(&str, &str)], parse: fn(&str, &str) -> Result<T>) -> BTreeMap<String, T> {
    let mut docs = BTreeMap::new();
    for (name, text) in files {
        match parse(name, text) {
            Ok(doc) => {
                docs.insert((*name).to_owned(), doc);
            }
            Err(error) => tracing::error!(file = name, ?error, "malformed documentation left out"),
        }
    }
    docs
}
