//! Makes joins yield. A join on columns that hold few values may give any number of batches for one that it was given, without asking its
//! sources, which are the only places where the engine yields: it would keep its thread for hours, and neither a timeout nor a cancel
//! request would be heard. Joins without equal columns are looked after in `nested_loop`.

use std::sync::Arc;

use datafusion::{
    common::{Result, config::ConfigOptions, tree_node::Transformed},
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan, coop::CooperativeExec, execution_plan::SchedulingType, union::UnionExec, unnest::UnnestExec,
    },
};

use crate::query::walk::plan::Walk;

/// Puts every operator that multiplies rows under one that yields.
#[derive(Debug)]
pub(super) struct Yielding;

impl PhysicalOptimizerRule for Yielding {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let yielding = plan.rewrite_up(&mut |node| {
            let multiplies = node.children().len() > 1 && !node.is::<UnionExec>() || node.is::<UnnestExec>();
            if multiplies && node.properties().scheduling_type != SchedulingType::Cooperative {
                return Ok(Transformed::yes(
                    Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>
                ));
            }
            Ok(Transformed::no(node))
        })?;
        Ok(yielding.data)
    }

    fn name(&self) -> &str {
        "yielding"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
