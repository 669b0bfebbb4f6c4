//! Plans that are kept, so that a statement that comes again is neither rewritten nor planned again: a cluster's, shared by its
//! sessions, and each session's own, of those that hold something of the session. Never of two clusters: an [`Engine`](super::Engine)
//! has its own. Only logical plans: a physical one that was run holds what is left of that run.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use datafusion::sql::sqlparser::ast;
use postgres_types::Type;

use super::{Plan, route::Route};
use crate::catalog::Catalog;

/// What a plan was made of: its statement, the types that the client named, and what names and times in it mean.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) query: &'a ast::Statement,
    pub(super) declared: &'a [Option<Type>],
    pub(super) time_zone: &'a str,
    /// One version of the schema, under one database name.
    pub(super) catalog: &'a Arc<Catalog>,
    pub(super) route: Route,
}

/// A bounded number of plans, of a bounded size.
pub(super) struct PlanCache {
    hasher: RandomState,
    plans_max: usize,
    size_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<u64, Entry>,
    size: usize,
    /// Counts uses: the entry with the lowest was not used for the longest.
    clock: u64,
}

struct Entry {
    query: ast::Statement,
    declared: Vec<Option<Type>>,
    time_zone: String,
    catalog: Arc<Catalog>,
    route: Route,
    plan: Plan,
    size: usize,
    used: u64,
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
            hasher: RandomState::new(),
            plans_max,
            size_max,
            kept: Mutex::default(),
        }
    }

    pub(super) fn get(&self, key: Key) -> Option<Plan> {
        let hash = self.hash(key);
        let mut kept = self.lock();
        kept.clock += 1;
        let now = kept.clock;
        let entry = kept.entries.get_mut(&hash).filter(|entry| entry.is_of(key))?;
        entry.used = now;
        Some(entry.plan.clone())
    }

    /// Keeps a plan that takes `size` bytes, in place of those that were not used for the longest.
    pub(super) fn insert(&self, key: Key, plan: Plan, size: usize) {
        // One plan does not drive out most of the others.
        if size > self.size_max / 8 {
            return;
        }
        let hash = self.hash(key);
        let mut kept = self.lock();
        kept.remove(hash);
        while kept.entries.len() >= self.plans_max || kept.size + size > self.size_max {
            let oldest = kept
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(hash, _)| *hash);
            let Some(oldest) = oldest else { return };
            kept.remove(oldest);
        }
        kept.clock += 1;
        kept.size += size;
        let entry = Entry {
            query: key.query.clone(),
            declared: key.declared.to_vec(),
            time_zone: key.time_zone.to_owned(),
            catalog: Arc::clone(key.catalog),
            route: key.route,
            plan,
            size,
            used: kept.clock,
        };
        kept.entries.insert(hash, entry);
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

    fn hash(&self, key: Key) -> u64 {
        self.hasher.hash_one((key.query, key.declared, key.time_zone))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, hash: u64) {
        if let Some(entry) = self.entries.remove(&hash) {
            self.size -= entry.size;
        }
    }
}

impl fmt::Debug for PlanCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        write!(f, "PlanCache({} plans, {} bytes)", kept.entries.len(), kept.size)
    }
}
