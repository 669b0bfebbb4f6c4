//! How many statements of one cluster are computed here at once. A large one has its turn for each batch of rows that it gives, not for as
//! long as its client takes to read them; small ones have a lane of their own, so that they never wait behind large ones. What the
//! cluster's runtime computes is counted by its own shield, in `source::runtime`.

use std::time::Duration;

use datafusion::{
    common::tree_node::TreeNodeRecursion,
    datasource::{memory::MemorySourceConfig, physical_plan::FileScanConfig, source::DataSourceExec},
    logical_expr::ScalarUDF,
    physical_expr::ScalarFunctionExpr,
    physical_plan::{
        ExecutionPlan,
        coop::CooperativeExec,
        empty::EmptyExec,
        filter::FilterExec,
        joins::{CrossJoinExec, NestedLoopJoinExec},
        limit::{GlobalLimitExec, LocalLimitExec},
        placeholder_row::PlaceholderRowExec,
        projection::ProjectionExec,
    },
};
use tokio::sync::OwnedSemaphorePermit;

use super::{optimize::InitPlanExec, pieces::Piecewise, rewrite::apply};
use crate::{
    Result,
    gate::Gate,
    limits,
    query::walk::plan::Walk,
    source::runtime::{Load, RuntimeExec},
};

/// What a statement makes this machine compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// It reads few rows: a lookup, or what a client asks of the catalogue.
    Small,
    /// It reads many, or nobody knows how many.
    Large,
}

impl Lane {
    /// `None` for what is only handed on: the runtime has computed it.
    pub(super) fn of(plan: &dyn ExecutionPlan) -> Option<Lane> {
        if hands_on(plan, |source| source.is::<RuntimeExec>()) {
            return None;
        }
        Some(match work(plan) {
            rows if rows <= limits::SMALL_STATEMENT_ROWS_MAX => Lane::Small,
            _ => Lane::Large,
        })
    }
}

/// Whether rows are given as they are read, batch by batch: whoever reads them slowly has them made slowly.
pub(super) fn streams(plan: &dyn ExecutionPlan) -> bool {
    hands_on(plan, |source| {
        source.is::<RuntimeExec>() || source.is::<DataSourceExec>()
    })
}

fn hands_on(plan: &dyn ExecutionPlan, is_source: fn(&dyn ExecutionPlan) -> bool) -> bool {
    if is_source(plan) {
        return true;
    }
    let is_step = plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<Piecewise>()
        || plan.is::<InitPlanExec>();
    let inputs = plan.children();
    is_step
        && !calls(plan, |function| !CASTS.contains(&function.name()))
        && !inputs.is_empty()
        && inputs.iter().all(|input| hands_on(input.as_ref(), is_source))
}

/// The functions that are casts of PostgreSQL's.
const CASTS: [&str; 3] = ["pg_cast", "pg_output", "pg_text"];

/// Whether one of a step's own expressions calls such a function. Operators and casts cost little beside the rows themselves.
fn calls(step: &dyn ExecutionPlan, is_such: impl Fn(&ScalarUDF) -> bool) -> bool {
    let mut found = false;
    let walked = step.apply_expressions(&mut |root| {
        root.walk(&mut |expr| {
            let call = expr.downcast_ref::<ScalarFunctionExpr>();
            found |= call.is_some_and(|call| is_such(call.fun()));
            Ok(TreeNodeRecursion::Continue)
        })
    });
    // What cannot be looked into may be anything.
    found || walked.is_err()
}

/// Rows that are read, those of a join that compares every pair as often as they are compared, and those of which much is made as often as
/// that has the size of a row.
fn work(plan: &dyn ExecutionPlan) -> u64 {
    if calls(plan, apply::is_heavy) {
        return u64::MAX;
    }
    let children = plan.children();
    let works = children.iter().map(|child| work(child.as_ref()));
    if plan.is::<NestedLoopJoinExec>() || plan.is::<CrossJoinExec>() {
        return works.map(|work| work.max(1)).fold(1, u64::saturating_mul);
    }
    if children.is_empty() {
        return rows_of_leaf(plan);
    }
    let rows = works.fold(0, u64::saturating_add);
    let made = plan.downcast_ref::<Piecewise>().map_or(0, Piecewise::made_of_row);
    let subquery = match calls(plan, |function| apply::plan_of(function).is_some()) {
        true => ROWS_OF_SUBQUERY,
        false => 1,
    };
    rows.saturating_mul((made / SIZE_OF_ROW).max(subquery))
}

/// Bytes that are about as much work as a row.
const SIZE_OF_ROW: u64 = 1024;

/// Rows that a run of a subquery over the catalogue is counted as: it is run once for each set of values that comes, and most reads find
/// little.
const ROWS_OF_SUBQUERY: u64 = 16;

fn rows_of_leaf(plan: &dyn ExecutionPlan) -> u64 {
    const UNKNOWN: u64 = u64::MAX;
    if plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>() {
        return 1;
    }
    if let Some(runtime) = plan.downcast_ref::<RuntimeExec>() {
        return match runtime.load() {
            Load::Lookup => 1,
            Load::Scan => UNKNOWN,
        };
    }
    let Some(source) = plan.downcast_ref::<DataSourceExec>() else {
        return UNKNOWN;
    };
    let source = source.data_source();
    let rows = if let Some(memory) = source.downcast_ref::<MemorySourceConfig>() {
        let batches = memory.partitions().iter().flatten();
        Some(batches.map(|batch| batch.num_rows()).sum::<usize>())
    } else if let Some(file) = source.downcast_ref::<FileScanConfig>() {
        let rows = file.statistics().num_rows.get_value().copied();
        [rows, file.limit].into_iter().flatten().min()
    } else {
        None
    };
    rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(UNKNOWN)
}

/// The lanes of one cluster.
#[derive(Debug)]
pub(super) struct Turns {
    small: Gate,
    large: Gate,
}

impl Turns {
    pub(super) fn new(small: usize, large: usize, queue: usize, wait: Duration) -> Self {
        Turns {
            small: Gate::new("small statements", small, queue, wait),
            large: Gate::new("large statements", large, queue, wait),
        }
    }

    /// A turn of a statement, until the permit is dropped; its first or one more.
    ///
    /// # Errors
    /// 53300 where too many statements wait to begin, or one waited too long.
    pub(super) async fn take(&self, lane: Lane, is_first: bool) -> Result<OwnedSemaphorePermit> {
        let gate = match lane {
            Lane::Small => &self.small,
            Lane::Large => &self.large,
        };
        match is_first {
            true => gate.enter().await,
            false => gate.enter_again().await,
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Turns::new(
            limits::SMALL_STATEMENTS_MAX,
            limits::LARGE_STATEMENTS_MAX,
            limits::CLUSTER_QUEUE_LENGTH_MAX,
            limits::CLUSTER_QUEUE_WAIT_MAX,
        )
    }
}
