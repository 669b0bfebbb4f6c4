//! The views over the introspection tables: there, of the types that they say, answered, and pushed down whole.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::support::{
    lab::{self, Version},
    server::{Data, Server, demo_data},
};

/// Every view with the types that PostgreSQL 15 gives its columns over the tables of `sql/tables`, in order.
const VIEWS: [(&str, &str); 7] = [
    (
        "failures",
        "text text text text text bigint timestamptz timestamptz bigint text",
    ),
    ("invocation_timeline", "text timestamptz text bigint text text text"),
    (
        "object_queue",
        "text text text text text timestamptz text bigint text text timestamptz",
    ),
    ("object_state", "text text bigint bigint bigint bigint"),
    (
        "stuck_invocations",
        "text text text text text text text timestamptz bigint timestamptz text text text text timestamptz",
    ),
    ("unused_deployments", "text text text timestamptz text[]"),
    (
        "vqueue_backlog",
        "text text text text text text text text text text timestamptz text text text boolean bigint bigint bigint bigint",
    ),
];

/// What `pg_attribute` says of each view's columns.
async fn declared(client: &Client) -> BTreeMap<String, String> {
    let sql = "select c.relname, string_agg(format_type(a.atttypid, a.atttypmod), ' ' order by a.attnum) \
               from pg_class c join pg_attribute a on a.attrelid = c.oid \
               where c.relkind = 'v' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 group by 1";
    let rows = client.query(sql, &[]).await.expect("the views' columns");
    let short = |types: &str| types.replace("timestamp with time zone", "timestamptz");
    rows.iter().map(|row| (row.get(0), short(row.get(1)))).collect()
}

/// That the cluster has the views `expected`, that each yields what it declares, and can be read.
async fn assert_views(client: &Client, expected: &BTreeMap<String, String>) {
    assert_eq!(&declared(client).await, expected);
    for name in expected.keys() {
        let statement = client
            .prepare(&format!("select * from {name}"))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let attributes = client
            .query(
                "select attname::text, attnum, atttypid from pg_attribute where attrelid = $1::text::regclass and attnum > 0 order by 2",
                &[name],
            )
            .await
            .expect("the view's columns");
        assert_eq!(statement.columns().len(), attributes.len(), "{name}");
        for (column, attribute) in statement.columns().iter().zip(&attributes) {
            assert_eq!(column.name(), attribute.get::<_, &str>(0), "{name}");
            assert_eq!(column.column_id(), Some(attribute.get(1)), "{name}.{}", column.name());
            assert_eq!(
                column.type_().oid(),
                attribute.get::<_, u32>(2),
                "{name}.{}",
                column.name()
            );
        }
        client
            .query(&statement, &[])
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

fn all() -> BTreeMap<String, String> {
    VIEWS.map(|(name, types)| (name.to_owned(), types.to_owned())).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_has_every_view() {
    let server = Server::serve(&[("demo", demo_data())]);
    let client = server.connect("demo").await;
    assert_views(&client, &all()).await;
    // Something is stuck in the demo, something fails, and something waits.
    for view in [
        "stuck_invocations",
        "failures",
        "object_queue",
        "object_state",
        "invocation_timeline",
    ] {
        let count: i64 = client
            .query_one(&format!("select count(*) from {view}"), &[])
            .await
            .expect("a count")
            .get(0);
        assert!(count > 0, "{view}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_has_the_views_that_its_version_can_answer() {
    for version in Version::ALL {
        let Some(runtime) = lab::runtime(version) else {
            continue;
        };
        let server = Server::serve(&[("yourcluster", Data::Runtime(runtime.admin.clone()))]);
        let client = server.connect("yourcluster").await;
        let mut expected = all();
        // Virtual queues came with 1.7.
        if matches!(version, Version::V1_6_1) {
            expected.remove("vqueue_backlog");
        }
        assert_views(&client, &expected).await;
        let error = client
            .query("select * from no_view", &[])
            .await
            .expect_err("no such view");
        assert_eq!(error.code().map(|code| code.code()), Some("42P01"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_one_statement_to_the_runtime() {
    let Some(runtime) = lab::runtime(Version::V1_7_12) else {
        return;
    };
    let server = Server::serve(&[("yourcluster", Data::Runtime(runtime.admin.clone()))]);
    let client = server.connect("yourcluster").await;
    for (name, _) in VIEWS {
        let rows = client
            .query(&format!("explain select * from {name}"), &[])
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let plan: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        let sent = plan.join("\n").matches("SELECT").count();
        assert!(sent > 0, "{name}: {plan:?}");
        assert_eq!(
            plan.iter().filter(|line| line.contains("Runtime")).count(),
            1,
            "{name}: {plan:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_stands_wherever_postgresql_keeps_one() {
    let server = Server::shared();
    let client = server.connect("demo").await;
    for (sql, expected) in [
        (
            "select count(*) from pg_views where schemaname = 'public' and definition like ' SELECT%;'",
            7,
        ),
        (
            "select count(*) from information_schema.views where table_schema = 'public' and view_definition like ' SELECT%;'",
            7,
        ),
        (
            "select count(*) from information_schema.tables where table_schema = 'public' and table_type = 'VIEW'",
            7,
        ),
        (
            "select count(*) from pg_class where relkind = 'v' and pg_get_viewdef(oid) like ' SELECT%;' and pg_get_viewdef(oid, true) is not null",
            7,
        ),
        (
            "select count(*) from pg_rewrite r join pg_class c on c.oid = r.ev_class where rulename = '_RETURN' and relkind = 'v' and pg_get_ruledef(r.oid) like 'CREATE RULE \"_RETURN\" AS%'",
            7,
        ),
        (
            "select count(*) from pg_class where relkind = 'v' and relnamespace = 'public'::regnamespace and obj_description(oid, 'pg_class') <> ''",
            7,
        ),
        (
            "select count(distinct view_name) from information_schema.view_table_usage where view_schema = 'public'",
            7,
        ),
        (
            "select count(*) from information_schema.view_column_usage where view_name = 'object_state' and table_name = 'state'",
            5,
        ),
        // Each view depends on its tables by way of its rule.
        (
            "select count(distinct r.ev_class) from pg_depend d join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass where d.refclassid = 'pg_class'::regclass and d.deptype = 'n'",
            7,
        ),
        // A name in a view is the view's own, whatever the statement around it calls so.
        (
            "with state as (select 1 as a) select count(*) from object_state, state where entries < 0",
            0,
        ),
    ] {
        let row = client
            .query_one(sql, &[])
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(row.get::<_, i64>(0), expected, "{sql}");
    }
    let definition: String = client
        .query_one("select pg_get_viewdef('object_state'::regclass, true)", &[])
        .await
        .expect("a definition")
        .get(0);
    // The text can be asked as it stands.
    client
        .query(definition.trim_end_matches(';'), &[])
        .await
        .expect("the view's query");
}
