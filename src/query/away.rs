//! Planning that takes long, away from the session that waits for it. Nothing ends it from outside, for it computes without a pause: on a
//! thread of its own it holds up neither the session, which hears of a cancel request, a timeout or the end of its client meanwhile, nor
//! other sessions. Whoever ends the wait abandons the planning, which looks between its rules whether anybody is there.

use std::sync::Arc;

use datafusion::{
    common::tree_node::Transformed,
    config::ConfigOptions,
    error::Result as EngineResult,
    logical_expr::LogicalPlan,
    optimizer::{AnalyzerRule, ApplyOrder, OptimizerConfig, OptimizerRule},
    physical_optimizer::{PhysicalOptimizerContext, PhysicalOptimizerRule},
    physical_plan::ExecutionPlan,
};
use tokio::{runtime::Handle, sync::Semaphore};

use crate::{
    Error, Result,
    apart::{self, Work},
    source::runtime::to_datafusion,
    threads::{self, Threads},
};

/// The plannings of one cluster that are away.
#[derive(Debug)]
pub struct Away {
    turns: Arc<Semaphore>,
    threads: Arc<Threads>,
}

impl Away {
    /// So many of them at once, those included that nobody waits for any more.
    pub fn new(at_once: usize, threads: Arc<Threads>) -> Self {
        let turns = Arc::new(Semaphore::new(at_once));
        Away { turns, threads }
    }

    /// Runs `work` away from here, once it is its turn.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.run_knowing(move |_| work()).await
    }

    /// The same for work that waits itself now and then.
    pub async fn run_async<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let home = Handle::current();
        let done = self.run_knowing(move |apart| {
            home.block_on(async {
                tokio::select! {
                    done = apart.clone().scope(work) => done,
                    nobody_waits = apart.abandoned() => Err(nobody_waits),
                }
            })
        });
        done.await?
    }

    async fn run_knowing<T: Send + 'static>(&self, work: impl FnOnce(Work) -> T + Send + 'static) -> Result<T> {
        let (_wait, apart) = apart::wait();
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(Error::internal)?;
        let threads = self.threads.enter().map_err(Error::internal)?;
        let done = threads.handle.spawn_blocking(move || {
            let _turn = turn;
            apart.clone().sync_scope(|| work(apart))
        });
        done.await.map_err(threads::not_done)
    }
}

/// Ends the work that is done here where nobody waits for it.
fn check() -> EngineResult<()> {
    Work::current().map_or(Ok(()), |work| work.check().map_err(to_datafusion))
}

/// A rule, with such a look before it works. Rules of their own would look as well, but after each rule the engine compares the plan's
/// schema with the one before: that took a tenth of the planning.
#[derive(Debug)]
struct Wanted<Rule: ?Sized>(Arc<Rule>);

impl AnalyzerRule for Wanted<dyn AnalyzerRule + Send + Sync> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> EngineResult<LogicalPlan> {
        check()?;
        self.0.analyze(plan, config)
    }
}

impl OptimizerRule for Wanted<dyn OptimizerRule + Send + Sync> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> EngineResult<Transformed<LogicalPlan>> {
        check()?;
        self.0.rewrite(plan, config)
    }
}

impl PhysicalOptimizerRule for Wanted<dyn PhysicalOptimizerRule + Send + Sync> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> EngineResult<Arc<dyn ExecutionPlan>> {
        check()?;
        self.0.optimize(plan, config)
    }

    fn optimize_with_context(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: &dyn PhysicalOptimizerContext,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        check()?;
        self.0.optimize_with_context(plan, context)
    }
}

/// The rules, with such a look before each.
pub fn analyzer_rules(rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>>) -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    rules.into_iter().map(|rule| Arc::new(Wanted(rule)) as _).collect()
}

pub fn optimizer_rules(rules: Vec<Arc<dyn OptimizerRule + Send + Sync>>) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    rules.into_iter().map(|rule| Arc::new(Wanted(rule)) as _).collect()
}

pub fn physical_rules(
    rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    rules.into_iter().map(|rule| Arc::new(Wanted(rule)) as _).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_waits_for_ends() {
        let plannings = Away::new(1, Threads::for_computing());
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (result, results) = mpsc::channel();
        let mut work = Box::pin(plannings.run(move || {
            started.send(()).unwrap();
            // As planning does, only more often.
            let ended = loop {
                if let Err(error) = check() {
                    break error;
                }
            };
            result.send(ended.to_string()).unwrap();
        }));
        tokio::select! {
            _ = &mut work => panic!("it ended by itself"),
            started = has_started => started.unwrap(),
        }
        drop(work);
        assert!(results.recv().unwrap().contains("canceling statement"));
        // Its turn is over, and what comes next on its thread is wanted.
        assert!(plannings.run(|| check().is_ok()).await.unwrap());
        let ready = plannings.run_async(async { Ok(check().is_ok()) }).await;
        assert!(ready.unwrap());
    }

    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_panic_is_the_callers() {
        let _ = Away::new(1, Threads::for_computing()).run(|| panic!("a bug")).await;
    }
}
