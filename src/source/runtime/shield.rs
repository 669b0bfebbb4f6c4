//! What keeps the statements of one cluster from harming its runtime: how many run there at once, and where their replies wait.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::OwnedSemaphorePermit;

use super::disk::Disk;
use crate::{Result, gate::Gate, limits};

/// What a statement costs a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// It reads a table from end to end, or may do so. Takes hundreds of milliseconds on all cores.
    Scan,
    /// It finds rows by their key, or reads what lies in memory. Takes some milliseconds.
    Lookup,
}

/// Limits of one cluster.
#[derive(Clone, Debug)]
pub struct RuntimeLimits {
    /// Scans that run at once.
    pub scans: usize,
    /// Lookups that run at once.
    pub lookups: usize,
    /// Statements of each kind that may wait for their turn,
    pub queue: usize,
    /// and how long.
    pub wait: Duration,
    /// The directory in which replies wait for slow clients. They have no name there.
    pub spool_dir: PathBuf,
    /// Bytes there for one reply,
    pub spool_result_size_max: u64,
    /// and for all together.
    pub spool_size_max: u64,
    /// How long a reply stays there while none of it is taken.
    pub spool_idle_max: Duration,
}

impl Default for RuntimeLimits {
    fn default() -> Self {
        RuntimeLimits {
            scans: limits::CLUSTER_SCANS_MAX,
            lookups: limits::CLUSTER_LOOKUPS_MAX,
            queue: limits::CLUSTER_QUEUE_LENGTH_MAX,
            wait: limits::CLUSTER_QUEUE_WAIT_MAX,
            spool_dir: std::env::temp_dir(),
            spool_result_size_max: limits::REPLY_SPOOL_SIZE_MAX,
            spool_size_max: limits::CLUSTER_SPOOL_SIZE_MAX,
            spool_idle_max: limits::REPLY_IDLE_MAX,
        }
    }
}

/// The limits at work.
#[derive(Debug)]
pub(super) struct Shield {
    scans: Gate,
    lookups: Gate,
    pub(super) disk: Arc<Disk>,
    pub(super) idle_max: Duration,
}

impl Shield {
    pub(super) fn new(limits: RuntimeLimits) -> Self {
        let gate = |running, what| Gate::new(what, running, limits.queue, limits.wait);
        Shield {
            scans: gate(limits.scans, "scans"),
            lookups: gate(limits.lookups, "lookups"),
            idle_max: limits.spool_idle_max,
            disk: Arc::new(Disk::new(
                limits.spool_dir,
                limits.spool_result_size_max,
                limits.spool_size_max,
            )),
        }
    }

    /// Waits for the turn of a query. It runs until the permit is dropped. The scans of one statement may all wait here without
    /// locking each other out: a reply is read to its end whether or not its rows are taken.
    pub(super) async fn admit(&self, load: Load) -> Result<OwnedSemaphorePermit> {
        match load {
            Load::Scan => self.scans.enter().await,
            Load::Lookup => self.lookups.enter().await,
        }
    }

    /// Whether one more may wait.
    #[cfg(test)]
    pub(super) fn has_room(&self, load: Load) -> bool {
        let gate = match load {
            Load::Scan => &self.scans,
            Load::Lookup => &self.lookups,
        };
        gate.has_room()
    }
}
