//! `manifest.json`: which tables a snapshot has, and what the runtime was that they came from. Files are named after their tables, so
//! the manifest names no paths.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, SqlState};

/// The manifest's name in a snapshot's directory.
pub(crate) const FILE_NAME: &str = "manifest.json";

/// The version of the layout that this program writes and reads.
const FORMAT: u32 = 1;

/// What a snapshot is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The version of the runtime that was captured.
    pub runtime_version: String,
    /// When the capture began: RFC 3339, UTC.
    pub captured_at: String,
    pub tables: BTreeMap<String, TableFile>,
    /// Functions of that runtime, lower case: what could run there still counts as such.
    pub functions: BTreeSet<String>,
}

/// One table's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    pub rows: u64,
    /// Size of the Parquet file.
    pub bytes: u64,
}

impl Manifest {
    pub(crate) fn new(runtime_version: String, captured_at: String, functions: BTreeSet<String>) -> Self {
        Manifest {
            format: FORMAT,
            runtime_version,
            captured_at,
            tables: BTreeMap::new(),
            functions,
        }
    }

    /// Reads a manifest. Fails (58030) with what is wrong with it.
    pub(crate) fn parse(json: &[u8]) -> Result<Self> {
        let manifest: Manifest = serde_json::from_slice(json).map_err(|error| broken(FILE_NAME, error))?;
        if manifest.format != FORMAT {
            return Err(broken(FILE_NAME, format!("format {} is not {FORMAT}", manifest.format)));
        }
        manifest
            .tables
            .keys()
            .try_for_each(|table| file_name(table).map(drop))?;
        Ok(manifest)
    }
}

/// The file of a table. Refuses names that could lead out of the snapshot's directory.
pub(crate) fn file_name(table: &str) -> Result<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if table.is_empty() || table.len() > 63 || !table.bytes().all(plain) {
        return Err(broken(FILE_NAME, format!("{table:?} is not a table's name")));
    }
    Ok(format!("{table}.parquet"))
}

/// A file of a snapshot that cannot be used.
pub(crate) fn broken(file: &str, why: impl std::fmt::Display) -> Error {
    Error::new(
        SqlState::IO_ERROR,
        format!("snapshot file \"{file}\" cannot be read: {why}"),
    )
}
