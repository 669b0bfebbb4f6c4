//! Rows of a large statement, made on the threads of its cluster that give way to everything else: each batch in a turn of its own, and no
//! more of them than were asked for.

use std::{io, sync::Arc};

use arrow::array::RecordBatch;
use datafusion::{
    error::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_plan::{ExecutionPlan, execute_stream, stream::RecordBatchReceiverStreamBuilder},
};
use futures::StreamExt;
use tokio::sync::Semaphore;

use super::turns::{Lane, Turns};
use crate::{
    apart::{self, Wait},
    source::runtime::to_datafusion,
    threads::{Lease, Threads},
};

/// They end with this.
pub(super) struct Computed {
    rows: SendableRecordBatchStream,
    /// One for each batch that may be made.
    wanted: Arc<Semaphore>,
    /// Batches that were asked for and not taken.
    asked: usize,
    /// What holds its thread hears by this that it was dropped.
    _wait: Wait,
    _threads: Lease,
}

impl Computed {
    /// The rows of `plan`, of which at most `ahead_max` batches are ever ahead of whoever takes them.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub(super) fn begin(
        plan: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
        threads: &Arc<Threads>,
        turns: &Arc<Turns>,
        ahead_max: usize,
    ) -> io::Result<Self> {
        let threads = threads.enter()?;
        let wanted = Arc::new(Semaphore::new(0));
        let mut made = RecordBatchReceiverStreamBuilder::new(plan.schema(), 1 + ahead_max);
        let (given, asked) = (made.tx(), Arc::clone(&wanted));
        let turns = Arc::clone(turns);
        let work = async move {
            let mut rows = None;
            while let Ok(one) = asked.acquire().await {
                one.forget();
                // Taken here: what is in the midst of a step when nobody waits any more keeps it until it looks.
                let turn = turns.take(Lane::Large, rows.is_none()).await.map_err(to_datafusion)?;
                let rows = match &mut rows {
                    Some(rows) => rows,
                    // Here, for what its steps begin runs where they are begun.
                    none => none.insert(execute_stream(Arc::clone(&plan), Arc::clone(&context))?),
                };
                let Some(batch) = rows.next().await else { break };
                drop(turn);
                if given.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let (wait, apart) = apart::wait();
        made.spawn_on(apart.scope(work), &threads.handle);
        Ok(Computed {
            rows: made.build(),
            wanted,
            asked: 0,
            _wait: wait,
            _threads: threads,
        })
    }

    /// The next rows, while the `ahead` batches after them are made. Whoever stops waiting loses nothing.
    pub(super) async fn next(&mut self, ahead: usize) -> Option<Result<RecordBatch>> {
        let more = (1 + ahead).saturating_sub(self.asked);
        self.wanted.add_permits(more);
        self.asked += more;
        let batch = self.rows.next().await;
        self.asked = self.asked.saturating_sub(1);
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use arrow::datatypes::Schema;
    use datafusion::{
        physical_plan::{
            stream::RecordBatchStreamAdapter,
            streaming::{PartitionStream, StreamingTableExec},
        },
        prelude::SessionContext,
    };
    use futures::stream;
    use tokio::runtime::{Handle, Id};

    use super::*;
    use crate::{query::Engine, threads::Home};

    /// Batches without end, and how many were made.
    #[derive(Debug, Default)]
    struct Endless {
        made: Arc<AtomicUsize>,
        /// One that is not made.
        panics_at: Option<usize>,
        on: Arc<std::sync::Mutex<Option<Id>>>,
    }

    impl PartitionStream for Endless {
        fn schema(&self) -> &arrow::datatypes::SchemaRef {
            static SCHEMA: std::sync::LazyLock<arrow::datatypes::SchemaRef> =
                std::sync::LazyLock::new(|| Arc::new(Schema::empty()));
            &SCHEMA
        }

        fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
            let (made, panics_at, schema) = (Arc::clone(&self.made), self.panics_at, Arc::clone(self.schema()));
            *self.on.lock().unwrap() = Some(Handle::current().id());
            let batch = RecordBatch::new_empty(Arc::clone(&schema));
            let rows = stream::repeat(batch).map(move |batch| {
                let number = made.fetch_add(1, Ordering::SeqCst);
                assert_ne!(Some(number), panics_at, "a bug");
                Ok(batch)
            });
            Box::pin(RecordBatchStreamAdapter::new(schema, rows))
        }
    }

    fn begin(rows: Endless, threads: &Arc<Threads>) -> Computed {
        let schema = Arc::clone(rows.schema());
        let plan = StreamingTableExec::try_new(schema, vec![Arc::new(rows)], None, vec![], false, None).unwrap();
        let context = SessionContext::new().task_ctx();
        Computed::begin(Arc::new(plan), context, threads, &Arc::default(), 2).unwrap()
    }

    /// Waits until so many were made, and a while for one more.
    async fn settled(made: &AtomicUsize, count: usize) {
        while made.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(made.load(Ordering::SeqCst), count);
    }

    #[tokio::test]
    async fn as_many_batches_are_made_as_were_asked_for() {
        let endless = Endless::default();
        let (made, on) = (Arc::clone(&endless.made), Arc::clone(&endless.on));
        let mut rows = begin(endless, &Threads::for_computing());
        for count in 1..=3 {
            rows.next(0).await.unwrap().unwrap();
            settled(&made, count).await;
        }
        rows.next(2).await.unwrap().unwrap();
        settled(&made, 6).await;
        // One that stopped waiting has asked already.
        drop(Box::pin(rows.next(2)));
        rows.next(2).await.unwrap().unwrap();
        settled(&made, 7).await;
        // Those that are ahead are enough.
        for _ in 0..2 {
            rows.next(0).await.unwrap().unwrap();
        }
        settled(&made, 7).await;
        assert_ne!(on.lock().unwrap().unwrap(), Handle::current().id());
    }

    #[tokio::test]
    async fn a_session_is_at_home_where_its_scope_was_made() {
        let source =
            crate::source::SnapshotSource::open(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo")).unwrap();
        let engine = Engine::new("demo".parse().unwrap(), Arc::new(source)).unwrap();
        let catalog = engine.catalog("demo").await.unwrap();
        let scope = Arc::new(engine.scope_of_nobody(catalog));
        // A long text: what the scope makes when it is first asked is asked for by its planning, which is away.
        let home = scope.plannings.run({
            let scope = Arc::clone(&scope);
            move || scope.task().session_config().get_extension::<Home>()
        });
        let home = home.await.unwrap().unwrap();
        let computing = engine.computing().enter().unwrap();
        let done = computing
            .handle
            .spawn(async move { home.run(async { Ok(Handle::current().id()) }).await });
        assert_eq!(done.await.unwrap().unwrap(), Handle::current().id());
    }

    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_panic_is_the_callers() {
        let endless = Endless {
            panics_at: Some(1),
            ..Endless::default()
        };
        let mut rows = begin(endless, &Threads::for_computing());
        while rows.next(0).await.is_some() {}
    }

    #[tokio::test]
    async fn what_is_dropped_ends_and_leaves_the_threads() {
        let threads = Threads::for_computing();
        let mut rows = begin(Endless::default(), &threads);
        rows.next(0).await.unwrap().unwrap();
        threads.end_if_idle(std::time::Duration::ZERO);
        assert!(threads.are_there(), "a statement is on them");
        drop(rows);
        threads.end_if_idle(std::time::Duration::ZERO);
        assert!(!threads.are_there());
    }
}
