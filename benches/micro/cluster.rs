//! The demo's cluster without a server around it: its engine, and a session's scope in it.

use std::{path::Path, sync::Arc};

use arrow::array::RecordBatch;
use datafusion::sql::sqlparser::ast;
use restate_pg::{
    Error, Result, SqlState,
    catalog::facts::{SessionFacts, SettingsView},
    query::{
        Engine, Plan, Scope,
        route::Route,
        statement::{Piece, Statement},
    },
    source::SnapshotSource,
};

/// Of the cluster, its role and its database.
pub const NAME: &str = "demo";

/// The demo's snapshot.
pub fn source() -> Arc<SnapshotSource> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    Arc::new(SnapshotSource::open(demo).expect("the demo's snapshot"))
}

/// An engine over `source` that has neither a catalogue nor plans yet.
pub fn engine(source: &Arc<SnapshotSource>) -> Engine {
    Engine::new(NAME.parse().expect("a name"), source.clone()).expect("an engine")
}

/// The scope of a session of `engine`.
pub async fn scope(engine: &Engine) -> Arc<Scope> {
    let facts = SessionFacts {
        backend_pid: 1,
        start_time_us: 0,
        settings: Arc::new(NoSettings),
        catalog: engine.catalog(NAME).await.expect("a catalogue"),
    };
    Arc::new(engine.scope(facts, "UTC", Route::default()))
}

/// The tree of a query.
pub fn parse(sql: &str) -> Box<ast::Statement> {
    match Statement::parse(Piece::whole(sql)) {
        Ok(Statement::Query(query)) => query,
        other => panic!("{sql}: {other:?}"),
    }
}

/// All rows of a query without parameters: parsed, planned unless its plan is kept, and run.
pub async fn rows(scope: &Arc<Scope>, sql: &str) -> Vec<RecordBatch> {
    let run = async {
        let mut execution = Plan::new(scope, parse(sql), &[])?.run(scope, vec![]).await?;
        let mut rows = Vec::new();
        while let Some(batch) = execution.next().await? {
            rows.push(batch);
        }
        Ok(rows)
    };
    run.await.unwrap_or_else(|error: Error| panic!("{sql}: {error:?}"))
}

/// No statement here depends on any.
#[derive(Debug)]
struct NoSettings;

impl SettingsView for NoSettings {
    fn get(&self, name: &str) -> Result<String> {
        Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("no setting {name:?}")))
    }

    fn set(&self, name: &str, _: &str, _: bool) -> Result<String> {
        self.get(name)
    }

    fn all(&self) -> Vec<(String, String, String)> {
        vec![]
    }
}
