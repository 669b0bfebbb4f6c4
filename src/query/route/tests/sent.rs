//! What is sent, what is not, and what is sent in another way.

use super::{Routes, shapes::SHAPES};

#[tokio::test(flavor = "multi_thread")]
async fn statements_go_as_one_query_where_they_can() {
    let routes = Routes::over("1.7.12").await;
    for (sql, sent) in [
        (
            "select status, count(*) from sys_invocation group by 1",
            "SELECT t0.\"status\" AS \"status\", count(1) AS \"count\" FROM \"sys_invocation\" AS t0 GROUP BY t0.\"status\"",
        ),
        (
            "select id from sys_invocation where status = 'running' order by created_at desc limit 3",
            "SELECT t0.\"id\" FROM \"sys_invocation\" AS t0 WHERE (t0.\"status\" = 'running') ORDER BY t0.\"created_at\" DESC NULLS FIRST LIMIT 3",
        ),
        (
            "select i.id, j.index from sys_invocation i join sys_journal j on i.id = j.id",
            "SELECT t0.\"id\", t1.\"index\" FROM \"sys_invocation\" AS t0 INNER JOIN \"sys_journal\" AS t1 ON t0.\"id\" = t1.\"id\"",
        ),
    ] {
        assert_eq!(routes.sent(sql).await, [sent], "{sql}");
    }
    // Rows that are only counted come as their number.
    assert_eq!(
        routes
            .rows(
                &routes.auto,
                "select 1 from sys_invocation where lower(status) = 'running'"
            )
            .await
            .len(),
        21
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_something_else_there_stays_here() {
    let routes = Routes::over("1.7.12").await;
    for (sql, never) in [
        (
            "select to_char(created_at, 'YYYY') as y, count(*) from sys_invocation group by 1",
            "to_char",
        ),
        ("select a.name from sys_service a, sys_service b", "JOIN"),
        (
            "select a.name from sys_service a join sys_service b on a.revision < b.revision",
            "JOIN",
        ),
        (
            "select id from sys_invocation where id not in (select id from sys_journal)",
            "JOIN",
        ),
        (
            "select id from sys_invocation intersect select id from sys_journal",
            "JOIN",
        ),
        (
            "select target_service_name from sys_invocation except select name from sys_service",
            "JOIN",
        ),
        ("select id from sys_invocation where status ~ '^r' group by id", "~"),
        (
            "select created_at::text as t, count(*) from sys_invocation group by 1",
            "arrow_cast",
        ),
        (
            "select count(*) from sys_invocation where created_at < now() and lower(status) = 'x'",
            "now",
        ),
        ("select random() as r from sys_invocation group by 1", "random"),
        ("select approx_distinct(status) from sys_invocation", "approx"),
        (
            "select status, count(*) from sys_invocation group by rollup (status)",
            "GROUP",
        ),
        ("select array_agg(id) from sys_invocation", "array_agg"),
    ] {
        let sent = routes.sent(sql).await;
        assert!(
            !sent.is_empty() && sent.iter().all(|sent| !sent.contains(never)),
            "{sql}: {sent:?}"
        );
    }
    for sql in SHAPES {
        for sent in routes.sent(sql).await {
            assert!(
                !sent.contains('$') && !sent.contains("CROSS") && !sent.contains("FETCH"),
                "{sent}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_parts_below_what_stays_go() {
    let routes = Routes::over("1.7.12").await;
    let sent = routes
        .sent("select c.relname, i.n from pg_class c join (select status, count(*) as n from sys_invocation group by 1) i on i.status = c.relname")
        .await;
    assert!(matches!(sent.as_slice(), [one] if one.contains("GROUP BY")), "{sent:?}");
    // A TopK goes below what is computed here, and is sorted again above.
    let sent = routes
        .sent("select to_char(created_at, 'YYYY') from sys_invocation order by created_at, id limit 2")
        .await;
    assert!(matches!(sent.as_slice(), [one] if one.ends_with("LIMIT 2")), "{sent:?}");
    // Both inputs of a cross join, each filtered there.
    let sent = routes
        .sent("select 1 from sys_service a, sys_service b where upper(a.name) = 'CART' and upper(b.name) = 'IDLE'")
        .await;
    assert_eq!(sent.iter().filter(|sent| sent.contains("upper")).count(), 2, "{sent:?}");
}

/// In the zone in which the runtime's days begin.
#[tokio::test(flavor = "multi_thread")]
async fn texts_of_times_are_grouped_by_the_times_beginnings() {
    let routes = Routes::over("1.7.12").await;
    for (template, key) in [
        ("YYYY-MM-DD HH24:00", "date_trunc('hour', t0.\"created_at\")"),
        ("FMDay", "date_trunc('day', t0.\"created_at\")"),
        ("Mon YY", "date_trunc('month', t0.\"created_at\")"),
    ] {
        let sql = format!("select to_char(created_at, '{template}'), max(id) from sys_invocation group by 1");
        let sent = routes.sent(&sql).await;
        let by = format!("GROUP BY {key}");
        assert!(matches!(sent.as_slice(), [one] if one.contains(&by)), "{sent:?}");
    }
    // Which counts in nanoseconds there.
    let old = Routes::over("1.6.1").await;
    let sent = old
        .sent("select to_char(created_at, 'YYYY'), max(id) from sys_invocation group by 1")
        .await;
    assert!(!sent[0].contains("GROUP BY"), "{sent:?}");
}

/// Their names would take the runtime longer to resolve than the rows to find.
#[tokio::test(flavor = "multi_thread")]
async fn all_columns_of_the_first_rows_are_asked_for_by_no_name() {
    let routes = Routes::over("1.7.12").await;
    for (sql, whole) in [
        (
            "select * from sys_service limit 2",
            "SELECT * FROM \"sys_service\" LIMIT 2",
        ),
        (
            "select * from sys_service where name > 'C' limit 3",
            "SELECT * FROM \"sys_service\" WHERE (\"name\" > 'C') LIMIT 3",
        ),
    ] {
        assert_eq!(routes.sent(sql).await, [whole], "{sql}");
    }
    let later = routes.sent("select * from sys_service limit 2 offset 1").await;
    assert!(later[0].ends_with("LIMIT 2 OFFSET 1"), "{later:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_runtime_is_spared_its_faults() {
    let routes = Routes::over("1.6.1").await;
    let compared = "select count(*) from sys_invocation_status where partition_key = 18446744073709551610";
    let sent = routes.sent(compared).await;
    assert!(sent.iter().all(|sent| !sent.contains("WHERE")), "{sent:?}");
    routes.same(compared).await;
    // A TopK compared the wrong column before 1.7 where it had a filter.
    let top = "select id from sys_invocation where status = 'running' order by created_at limit 3";
    let sent = routes.sent(top).await;
    assert!(sent.iter().all(|sent| !sent.contains("LIMIT")), "{sent:?}");
    let sent = routes
        .sent("select id from sys_invocation order by created_at limit 3")
        .await;
    assert!(sent[0].ends_with("LIMIT 3"), "{sent:?}");
    // So did the greatest value so far, where nothing is grouped.
    let extreme = "select max(journal_size) from sys_invocation where status = 'running'";
    assert!(!routes.sent(extreme).await[0].contains("max"));
    assert!(routes.sent("select max(journal_size) from sys_invocation").await[0].contains("max"));
    // And joins lost rows.
    let joined = "select count(*) from sys_invocation i join sys_journal j on i.id = j.id";
    let sent = routes.sent(joined).await;
    assert!(
        sent.len() == 2 && sent.iter().all(|sent| !sent.contains("JOIN")),
        "{sent:?}"
    );
    // Ids were taken for sorted before 1.7.3.
    let sent = routes.sent("select id from sys_invocation order by id limit 3").await;
    assert!(sent.iter().all(|sent| !sent.contains("ORDER BY")), "{sent:?}");
    let routes = Routes::over("1.7.12").await;
    assert!(routes.sent(compared).await[0].contains("WHERE"));
    assert!(routes.sent("select id from sys_invocation order by id limit 3").await[0].contains("ORDER BY"));
}

/// What is sent for a key that only this program can make: the largest part of it that the runtime knows.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_made_here_are_grouped_by_there() {
    let routes = Routes::over("1.7.12").await;
    for (sql, groups) in [
        (
            "select to_char(date_trunc('hour', created_at), 'HH24') as h, status, count(*) from sys_invocation group by 1, 2",
            Some("GROUP BY date_trunc('hour', t0.\"created_at\"), t0.\"status\""),
        ),
        (
            "select md5(status || id) as k, max(journal_size) from sys_invocation group by 1",
            Some("GROUP BY (t0.\"status\" || t0.\"id\")"),
        ),
        // As many groups as rows.
        (
            "select to_char(created_at, 'HH24:MI:SS') as h, count(*) from sys_invocation group by 1",
            None,
        ),
        // No aggregate of aggregates.
        (
            "select md5(status) as k, stddev(journal_size) from sys_invocation group by 1",
            None,
        ),
    ] {
        let sent = routes.sent(sql).await;
        assert_eq!(sent.len(), 1, "{sql}: {sent:?}");
        match groups {
            Some(groups) => assert!(sent[0].ends_with(groups), "{sql}: {sent:?}"),
            None => assert!(!sent[0].contains("GROUP BY"), "{sql}: {sent:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_join_are_not_fetched() {
    let routes = Routes::over("1.7.12").await;
    let sql = "select to_char(i.created_at, 'HH24'), s.revision from sys_invocation i join sys_service s on s.name = i.target_service_name";
    let sent = routes.sent(sql).await;
    let list = sent[0].split(" FROM ").next().unwrap();
    assert!(list.contains("created_at") && list.contains("revision"), "{sent:?}");
    assert!(!list.contains("name"), "{sent:?}");
}

/// A runtime's engine refuses its own plan of such a sort.
#[tokio::test(flavor = "multi_thread")]
async fn a_union_with_a_column_that_is_there_twice_is_sorted_here() {
    let routes = Routes::over("1.7.12").await;
    for (column, is_sorted_there) in [("id", false), ("status", true)] {
        let sql = format!(
            "select id as a, {column} as b from sys_invocation union all select id, entry_type from sys_journal order by 2 desc, 1"
        );
        let sent = routes.sent(&sql).await;
        assert_eq!(sent[0].contains("ORDER BY"), is_sorted_there, "{sent:?}");
        assert!(sent[0].contains("UNION ALL"), "{sent:?}");
    }
}

/// Of a join, too: what an average of durations is made of, and not the rows.
#[tokio::test(flavor = "multi_thread")]
async fn durations_are_added_up_there() {
    let routes = Routes::over("1.7.12").await;
    let passed = "(t0.\"completed_at\" - t0.\"created_at\")";
    let units = format!("arrow_cast(arrow_cast({passed}, 'Duration(Millisecond)'), 'Int64')");
    for (value, sent) in [
        (
            "avg(extract(epoch from i.completed_at - i.created_at))",
            vec![
                format!("sum(arrow_cast({units}, 'Decimal128(20, 0)'))"),
                format!("count({passed})"),
            ],
        ),
        ("sum(i.completed_at - i.created_at)", vec![format!("sum({units})")]),
        (
            "max(extract(epoch from i.completed_at - i.created_at))",
            vec![format!("max({passed})")],
        ),
    ] {
        for (keys, end) in [("s.name, ", "GROUP BY t1.\"name\""), ("", "t1.\"name\"")] {
            let group = if keys.is_empty() { "" } else { " group by 1" };
            let sql = format!(
                "select {keys}{value} from sys_invocation i join sys_service s on s.name = i.target_service_name{group}"
            );
            let all = routes.sent(&sql).await;
            assert!(
                matches!(all.as_slice(), [one] if one.ends_with(end) && sent.iter().all(|part| one.contains(part))),
                "{sql}: {all:?}"
            );
        }
    }
    // A sum of floats depends on its order.
    let sql = "select sum(extract(epoch from completed_at - created_at)::float8) from sys_invocation";
    assert!(!routes.sent(sql).await[0].contains("sum"));
}

/// The first rows of each group are numbered there.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_of_each_are_one_query() {
    let routes = Routes::over("1.7.12").await;
    let sql = "select s.name, l.id from sys_service s cross join lateral (select i.id from sys_invocation i where i.target_service_name = s.name order by i.created_at desc limit 3) l";
    let sent = routes.sent(sql).await;
    let numbered =
        "row_number() OVER (PARTITION BY t1.\"target_service_name\" ORDER BY t1.\"created_at\" DESC NULLS FIRST";
    assert!(
        matches!(sent.as_slice(), [one] if one.contains(numbered) && one.contains(" JOIN ") && one.contains("<= arrow_cast(3, 'UInt64')")),
        "{sent:?}"
    );
}

/// A column that a runtime fills only beside another is read with it; where the result has the other, by its name alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_filled_beside_another_is_read_beside_it() {
    let routes = Routes::over("1.7.12").await;
    let beside =
        "CASE WHEN t0.\"scheduled_at\" IS NULL THEN t0.\"scheduled_start_at\" ELSE t0.\"scheduled_start_at\" END";
    let alone = "t0.\"scheduled_start_at\"";
    for (sql, list) in [
        (
            "select scheduled_start_at, scheduled_at, id from sys_invocation order by id limit 3",
            format!("{alone} AS \"c0_0\", t0.\"scheduled_at\", t0.\"id\""),
        ),
        (
            "select scheduled_start_at, id from sys_invocation order by scheduled_at, id limit 3",
            format!("{beside} AS \"c0_0\", t0.\"id\""),
        ),
        (
            "select scheduled_at, max(scheduled_start_at) as m from sys_invocation group by 1",
            format!("t0.\"scheduled_at\" AS \"scheduled_at\", max({beside}) AS \"m\""),
        ),
        // The one of the other table says nothing of this one's.
        (
            "select b.scheduled_at, a.scheduled_start_at from sys_invocation a join sys_invocation b on a.id = b.invoked_by_id",
            format!("t1.\"scheduled_at\", {beside} AS \"scheduled_start_at\""),
        ),
        (
            "select b.scheduled_start_at, b.scheduled_at from sys_invocation a join sys_invocation b on a.id = b.invoked_by_id",
            "t1.\"scheduled_start_at\", t1.\"scheduled_at\"".to_owned(),
        ),
    ] {
        let sent = routes.sent(sql).await;
        assert!(
            matches!(sent.as_slice(), [one] if one.starts_with(&format!("SELECT {list} FROM "))),
            "{sql}: {sent:?}"
        );
    }
    let filtered = "select count(*) from sys_invocation where scheduled_start_at is not null";
    assert!(routes.sent(filtered).await[0].contains(beside));
}

/// Where a filter is true already, a runtime's scan would be asked for a column that it no longer has.
#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_a_filter_below_implies_is_not_sent() {
    let routes = Routes::over("1.7.12").await;
    // What is common to both uses of it becomes a column below.
    let computed = "case when id <> 'inv_003' then id <> 'inv_003' else status is null end";
    let sql = format!(
        "select status from (select * from sys_invocation where completed_at is not null) s where {computed} or completed_at is not null"
    );
    let sent = routes.sent(&sql).await;
    assert!(
        matches!(sent.as_slice(), [one] if one.matches("\"completed_at\" IS NOT NULL").count() == 1),
        "{sent:?}"
    );
    routes.same(&sql).await;
    let sql = format!(
        "select status from (select * from sys_invocation where completed_at is not null) s where {computed} or journal_size > 4"
    );
    assert!(routes.sent(&sql).await[0].contains(" OR "));
    routes.same(&sql).await;
}
