//! What is kept, for whom, and that nothing of the moment or of a session is kept with it.

mod answers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, Ordering},
    },
};

use arrow::{
    array::{Array, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema, SchemaRef},
    util::display::{ArrayFormatter, FormatOptions},
};
use async_trait::async_trait;
use datafusion::{
    catalog::TableProvider,
    common::ScalarValue,
    datasource::MemTable,
    sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser},
};
use postgres_types::Type;

use super::*;
use crate::{
    Result,
    catalog::facts::{SessionFacts, SettingsView},
    query::{Engine, Scope, route::Route},
    source::{Introspection, Source},
};

/// A cluster with one table, whose columns a test may change.
#[derive(Debug)]
struct Cluster(Mutex<Arc<Introspection>>);

impl Cluster {
    fn new(columns: &[&str]) -> Arc<Self> {
        Arc::new(Cluster(Mutex::new(Self::with(columns))))
    }

    fn with(columns: &[&str]) -> Arc<Introspection> {
        let fields: Vec<_> = columns
            .iter()
            .map(|name| Field::new(*name, DataType::Int64, true))
            .collect();
        Arc::new(Introspection {
            version: "1.7.12".into(),
            tables: BTreeMap::from([("numbers".to_owned(), Arc::new(Schema::new(fields)) as SchemaRef)]),
            functions: BTreeSet::new(),
        })
    }

    fn upgrade(&self, columns: &[&str]) {
        *self.0.lock().unwrap() = Self::with(columns);
    }
}

#[async_trait]
impl Source for Cluster {
    async fn introspect(&self) -> Result<Arc<Introspection>> {
        Ok(Arc::clone(&self.0.lock().unwrap()))
    }

    fn table(&self, _table: &str, schema: SchemaRef) -> Arc<dyn TableProvider> {
        let columns = schema
            .fields()
            .iter()
            .map(|_| Arc::new(Int64Array::from(vec![1, 2, 3])) as Arc<dyn Array>)
            .collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        Arc::new(MemTable::try_new(schema, vec![vec![batch]]).unwrap())
    }
}

/// A session's one setting, which may change while it lasts.
#[derive(Debug, Default)]
struct Setting(Mutex<String>);

impl SettingsView for Setting {
    fn get(&self, _name: &str) -> Result<String> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn set(&self, _name: &str, value: &str, _local: bool) -> Result<String> {
        *self.0.lock().unwrap() = value.to_owned();
        Ok(value.to_owned())
    }

    fn all(&self) -> Vec<(String, String, String)> {
        let value = self.0.lock().unwrap().clone();
        vec![("application_name".to_owned(), value, String::new())]
    }
}

fn engine(cluster: Arc<Cluster>) -> Engine {
    Engine::new("demo".parse().unwrap(), cluster).unwrap()
}

async fn session(engine: &Engine, time_zone: &str, setting: &Arc<Setting>) -> Arc<Scope> {
    static PIDS: AtomicI32 = AtomicI32::new(1);
    let facts = SessionFacts {
        backend_pid: PIDS.fetch_add(1, Ordering::Relaxed),
        start_time_us: 0,
        settings: Arc::clone(setting) as Arc<dyn SettingsView>,
        catalog: engine.catalog("demo").await.unwrap(),
    };
    Arc::new(engine.scope(facts, time_zone, Route::Auto))
}

fn statement(sql: &str) -> ast::Statement {
    Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0)
}

fn plan(scope: &Scope, sql: &str) -> Result<Plan> {
    Plan::new(scope, statement(sql), &[])
}

/// All rows of a run of a plan.
async fn rows(plan: &Plan, scope: &Arc<Scope>, values: Vec<ScalarValue>) -> Result<Vec<RecordBatch>> {
    let mut rows = plan.run(scope, values).await?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await? {
        batches.push(batch);
    }
    Ok(batches)
}

/// The one value of a statement, as text.
async fn value(scope: &Arc<Scope>, sql: &str) -> String {
    value_with(scope, sql, Vec::new()).await
}

async fn value_with(scope: &Arc<Scope>, sql: &str, values: Vec<ScalarValue>) -> String {
    let batches = rows(&plan(scope, sql).unwrap(), scope, values).await.unwrap();
    let column = Arc::clone(batches.iter().find(|batch| batch.num_rows() > 0).unwrap().column(0));
    ArrayFormatter::try_new(&column, &FormatOptions::default())
        .unwrap()
        .value(0)
        .to_string()
}

#[tokio::test]
async fn a_statement_is_planned_once_for_all_sessions_of_a_cluster() {
    let engine = engine(Cluster::new(&["id"]));
    let setting = Arc::default();
    let (one, other) = (
        session(&engine, "UTC", &setting).await,
        session(&engine, "UTC", &setting).await,
    );
    let sql = "select sum(id) from numbers where id > 1";
    assert_eq!(value(&one, sql).await, "5");
    assert_eq!(
        value(&other, "SELECT sum( id )  FROM numbers\nWHERE id > 1 -- the same").await,
        "5"
    );
    assert_eq!(one.shared_plans.len(), 1);
    assert_eq!((one.own_plans.len(), other.own_plans.len()), (0, 0));
    assert_eq!(value(&other, "select sum(id) from numbers where id > 2").await, "3");
    assert_eq!(one.shared_plans.len(), 2);
}

#[tokio::test]
async fn clusters_share_nothing() {
    let (one, other) = (engine(Cluster::new(&["id"])), engine(Cluster::new(&["id"])));
    let setting = Arc::default();
    let (one, other) = (
        session(&one, "UTC", &setting).await,
        session(&other, "UTC", &setting).await,
    );
    plan(&one, "select id from numbers").unwrap();
    assert_eq!((one.shared_plans.len(), other.shared_plans.len()), (1, 0));
}

#[tokio::test]
async fn parameters_are_bound_each_time() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    let sql = "select sum(id) from numbers where id > $1";
    assert_eq!(value_with(&scope, sql, vec![ScalarValue::Int64(Some(1))]).await, "5");
    assert_eq!(value_with(&scope, sql, vec![ScalarValue::Int64(Some(2))]).await, "3");
    assert_eq!(scope.shared_plans.len(), 1);
    // Another type for the parameter is another plan.
    let declared = Plan::new(&scope, statement(sql), &[Some(Type::TEXT)]);
    assert!(declared.is_err() || declared.unwrap().parameter_types().next() == Some(&Type::TEXT));
}

#[tokio::test]
async fn now_is_the_time_of_each_run() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    for sql in [
        "select now()",
        "select current_timestamp",
        "select max(now()) from numbers",
        "select (select now())",
    ] {
        let first = value(&scope, sql).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_ne!(value(&scope, sql).await, first, "{sql}");
    }
    let first = value(&scope, "select random()").await;
    assert_ne!(value(&scope, "select random()").await, first);
}

#[tokio::test]
async fn what_a_session_is_answered_is_its_own() {
    let engine = engine(Cluster::new(&["id"]));
    let (setting, theirs) = (Arc::<Setting>::default(), Arc::<Setting>::default());
    setting.set("x", "mine", false).unwrap();
    theirs.set("x", "theirs", false).unwrap();
    let (one, other) = (
        session(&engine, "UTC", &setting).await,
        session(&engine, "UTC", &theirs).await,
    );
    for sql in ["select pg_backend_pid()", "select max(pg_backend_pid()) from numbers"] {
        for session in [&one, &other] {
            let own = session.facts.backend_pid.to_string();
            assert_eq!(value(session, sql).await, own, "{sql}");
        }
    }
    let sql = "select current_setting('x') from numbers limit 1";
    assert_eq!(value(&one, sql).await, "mine");
    assert_eq!(value(&other, sql).await, "theirs");
    // The same session, the same plan, another value.
    setting.set("x", "changed", false).unwrap();
    assert_eq!(value(&one, sql).await, "changed");
    assert_eq!(one.shared_plans.len(), 0);
    assert_eq!((one.own_plans.len(), other.own_plans.len()), (3, 3));
}

/// Of these too the value is that of each run, however often their plan was run before.
#[tokio::test]
async fn what_a_subquery_is_told_is_of_the_moment() {
    let engine = engine(Cluster::new(&["id"]));
    let setting = Arc::<Setting>::default();
    let scope = session(&engine, "UTC", &setting).await;
    let own = "from pg_class c where c.relname = 'numbers'";
    let statements = [
        format!("select (select current_setting('application_name') || c.relname) {own}"),
        format!("select (select a.application_name || c.relname from pg_stat_activity a) {own}"),
        format!("select (select s.setting || c.relname from pg_settings s where s.name = 'application_name') {own}"),
        format!("select (select (select current_setting('x') || d.relname) from pg_class d where d.oid = c.oid) {own}"),
        "select (select (select current_setting('x') || 'numbers' where n.id > 0) from numbers n limit 1)".to_owned(),
        "select (select max((select current_setting('x') || 'numbers' where n.id > 0)) from numbers n)".to_owned(),
        "select l.x || c.relname from pg_class c, lateral (select current_setting('x') as x where c.oid > 0) l \
         where c.relname = 'numbers'"
            .to_owned(),
        "select (select current_setting('x') || c.relname) from pg_class c, numbers where c.relname = 'numbers'"
            .to_owned(),
    ];
    for of_now in ["one ", "other "] {
        setting.set("x", of_now, false).unwrap();
        for sql in &statements {
            assert_eq!(value(&scope, sql).await, format!("{of_now}numbers"), "{sql}");
        }
    }
    for there_is in [false, true] {
        setting.set("x", &there_is.to_string(), false).unwrap();
        let sql = format!("select exists (select c.oid where current_setting('x') = 'true') {own}");
        assert_eq!(value(&scope, &sql).await, there_is.to_string());
    }
}

#[tokio::test]
async fn one_statement_has_one_time() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    for sql in [
        "select (select now() - a.backend_start) from pg_stat_activity a",
        "select (select now() - a.backend_start) from pg_stat_activity a, numbers",
        "select query_start from pg_stat_activity",
    ] {
        let first = value(&scope, sql).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_ne!(value(&scope, sql).await, first, "{sql}");
    }
    for sql in [
        "select now() = (select now() where a.pid > 0) from pg_stat_activity a",
        "select now() = (select now() where a.pid > 0) from pg_stat_activity a, numbers",
        "select now() = query_start and now() = xact_start from pg_stat_activity",
    ] {
        assert_eq!(value(&scope, sql).await, "true", "{sql}");
    }
}

#[tokio::test]
async fn a_shared_plan_holds_nothing_of_a_session() {
    let engine = engine(Cluster::new(&["id"]));
    let setting = Arc::<Setting>::default();
    for sql in [
        "select id::float8::text from numbers",
        "select concat(id::float8, 'x') from numbers",
        "select c.oid::regclass::text from pg_class c where c.oid = 'numbers'::regclass",
    ] {
        let scope = session(&engine, "UTC", &setting).await;
        let before = scope.shared_plans.len();
        value(&scope, sql).await;
        assert_eq!(
            (scope.shared_plans.len(), scope.own_plans.len()),
            (before + 1, 0),
            "{sql}"
        );
        drop(scope);
        assert_eq!(Arc::strong_count(&setting), 1, "{sql}");
    }
}

#[tokio::test]
async fn what_a_table_function_is_called_with_is_of_the_moment() {
    let engine = engine(Cluster::new(&["id"]));
    let setting = Arc::<Setting>::default();
    let scope = session(&engine, "UTC", &setting).await;
    let sql = "select count(*) from generate_series(1, current_setting('x')::bigint) as t(n)";
    for rows in ["3", "5"] {
        setting.set("x", rows, false).unwrap();
        assert_eq!(value(&scope, sql).await, rows);
    }
}

#[tokio::test]
async fn a_time_zone_is_part_of_what_a_plan_is() {
    let engine = engine(Cluster::new(&["id"]));
    let setting = Arc::default();
    let (utc, other) = (
        session(&engine, "UTC", &setting).await,
        session(&engine, "America/New_York", &setting).await,
    );
    let sql = "select '2026-01-01 00:00:00'::timestamptz at time zone 'UTC'";
    let (here, there) = (value(&utc, sql).await, value(&other, sql).await);
    assert!(here.starts_with("2026-01-01T00:00"), "{here}");
    assert!(there.starts_with("2026-01-01T05:00"), "{there}");
    assert_eq!(value(&utc, sql).await, here);
}

#[tokio::test]
async fn another_schema_forgets_all_plans() {
    let cluster = Cluster::new(&["id"]);
    let engine = engine(Arc::clone(&cluster));
    let setting = Arc::default();
    let before = session(&engine, "UTC", &setting).await;
    assert_eq!(
        plan(&before, "select * from numbers").unwrap().schema().fields().len(),
        1
    );
    cluster.upgrade(&["id", "more"]);
    let after = session(&engine, "UTC", &setting).await;
    assert_eq!(after.shared_plans.len(), 0);
    assert_eq!(
        plan(&after, "select * from numbers").unwrap().schema().fields().len(),
        2
    );
    // A session that has not seen the change yet does not get, nor leave, the other's plan.
    assert_eq!(
        plan(&before, "select * from numbers").unwrap().schema().fields().len(),
        1
    );
    assert_eq!(
        plan(&after, "select * from numbers").unwrap().schema().fields().len(),
        2
    );
}

#[tokio::test]
async fn a_plan_that_is_run_again_gives_its_rows_again() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    for sql in [
        "select sum(a.id) from numbers a join numbers b on a.id = b.id",
        "select count(*) from (select id from numbers union select id from numbers) t",
        "select count(distinct id) from numbers group by id > 0",
        "select (select max(id) from numbers) from numbers",
        "select count(*) from generate_series(1, 7) as t(n)",
        "select row_number() over (order by id) from numbers",
    ] {
        let first = value(&scope, sql).await;
        assert_eq!(value(&scope, sql).await, first, "{sql}");
        assert_eq!(value(&scope, sql).await, first, "{sql}");
    }
}

#[tokio::test]
async fn the_plans_used_last_stay() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    let queries: Vec<_> = (0..4).map(|n| statement(&format!("select {n}"))).collect();
    let key = |n: usize| Key::new(&queries[n], &[], &scope);
    let some = plan(&scope, "select 1").unwrap();
    let has = |cache: &PlanCache| (0..4).filter(|n| cache.get(key(*n)).is_some()).collect::<Vec<_>>();

    let few = PlanCache::new(2, 1_000, 0);
    few.insert(key(0), some.clone(), 1);
    few.insert(key(1), some.clone(), 1);
    few.get(key(0));
    few.insert(key(2), some.clone(), 1);
    assert_eq!(has(&few), [0, 2]);

    let small = PlanCache::new(100, 800, 0);
    for n in 0..4 {
        small.insert(key(n), some.clone(), 100);
    }
    small.insert(key(0), some.clone(), 100);
    assert_eq!(has(&small).len(), 4, "what is kept again counts once");
    small.clear();
    assert_eq!(has(&small), [0; 0]);
    small.insert(key(0), some.clone(), 101);
    assert_eq!(has(&small), [0; 0], "one plan does not drive out the others");
}
