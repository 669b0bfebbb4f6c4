//! The tokens that an issuer has taken back before they expire: a text file of their ids (`jti`), one on each line. It is read when the
//! server starts, which fails without it, and again when it changes; while it cannot be read the last good list stays. Whoever replaces it
//! should do so by renaming a whole one: a file that is being written is taken as far as it goes.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::KeyFault;
use crate::{
    limits::REVOKED_SIZE_MAX,
    watched::{Content, Files, Watched, read_file},
};

/// One issuer's list.
#[derive(Debug)]
pub(super) struct Revoked {
    files: Files,
    ids: Watched<HashSet<String>>,
}

impl Revoked {
    pub(super) fn read(path: PathBuf, issuer: &str) -> Result<Revoked, KeyFault> {
        let revoked = Revoked {
            files: Files::new(vec![path], REVOKED_SIZE_MAX),
            ids: Watched::new(format!("the list of revoked tokens of {issuer}"), None),
        };
        let started = revoked.ids.start(revoked.files.read_now(), parse);
        started.map(|()| revoked).map_err(KeyFault)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.ids.current().is_some_and(|ids| ids.contains(id))
    }

    /// Reads the file again.
    pub(super) async fn reload(&self) {
        self.ids.take(self.files.read().await, parse);
    }
}

/// Empty lines, and those that begin with `#`, say nothing; nor does the mark that some editors put in front of UTF-8.
fn parse(contents: &[Content]) -> Result<HashSet<String>, String> {
    let mut ids = HashSet::new();
    for content in contents {
        let text = std::str::from_utf8(content).map_err(|_| "the list is not UTF-8")?;
        let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().map(str::trim);
        let named = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        ids.extend(named.map(str::to_owned));
    }
    Ok(ids)
}

/// Whether the file can be used.
pub(crate) fn check(path: &Path) -> Result<(), KeyFault> {
    let content = read_file(path, REVOKED_SIZE_MAX).map_err(KeyFault)?;
    let parsed = parse(&[content]).map(drop);
    parsed.map_err(|fault| KeyFault(format!("{}: {fault}", path.display())))
}
