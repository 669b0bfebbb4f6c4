//! Plans that are kept, so that a statement that comes again is neither rewritten nor planned again: a cluster's, shared by its
//! sessions, and each session's own, of those that hold something of the session. Never of two clusters: an [`Engine`](super::Engine)
//! has its own. Only logical plans: a physical one that was run holds what is left of that run.
//!
//! With a plan over the catalogue that always gives the same rows ([`Plan::constant`]) those are kept too, once a run has come to its
//! end: drivers and schema browsers ask the same of every connection, and are answered from memory.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use arrow::array::RecordBatch;
use datafusion::{common::ScalarValue, sql::sqlparser::ast};
use postgres_types::Type;

use super::{Plan, Scope, route::Route};
use crate::catalog::Catalog;

/// What an answer takes beside its rows and values, roughly: a schema's share, the arrays and their buffers' handles.
const ANSWER_OVERHEAD: usize = 2 * 1024;

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

    /// What a plan of it is found by.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// A bounded number of plans, of a bounded size, and what they gave.
pub(super) struct PlanCache {
    plans_max: usize,
    size_max: usize,
    answers_size_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<u64, Used>,
    /// Bytes of all plans, and of all answers.
    size: usize,
    answers_size: usize,
    /// Counts uses: the entry with the lowest was not used for the longest.
    clock: u64,
}

struct Used {
    entry: Arc<Entry>,
    size: usize,
    /// What the plan gave, by the values of its parameters.
    answers: HashMap<Vec<ScalarValue>, Vec<RecordBatch>>,
    answers_size: usize,
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

    /// Whether it is of `plan` as it runs in `scope`, which may be another by now than the plan was made in.
    fn is_as_in(&self, plan: &Plan, scope: &Scope) -> bool {
        self.plan.is(plan) && self.time_zone == scope.time_zone && Arc::ptr_eq(&self.catalog, &scope.facts.catalog)
    }
}

impl PlanCache {
    /// A cache of `plans_max` plans, of `size_max` bytes together, and of `answers_size_max` bytes of what they gave.
    pub(super) fn new(plans_max: usize, size_max: usize, answers_size_max: usize) -> Self {
        PlanCache {
            plans_max,
            size_max,
            answers_size_max,
            kept: Mutex::default(),
        }
    }

    pub(super) fn get(&self, key: Key) -> Option<Plan> {
        let entry = Arc::clone(&self.lock().touch(key.hash)?.entry);
        // A statement may be long: others do not wait while it is compared.
        entry.is_of(key).then(|| entry.plan.clone())
    }

    /// Keeps a plan that takes `size` bytes, in place of those that were not used for the longest. Gives the one that is kept: another
    /// session may have made the same meanwhile.
    pub(super) fn insert(&self, key: Key, plan: Plan, size: usize) -> Plan {
        if let Some(known) = self.get(key) {
            return known;
        }
        // One plan does not drive out most of the others.
        if size > self.size_max / 8 {
            return plan;
        }
        let entry = Arc::new(Entry {
            query: key.query.clone(),
            declared: key.declared.to_vec(),
            time_zone: key.time_zone.to_owned(),
            catalog: Arc::clone(key.catalog),
            route: key.route,
            plan: plan.clone(),
        });
        let mut kept = self.lock();
        kept.remove(key.hash);
        while kept.entries.len() >= self.plans_max || kept.size + size > self.size_max {
            let Some(oldest) = kept.oldest(|_| true) else { break };
            kept.remove(oldest);
        }
        kept.clock += 1;
        kept.size += size;
        let used = Used {
            entry,
            size,
            answers: HashMap::new(),
            answers_size: 0,
            last: kept.clock,
        };
        kept.entries.insert(key.hash, used);
        plan
    }

    /// What a plan gave for these values, as it would now in `scope`.
    pub(super) fn answer(&self, plan: &Plan, values: &[ScalarValue], scope: &Scope) -> Option<Vec<RecordBatch>> {
        let hash = plan.constant()?;
        // What is too long to be kept is not looked for either: others wait meanwhile.
        if values_size(values) > self.answer_size_max() {
            return None;
        }
        let mut kept = self.lock();
        let used = kept.touch(hash)?;
        used.answers
            .get(values)
            .filter(|_| used.entry.is_as_in(plan, scope))
            .cloned()
    }

    /// Bytes of one answer: none drives out most of the others.
    pub(super) fn answer_size_max(&self) -> usize {
        self.answers_size_max / 8
    }

    /// Keeps all that a plan gave in `scope` for `values`, `size` bytes with them, in place of what plans gave that were not used for the
    /// longest. Only of a plan that is kept itself.
    pub(super) fn keep(
        &self,
        plan: &Plan,
        values: Vec<ScalarValue>,
        scope: &Scope,
        answer: Vec<RecordBatch>,
        size: usize,
    ) {
        let (Some(hash), size) = (plan.constant(), size + ANSWER_OVERHEAD) else {
            return;
        };
        let mut kept = self.lock();
        // Two sessions may have asked at once.
        let is_wanted = |used: &Used| used.entry.is_as_in(plan, scope) && !used.answers.contains_key(&values);
        if size > self.answer_size_max() || !kept.touch(hash).is_some_and(is_wanted) {
            return;
        }
        while kept.answers_size + size > self.answers_size_max
            && let Some(oldest) = kept.oldest(|used| used.answers_size > 0)
        {
            kept.forget_answers(oldest);
        }
        if let Some(used) = kept.entries.get_mut(&hash) {
            used.answers.insert(values, answer);
            used.answers_size += size;
            kept.answers_size += size;
        }
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        kept.entries.clear();
        (kept.size, kept.answers_size) = (0, 0);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// How many answers there are, and their bytes.
    #[cfg(test)]
    pub(super) fn answers(&self) -> (usize, usize) {
        let kept = self.lock();
        let count = kept.entries.values().map(|used| used.answers.len()).sum();
        (count, kept.answers_size)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that a plan's values take.
pub(super) fn values_size(values: &[ScalarValue]) -> usize {
    values.iter().map(ScalarValue::size).sum()
}

impl Kept {
    /// What is kept under a hash, which is used now.
    fn touch(&mut self, hash: u64) -> Option<&Used> {
        self.clock += 1;
        let used = self.entries.get_mut(&hash)?;
        used.last = self.clock;
        Some(used)
    }

    /// What was not used for the longest among those that `is_among` says.
    fn oldest(&self, is_among: impl Fn(&Used) -> bool) -> Option<u64> {
        let among = self.entries.iter().filter(|(_, used)| is_among(used));
        among.min_by_key(|(_, used)| used.last).map(|(hash, _)| *hash)
    }

    fn remove(&mut self, hash: u64) {
        if let Some(used) = self.entries.remove(&hash) {
            self.size -= used.size;
            self.answers_size -= used.answers_size;
        }
    }

    fn forget_answers(&mut self, hash: u64) {
        if let Some(used) = self.entries.get_mut(&hash) {
            self.answers_size -= std::mem::take(&mut used.answers_size);
            used.answers.clear();
        }
    }
}

impl fmt::Debug for PlanCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        let bytes = kept.size + kept.answers_size;
        write!(f, "PlanCache({} plans, {bytes} bytes)", kept.entries.len())
    }
}
