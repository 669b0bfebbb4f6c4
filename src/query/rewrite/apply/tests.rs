//! Subqueries and lateral joins of every shape, through the engine.

use datafusion::common::ScalarValue;

use crate::catalog::testing::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn subqueries_anywhere() {
    let engine = Engine::new();
    for (sql, expected) in [
        // No aggregate, an order and a limit, a condition that is no equality.
        (
            "select relname, (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 1 order by attnum limit 1) \
             from pg_class c where relnamespace = 2200 and relkind = 'r' order by 1",
            vec!["sys_deployment|endpoint", "sys_invocation|status", "sys_journal|index"],
        ),
        (
            "select case when exists (select 1 from pg_constraint k where k.conrelid = c.oid and contype = 'f') then 'f' else 'n' end \
             from pg_class c where relnamespace = 2200 and relkind = 'r' order by relname",
            vec!["n", "f", "f"],
        ),
        (
            "select relname from pg_class c where relnamespace = 2200 and not exists \
             (select 1 from pg_index i where i.indrelid = c.oid or i.indexrelid = c.oid)",
            vec![],
        ),
        (
            "select relname, c.oid in (select confrelid from pg_constraint k where k.contype = 'f') from pg_class c \
             where relnamespace = 2200 and relkind = 'r' order by 1",
            vec!["sys_deployment|true", "sys_invocation|true", "sys_journal|false"],
        ),
        // One within another, both looking outwards.
        (
            "select (select count(*) from pg_class c where c.relnamespace = n.oid and c.relkind = 'r' and exists \
             (select 1 from pg_index i where i.indrelid = c.oid and n.nspname = 'public')) from pg_namespace n order by nspname",
            vec!["0", "0", "3"],
        ),
        // The inner one looks at the one around it, which is itself one.
        (
            "select relname from pg_class c where relnamespace = 2200 and relkind = 'r' and exists (select 1 from pg_index i \
             where i.indrelid = c.oid and exists (select 1 from pg_attribute a where a.attrelid = i.indrelid and a.attname = 'index'))",
            vec!["sys_journal"],
        ),
        ("select (select 1 where false)", vec![""]),
        // Of an aggregate, which what is above knows by its name.
        (
            "select max((select c.relname where c.oid > 0)) from pg_class c where relnamespace = 2200 and relkind = 'r'",
            vec!["sys_journal"],
        ),
        // A recursion of its own.
        (
            "select (with recursive bases (oid, depth) as (select b.typbasetype, 0 from pg_type b where b.oid = t.oid union all \
             select b.typbasetype, bases.depth + 1 from pg_type b, bases where bases.oid = b.oid and b.typbasetype <> 0) \
             select max(depth) from bases) from pg_type t where t.oid = 16",
            vec!["0"],
        ),
        (
            "select (select relname from pg_class c where c.oid = t.typrelid) from pg_type t where t.oid = 16",
            vec![""],
        ),
    ] {
        assert_eq!(engine.rows(sql).await, expected, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lateral_joins() {
    let engine = Engine::new();
    for (sql, expected) in [
        (
            "select relname, l.attname from pg_class c, lateral (select attname from pg_attribute a where a.attrelid = c.oid \
             and attnum > 2 order by attnum) l where relnamespace = 2200 and relkind = 'r' and relname <> 'sys_invocation'",
            vec!["sys_journal|entry_json"],
        ),
        (
            "select relname, l.attname from pg_class c left join lateral (select attname from pg_attribute a where a.attrelid = c.oid \
             and attnum > 2 order by attnum limit 1) l on true where relnamespace = 2200 and relkind = 'r' order by 1",
            vec!["sys_deployment|", "sys_invocation|created_at", "sys_journal|entry_json"],
        ),
        // Each run has its own rows.
        (
            "select v.k, v.x from pg_am a cross join lateral (values ('name', a.amname), ('type', a.amtype)) v(k, x) \
             where a.oid < 404 order by 1, 2",
            vec!["name|btree", "name|heap", "type|i", "type|t"],
        ),
        (
            "select v.x from pg_am a cross join lateral (values (a.amname)) v(x) where a.oid < 404 order by 1",
            vec!["btree", "heap"],
        ),
    ] {
        assert_eq!(engine.rows(sql).await, expected, "{sql}");
    }
}

/// The column of the subquery is never NULL, the subquery is where it has no row.
#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_null_whatever_the_column() {
    let engine = Engine::new();
    let sql = "select s.typname, s.collation from (select t.typname, (select c.collname from pg_collation c \
               where c.oid = t.typcollation and t.typcollation <> 100) as collation from pg_type t where t.oid in (19, 23)) s \
               order by s.typname";
    assert_eq!(engine.rows(sql).await, ["int4|", "name|C"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_row_is_an_error() {
    let engine = Engine::new();
    let sql = "select (select attname from pg_attribute a where a.attrelid = c.oid) from pg_class c where relname = 'sys_journal'";
    let error = engine.error(sql).await;
    assert!(
        error.contains("more than one row returned by a subquery used as an expression (21000)"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_within_subqueries_are_bound_later() {
    let engine = Engine::new();
    let sql = "select relname, (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum = $1::int) from pg_class c \
               where relname = $2::text";
    let values = vec![
        ScalarValue::Int32(Some(2)),
        ScalarValue::Utf8(Some("sys_journal".into())),
    ];
    let answer = engine.run_with(sql, values).await.unwrap();
    assert_eq!(
        answer.rows,
        [[Some("sys_journal".to_owned()), Some("index".to_owned())]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_s_rows_are_left_to_the_engine() {
    let engine = Engine::new();
    let sql = "select id, (select count(*) from sys_journal j where j.id = i.id) from sys_invocation i order by 1";
    assert_eq!(engine.rows(sql).await, ["sys_invocation_1|0", "sys_invocation_2|0"]);
    // The engine refuses what it cannot know to be one row.
    let error = engine
        .error("select (select j.id from sys_journal j where j.id = i.id) from sys_invocation i")
        .await;
    assert!(error.contains("must be aggregated"), "{error}");
}
