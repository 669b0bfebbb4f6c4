//! The plan of a statement that had to ask something first: shows what was asked beside the statement itself, and runs the latter.
//! PostgreSQL calls such questions init plans.

use std::{fmt, sync::Arc};

use datafusion::{
    common::tree_node::TreeNodeRecursion,
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext},
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
        execution_plan::ReplaceChildrenOptions,
    },
};

#[derive(Debug)]
pub struct InitPlanExec {
    /// What has been run already.
    asked: Vec<Arc<dyn ExecutionPlan>>,
    main: Arc<dyn ExecutionPlan>,
}

impl InitPlanExec {
    pub fn new(asked: Vec<Arc<dyn ExecutionPlan>>, main: Arc<dyn ExecutionPlan>) -> Self {
        InitPlanExec { asked, main }
    }

    fn with(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let main = children
            .pop()
            .ok_or_else(|| DataFusionError::Internal("an init plan without a plan".to_owned()))?;
        Ok(Arc::new(InitPlanExec { asked: children, main }))
    }
}

impl DisplayAs for InitPlanExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InitPlanExec: asked_first={}", self.asked.len())
    }
}

impl ExecutionPlan for InitPlanExec {
    fn name(&self) -> &'static str {
        "InitPlanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.main.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.asked.iter().chain([&self.main]).collect()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.with(children)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.with(children)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.main.execute(partition, context)
    }
}
