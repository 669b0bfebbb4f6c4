//! UNION ALL as PostgreSQL's Append: the rows of its parts one after the other, in their order, and no more parts under way than there are
//! threads for. The engine's own step begins all of them at once, mixes their rows as they come, and holds memory for each.

use std::{fmt, sync::Arc};

use datafusion::{
    common::{config::ConfigOptions, tree_node::Transformed},
    error::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::EquivalenceProperties,
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
        coalesce_partitions::CoalescePartitionsExec,
        execution_plan::SchedulingType,
        limit::LimitStream,
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet},
        stream::{RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter},
        union::UnionExec,
    },
};
use futures::{StreamExt, TryStreamExt, stream};

use super::over::{Over, Way};
use crate::{apart, query::walk::plan::Walk};

/// Batches that a part is ahead of whoever takes its rows.
const BATCHES_AHEAD: usize = 2;

/// Puts an AppendExec ([`InOrder`]) wherever the parts of a union come together.
#[derive(Debug)]
pub(super) struct Append;

impl PhysicalOptimizerRule for Append {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let appended = plan.rewrite_up(&mut |node| {
            let Some(together) = node.downcast_ref::<CoalescePartitionsExec>() else {
                return Ok(Transformed::no(node));
            };
            let input = Arc::clone(together.input());
            Ok(match is_of_union(&input) {
                true => Transformed::yes(Over::step(input, InOrder { fetch: node.fetch() })),
                false => Transformed::no(node),
            })
        })?;
        let root = appended.data;
        Ok(match is_of_union(&root) {
            true => Over::step(root, InOrder { fetch: None }),
            false => root,
        })
    }

    fn name(&self) -> &str {
        "append"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether a plan's partitions are the parts of a union.
fn is_of_union(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if plan.output_partitioning().partition_count() < 2 {
        return false;
    }
    match plan.children()[..] {
        // What deals rows out anew has other partitions than what is below.
        [input] if plan.output_partitioning().partition_count() == input.output_partitioning().partition_count() => {
            is_of_union(input)
        }
        _ => plan.is::<UnionExec>(),
    }
}

/// The rows of its input's partitions, the first one's first.
#[derive(Clone, Debug)]
struct InOrder {
    /// Rows that are wanted, if not all.
    fetch: Option<usize>,
}

impl Way for InOrder {
    const NAME: &'static str = "AppendExec";
    const KEEPS_ORDER: bool = false;

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative))
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let (input, schema) = (Arc::clone(input), input.schema());
        let at_once = context.session_config().target_partitions().max(1);
        let parts = 0..input.output_partitioning().partition_count();
        // A part is ahead, and at work when the session may run another statement.
        let (wait, apart) = apart::wait();
        let rows = stream::iter(parts)
            .map(move |part| {
                let begin = || input.execute(part, Arc::clone(&context));
                let begun = apart
                    .clone()
                    .sync_scope(|| begin().map(|rows| ahead(rows, BATCHES_AHEAD)));
                async { begun }
            })
            .buffered(at_once)
            .try_flatten()
            // Held as long as the rows are.
            .inspect(move |_| _ = &wait);
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        let metrics = BaselineMetrics::new(metrics, partition);
        Ok(match self.fetch {
            Some(_) => Box::pin(LimitStream::new(rows, 0, self.fetch, metrics)),
            None => rows,
        })
    }

    fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.fetch {
            Some(fetch) => write!(f, "{}: fetch={fetch}", Self::NAME),
            None => f.write_str(Self::NAME),
        }
    }
}

/// The same rows, taken by a task of its own, which is at most `batches` ahead and ends with the stream that is returned.
pub(super) fn ahead(mut rows: SendableRecordBatchStream, batches: usize) -> SendableRecordBatchStream {
    let mut ahead = RecordBatchReceiverStreamBuilder::new(rows.schema(), batches);
    let taken = ahead.tx();
    ahead.spawn(async move {
        while let Some(batch) = rows.next().await {
            // Nobody takes any more.
            if taken.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    });
    ahead.build()
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use arrow::array::AsArray;
    use arrow::{
        array::{Int64Array, RecordBatch},
        datatypes::{DataType, Field, Int64Type, Schema, SchemaRef},
    };
    use datafusion::{
        execution::SessionStateBuilder,
        physical_plan::{
            execute_stream,
            streaming::{PartitionStream, StreamingTableExec},
        },
        prelude::SessionConfig,
    };

    use super::*;
    use crate::apart::Work;

    /// A part that gives its number, `batches` times; the lower ones give way to the others as often as they can.
    #[derive(Debug)]
    struct Part {
        number: i64,
        batches: usize,
        schema: SchemaRef,
        begun: Arc<AtomicUsize>,
    }

    impl PartitionStream for Part {
        fn schema(&self) -> &SchemaRef {
            &self.schema
        }

        fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
            self.begun.fetch_add(1, Ordering::Relaxed);
            let rows: Arc<Int64Array> = Arc::new(vec![self.number].into());
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![rows]).unwrap();
            let number = self.number;
            let rows = stream::iter(vec![batch; self.batches]).then(move |batch| async move {
                for _ in number..10 {
                    tokio::task::yield_now().await;
                }
                Ok(batch)
            });
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
        }
    }

    /// A union of so many parts, under the rule; and how many of them have begun.
    fn union(parts: i64, batches: usize) -> (Arc<dyn ExecutionPlan>, Arc<AtomicUsize>) {
        let begun = Arc::new(AtomicUsize::new(0));
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let part = |number| {
            let part = Arc::new(Part {
                number,
                batches,
                schema: Arc::clone(&schema),
                begun: Arc::clone(&begun),
            });
            let scan = StreamingTableExec::try_new(Arc::clone(&schema), vec![part], None, vec![], false, None);
            Arc::new(scan.unwrap()) as Arc<dyn ExecutionPlan>
        };
        let union = UnionExec::try_new((0..parts).map(part).collect()).unwrap();
        let plan = Append.optimize(union, &ConfigOptions::new()).unwrap();
        (plan, begun)
    }

    fn rows(plan: &Arc<dyn ExecutionPlan>) -> SendableRecordBatchStream {
        let config = SessionConfig::new().with_target_partitions(2);
        let state = SessionStateBuilder::new().with_config(config).build();
        execute_stream(Arc::clone(plan), state.task_ctx()).unwrap()
    }

    #[tokio::test]
    async fn the_parts_of_a_union_come_in_their_order() {
        let (plan, _) = union(7, 3);
        let batches: Vec<RecordBatch> = rows(&plan).try_collect().await.unwrap();
        let numbers = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        assert_eq!(
            numbers.collect::<Vec<_>>(),
            (0..7).flat_map(|part| [part; 3]).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn a_few_parts_are_under_way() {
        let (plan, begun) = union(7, 3);
        let mut rows = rows(&plan);
        let most_ahead = [2, 2, 2, 3, 3, 3, 4];
        for most in most_ahead {
            rows.next().await.unwrap().unwrap();
            tokio::task::yield_now().await;
            assert!(
                begun.load(Ordering::Relaxed) <= most,
                "{} have begun",
                begun.load(Ordering::Relaxed)
            );
        }
    }

    /// A part that gives one batch, and what asks there whether anybody waits for it.
    #[derive(Debug)]
    struct Asking {
        schema: SchemaRef,
        works: Arc<Mutex<Vec<Option<Work>>>>,
    }

    impl PartitionStream for Asking {
        fn schema(&self) -> &SchemaRef {
            &self.schema
        }

        fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
            let (works, batch) = (
                Arc::clone(&self.works),
                RecordBatch::new_empty(Arc::clone(&self.schema)),
            );
            let rows = stream::once(async move {
                works.lock().unwrap().push(Work::current());
                Ok(batch)
            });
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
        }
    }

    #[tokio::test]
    async fn a_part_is_at_work_while_somebody_waits_for_the_union() {
        apart::follow_tasks();
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let works = Arc::new(Mutex::new(vec![]));
        let part = || {
            let part = Asking {
                schema: Arc::clone(&schema),
                works: Arc::clone(&works),
            };
            let parts: Vec<Arc<dyn PartitionStream>> = vec![Arc::new(part)];
            let scan = StreamingTableExec::try_new(Arc::clone(&schema), parts, None, vec![], false, None);
            Arc::new(scan.unwrap()) as Arc<dyn ExecutionPlan>
        };
        let union = UnionExec::try_new(vec![part(), part()]).unwrap();
        let mut rows = rows(&Append.optimize(union, &ConfigOptions::new()).unwrap());
        rows.next().await.unwrap().unwrap();
        let works: Vec<Work> = works.lock().unwrap().drain(..).map(Option::unwrap).collect();
        assert!(!works.is_empty());
        assert!(works.iter().all(|work| work.check().is_ok()));
        drop(rows);
        assert!(works.iter().all(|work| work.check().is_err()));
    }

    #[tokio::test]
    async fn a_limit_holds_over_a_union() {
        let (plan, _) = union(4, 3);
        let input = Arc::clone(plan.children()[0]);
        let limited = CoalescePartitionsExec::new(input).with_fetch(Some(4));
        let plan = Append.optimize(Arc::new(limited), &ConfigOptions::new()).unwrap();
        assert_eq!(plan.name(), "AppendExec");
        let batches: Vec<RecordBatch> = rows(&plan).try_collect().await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 4);
    }
}
