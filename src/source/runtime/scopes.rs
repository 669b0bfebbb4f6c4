//! Whether a cluster has scoped rows, which since 1.7 lie elsewhere than the others: only a filter that leaves them out finds the rest by
//! their service key. None can be known of from outside for good, so three things must hold together:
//!
//! * a scan of the table found none, at most [`SEARCH_TTL`] ago: none are left from times when scopes could be used;
//! * the node that answers has vqueues switched off: it refuses what would write one;
//! * nothing ever went through a vqueue of any partition (`sys_vqueue_meta` is empty; its rows stay): no other node is already ahead of
//!   the one that answers. This and the second are looked at whenever the version is, and believed for as long.
//!
//! Whoever asks first starts the search, which costs the runtime as much as the statement that it would have made cheap.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use tokio::task::JoinHandle;

use super::{RuntimeSource, VERSION_TTL, discover::Version, filter::quote};
use crate::Result;

/// How long a search is believed. One more scan in ten minutes costs nothing beside those that it saves.
const SEARCH_TTL: Duration = Duration::from_secs(600);

/// How long after a search another may start, when the first found scopes or failed.
const SEARCH_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The features of which any says that scopes are, or may be, in use.
const FEATURES: [&str; 4] = [
    "vqueues",
    "scoped_virtual_objects",
    "kafka_scope",
    // With it the rows of `sys_vqueue_meta` do not stay.
    "vqueue_obsolete_cleanup",
];

/// The table that has a row for each vqueue that there ever was.
const QUEUES: &str = "sys_vqueue_meta";

#[derive(Default)]
pub(super) struct Scopes(Mutex<Found>);

#[derive(Default)]
struct Found {
    /// By table: when it was searched, and whether no scope was found.
    searches: BTreeMap<String, (Instant, bool)>,
    /// Tables that are being searched, the vqueues among them.
    running: BTreeSet<String>,
    /// Somebody has asked: the vqueues are worth a question.
    wanted: bool,
    /// When it was last seen that no partition ever had a vqueue; none where the last look did not see that.
    no_queues: Option<Instant>,
}

impl Found {
    /// Scopes may be in use: what was searched must be searched again.
    fn see_queues(&mut self) {
        self.no_queues = None;
        self.searches.clear();
    }
}

impl Scopes {
    /// Whether `table` is known to have no scoped row. Starts a search where that is not known, or not lately.
    pub(super) fn are_unused(&self, source: &RuntimeSource, version: &Version, table: &str) -> bool {
        if !allows_none(version) {
            return false;
        }
        let mut found = self.lock();
        let search = found.searches.get(table).copied();
        let is_due = search.is_none_or(|(at, none)| at.elapsed() > if none { SEARCH_TTL } else { SEARCH_AGAIN_AFTER });
        let no_queues = found.no_queues.is_some_and(|at| at.elapsed() < VERSION_TTL);
        let can_search = is_due && tokio::runtime::Handle::try_current().is_ok();
        let begins = can_search && found.running.insert(table.to_owned());
        drop(found);
        if begins {
            tokio::spawn(Search::new(source, table).run());
        }
        // While a search is repeated, the one before it stands.
        no_queues && search.is_some_and(|(_, none)| none)
    }

    /// Looks at the vqueues, if anyone needs to know and nobody looks already, in the background: a runtime may be long about it, and
    /// most statements need not know.
    pub(super) fn check(&self, source: &RuntimeSource, version: &Version) -> Option<JoinHandle<()>> {
        let mut found = self.lock();
        if !allows_none(version) {
            found.see_queues();
            return None;
        }
        if !found.wanted || !found.running.insert(QUEUES.to_owned()) {
            return None;
        }
        drop(found);
        let look = Look(source.clone());
        Some(tokio::spawn(async move {
            look.0.0.scopes.look_for_queues(&look.0).await;
        }))
    }

    /// Whether there are no vqueues.
    async fn look_for_queues(&self, source: &RuntimeSource) -> bool {
        let at = Instant::now();
        let none = is_empty(source, QUEUES, None).await;
        let mut found = self.lock();
        match none {
            Ok(true) => found.no_queues = Some(at),
            Ok(false) => found.see_queues(),
            // What the searches found is as true as before.
            Err(_) => found.no_queues = None,
        }
        none.unwrap_or(false)
    }

    #[cfg(test)]
    pub(super) fn is_searching(&self, table: &str) -> bool {
        self.lock().running.contains(table)
    }

    #[cfg(test)]
    pub(super) fn know(&self, unscoped: &[&str], at: Instant) {
        let mut found = self.lock();
        found.no_queues = Some(at);
        for table in ["state", "sys_promise", "sys_invocation_status"] {
            let none = unscoped.contains(&table);
            found.searches.insert(table.to_owned(), (at, none));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A search that runs. However it ends, be it with its thread, the next may follow; one that did not come to its end has found nothing
/// out.
struct Search {
    source: RuntimeSource,
    table: String,
    /// No scope was found.
    none: bool,
}

impl Search {
    fn new(source: &RuntimeSource, table: &str) -> Self {
        Search {
            source: source.clone(),
            table: table.to_owned(),
            none: false,
        }
    }

    async fn run(mut self) {
        let scopes = &self.source.0.scopes;
        scopes.lock().wanted = true;
        self.none = scopes.look_for_queues(&self.source).await
            && is_empty(&self.source, &self.table, Some("scope"))
                .await
                .unwrap_or(false);
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        let mut found = self.source.0.scopes.lock();
        found.running.remove(&self.table);
        found
            .searches
            .insert(std::mem::take(&mut self.table), (Instant::now(), self.none));
    }
}

/// A look at the vqueues that runs; however it ends, the next may follow.
struct Look(RuntimeSource);

impl Drop for Look {
    fn drop(&mut self) {
        self.0.0.scopes.lock().running.remove(QUEUES);
    }
}

/// Whether the features of a node leave room for no scoped row; one that lists none is not trusted to have none.
fn allows_none(version: &Version) -> bool {
    version.features.contains_key("vqueues")
        && FEATURES
            .iter()
            .all(|feature| !version.features.get(*feature).copied().unwrap_or(false))
}

/// Whether a table has no row, or none that has `column`. Without a column it is a lookup: the first row answers it.
async fn is_empty(source: &RuntimeSource, table: &str, column: Option<&str>) -> Result<bool> {
    let table = quote(table);
    let rows = match column {
        None => {
            source
                .look_up(&format!("SELECT 1 FROM \"public\".{table} LIMIT 1"))
                .await?
        }
        Some(column) => {
            let column = quote(column);
            let sql = format!("SELECT {column} FROM \"public\".{table} WHERE {column} IS NOT NULL LIMIT 1");
            source.query(&sql).await?
        }
    };
    let first: Vec<_> = rows.try_collect().await.map_err(super::from_datafusion)?;
    Ok(first.iter().all(|batch| batch.num_rows() == 0))
}
