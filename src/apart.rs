//! Work that is done apart from whoever waits for it: on other threads, or ahead. What may end a statement is known to its session, which
//! by the time that such work looks may run another; so it asks here whether anybody still waits for it.

use std::any::Any;

use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::{FutureExt, future::BoxFuture};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Error, Result, SqlState};

tokio::task_local! {
    /// Cancelled once nobody waits for what is done here.
    static ABANDONED: CancellationToken;
}

/// Held by whoever waits for some work, which is abandoned with it.
#[derive(Debug)]
pub struct Wait {
    _guard: DropGuard,
}

/// By which the work knows.
#[derive(Clone, Debug)]
pub struct Work(CancellationToken);

/// Somebody who waits, and what is waited for. Where that somebody is itself work, its own is abandoned with it.
pub fn wait() -> (Wait, Work) {
    let token = Work::current().map_or_else(CancellationToken::new, |Work(around)| around.child_token());
    let _guard = token.clone().drop_guard();
    (Wait { _guard }, Work(token))
}

impl Work {
    /// What is done here, if that is apart from whoever waits.
    pub fn current() -> Option<Self> {
        ABANDONED.try_with(|token| Work(token.clone())).ok()
    }

    /// `work` is a part of it, as are the tasks that the engine makes for it.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        ABANDONED.scope(self.0, work).await
    }

    /// The same for work without a pause.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        ABANDONED.sync_scope(self.0, work)
    }

    /// Fails once nobody waits for it.
    pub fn check(&self) -> Result<()> {
        match self.0.is_cancelled() {
            true => Err(nobody_waits()),
            false => Ok(()),
        }
    }

    /// Resolves once nobody waits for it.
    pub async fn abandoned(&self) -> Error {
        self.0.cancelled().await;
        nobody_waits()
    }
}

/// Nobody hears this.
fn nobody_waits() -> Error {
    Error::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
}

/// Has the engine's tasks be parts of the work that begins them. Once for the process; more do nothing.
pub fn follow_tasks() {
    let _ = set_join_set_tracer(&Followed);
}

struct Followed;

impl JoinSetTracer for Followed {
    fn trace_future(&self, task: BoxFuture<'static, Box<dyn Any + Send>>) -> BoxFuture<'static, Box<dyn Any + Send>> {
        match Work::current() {
            Some(work) => work.scope(task).boxed(),
            None => task,
        }
    }

    fn trace_block(
        &self,
        task: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>,
    ) -> Box<dyn FnOnce() -> Box<dyn Any + Send> + Send> {
        match Work::current() {
            Some(work) => Box::new(move || work.sync_scope(task)),
            None => task,
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::runtime::SpawnedTask;

    use super::*;

    #[tokio::test]
    async fn the_tasks_of_work_know_whether_anybody_waits_for_it() {
        follow_tasks();
        let (wait, work) = wait();
        assert!(Work::current().is_none());
        let (task, block) = work
            .scope(async {
                let task = SpawnedTask::spawn(async { SpawnedTask::spawn(async { Work::current() }).await });
                (task.await, SpawnedTask::spawn_blocking(Work::current).await)
            })
            .await;
        let parts = [task.unwrap().unwrap().unwrap(), block.unwrap().unwrap()];
        assert!(parts.iter().all(|work| work.check().is_ok()));
        drop(wait);
        for work in parts {
            assert_eq!(work.check().unwrap_err().code(), SqlState::QUERY_CANCELED);
            work.abandoned().await;
        }
        assert!(SpawnedTask::spawn(async { Work::current() }).await.unwrap().is_none());
    }

    #[test]
    fn work_within_work_is_abandoned_with_it_and_not_the_other_way_round() {
        let (around, work) = wait();
        let (within, inner) = work.clone().sync_scope(wait);
        let (_other, sibling) = work.clone().sync_scope(wait);
        drop(within);
        assert!(inner.check().is_err() && work.check().is_ok() && sibling.check().is_ok());
        drop(around);
        assert!(work.check().is_err() && sibling.check().is_err());
    }
}
