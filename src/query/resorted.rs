//! Sorts again what the engine sorted and no longer knows to be sorted. It moves a sort down into the branches of a UNION, and where two
//! columns of a branch are the same, it sorts that branch by one of them; of the whole it then cannot say that it is sorted by both, and
//! refuses its own plan.

use std::sync::Arc;

use datafusion::{
    common::{Result, config::ConfigOptions, tree_node::Transformed},
    physical_expr::LexOrdering,
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties, execution_plan::replace_children_if_necessary, sorts::sort::SortExec,
    },
};

use crate::query::walk::plan::Walk;

/// The rule; it goes before the engine's own check.
#[derive(Debug)]
pub(super) struct Resorted;

impl PhysicalOptimizerRule for Resorted {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let resorted = plan.rewrite_up(&mut |node| {
            let mut changed = false;
            let children = node.children().into_iter().zip(node.required_input_ordering());
            let children = children
                .map(|(child, required)| {
                    let Some(required) = required.map(|required| required.into_single()) else {
                        return Ok(Arc::clone(child));
                    };
                    if child
                        .equivalence_properties()
                        .ordering_satisfy_requirement(required.clone())?
                    {
                        return Ok(Arc::clone(child));
                    }
                    let Some(order) = LexOrdering::new(required.into_iter().map(Into::into)) else {
                        return Ok(Arc::clone(child));
                    };
                    changed = true;
                    // Each partition by itself, as it was required.
                    let sort = SortExec::new(order, Arc::clone(child)).with_preserve_partitioning(true);
                    Ok(Arc::new(sort) as Arc<dyn ExecutionPlan>)
                })
                .collect::<Result<Vec<_>>>()?;
            Ok(match changed {
                true => Transformed::yes(replace_children_if_necessary(node, children)?),
                false => Transformed::no(node),
            })
        })?;
        Ok(resorted.data)
    }

    fn name(&self) -> &str {
        "resorted"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
