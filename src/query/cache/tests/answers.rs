//! What plans gave: what of it is kept, for whom, until when, and what is computed each time.

use super::*;

/// What clients ask of the catalogue: all of it is the same for every session.
const CONSTANT: [&str; 19] = [
    "select 1",
    "select 1 + 1 as two, 'a'::text, null, 1.5::numeric(4, 2)",
    "select array[1, 2], '2026-01-01'::timestamp",
    "select repeat('x', 100000)",
    "select 1 where false",
    "select version(), current_database(), current_schema(), current_user, session_user",
    "select count(*) from pg_class",
    "select c.oid, c.relname, pg_table_is_visible(c.oid) from pg_class c where c.oid = 'numbers'::regclass order by 2",
    "select c.oid::regclass::text, pg_get_userbyid(c.relowner), obj_description(c.oid) from pg_class c",
    "select has_table_privilege('numbers', 'select'), has_table_privilege(current_user, c.oid, 'select') from pg_class c",
    "select attname, format_type(atttypid, atttypmod), \
            (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum), \
            (select t.typname || pg_get_userbyid(t.typowner) from pg_type t where t.oid = a.atttypid) \
     from pg_attribute a where a.attrelid = 'numbers'::regclass and a.attnum > 0 and not a.attisdropped",
    "select c.relname, l.n from pg_class c, lateral (select max(attnum) as n from pg_attribute where attrelid = c.oid) l",
    "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select sum(n) from r",
    "select table_name, row_number() over (order by table_name) from information_schema.tables",
    "select string_agg(typname, ',' order by oid) from pg_type where exists (select from pg_class where reltype = pg_type.oid)",
    "select unnest(array['a', 'b'])",
    "select conname, n from pg_constraint, generate_series(1, 32) as pos(n) where conkey[n] > 0",
    "select count(*) from generate_series(1, 100000)",
    "select relname from pg_class where relname ~ '^num' union all select 'x' limit 10",
];

/// What is another at another time, in another session or of other rows.
const CHANGING: [&str; 37] = [
    "select now()",
    "select current_date",
    "select localtimestamp, current_time",
    "select 'now'::timestamptz",
    "select age(timestamp '2020-01-01')",
    "select clock_timestamp()",
    "select timeofday()",
    "select random()",
    "select gen_random_uuid()",
    "select pg_backend_pid()",
    "select pg_postmaster_start_time()",
    "select pg_conf_load_time()",
    "select current_setting('x')",
    "select set_config('x', 'y', false)",
    "select pg_advisory_lock(1)",
    "select pg_sleep(0)",
    "select * from pg_settings",
    "select * from pg_stat_activity",
    "select * from pg_stat_ssl",
    "select * from pg_stat_gssapi",
    "select * from pg_timezone_names",
    "select id from numbers",
    "select c.relname from pg_class c, numbers",
    "select relname from pg_class where exists (select from numbers)",
    "select relname from pg_class where relname = (select setting from pg_settings limit 1)",
    "select relname, (select c.relname || current_setting('x')) from pg_class c",
    "select relname, (select s.setting from pg_settings s where s.name = c.relname) from pg_class c",
    "select (select (select now() where d.oid = c.oid) from pg_class d where d.oid = c.oid) from pg_class c",
    "select relname from pg_class c, lateral (select a.pid from pg_stat_activity a where c.oid > 0) l",
    "select relname from pg_class order by random()",
    "select relname from pg_class where pg_backend_pid() > 0",
    "select max(current_setting('x')) from pg_class",
    "select count(*) filter (where now() > '2020-01-01') from pg_class",
    "select sum(length(current_setting('x'))) over () from pg_class",
    "with settings as (select * from pg_settings) select name from settings",
    "select count(*) from generate_series(1, length(current_setting('x'))) as t(n)",
    "select count(*) from generate_series(now() - interval '1 day', now(), interval '1 hour') as t(n)",
];

fn answers(scope: &Scope) -> usize {
    scope.shared_plans.answers().0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_catalogue_answers_is_kept_for_all_sessions() {
    let engine = engine(Cluster::new(&["id"]));
    let (mine, theirs) = (Arc::<Setting>::default(), Arc::<Setting>::default());
    let (one, other) = (
        session(&engine, "UTC", &mine).await,
        session(&engine, "UTC", &theirs).await,
    );
    for (known, sql) in CONSTANT.iter().enumerate() {
        assert_eq!(answers(&one), known, "{sql}");
        let first = rows(&plan(&one, sql).unwrap(), &one, Vec::new()).await.unwrap();
        assert_eq!(answers(&one), known + 1, "{sql}");
        let again = plan(&other, sql).unwrap();
        let kept = other.shared_plans.answer(&again, &[], &other);
        assert_eq!(kept.as_ref(), Some(&first), "{sql}");
        assert_eq!(rows(&again, &other, Vec::new()).await.unwrap(), first, "{sql}");
    }
    // Nothing of who asked first is in it.
    drop(one);
    assert_eq!(Arc::strong_count(&mine), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_computed_each_time() {
    let engine = engine(Cluster::new(&["id"]));
    let setting = Arc::<Setting>::default();
    setting.set("x", "2", false).unwrap();
    let scope = session(&engine, "UTC", &setting).await;
    for sql in CHANGING {
        let plan = plan(&scope, sql).unwrap();
        rows(&plan, &scope, Vec::new()).await.unwrap();
        assert_eq!(plan.constant(), None, "{sql}");
        assert_eq!(scope.shared_plans.answers(), (0, 0), "{sql}");
    }
}

#[tokio::test]
async fn a_settings_change_is_seen() {
    let engine = engine(Cluster::new(&["id"]));
    let setting = Arc::<Setting>::default();
    let scope = session(&engine, "UTC", &setting).await;
    for sql in [
        "select setting from pg_settings where name = 'application_name'",
        "select application_name from pg_stat_activity",
        "select current_setting('application_name')",
    ] {
        for name in ["psql", "pgbench"] {
            setting.set("application_name", name, false).unwrap();
            assert_eq!(value(&scope, sql).await, name, "{sql}");
        }
    }
}

#[tokio::test]
async fn an_answer_is_of_its_parameters_values() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    let sql = "select relname || $2 from pg_class where relname = $1";
    let text = |text: &str| ScalarValue::from(text);
    for known in 0..2 {
        for (name, more) in [("numbers", "!"), ("pg_class", "!"), ("numbers", "?")] {
            let values = vec![text(name), text(more)];
            assert_eq!(
                value_with(&scope, sql, values).await,
                format!("{name}{more}"),
                "{known}"
            );
        }
        assert_eq!(answers(&scope), 3);
    }
    // Of another type, though it is written the same.
    for (value, expected) in [(ScalarValue::from("1"), "text"), (ScalarValue::from(1_i64), "bigint")] {
        let declared = [Some(if expected == "text" { Type::TEXT } else { Type::INT8 })];
        let plan = Plan::new(&scope, statement("select pg_typeof($1)::text"), &declared).unwrap();
        let batches = rows(&plan, &scope, vec![value]).await.unwrap();
        let column = ArrayFormatter::try_new(batches[0].column(0), &FormatOptions::default()).unwrap();
        assert_eq!(column.value(0).to_string(), expected);
    }
}

#[tokio::test]
async fn an_answer_is_of_its_time_zone() {
    let engine = engine(Cluster::new(&["id"]));
    let setting = Arc::default();
    let (utc, other) = (
        session(&engine, "UTC", &setting).await,
        session(&engine, "America/New_York", &setting).await,
    );
    let sql = "select relname || ' ' || timestamptz '2026-01-01 00:00:00Z' from pg_class where relname = 'numbers'";
    for _ in 0..2 {
        assert_eq!(value(&utc, sql).await, "numbers 2026-01-01 00:00:00+00");
        assert_eq!(value(&other, sql).await, "numbers 2025-12-31 19:00:00-05");
    }
    assert_eq!(answers(&utc), 2);
    // A portal may be bound before its session's time zone changes.
    let plan = plan(&utc, "select relname from pg_class").unwrap();
    rows(&plan, &other, Vec::new()).await.unwrap();
    assert_eq!(answers(&utc), 2);
    rows(&plan, &utc, Vec::new()).await.unwrap();
    assert_eq!(answers(&utc), 3);
    assert_eq!(other.shared_plans.answer(&plan, &[], &other), None);
}

#[tokio::test]
async fn another_schema_has_other_answers() {
    let cluster = Cluster::new(&["id"]);
    let engine = engine(Arc::clone(&cluster));
    let setting = Arc::default();
    let sql = "select count(*) from information_schema.columns where table_name = 'numbers'";
    let before = session(&engine, "UTC", &setting).await;
    assert_eq!(value(&before, sql).await, "1");
    cluster.upgrade(&["id", "more"]);
    let after = session(&engine, "UTC", &setting).await;
    assert_eq!(after.shared_plans.answers(), (0, 0));
    assert_eq!(value(&after, sql).await, "2");
    // Whoever has not seen the change yet gets and leaves nothing of another version's.
    assert_eq!(value(&before, sql).await, "1");
    assert_eq!(value(&after, sql).await, "2");
}

#[tokio::test]
async fn another_cluster_has_other_answers() {
    let engines = [&["id"][..], &["id", "more"]].map(|columns| engine(Cluster::new(columns)));
    let sql = "select count(*) from information_schema.columns where table_name = 'numbers'";
    for (engine, columns) in engines.iter().zip(["1", "2"]) {
        let scope = session(engine, "UTC", &Arc::default()).await;
        assert_eq!(scope.shared_plans.answers(), (0, 0));
        assert_eq!(value(&scope, sql).await, columns);
    }
}

#[tokio::test]
async fn databases_of_a_cluster_have_answers_of_their_own() {
    let engine = engine(Cluster::new(&["id"]));
    for _ in 0..2 {
        for database in ["demo", "restate"] {
            let facts = SessionFacts {
                backend_pid: 1,
                start_time_us: 0,
                settings: Arc::<Setting>::default(),
                catalog: engine.catalog(database).await.unwrap(),
            };
            let scope = Arc::new(engine.scope(facts, "UTC", Route::Auto));
            assert_eq!(value(&scope, "select current_database()").await, database);
        }
    }
}

#[tokio::test]
async fn only_what_was_read_to_its_end_is_kept() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    let some = plan(&scope, "select relname from pg_class order by 1").unwrap();
    let mut unread = some.run(&scope, Vec::new()).await.unwrap();
    assert!(unread.next().await.unwrap().is_some());
    drop(unread);
    for failing in [
        "select * from pg_authid",
        "select 1 / (oid::bigint - 1259) from pg_class",
    ] {
        let plan = plan(&scope, failing).unwrap();
        for _ in 0..2 {
            let Ok(mut run) = plan.run(&scope, Vec::new()).await else {
                continue;
            };
            assert!(run.next().await.is_err(), "{failing}");
            assert!(run.next().await.is_err(), "what is missing is not the end: {failing}");
        }
    }
    assert_eq!(scope.shared_plans.answers(), (0, 0));
    let pool = scope.memory_pool();
    let first = rows(&some, &scope, Vec::new()).await.unwrap();
    assert_eq!(
        (answers(&scope), pool.reserved()),
        (1, 0),
        "what is kept is not the statement's"
    );
    assert_eq!(rows(&some, &scope, Vec::new()).await.unwrap(), first);
}

#[tokio::test]
async fn who_ask_at_once_are_both_answered() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    let sql = "select relname from pg_class order by 1";
    let first = plan(&scope, sql).unwrap();
    scope.shared_plans.clear();
    let second = plan(&scope, sql).unwrap();
    // Both planned it: both have the one that was kept first.
    let kept = scope
        .shared_plans
        .insert(Key::new(&statement(sql), &[], &scope), first.clone(), 1);
    assert!(kept.is(&second) && !kept.is(&first));
    let mut runs = Vec::new();
    for plan in [&second, &kept] {
        runs.push(plan.run(&scope, Vec::new()).await.unwrap());
    }
    let mut given = Vec::new();
    while let Some(batch) = runs[0].next().await.unwrap() {
        given.push(batch);
        assert_eq!(runs[1].next().await.unwrap().as_ref(), given.last());
    }
    let kept = scope.shared_plans.answers();
    assert!(runs[1].next().await.unwrap().is_none());
    assert_eq!((kept.0, scope.shared_plans.answers()), (1, kept));
}

#[tokio::test]
async fn what_is_kept_of_answers_is_bounded() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    let plans: Vec<Plan> = (0..4)
        .map(|n| plan(&scope, &format!("select {n} from pg_class where relname = $1")).unwrap())
        .collect();
    let queries: Vec<_> = (0..4)
        .map(|n| statement(&format!("select {n} from pg_class where relname = $1")))
        .collect();
    let cache = PlanCache::new(3, 1_000, 80_000);
    let add = |n: usize| cache.insert(Key::new(&queries[n], &[], &scope), plans[n].clone(), 1);
    let keep = |n: usize, value: i64, size: usize| {
        let values = vec![ScalarValue::from(value)];
        cache.keep(&plans[n], values, &scope, Vec::new(), size - ANSWER_OVERHEAD);
    };
    let has = |n: usize, value: i64| cache.answer(&plans[n], &[ScalarValue::from(value)], &scope).is_some();

    keep(0, 0, 5_000);
    assert!(!has(0, 0), "its plan is not kept");
    add(0);
    keep(0, 0, 10_001);
    assert!(!has(0, 0), "one answer does not drive out the others");
    add(1);
    for value in 0..4 {
        keep(0, value, 10_000);
        keep(1, value, 10_000);
    }
    assert_eq!(cache.answers(), (8, 80_000));
    keep(1, 3, 10_000);
    assert_eq!(cache.answers(), (8, 80_000), "it is kept once");
    assert!(has(0, 0));
    add(2);
    keep(2, 0, 10_000);
    assert!(has(0, 3) && !has(1, 0) && has(2, 0), "those used last stay");
    assert_eq!(cache.answers(), (5, 50_000));
    // With a plan goes what it gave.
    add(3);
    assert!(!has(0, 3) && has(2, 0));
    assert_eq!((cache.len(), cache.answers()), (3, (1, 10_000)));
    cache.clear();
    assert_eq!(cache.answers(), (0, 0));
}

#[tokio::test]
async fn a_cluster_at_rest_keeps_nothing() {
    let engine = engine(Cluster::new(&["id"]));
    let scope = session(&engine, "UTC", &Arc::default()).await;
    let text = || engine.texts.parsed("select count(*) from pg_class".to_owned()).unwrap();
    let of = |parsed: Vec<(Result<Arc<_>>, usize)>| parsed.into_iter().next().unwrap().0.unwrap();
    let known = of(text());
    assert!(Arc::ptr_eq(&known, &of(text())));
    value(&scope, "select count(*) from pg_class").await;
    assert_eq!((scope.shared_plans.len(), answers(&scope)), (1, 1));
    engine.rest();
    assert_eq!((scope.shared_plans.len(), answers(&scope)), (0, 0));
    assert!(!Arc::ptr_eq(&known, &of(text())));
}
