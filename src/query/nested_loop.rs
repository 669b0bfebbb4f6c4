//! Joins without a pair of equal columns compare every row of one side with every row of the other. They run here, where they can be
//! ended, and never in a runtime; this bounds what they compare, and lets go of the thread after every piece of it. The engine's own
//! operators do neither: they look up only when they have rows to give.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arrow::array::RecordBatch;
use datafusion::{
    common::{config::ConfigOptions, tree_node::Transformed},
    error::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan,
        execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions},
        joins::{CrossJoinExec, NestedLoopJoinExec},
        metrics::ExecutionPlanMetricsSet,
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt, stream};
use tokio::task::yield_now;

use super::{
    over::{Over, Way},
    walk::plan::Walk,
};
use crate::{Error, SqlState, limits, source::runtime::to_datafusion};

/// Puts both inputs of every such join under one bound.
#[derive(Debug)]
pub struct BoundNestedLoops;

impl PhysicalOptimizerRule for BoundNestedLoops {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let mut bound = |plan: Arc<dyn ExecutionPlan>| {
            let nested = plan.is::<NestedLoopJoinExec>() || plan.is::<CrossJoinExec>();
            let [build, probe] = plan.children()[..] else {
                return Ok(Transformed::no(plan));
            };
            if !nested {
                return Ok(Transformed::no(plan));
            }
            let pairs = Arc::new(Pairs::default());
            let children = [(build, Side::Build), (probe, Side::Probe)];
            let children = children.map(|(input, side)| {
                let pairs = Arc::clone(&pairs);
                Over::step(Arc::clone(input), Bounded { side, pairs })
            });
            plan.replace_children(
                children.into(),
                ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
            )
            .map(Transformed::yes)
        };
        plan.rewrite_up(&mut bound).map(|transformed| transformed.data)
    }

    fn name(&self) -> &str {
        "bound_nested_loops"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What one join has compared. The build side is read to its end before the first row of the probe side.
#[derive(Debug, Default)]
struct Pairs {
    build_rows: AtomicU64,
    /// Bytes of a row of the build side, of its widest batch: each is repeated for the rows that it is compared with.
    build_row_size: AtomicU64,
    compared: AtomicU64,
}

impl Pairs {
    fn build(&self, rows: u64, size: u64) -> Result<()> {
        self.build_row_size.fetch_max(size / rows.max(1), Ordering::Relaxed);
        let built = self.build_rows.fetch_add(rows, Ordering::Relaxed).saturating_add(rows);
        within_limit(built)
    }

    /// Rows of the probe side that may be compared at once.
    fn at_once(&self) -> usize {
        let build_rows = self.build_rows.load(Ordering::Relaxed).max(1);
        let repeated = limits::PIECE_SIZE / self.build_row_size.load(Ordering::Relaxed).max(1);
        let rows = repeated.min(limits::NESTED_LOOP_PAIRS_AT_ONCE / build_rows);
        usize::try_from(rows).map_or(usize::MAX, |rows| rows.max(1))
    }

    fn probe(&self, rows: u64) -> Result<()> {
        let pairs = rows.saturating_mul(self.build_rows.load(Ordering::Relaxed));
        let compared = self.compared.fetch_add(pairs, Ordering::Relaxed);
        within_limit(compared.saturating_add(pairs))
    }
}

fn within_limit(pairs: u64) -> Result<()> {
    if pairs <= limits::NESTED_LOOP_PAIRS_MAX {
        return Ok(());
    }
    let error = Error::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!(
            "a join without an equality compares more than {} pairs of rows",
            limits::NESTED_LOOP_PAIRS_MAX
        ),
    )
    .with_hint("Join on columns that are equal, or filter either side to fewer rows.");
    Err(to_datafusion(error))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Build,
    Probe,
}

/// One input of such a join, row by row as it is.
#[derive(Clone, Debug)]
struct Bounded {
    side: Side,
    pairs: Arc<Pairs>,
}

impl Way for Bounded {
    const NAME: &'static str = "BoundedInput";
    const KEEPS_ORDER: bool = true;

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let input = input.execute(partition, context)?;
        let schema = input.schema();
        let pairs = Arc::clone(&self.pairs);
        let rows = match self.side {
            Side::Build => {
                // A recursive query runs the same join again.
                pairs.build_rows.store(0, Ordering::Relaxed);
                let counted = move |batch: Result<RecordBatch>| {
                    let batch = batch?;
                    pairs.build(batch.num_rows() as u64, batch.get_array_memory_size() as u64)?;
                    Ok(batch)
                };
                input.map(counted).boxed()
            }
            Side::Probe => pieces(input, pairs).boxed(),
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// The probe side's rows, in pieces of what may be compared at once; between two of them others run.
fn pieces(
    input: SendableRecordBatchStream,
    pairs: Arc<Pairs>,
) -> impl stream::Stream<Item = Result<RecordBatch>> + Send {
    stream::try_unfold((input, None), move |(mut input, rest)| {
        let pairs = Arc::clone(&pairs);
        async move {
            let batch: RecordBatch = match rest {
                Some(rest) => rest,
                None => match input.next().await.transpose()? {
                    Some(batch) => batch,
                    None => return Ok(None),
                },
            };
            yield_now().await;
            let taken = batch.num_rows().min(pairs.at_once());
            let rest = (taken < batch.num_rows()).then(|| batch.slice(taken, batch.num_rows() - taken));
            pairs.probe(taken as u64)?;
            Ok(Some((batch.slice(0, taken), (input, rest))))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_bounded() {
        let pairs = Pairs::default();
        pairs.build(100_000, 800_000).unwrap();
        assert_eq!(pairs.at_once() as u64, limits::NESTED_LOOP_PAIRS_AT_ONCE / 100_000);
        pairs.probe(100_000).unwrap();
        let error = crate::query::errors::from_datafusion(pairs.probe(1).unwrap_err());
        assert_eq!(error.code(), SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert!(pairs.build(limits::NESTED_LOOP_PAIRS_MAX, 0).is_err());
        assert_eq!(pairs.at_once(), 1);
    }

    #[test]
    fn a_wide_row_is_repeated_for_few_at_once() {
        let pairs = Pairs::default();
        pairs.build(2, 2 * limits::PIECE_SIZE / 10).unwrap();
        assert_eq!(pairs.at_once(), 10);
    }
}
