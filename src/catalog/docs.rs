//! What `sql/` says of the introspection tables. Nothing is documented yet.

use std::{collections::BTreeMap, sync::OnceLock};

/// One documented table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDoc {
    pub name: String,
    pub comment: String,
    pub columns: Vec<ColumnDoc>,
    pub primary_key: Vec<String>,
    pub foreign_keys: Vec<ForeignKey>,
}

/// One documented column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDoc {
    pub name: String,
    pub pg_type: String,
    pub not_null: bool,
    pub comment: String,
}

/// `FOREIGN KEY (columns) REFERENCES table (referenced)`.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignKey {
    pub columns: Vec<String>,
    pub table: String,
    pub referenced: Vec<String>,
}

/// Every documented table by name.
pub fn tables() -> &'static BTreeMap<String, TableDoc> {
    static TABLES: OnceLock<BTreeMap<String, TableDoc>> = OnceLock::new();
    TABLES.get_or_init(BTreeMap::new)
}
