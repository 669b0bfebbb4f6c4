//! The leaf that stands in a plan for what the runtime runs, and the planner that puts it there and makes a [`RuntimeExec`] of it.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use async_trait::async_trait;
use datafusion::{
    catalog::Session,
    common::DFSchemaRef,
    datasource::source_as_provider,
    error::Result,
    execution::context::QueryPlanner,
    logical_expr::{
        Expr, FetchType, LogicalPlan, SkipType, TableScan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
        expr_rewriter::unnormalize_cols, physical_planning_context::PhysicalPlanningContext,
    },
    physical_plan::ExecutionPlan,
    physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner},
};
use futures::future::BoxFuture;

use super::{Route, route, with_table};
use crate::{
    query::checked::checked,
    source::{
        RuntimeSource,
        runtime::{Load, RowShape, RuntimeExec},
    },
};

/// Rows of a runtime's query, under the schema of the plan that it was written for.
#[derive(Clone, Debug)]
pub(super) struct RuntimeQuery {
    pub(super) source: RuntimeSource,
    pub(super) sql: String,
    /// The same where no text is taken for an id.
    pub(super) fallback: Option<String>,
    pub(super) shape: RowShape,
    pub(super) load: Load,
    pub(super) schema: DFSchemaRef,
}

impl RuntimeQuery {
    /// The step that runs it.
    fn exec(&self) -> Arc<dyn ExecutionPlan> {
        let schema = Arc::clone(self.schema.inner());
        let exec = RuntimeExec::new(self.source.clone(), self.sql.clone(), schema, self.shape);
        Arc::new(exec.with_load(self.load).with_fallback(self.fallback.clone()))
    }
}

impl PartialEq for RuntimeQuery {
    fn eq(&self, other: &Self) -> bool {
        self.source.is_same(&other.source) && self.sql == other.sql && self.schema == other.schema
    }
}

impl Eq for RuntimeQuery {}

impl Hash for RuntimeQuery {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sql.hash(state);
    }
}

impl PartialOrd for RuntimeQuery {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self == other {
            return Some(Ordering::Equal);
        }
        self.sql
            .partial_cmp(&other.sql)
            .filter(|ordering| *ordering != Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for RuntimeQuery {
    fn name(&self) -> &str {
        "RuntimeQuery"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "RuntimeQuery: sql={}", self.sql)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}

/// Plans optimized plans: by the session's [`Route`], parts of them become leaves first.
#[derive(Debug)]
pub struct RoutePlanner;

// Written out as `async_trait` would have it, but for the future, which is made in `planned`: where these bounds on lifetimes hold, the
// compiler keeps nothing of what it proves, and that all that plans are made of is `Send` takes it seconds.
impl QueryPlanner for RoutePlanner {
    fn create_physical_plan<'life0, 'life1, 'life2, 'async_trait>(
        &'life0 self,
        plan: &'life1 LogicalPlan,
        session: &'life2 dyn Session,
    ) -> BoxFuture<'async_trait, Result<Arc<dyn ExecutionPlan>>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
    {
        planned(plan, session)
    }
}

fn planned<'a>(plan: &'a LogicalPlan, session: &'a dyn Session) -> BoxFuture<'a, Result<Arc<dyn ExecutionPlan>>> {
    Box::pin(async move {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(LeafPlanner)]);
        let way = session.config().get_extension::<Route>();
        match way.as_deref().copied().unwrap_or_default() {
            Route::Local => planner.create_physical_plan(&checked(plan.clone())?, session).await,
            Route::Auto | Route::Runtime => {
                // A table as it is, or its first rows: nothing is to be planned.
                if let Some(scan) = scanned(plan)
                    && with_table(scan, |_| ()).is_some()
                {
                    let filters = unnormalize_cols(scan.filters.iter().cloned());
                    let provider = source_as_provider(&scan.source)?;
                    return provider
                        .scan(session, scan.projection.as_ref(), &filters, scan.fetch)
                        .await;
                }
                let plan = route(plan.clone(), session.config().options()).await?;
                // All of it runs there: nothing is left to plan.
                if let LogicalPlan::Extension(extension) = &plan
                    && let Some(query) = extension.node.as_any().downcast_ref::<RuntimeQuery>()
                {
                    return Ok(query.exec());
                }
                planner.create_physical_plan(&checked(plan)?, session).await
            }
        }
    })
}

/// The scan that yields all rows of `plan` and no others. What it was given (filters, a number of rows) is the runtime's to do.
fn scanned(plan: &LogicalPlan) -> Option<&TableScan> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(scan),
        LogicalPlan::Limit(limit) => {
            let scan = scanned(&limit.input)?;
            let first = matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)))
                && matches!(limit.get_fetch_type(), Ok(FetchType::Literal(rows)) if rows.is_some() && rows == scan.fetch);
            first.then_some(scan)
        }
        _ => None,
    }
}

struct LeafPlanner;

#[async_trait]
impl ExtensionPlanner for LeafPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        _physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let query = node.as_any().downcast_ref::<RuntimeQuery>();
        Ok(query.map(RuntimeQuery::exec))
    }
}
