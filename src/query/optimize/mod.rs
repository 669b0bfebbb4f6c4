//! The same answer by a faster way: what a runtime does badly is said in the way that it does well. Each rule is a file, with its before
//! and after. [`unscoped`] and [`stored`] change one scan; what [`live`] and [`subquery`] need to know of the cluster is asked [`first`],
//! before the statement itself. They run on plans that the engine has optimized, each time a statement runs: what they go by (the
//! cluster's scopes, its invocations in memory) changes while a plan may be kept.

mod first;
mod init_plan;
mod invocation_id;
mod live;
mod stored;
mod subquery;
#[cfg(test)]
mod tests;
mod unscoped;

use std::sync::Arc;

use datafusion::{
    common::tree_node::Transformed,
    error::Result,
    execution::SessionState,
    logical_expr::{LogicalPlan, TableScan},
    optimizer::{
        Optimizer, OptimizerRule, eliminate_filter::EliminateFilter, propagate_empty_relation::PropagateEmptyRelation,
        push_down_filter::PushDownFilter, simplify_expressions::SimplifyExpressions,
    },
    physical_plan::ExecutionPlan,
};

use super::route::{source, with_table};
use crate::{query::walk::plan::WalkPlan, source::runtime::RuntimeTable};
pub(super) use init_plan::InitPlanExec;

/// Whether a plan is made to be run, or only to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What must be known first is asked.
    Run,
    /// Nothing is asked, and the plan is what it is before: its subqueries are still in it.
    Show,
}

/// The physical plan of an optimized plan, rewritten.
pub async fn physical(plan: LogicalPlan, state: &SessionState, purpose: Purpose) -> Result<Arc<dyn ExecutionPlan>> {
    // All rules are about a runtime's tables.
    if source(&plan)?.is_none() {
        return state.query_planner().create_physical_plan(&plan, state).await;
    }
    let plan = by_rules(plan)?;
    let (plan, asked) = match purpose {
        Purpose::Run => first::asked(plan, state).await?,
        Purpose::Show => (plan, Vec::new()),
    };
    let physical = state.query_planner().create_physical_plan(&plan, state).await?;
    Ok(match asked.is_empty() {
        true => physical,
        false => Arc::new(InitPlanExec::new(asked, physical)),
    })
}

/// A rule over one scan of a runtime's table: gives the scan that takes its place, if one does.
type ScanRule = fn(&TableScan, &RuntimeTable) -> Option<TableScan>;

/// The rules that need to ask nothing, in their order.
const SCAN_RULES: [ScanRule; 2] = [stored::rewrite, unscoped::rewrite];

/// The plan with every scan rewritten.
fn by_rules(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.rewrite_up_with_subqueries(&mut |plan| {
        let LogicalPlan::TableScan(scan) = &plan else {
            return Ok(Transformed::no(plan));
        };
        let mut now: Option<TableScan> = None;
        for rule in SCAN_RULES {
            let scan = now.as_ref().unwrap_or(scan);
            now = with_table(scan, |table| rule(scan, table)).flatten().or(now);
        }
        Ok(match now {
            Some(scan) => Transformed::yes(LogicalPlan::TableScan(scan)),
            None => Transformed::no(plan),
        })
    })?;
    Ok(rewritten.data)
}

/// The plan with what was asked first in it: folded, and moved into the scans.
fn settled(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(SimplifyExpressions::new()),
        Arc::new(EliminateFilter::new()),
        Arc::new(PropagateEmptyRelation::new()),
        Arc::new(PushDownFilter::new()),
    ];
    Optimizer::with_rules(rules).optimize(plan, state, |_, _| {})
}
