//! What the end of a transaction, or a savepoint, does to parameters; and the parameters that are a transaction's own.

use std::sync::Arc;

use super::{Settings, Values, parameter};
use crate::query::statement::Modes;

/// A transaction's own parameters, and the session's defaults for them. RESET ALL leaves them alone.
pub(super) const OF_TRANSACTION: [(&str, &str); 3] = [
    ("transaction_isolation", "default_transaction_isolation"),
    ("transaction_read_only", "default_transaction_read_only"),
    ("transaction_deferrable", "default_transaction_deferrable"),
];

/// What a rollback restores. `local` as it was before the transaction is empty, and restored by its end as well: the very one, by which
/// what was read of it is known.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    session: Values,
    local: Values,
}

impl Settings {
    /// A transaction begins, an implicit one included. Within one it does nothing.
    pub fn begin(&mut self) {
        if self.levels.is_empty() {
            self.levels.push(self.snapshot());
        }
    }

    /// The transaction ends and what it SET stays, but for SET LOCAL.
    pub fn commit(&mut self) {
        if let Some(start) = self.levels.drain(..).next() {
            self.local = start.local;
        }
    }

    /// The transaction ends and what it SET is undone.
    pub fn rollback(&mut self) {
        if let Some(Snapshot { session, local }) = self.levels.drain(..).next() {
            (self.session, self.local) = (session, local);
        }
    }

    /// Before a default changes: a transaction that has begun goes on with the modes that it began with.
    pub(super) fn keep_modes(&mut self) {
        if self.levels.is_empty() {
            return;
        }
        for own in OF_TRANSACTION.map(|(own, _)| own) {
            if let Some(parameter) = parameter(own)
                && !self.local.contains_key(own)
            {
                let value = self.setting(parameter).to_owned();
                Arc::make_mut(&mut self.local).insert(own.to_owned(), value);
            }
        }
    }

    /// Marks a savepoint; says its depth, from 1.
    pub fn savepoint(&mut self) -> usize {
        self.begin();
        self.levels.push(self.snapshot());
        self.levels.len() - 1
    }

    /// Back to the savepoint of that depth, which stays; those within it are gone.
    pub fn rollback_to(&mut self, depth: usize) {
        if let Some(Snapshot { session, local }) = self.levels.get(depth).cloned() {
            (self.session, self.local) = (session, local);
            self.levels.truncate(depth + 1);
        }
    }

    /// Forgets the savepoint of that depth and those within it; what was SET stays.
    pub fn release(&mut self, depth: usize) {
        self.levels.truncate(depth.max(1));
    }

    /// `BEGIN …`, `SET TRANSACTION …`: the modes of this transaction. Read-write is accepted, as it is for any client that asks;
    /// what it could write is refused all the same.
    pub fn set_modes(&mut self, modes: &Modes) {
        self.store_modes(values(modes));
    }

    /// The modes of this transaction, for one that follows in its place.
    pub fn modes(&self) -> [Option<String>; 3] {
        OF_TRANSACTION.map(|(own, _)| parameter(own).map(|parameter| self.setting(parameter).to_owned()))
    }

    /// As [`Settings::set_modes`], with what [`Settings::modes`] gave.
    pub fn store_modes(&mut self, modes: [Option<String>; 3]) {
        if self.levels.is_empty() {
            return;
        }
        for ((own, _), value) in OF_TRANSACTION.iter().zip(modes) {
            if value.is_some() {
                self.store((*own).to_owned(), value, true);
            }
        }
    }

    /// `SET SESSION CHARACTERISTICS AS TRANSACTION …`
    pub fn set_default_modes(&mut self, modes: &Modes) {
        for ((_, default), value) in OF_TRANSACTION.iter().zip(values(modes)) {
            if let Some(value) = value {
                self.store((*default).to_owned(), Some(value), false);
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            session: self.session.clone(),
            local: self.local.clone(),
        }
    }
}

/// The modes as the values of [`OF_TRANSACTION`]'s parameters, in its order.
fn values(modes: &Modes) -> [Option<String>; 3] {
    let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
    [
        modes.isolation.map(|level| level.as_str().to_owned()),
        modes.read_only.map(on_off),
        modes.deferrable.map(on_off),
    ]
}
