//! The embedded engine of one cluster, and the scope in which one session's statements are planned and run.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use datafusion::{
    config::ConfigOptions,
    execution::{
        FunctionRegistry, SessionState, SessionStateBuilder, TaskContext,
        memory_pool::{FairSpillPool, MemoryPool},
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    logical_expr::planner::ExprPlanner,
    optimizer::{Analyzer, AnalyzerRule, Optimizer},
    prelude::SessionConfig,
};

use super::{
    append::Append,
    away::{self, Away},
    cache::PlanCache,
    errors::from_datafusion,
    growing, join_keys,
    nested_loop::BoundNestedLoops,
    pieces::Pieces,
    placed::Placed,
    rewrite::{
        apply::catalogue_state, conversions::Conversions, operators::TypedOperators, planners::PostgresOperators,
    },
    route::{Route, RoutePlanner},
    sound::Sound,
    statement::Texts,
    turns::Turns,
    unambiguous,
    views::{self, NoSettings},
    yielding::Yielding,
};
use crate::{
    Result, apart,
    catalog::{Catalog, facts::SessionFacts, model::View},
    cluster::ClusterName,
    limits,
    source::{Introspection, Source},
    threads::{Home, Threads},
};

/// The engine of one cluster: nothing in it is shared with another cluster but the threads.
pub struct Engine {
    cluster: ClusterName,
    source: Arc<dyn Source>,
    base: Arc<SessionState>,
    catalogs: Mutex<HashMap<String, Built>>,
    plans: Arc<PlanCache>,
    /// For planning that takes long.
    plannings: Arc<Away>,
    turns: Arc<Turns>,
    computing: Arc<Threads>,
    /// What its sessions sent.
    pub texts: Texts,
}

/// A catalogue and what it was built from.
struct Built {
    from: Arc<Introspection>,
    catalog: Arc<Catalog>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("cluster", &self.cluster)
            .field("source", &self.source)
            .finish()
    }
}

impl Engine {
    /// An engine over `source`, with a memory pool and spill files of its own.
    pub fn new(cluster: ClusterName, source: Arc<dyn Source>) -> Result<Self> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limits::CLUSTER_MEMORY_MAX)))
            .with_max_temp_directory_size(limits::CLUSTER_SPILL_SIZE_MAX)
            .build()
            .map_err(from_datafusion)?;
        for (url, store) in source.object_stores() {
            runtime.register_object_store(url.as_ref(), store);
        }
        let base = Arc::new(base_state(Arc::new(runtime)).map_err(from_datafusion)?);
        let computing = Threads::for_computing();
        apart::follow_tasks();
        Ok(Engine {
            cluster,
            source,
            base,
            catalogs: Mutex::default(),
            plans: Arc::new(PlanCache::new(
                limits::PLANS_MAX,
                limits::PLANS_SIZE_MAX,
                limits::ANSWERS_SIZE_MAX,
            )),
            plannings: Arc::new(Away::new(limits::CLUSTER_PLANNINGS_MAX, Arc::clone(&computing))),
            turns: Arc::default(),
            computing,
            texts: Texts::default(),
        })
    }

    /// The same with lanes of another width: small statements, large ones, those that wait, and how long.
    #[cfg(test)]
    pub fn with_turns(self, small: usize, large: usize, queue: usize, wait: std::time::Duration) -> Self {
        Engine {
            turns: Arc::new(Turns::new(small, large, queue, wait)),
            ..self
        }
    }

    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// The threads on which its large statements are computed.
    pub(crate) fn computing(&self) -> &Arc<Threads> {
        &self.computing
    }

    /// The names by which a client may call this cluster's one database.
    pub fn databases(&self) -> [String; 3] {
        [self.cluster.to_string(), "restate".to_owned(), "postgres".to_owned()]
    }

    /// The catalogue as a session of `database` sees it: built once for each version of the cluster's schema.
    pub async fn catalog(&self, database: &str) -> Result<Arc<Catalog>> {
        let from = self.source.introspect().await?;
        let mut catalogs = self.catalogs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(built) = catalogs.get(database)
            && Arc::ptr_eq(&built.from, &from)
        {
            return Ok(Arc::clone(&built.catalog));
        }
        let build = |views: &[View]| {
            let source = Arc::clone(&self.source);
            Catalog::new(database, self.cluster.as_str(), &from, source, views)
        };
        // Views are planned over the tables, and only then is it known which there are and what their columns are.
        let tables = build(&[])?;
        let catalog = build(&views::over(&self.scope_of_nobody(tables)))?;
        let built = Built {
            from,
            catalog: Arc::clone(&catalog),
        };
        if catalogs.insert(database.to_owned(), built).is_some() {
            self.plans.clear();
        }
        Ok(catalog)
    }

    /// Lets go of what is kept for speed alone: plans, what they gave, and what texts say. It comes again with the next session.
    pub fn rest(&self) {
        self.plans.clear();
        self.texts.clear();
    }

    /// Runs what takes long, and does not wait itself, where it holds up nobody.
    pub async fn away<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.plannings.run(work).await
    }

    /// A scope over a catalogue that no session asks in.
    pub(super) fn scope_of_nobody(&self, catalog: Arc<Catalog>) -> Scope {
        let facts = SessionFacts {
            backend_pid: 0,
            start_time_us: 0,
            settings: Arc::new(NoSettings),
            catalog,
        };
        self.scope(facts, "UTC", Route::Local)
    }

    /// The scope for a session's next statements, made on the session's threads. `time_zone` is what the session's TimeZone is called, `route` where its queries
    /// run.
    pub fn scope(&self, facts: SessionFacts, time_zone: &str, route: Route) -> Scope {
        Scope {
            facts: Arc::new(facts),
            databases: self.databases(),
            time_zone: time_zone.to_owned(),
            route,
            shared_plans: Arc::clone(&self.plans),
            plannings: Arc::clone(&self.plannings),
            turns: Arc::clone(&self.turns),
            computing: Arc::clone(&self.computing),
            home: Home::here().map(Arc::new),
            own_plans: PlanCache::new(limits::SESSION_PLANS_MAX, limits::SESSION_PLANS_SIZE_MAX, 0),
            base: Arc::clone(&self.base),
            states: OnceLock::new(),
        }
    }
}

/// What one session's statements are planned and run in: its settings as the engine knows them, the catalogue as it
/// stood when the scope was made.
pub struct Scope {
    pub facts: Arc<SessionFacts>,
    /// The databases that `database.schema.table` may name: all of them are the cluster's one.
    pub databases: [String; 3],
    pub(super) time_zone: String,
    pub(super) route: Route,
    /// The plans of all sessions, and those that hold something of this one.
    pub(super) shared_plans: Arc<PlanCache>,
    pub(super) own_plans: PlanCache,
    /// For planning that takes long.
    pub(super) plannings: Arc<Away>,
    /// In which the statements of all sessions run.
    pub(super) turns: Arc<Turns>,
    /// On which the large ones are computed.
    pub(super) computing: Arc<Threads>,
    /// The session's threads.
    home: Option<Arc<Home>>,
    base: Arc<SessionState>,
    states: OnceLock<States>,
}

/// The engine with a session's settings. It has hundreds of functions by their names: a session that sends nothing but what is known
/// already, as most of a pool's do when they begin, never has one.
struct States {
    of_rows: SessionState,
    of_catalogue: Arc<SessionState>,
    /// What plans run in.
    task: Arc<TaskContext>,
    operators: Vec<Arc<dyn ExprPlanner>>,
}

impl Scope {
    /// Whether the scope is of this catalogue, time zone and route.
    pub fn is_of(&self, catalog: &Arc<Catalog>, time_zone: &str, route: Route) -> bool {
        Arc::ptr_eq(&self.facts.catalog, catalog) && self.time_zone == time_zone && self.route == route
    }

    pub fn state(&self) -> &SessionState {
        &self.states().of_rows
    }

    /// The same for statements that read the catalogue alone, and for subqueries over it.
    pub fn catalogue_state(&self) -> &Arc<SessionState> {
        &self.states().of_catalogue
    }

    /// What the statements of the cluster share.
    pub(super) fn memory_pool(&self) -> &Arc<dyn MemoryPool> {
        &self.base.runtime_env().memory_pool
    }

    /// What plans run in.
    pub fn task(&self) -> Arc<TaskContext> {
        Arc::clone(&self.states().task)
    }

    /// What operators mean: PostgreSQL's own first.
    pub fn operators(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.states().operators
    }

    fn states(&self) -> &States {
        self.states.get_or_init(|| {
            let mut config = self.base.config().clone().with_extension(Arc::new(self.route));
            if let Some(home) = &self.home {
                config = config.with_extension(Arc::clone(home));
            }
            config.options_mut().execution.time_zone = Some(self.time_zone.clone());
            config.options_mut().extensions.insert(self.facts.as_ref().clone());
            let state = with_config(&self.base, config);
            let facts = || Arc::clone(&self.facts);
            let mut operators: Vec<Arc<dyn ExprPlanner>> = vec![
                Arc::new(PostgresOperators { facts: facts() }),
                Arc::new(TypedOperators { facts: facts() }),
            ];
            operators.extend(state.expr_planners().iter().cloned());
            States {
                of_catalogue: catalogue_state(&state),
                task: state.task_ctx(),
                of_rows: state,
                operators,
            }
        })
    }
}

/// The same state with other settings.
pub(super) fn with_config(state: &SessionState, config: SessionConfig) -> SessionState {
    let mut state = state.clone();
    // Of some functions the settings say what they give, as the time zone does of `now()`.
    let options = config.options();
    let of_settings = state.scalar_functions().values();
    let of_settings = of_settings.filter_map(|function| function.inner().with_updated_config(options));
    for function in of_settings.collect::<Vec<_>>() {
        // A function that is there already takes the place of itself.
        let _ = state.register_udf(Arc::new(function));
    }
    *state.config_mut() = config;
    // It hands the settings on to what runs.
    state.mark_start_execution();
    state
}

/// The engine's own rules, after ours: some of its own fail on what ours says in another way.
fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(Placed), Arc::new(Sound)];
    rules.extend(Analyzer::new().rules);
    rules
}

/// Rows that a step hands on at once. A runtime's are wide, journal entries and state values of kilobytes: a quarter of the engine's default
/// keeps what is under way of a statement to some megabytes.
const BATCH_ROWS: usize = 2048;

fn base_state(runtime: Arc<RuntimeEnv>) -> datafusion::common::Result<SessionState> {
    let mut options = ConfigOptions::new();
    options.catalog.create_default_catalog_and_schema = false;
    options.catalog.information_schema = false;
    // The runtime's strings are not views; a schema must say what its batches hold.
    options.execution.parquet.schema_force_view_types = false;
    options.execution.parquet.pushdown_filters = true;
    // Rows of a plain SELECT come in the order of their source, as clients of PostgreSQL are used to.
    options.optimizer.enable_round_robin_repartition = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    // The two sides of a UNION may say different things of a column (where it comes from); an aggregate would refuse its rows.
    options.execution.skip_physical_aggregate_schema_check = true;
    let physical = away::physical_rules(
        [
            unambiguous::rules(),
            vec![
                Arc::new(BoundNestedLoops),
                Arc::new(Yielding),
                Arc::new(Pieces),
                Arc::new(Append),
            ],
        ]
        .concat(),
    );
    let mut state = SessionStateBuilder::new()
        .with_config(SessionConfig::from(options).with_batch_size(BATCH_ROWS))
        .with_runtime_env(runtime)
        .with_default_features()
        .with_analyzer_rules(away::analyzer_rules(analyzer_rules()))
        .with_optimizer_rules(away::optimizer_rules(join_keys::kept(Optimizer::new().rules)))
        .with_query_planner(Arc::new(RoutePlanner))
        .with_physical_optimizer_rules(physical)
        .build();
    state.register_function_rewrite(Arc::new(Conversions))?;
    growing::bound(&mut state)?;
    Ok(state)
}
