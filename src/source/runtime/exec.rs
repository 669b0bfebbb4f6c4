//! The plan node that sends a query to a runtime. `EXPLAIN` shows the SQL, `EXPLAIN ANALYZE` what came back and how long it took.

use std::{fmt, sync::Arc, time::Instant};

use arrow::{
    array::{Array, AsArray, RecordBatch, RecordBatchOptions},
    compute::cast,
    datatypes::{DataType, SchemaRef, UInt64Type},
};
use datafusion::{
    common::tree_node::TreeNodeRecursion,
    error::Result as DataFusionResult,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::EquivalenceProperties,
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
        execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions, SchedulingType},
        metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Load, RuntimeSource,
    conform::{conform, named},
    errors,
    reader::Query,
    to_datafusion,
};
use crate::{Error, Result, SqlState, threads::Home};

/// Rows of one batch that has no columns, made from a count.
const COUNTED_BATCH_ROWS: u64 = 64 * 1024;

/// What the runtime's rows stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowShape {
    /// Themselves, column by column.
    Columns,
    /// Themselves: the query is for all columns of a table, which a runtime of another version has in another order.
    Named,
    /// The one row is the number of rows to yield, without columns.
    Count,
}

/// One query to a runtime, as a single partition.
#[derive(Debug)]
pub struct RuntimeExec {
    source: RuntimeSource,
    sql: Arc<str>,
    shape: RowShape,
    load: Load,
    fallback: Option<Arc<str>>,
    typed: bool,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl RuntimeExec {
    /// Sends `sql` when executed and yields its rows as `schema`: columns are matched by position, or name, as `shape` says, and cast where they differ.
    pub fn new(source: RuntimeSource, sql: String, schema: SchemaRef, shape: RowShape) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        // Each batch takes from the cooperative budget of the task (tokio's) that asks for it.
        .with_scheduling_type(SchedulingType::Cooperative);
        RuntimeExec {
            source,
            sql: sql.into(),
            shape,
            load: Load::Scan,
            fallback: None,
            typed: false,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// Says what the query costs the runtime; without this it is taken for a scan.
    pub fn with_load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }

    /// The same query, said so that no text in it is taken for an id: sent, as a scan, where the first one is refused for a text that is
    /// none.
    pub fn with_fallback(mut self, sql: Option<String>) -> Self {
        self.fallback = sql.map(Into::into);
        self
    }

    /// The query is the client's own text: where the runtime refuses it, another route may help.
    pub fn typed(mut self) -> Self {
        self.typed = true;
        self
    }

    /// What the query costs the runtime.
    pub fn load(&self) -> Load {
        self.load
    }

    /// The query that is sent.
    pub fn sql(&self) -> &str {
        &self.sql
    }
}

impl DisplayAs for RuntimeExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "RuntimeExec: sql={}", self.sql)
            }
            DisplayFormatType::TreeRender => write!(f, "sql={}", self.sql),
        }
    }
}

impl ExecutionPlan for RuntimeExec {
    fn name(&self) -> &'static str {
        "RuntimeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let meter = Meter::new(&self.metrics, partition);
        let (source, schema, shape, typed) = (self.source.clone(), self.schema(), self.shape, self.typed);
        let query = |sql: &Arc<str>, load| Query {
            sql: Arc::clone(sql),
            load,
            received: meter.received.clone(),
            spooled: meter.spooled.clone(),
        };
        let fallback = self.fallback.as_ref().map(|sql| query(sql, Load::Scan));
        let query = query(&self.sql, self.load);
        let home = context.session_config().get_extension::<Home>();
        let rows = stream::once(async move {
            let start = Instant::now();
            let asked = async move {
                match (source.run(query).await, fallback) {
                    (Err(error), Some(fallback)) if error.code() == SqlState::INVALID_TEXT_REPRESENTATION => {
                        source.run(fallback).await
                    }
                    (replies, _) => replies,
                }
            };
            let replies = match home {
                Some(home) => home.run(asked).await,
                None => asked.await,
            };
            let replies =
                replies.map_err(|error| to_datafusion(if typed { errors::of_typed(error) } else { error }))?;
            meter.first_row.add_elapsed(start);
            Ok::<_, datafusion::error::DataFusionError>(rows(replies, schema, shape, meter, start))
        })
        .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// What `EXPLAIN ANALYZE` shows.
struct Meter {
    baseline: BaselineMetrics,
    received: Count,
    spooled: Count,
    first_row: Time,
    elapsed: Time,
}

impl Meter {
    fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        Meter {
            baseline: BaselineMetrics::new(metrics, partition),
            received: MetricBuilder::new(metrics).counter("bytes_received", partition),
            spooled: MetricBuilder::new(metrics).counter("bytes_spooled", partition),
            first_row: MetricBuilder::new(metrics).subset_time("time_to_first_row", partition),
            elapsed: MetricBuilder::new(metrics).subset_time("time_total", partition),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.baseline.done();
    }
}

type BatchStream = futures::stream::BoxStream<'static, DataFusionResult<RecordBatch>>;

fn rows(
    replies: SendableRecordBatchStream,
    schema: SchemaRef,
    shape: RowShape,
    meter: Meter,
    start: Instant,
) -> BatchStream {
    let mut last = start;
    let mut measured = move |batch: &RecordBatch| {
        // Not its bytes: to measure every array took a fortieth of a lookup, and `bytes_received` says what came.
        meter.baseline.record_output(batch.num_rows());
        meter.elapsed.add_elapsed(std::mem::replace(&mut last, Instant::now()));
    };
    match shape {
        RowShape::Columns | RowShape::Named => replies
            .map(move |batch| {
                let batch = batch?;
                measured(&batch);
                let batch = match shape {
                    RowShape::Named => named(batch, &schema),
                    _ => Ok(batch),
                };
                batch.and_then(|batch| conform(batch, &schema)).map_err(to_datafusion)
            })
            .boxed(),
        RowShape::Count => stream::once(async move {
            let batches: Vec<RecordBatch> = replies.try_collect().await?;
            batches.iter().for_each(measured);
            let count = count(&batches).map_err(to_datafusion)?;
            Ok::<_, datafusion::error::DataFusionError>(stream::iter(counted(count, schema)))
        })
        .try_flatten()
        .boxed(),
    }
}

/// The one value of a count.
fn count(batches: &[RecordBatch]) -> Result<u64> {
    let wrong = || errors::not_a_runtime("the reply to a count is not one number");
    let [batch] = batches else {
        return Err(wrong());
    };
    let [column] = batch.columns() else {
        return Err(wrong());
    };
    let column = cast(column, &DataType::UInt64).map_err(|_| wrong())?;
    match column.as_primitive::<UInt64Type>() {
        column if column.len() == 1 && column.null_count() == 0 => Ok(column.value(0)),
        _ => Err(wrong()),
    }
}

/// So many rows without columns.
fn counted(count: u64, schema: SchemaRef) -> impl Iterator<Item = DataFusionResult<RecordBatch>> {
    let mut left = count;
    std::iter::from_fn(move || {
        let rows = left.min(COUNTED_BATCH_ROWS);
        left -= rows;
        let rows = usize::try_from(rows).ok().filter(|rows| *rows > 0)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Some(
            RecordBatch::try_new_with_options(schema.clone(), Vec::new(), &options)
                .map_err(|error| to_datafusion(Error::internal(error))),
        )
    })
}
