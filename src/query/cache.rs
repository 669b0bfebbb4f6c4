//! Plans that are kept, so that a statement that comes again is neither rewritten nor planned again: a cluster's, shared by its
//! sessions, and each session's own, of those that hold something of the session. Never of two clusters: an [`Engine`](super::Engine)
//! has its own. Only logical plans: a physical one that was run holds what is left of that run.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use datafusion::sql::sqlparser::ast;
use postgres_types::Type;

use super::{Plan, Scope, route::Route};
use crate::catalog::Catalog;

/// What a plan was made of: its statement, the types that the client named, and what names and times in it mean.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    query: &'a ast::Statement,
    declared: &'a [Option<Type>],
    time_zone: &'a str,
    /// One version of the schema, under one database name.
    catalog: &'a Arc<Catalog>,
    route: Route,
    hash: u64,
}

impl<'a> Key<'a> {
    pub(super) fn new(query: &'a ast::Statement, declared: &'a [Option<Type>], scope: &'a Scope) -> Self {
        /// One for all caches: a statement is hashed once, whichever it is looked up in.
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let time_zone = scope.time_zone.as_str();
        Key {
            query,
            declared,
            time_zone,
            catalog: &scope.facts.catalog,
            route: scope.route,
            hash: HASHER.hash_one((query, declared, time_zone)),
        }
    }
}

/// A bounded number of plans, of a bounded size.
pub(super) struct PlanCache {
    plans_max: usize,
    size_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<u64, Used>,
    size: usize,
    /// Counts uses: the entry with the lowest was not used for the longest.
    clock: u64,
}

struct Used {
    entry: Arc<Entry>,
    size: usize,
    /// When, by the clock.
    last: u64,
}

struct Entry {
    query: ast::Statement,
    declared: Vec<Option<Type>>,
    time_zone: String,
    catalog: Arc<Catalog>,
    route: Route,
    plan: Plan,
}

impl Entry {
    fn is_of(&self, key: Key) -> bool {
        Arc::ptr_eq(&self.catalog, key.catalog)
            && self.route == key.route
            && self.time_zone == key.time_zone
            && self.declared == key.declared
            && self.query == *key.query
    }
}

impl PlanCache {
    /// A cache of `plans_max` plans, of `size_max` bytes together.
    pub(super) fn new(plans_max: usize, size_max: usize) -> Self {
        PlanCache {
            plans_max,
            size_max,
            kept: Mutex::default(),
        }
    }

    pub(super) fn get(&self, key: Key) -> Option<Plan> {
        let entry = self.lock().touch(key.hash)?;
        // A statement may be long: others do not wait while it is compared.
        entry.is_of(key).then(|| entry.plan.clone())
    }

    /// Keeps a plan that takes `size` bytes, in place of those that were not used for the longest.
    pub(super) fn insert(&self, key: Key, plan: Plan, size: usize) {
        // One plan does not drive out most of the others.
        if size > self.size_max / 8 {
            return;
        }
        let entry = Arc::new(Entry {
            query: key.query.clone(),
            declared: key.declared.to_vec(),
            time_zone: key.time_zone.to_owned(),
            catalog: Arc::clone(key.catalog),
            route: key.route,
            plan,
        });
        let mut kept = self.lock();
        kept.remove(key.hash);
        while kept.entries.len() >= self.plans_max || kept.size + size > self.size_max {
            let oldest = kept
                .entries
                .iter()
                .min_by_key(|(_, used)| used.last)
                .map(|(hash, _)| *hash);
            let Some(oldest) = oldest else { return };
            kept.remove(oldest);
        }
        kept.clock += 1;
        kept.size += size;
        let last = kept.clock;
        kept.entries.insert(key.hash, Used { entry, size, last });
    }

    /// Forgets all: the schema is another.
    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        kept.entries.clear();
        kept.size = 0;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// What is kept under a hash, which is used now.
    fn touch(&mut self, hash: u64) -> Option<Arc<Entry>> {
        self.clock += 1;
        let used = self.entries.get_mut(&hash)?;
        used.last = self.clock;
        Some(Arc::clone(&used.entry))
    }

    fn remove(&mut self, hash: u64) {
        if let Some(used) = self.entries.remove(&hash) {
            self.size -= used.size;
        }
    }
}

impl fmt::Debug for PlanCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        write!(f, "PlanCache({} plans, {} bytes)", kept.entries.len(), kept.size)
    }
}
