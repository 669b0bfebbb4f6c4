//! The embedded engine of one cluster, and the scope in which one session's statements are planned and run.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::{
    config::ConfigOptions,
    execution::{
        FunctionRegistry, SessionState, SessionStateBuilder,
        memory_pool::FairSpillPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    logical_expr::planner::ExprPlanner,
    prelude::SessionConfig,
};

use super::{
    errors::from_datafusion,
    rewrite::{conversions::Conversions, operators::TypedOperators, planners::PostgresOperators},
    route::{Route, RoutePlanner},
};
use crate::{
    Result,
    catalog::{Catalog, facts::SessionFacts},
    cluster::ClusterName,
    limits,
    source::{Introspection, Source},
};

/// The engine of one cluster: nothing in it is shared with another cluster but the threads.
pub struct Engine {
    cluster: ClusterName,
    source: Arc<dyn Source>,
    base: SessionState,
    catalogs: Mutex<HashMap<String, Built>>,
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
            .build()
            .map_err(from_datafusion)?;
        for (url, store) in source.object_stores() {
            runtime.register_object_store(url.as_ref(), store);
        }
        let base = base_state(Arc::new(runtime)).map_err(from_datafusion)?;
        Ok(Engine {
            cluster,
            source,
            base,
            catalogs: Mutex::default(),
        })
    }

    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
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
        let catalog = Catalog::new(database, self.cluster.as_str(), &from, Arc::clone(&self.source))?;
        catalogs.insert(
            database.to_owned(),
            Built {
                from,
                catalog: Arc::clone(&catalog),
            },
        );
        Ok(catalog)
    }

    /// The scope for a session's next statements. `time_zone` is what the session's TimeZone is called, `route` where its queries
    /// run.
    pub fn scope(&self, facts: SessionFacts, time_zone: &str, route: Route) -> Scope {
        let mut config = self.base.config().clone().with_extension(Arc::new(route));
        config.options_mut().execution.time_zone = Some(time_zone.to_owned());
        config.options_mut().extensions.insert(facts.clone());
        let state = SessionStateBuilder::new_from_existing(self.base.clone())
            .with_config(config)
            .build();
        let facts = Arc::new(facts);
        let mut operators: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(PostgresOperators {
            facts: Arc::clone(&facts),
        })];
        operators.push(Arc::new(TypedOperators {
            facts: Arc::clone(&facts),
        }));
        operators.extend(state.expr_planners().iter().cloned());
        Scope {
            state,
            facts,
            operators,
            databases: self.databases(),
            time_zone: time_zone.to_owned(),
            route,
        }
    }
}

/// What one session's statements are planned and run in: its settings as the engine knows them, the catalogue as it
/// stood when the scope was made.
pub struct Scope {
    pub state: SessionState,
    pub facts: Arc<SessionFacts>,
    /// What operators mean: PostgreSQL's own first.
    pub operators: Vec<Arc<dyn ExprPlanner>>,
    /// The databases that `database.schema.table` may name: all of them are the cluster's one.
    pub databases: [String; 3],
    time_zone: String,
    route: Route,
}

impl Scope {
    /// Whether the scope is of this catalogue, time zone and route.
    pub fn is_of(&self, catalog: &Arc<Catalog>, time_zone: &str, route: Route) -> bool {
        Arc::ptr_eq(&self.facts.catalog, catalog) && self.time_zone == time_zone && self.route == route
    }
}

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
    let mut state = SessionStateBuilder::new()
        .with_config(SessionConfig::from(options))
        .with_runtime_env(runtime)
        .with_default_features()
        .with_query_planner(Arc::new(RoutePlanner))
        .build();
    state.register_function_rewrite(Arc::new(Conversions))?;
    Ok(state)
}
