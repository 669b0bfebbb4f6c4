//! Steps over one input that hand its rows on. What the engine asks of any step is written here, once; what one does is its [`Way`].

use std::{fmt, sync::Arc};

use datafusion::{
    common::tree_node::TreeNodeRecursion,
    error::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
        execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions},
        metrics::{ExecutionPlanMetricsSet, MetricsSet},
    },
};

use crate::{Error, source::runtime::to_datafusion};

/// How rows are handed on.
pub(super) trait Way: fmt::Debug + Clone + Send + Sync + 'static {
    /// What `EXPLAIN` calls the step.
    const NAME: &'static str;
    /// Whether rows come in the order of the input's.
    const KEEPS_ORDER: bool;

    /// What the engine may rely on; as of the input, unless this says something else.
    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        Arc::clone(input.properties())
    }

    /// The rows of one partition.
    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream>;

    /// The step in `EXPLAIN`.
    fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(Self::NAME)
    }
}

/// A step over one input.
#[derive(Clone, Debug)]
pub(super) struct Over<W> {
    input: Arc<dyn ExecutionPlan>,
    way: W,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<W: Way> Over<W> {
    pub(super) fn way(&self) -> &W {
        &self.way
    }

    pub(super) fn step(input: Arc<dyn ExecutionPlan>, way: W) -> Arc<dyn ExecutionPlan> {
        Arc::new(Over {
            properties: way.properties(&input),
            metrics: ExecutionPlanMetricsSet::new(),
            input,
            way,
        })
    }
}

impl<W: Way> DisplayAs for Over<W> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        self.way.show(f)
    }
}

impl<W: Way> ExecutionPlan for Over<W> {
    fn name(&self) -> &'static str {
        W::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![W::KEEPS_ORDER]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.as_slice() {
            [input] => Ok(Over::step(Arc::clone(input), self.way.clone())),
            _ => Err(to_datafusion(Error::internal(format!("{} is of one input", W::NAME)))),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.way.rows(&self.input, partition, context, &self.metrics)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
