//! RowDescription says of a plain column which relation's it is, as PostgreSQL 15 does.

use tokio_postgres::Client;

use crate::support::{postgres::Postgres, server::Server};

/// Relation and column of each result column, by name (numbers depend on which columns a version has); none for an
/// expression.
async fn origins(client: &Client, sql: &str) -> Vec<Option<(String, String)>> {
    let statement = client
        .prepare(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let mut origins = Vec::new();
    for column in statement.columns() {
        origins.push(match column.table_oid() {
            None => None,
            Some(oid) => {
                let row = client
                    .query_one(
                        "select c.relname::text, a.attname::text from pg_class c join pg_attribute a on a.attrelid = c.oid \
                         where c.oid = $1 and a.attnum = $2",
                        &[&oid, &column.column_id().expect("a column's number")],
                    )
                    .await
                    .expect("the column");
                Some((row.get(0), row.get(1)))
            }
        });
    }
    origins
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_says_where_it_is_from_as_over_postgresql_15() {
    let Some(postgres) = Postgres::documented() else { return };
    let theirs = postgres.connect().await;
    let ours = Server::shared().connect("demo").await;
    for sql in [
        "select id, status from sys_deployment d join sys_invocation i using (id)",
        "select d.id, i.status, upper(i.status), i.status || '' as s, 1 as one from sys_invocation i join sys_deployment d on d.id = i.pinned_deployment_id",
        "select status as renamed, count(*), max(id), min(created_at) from sys_invocation group by status",
        "select * from (select id, status as s, lower(id) as l from sys_invocation) as x",
        "with x as (select id, created_at from sys_invocation) select created_at, id from x",
        "select distinct status from sys_invocation",
        "select id from sys_invocation order by created_at limit 3",
        "select id from sys_invocation union all select id from sys_deployment",
        "select coalesce(status, 'x'), nullif(status, 'x'), case when true then status end from sys_invocation",
        "select journal_size::int, journal_size::text from sys_invocation",
        "select max(s) from (select status as s from sys_invocation) x",
        "select id, row_number() over (order by id) from sys_invocation",
        "select (select max(id) from sys_deployment), id from sys_invocation",
        "select reason, since from stuck_invocations",
        "select s.service_name, entries + 1 from (select * from object_state) s",
        "select relname, oid, relkind::text from pg_class",
        "select c.column_name, t.table_type from information_schema.columns c join information_schema.tables t using (table_name)",
    ] {
        assert_eq!(origins(&ours, sql).await, origins(&theirs, sql).await, "{sql}");
    }
}
