//! The tokens that an issuer has taken back before they expire: a text file of their ids (`jti`), one on each line. It is read when the
//! server starts, which fails without it, and again when it changes; while it cannot be read the last good list stays.

use std::{
    collections::HashSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::KeyFault;
use crate::limits::REVOKED_SIZE_MAX;

/// One issuer's list; empty where none is configured.
#[derive(Debug)]
pub(super) struct Revoked {
    path: Option<PathBuf>,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    ids: HashSet<String>,
    /// What `ids` was read from: the same again need not be parsed.
    text: String,
    /// Whether the last reading failed: that is logged when it begins and when it ends.
    failing: bool,
}

impl Revoked {
    pub(super) fn read(path: Option<PathBuf>) -> Result<Revoked, KeyFault> {
        let list = match &path {
            Some(path) => List::of(read(path)?),
            None => List::default(),
        };
        Ok(Revoked {
            path,
            list: Mutex::new(list),
        })
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.list().ids.contains(id)
    }

    /// Reads the file again.
    pub(super) async fn reload(&self, issuer: &str) {
        let Some(path) = self.path.clone() else { return };
        // Off the async threads: a file may lie on a network.
        let text = tokio::task::spawn_blocking(move || read(&path)).await;
        match text.unwrap_or_else(|fault| Err(KeyFault(fault.to_string()))) {
            Ok(text) => {
                let mut list = self.list();
                if list.failing {
                    tracing::info!(issuer, "the list of revoked tokens can be read again");
                }
                list.failing = false;
                if list.text != text {
                    *list = List::of(text);
                    tracing::info!(issuer, revoked = list.ids.len(), "the list of revoked tokens was read");
                }
            }
            Err(fault) => {
                let mut list = self.list();
                if !list.failing {
                    tracing::error!(
                        issuer,
                        "the list of revoked tokens cannot be read, the last good one stays: {fault}"
                    );
                }
                list.failing = true;
            }
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        // Replaced as a whole: a panic elsewhere leaves nothing half done.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    /// Empty lines, and those that begin with `#`, say nothing.
    fn of(text: String) -> List {
        let lines = text.lines().map(str::trim);
        let ids = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        List {
            ids: ids.map(str::to_owned).collect(),
            text,
            failing: false,
        }
    }
}

/// Whether the file can be used.
pub(crate) fn check(path: &Path) -> Result<(), KeyFault> {
    read(path).map(drop)
}

fn read(path: &Path) -> Result<String, KeyFault> {
    let fault = |words: String| KeyFault(format!("{}: {words}", path.display()));
    let limit = u64::try_from(REVOKED_SIZE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|error| fault(error.to_string()))?;
    if text.len() > REVOKED_SIZE_MAX {
        return Err(fault(format!("the list is larger than {REVOKED_SIZE_MAX} bytes")));
    }
    Ok(text)
}
