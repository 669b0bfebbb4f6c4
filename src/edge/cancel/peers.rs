//! What the sessions of one cluster see of one another (`pg_stat_activity`), and how one ends another (`pg_cancel_backend`,
//! `pg_terminate_backend`). Those of other clusters are not there for them.

use std::{sync::Arc, time::SystemTime};

use tokio_util::sync::CancellationToken;

use super::{Entry, Registration, Registry, lock};
use crate::{
    catalog::facts::{Activity, Sessions, SettingsView},
    cluster::ClusterName,
};

/// What the other sessions of its cluster may know of a session, and how they end it.
#[derive(Debug)]
pub struct Shown {
    pub settings: Arc<dyn SettingsView>,
    pub started_at: SystemTime,
    /// Ends it as a server that stops does.
    pub end: CancellationToken,
}

/// The sessions of one cluster.
#[derive(Debug)]
struct Peers {
    registry: Arc<Registry>,
    cluster: ClusterName,
}

impl Registration {
    /// Lets the other sessions of its cluster see the session.
    pub fn show(&self, shown: Shown) {
        if let Some(entry) = lock(&self.registry.0).get_mut(&self.pid) {
            entry.shown = Some(shown);
        }
    }

    /// The sessions of its cluster, this one included; `None` before [`identify`](Self::identify).
    pub fn peers(&self) -> Option<Arc<dyn Sessions>> {
        let entries = lock(&self.registry.0);
        let cluster = entries.get(&self.pid)?.identity.as_ref()?.cluster.clone();
        Some(Arc::new(Peers {
            registry: Arc::clone(&self.registry),
            cluster,
        }))
    }
}

impl Entry {
    fn is_of(&self, cluster: &ClusterName) -> bool {
        self.identity
            .as_ref()
            .is_some_and(|identity| identity.cluster == *cluster)
    }
}

impl Peers {
    /// Does something to one session of the cluster; whether it is there.
    fn signal(&self, pid: i32, signal: impl FnOnce(&Entry)) -> bool {
        let entries = lock(&self.registry.0);
        // One that is still being let in is not there yet.
        let entry = entries
            .get(&pid)
            .filter(|entry| entry.is_of(&self.cluster) && entry.shown.is_some());
        entry.map(signal).is_some()
    }
}

impl Sessions for Peers {
    fn all(&self) -> Vec<Activity> {
        let entries = lock(&self.registry.0);
        let mine = entries.iter().filter(|(_, entry)| entry.is_of(&self.cluster));
        mine.filter_map(|(pid, entry)| {
            let shown = entry.shown.as_ref()?;
            let course = lock(&entry.statement.0);
            Some(Activity {
                pid: *pid,
                settings: Arc::clone(&shown.settings),
                started_at: shown.started_at,
                statement_at: course.began_at,
                changed_at: course.changed_at,
                state: course.state,
            })
        })
        .collect()
    }

    fn cancel(&self, pid: i32) -> bool {
        self.signal(pid, |entry| entry.statement.cancel())
    }

    fn terminate(&self, pid: i32) -> bool {
        self.signal(pid, |entry| {
            if let Some(shown) = &entry.shown {
                shown.end.cancel();
            }
            entry.statement.cancel();
        })
    }
}

#[cfg(test)]
mod tests {
    use pgwire::messages::response::TransactionStatus;

    use super::*;
    use crate::edge::cancel::tests::identity;

    #[test]
    fn sessions_of_a_cluster_see_and_end_one_another_and_nobody_else() {
        let registry = Arc::new(Registry::default());
        let session = |cluster: &str| {
            let (session, end) = (registry.register(0).unwrap(), CancellationToken::new());
            session.identify(identity(cluster, "one"));
            session.show(Shown {
                settings: Arc::new(crate::query::NoSettings),
                started_at: std::time::UNIX_EPOCH,
                end: end.clone(),
            });
            (session, end)
        };
        let ((one, _), (other, other_end), (foreign, foreign_end)) =
            (session("demo"), session("demo"), session("else"));
        let stranger = registry.register(0).unwrap();
        assert!(stranger.peers().is_none());
        let (theirs, foreigns, strangers) = (
            other.statement.begin(),
            foreign.statement.begin(),
            stranger.statement.begin(),
        );
        let peers = one.peers().unwrap();
        let mut states: Vec<_> = peers.all().iter().map(|peer| (peer.pid, peer.state)).collect();
        states.sort_unstable();
        let mut expected = [(one.pid, "idle"), (other.pid, "active")];
        expected.sort_unstable();
        assert_eq!(states, expected);

        for pid in [foreign.pid, stranger.pid, 0] {
            assert!(!peers.cancel(pid) && !peers.terminate(pid), "{pid}");
        }
        assert!(!foreigns.is_cancelled() && !strangers.is_cancelled() && !foreign_end.is_cancelled());
        assert!(peers.cancel(other.pid) && theirs.is_cancelled() && !other_end.is_cancelled());
        other.statement.end(TransactionStatus::Error);
        assert!(
            peers
                .all()
                .iter()
                .any(|peer| peer.state == "idle in transaction (aborted)")
        );
        assert!(peers.terminate(other.pid) && other_end.is_cancelled());
    }
}
