//! What a step makes of one batch of rows at once. A batch has so many rows, whatever they hold: a list of a thousand expressions over a
//! column of long texts, or of calls of `repeat`, would be hundreds of gigabytes, and no pool counts what expressions make. So a batch of
//! which a step would make more than it should is given to it in pieces, and what the functions of [`growing`] make of one piece is
//! bounded for all of them together.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    common::{
        Result, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext},
    physical_expr::{
        ScalarFunctionExpr,
        expressions::{Column, DynamicFilterPhysicalExpr, Literal},
    },
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan, PhysicalExpr,
        execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions},
        metrics::ExecutionPlanMetricsSet,
    },
};
use futures::{Stream, StreamExt};

use super::{
    growing,
    over::{Over, Way},
    walk::plan::Walk,
};
use crate::limits;

/// Puts every step that computes of one input between a giver of pieces and the end of a piece.
#[derive(Debug)]
pub(super) struct Pieces;

impl PhysicalOptimizerRule for Pieces {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let mut cut = |step: Arc<dyn ExecutionPlan>| {
            let [input] = step.children()[..] else {
                return Ok(Transformed::no(step));
            };
            let input = Arc::clone(input);
            let Some(made) = Made::by(step.as_ref())? else {
                return Ok(Transformed::no(step));
            };
            let given = Over::step(input, Side::Gives(Arc::new(made)));
            let mode = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            let step = step.replace_children(vec![given], mode)?;
            Ok(Transformed::yes(Over::step(step, Side::Ends)))
        };
        plan.rewrite_up(&mut cut).map(|cut| cut.data)
    }

    fn name(&self) -> &str {
        "pieces"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What a step makes of its input: each column's bytes so many times, and so many bytes a row beside them.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// By the input's columns.
    columns: Vec<u64>,
    row: u64,
}

impl Made {
    /// `None` of a step that computes nothing.
    fn by(step: &dyn ExecutionPlan) -> Result<Option<Made>> {
        let mut made = Made::default();
        let mut computes = false;
        step.apply_expressions(&mut |root| {
            let is_given = match root.downcast_ref::<Literal>() {
                // It is repeated for every row.
                Some(literal) => size_of(literal) < SMALL_LITERAL,
                None => root.is::<Column>() || root.is::<DynamicFilterPhysicalExpr>(),
            };
            if !is_given {
                computes = true;
                made.add(root);
            }
            // Its parts are those of the tree that was just walked.
            Ok(TreeNodeRecursion::Jump)
        })?;
        Ok(computes.then_some(made))
    }

    fn add(&mut self, expr: &Arc<dyn PhysicalExpr>) {
        let mut left = vec![expr];
        while let Some(expr) = left.pop() {
            if let Some(column) = expr.downcast_ref::<Column>() {
                if self.columns.len() <= column.index() {
                    self.columns.resize(column.index() + 1, 0);
                }
                if let Some(count) = self.columns.get_mut(column.index()) {
                    *count += 1;
                }
            } else if let Some(literal) = expr.downcast_ref::<Literal>() {
                self.row = self.row.saturating_add(size_of(literal));
            } else if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
                self.row = self.row.saturating_add(constant_growth(call));
            }
            left.extend(expr.children());
        }
    }

    /// How many rows of `batch` make a piece.
    fn rows_at_once(&self, batch: &RecordBatch) -> usize {
        let rows = batch.num_rows() as u64;
        let columns = batch.columns().iter().zip(&self.columns);
        let sizes = columns.filter(|(_, count)| **count > 0).map(|(column, count)| {
            let size = column.to_data().get_slice_memory_size().unwrap_or_default() as u64;
            size.saturating_mul(*count)
        });
        let made = sizes.fold(self.row.saturating_mul(rows), u64::saturating_add);
        if made <= limits::PIECE_SIZE {
            return batch.num_rows();
        }
        // Of rows of a like size.
        let at_once = u128::from(limits::PIECE_SIZE) * u128::from(rows) / u128::from(made);
        usize::try_from(at_once).map_or(batch.num_rows(), |rows| rows.clamp(1, batch.num_rows()))
    }
}

/// Bytes of a literal that are nothing beside a row.
const SMALL_LITERAL: u64 = 1_024;

fn size_of(literal: &Literal) -> u64 {
    literal.value().size() as u64
}

/// How many bytes a call makes of each row as its constants say.
fn constant_growth(call: &ScalarFunctionExpr) -> u64 {
    if !growing::GROWING.contains(&call.name()) {
        return 0;
    }
    let constants = call.args().iter().filter_map(|arg| arg.downcast_ref::<Literal>());
    let sizes = constants.map(|literal| match literal.value() {
        ScalarValue::Int64(Some(count)) => u64::try_from(*count).unwrap_or_default(),
        ScalarValue::Int32(Some(count)) => u64::try_from(*count).unwrap_or_default(),
        value => value.try_as_str().flatten().map_or(1, str::len) as u64,
    });
    sizes.fold(1, |made, size| made.saturating_mul(size.max(1)))
}

#[derive(Clone, Debug)]
pub(super) enum Side {
    /// Of the step's input.
    Gives(Arc<Made>),
    /// Of its result.
    Ends,
}

/// Hands its input on, row by row as it is.
pub(super) type Piecewise = Over<Side>;

impl Piecewise {
    /// Bytes that the step makes of each row, whatever the row holds.
    pub(super) fn made_of_row(&self) -> u64 {
        match self.way() {
            Side::Gives(made) => made.row,
            Side::Ends => 0,
        }
    }
}

impl Way for Side {
    const NAME: &'static str = "Piecewise";
    const KEEPS_ORDER: bool = true;

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let input = input.execute(partition, context)?;
        Ok(match self {
            Side::Gives(made) => Box::pin(Given {
                input,
                made: Arc::clone(made),
                rest: None,
            }),
            Side::Ends => Box::pin(Ended(input)),
        })
    }
}

struct Given {
    input: SendableRecordBatchStream,
    made: Arc<Made>,
    /// What is left of a batch, and how many rows of it make a piece.
    rest: Option<(RecordBatch, usize)>,
}

impl Stream for Given {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (batch, rows) = match self.rest.take() {
            Some(rest) => rest,
            None => match futures::ready!(self.input.poll_next_unpin(context)) {
                Some(Ok(batch)) => {
                    let rows = self.made.rows_at_once(&batch);
                    (batch, rows)
                }
                ended => return Poll::Ready(ended),
            },
        };
        growing::begin_step();
        if rows >= batch.num_rows() {
            return Poll::Ready(Some(Ok(batch)));
        }
        let piece = batch.slice(0, rows);
        self.rest = Some((batch.slice(rows, batch.num_rows() - rows), rows));
        Poll::Ready(Some(Ok(piece)))
    }
}

impl RecordBatchStream for Given {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}

struct Ended(SendableRecordBatchStream);

impl Stream for Ended {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.0.poll_next_unpin(context);
        growing::end_step();
        polled
    }
}

impl RecordBatchStream for Ended {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }
}
