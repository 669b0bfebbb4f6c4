//! Statements of every shape, and filters of every kind: by way of the runtime they give the rows that they give here.

use super::Routes;

/// Predicates over `sys_invocation`, of every kind of column.
const PREDICATES: [&str; 40] = [
    "status = 'completed'",
    "status <> 'completed'",
    "status in ('running', 'suspended')",
    "status not in ('running', 'it''s')",
    "status in ('a', 'b', 'c', 'd', 'running')",
    "target_service_name is null",
    "target_service_name is not null and status = 'running'",
    "target_service_name = 'it''s \"odd\"'",
    "target_service_name like 'C%'",
    "target_service_name not ilike '%T'",
    "target_service_name like '%\\_%'",
    "lower(target_service_name) = 'cart'",
    "length(target_service_name) > 4",
    "target_service_name || status > 'Cartr'",
    "coalesce(target_service_name, '-') = '-'",
    "target_service_name is distinct from 'Cart'",
    "left(target_service_name, 2) = 'Si' or journal_size = 3",
    "id >= 'inv_030'",
    "id between 'inv_010' and 'inv_019'",
    "not (id between 'inv_010' and 'inv_019')",
    "created_at > '2026-09-21T20:00:00Z'",
    "created_at <= '2026-09-21 20:00:00+00'::timestamptz",
    "created_at < now()",
    "created_at > now() - interval '10 years'",
    "created_at + interval '1 hour' > completed_at",
    "date_trunc('hour', created_at) = date_trunc('hour', completed_at)",
    "date_part('hour', created_at) < 12",
    "extract(minute from created_at) = 30",
    "created_at::date = '2026-09-22'",
    "created_at::text like '2026-09-22%'",
    "to_char(created_at, 'HH24') = '10'",
    "completed_at - created_at > interval '1 hour'",
    "journal_size > 4",
    "journal_size + 1 = 5 or journal_size is null",
    "journal_size % 2 = 0 and journal_size / 2 > 1",
    "journal_size > 2.5",
    "journal_size::bigint - 6 < 0",
    "journal_size::text = '7'",
    "(journal_size > 3) is not true",
    "case when journal_size is null then status = 'running' else journal_size > 5 end",
];

/// Statements of every shape; `ORDERED` marks those whose rows have an order.
pub(super) const SHAPES: [&str; 93] = [
    "select distinct on (status) status, id from sys_invocation order by status, status desc, id /* ORDERED */",
    "select distinct on (lower(c0)) lower(c0) as c0 from (select status as c0 from sys_invocation order by id limit 9) s order by lower(c0) /* ORDERED */",
    "select sum(index) filter (where completed is true), max(index) filter (where completed is true) from sys_journal",
    "select completed is not false as a, count(*) filter (where (index = 1) is unknown), count(*) filter (where completed is not false) from sys_journal group by 1",
    "select id, rank() over (order by journal_retention, id) from sys_invocation",
    "select null as a, 1 as b union all select status, count(*) from sys_invocation group by 1",
    "select case status when 'running' then 'this' else id end as a from sys_invocation",
    "select * from sys_invocation",
    "select count(*) from sys_invocation",
    "select count(*), count(completed_at), count(distinct target_service_name) from sys_invocation",
    "select status, count(*) from sys_invocation group by 1",
    "select status, count(*) from sys_invocation group by 1 order by 2 desc, 1 /* ORDERED */",
    "select target_service_name, sum(journal_size), min(created_at), max(status), avg(journal_size) from sys_invocation group by 1",
    "select target_service_name, status, count(*) filter (where journal_size > 3) from sys_invocation group by 1, 2 having count(*) > 2",
    "select date_trunc('hour', created_at) as hour, count(*) from sys_invocation group by 1 order by 1 limit 5 /* ORDERED */",
    "select max(journal_retention), min(journal_retention) from sys_invocation",
    "select sum(distinct journal_size), stddev(journal_size), var_pop(journal_size) from sys_invocation",
    "select bool_and(completed), bool_or(completed) from sys_journal",
    "select count(*) from sys_inbox",
    "select max(sequence_number), sum(sequence_number), count(sequence_number) from sys_inbox",
    "select id, max(sequence_number) from sys_inbox group by id",
    "select partition_key, count(*) from sys_invocation_status group by 1",
    "select sum(journal_size::double precision / 3) > 0 from sys_invocation",
    "select id, created_at from sys_invocation order by created_at desc nulls last, id limit 7 offset 3 /* ORDERED */",
    "select id from sys_invocation order by completed_at nulls first, id desc limit 9 /* ORDERED */",
    "select id from sys_invocation order by lower(target_service_name), id /* ORDERED */",
    "select id, to_char(created_at, 'YYYY-MM-DD HH24:MI') from sys_invocation order by created_at desc, id limit 4 /* ORDERED */",
    "select to_char(created_at, 'HH24') as h, id from sys_invocation order by h, id limit 4 /* ORDERED */",
    "select to_char(created_at, 'HH24') from (select created_at from sys_invocation order by created_at desc, id limit 3) s /* ORDERED */",
    "select upper(id) from (select id from sys_invocation order by id desc limit 5) s /* ORDERED */",
    "select count(*) from (select id from sys_invocation limit 11) s",
    "select count(*) from (select id from sys_invocation order by id limit 20 offset 50) s",
    "select id from (select id, journal_size from sys_invocation order by id limit 20) s where journal_size > 3 order by id limit 3 /* ORDERED */",
    "select id from sys_invocation where false",
    "select id from sys_invocation limit 0",
    "select distinct status, target_service_name from sys_invocation",
    "select distinct on (target_service_name) target_service_name, id from sys_invocation order by target_service_name, id desc /* ORDERED */",
    "select i.id, j.index from sys_invocation i join sys_journal j on i.id = j.id",
    "select i.id, j.index, s.revision from sys_invocation i join sys_journal j using (id) left join sys_service s on s.name = i.target_service_name where j.completed",
    "select i.id, j.entry_type from sys_invocation i left join sys_journal j on i.id = j.id and j.index > 1",
    "select s.name, i.id from sys_invocation i right join sys_service s on s.name = i.target_service_name and i.status = 'running'",
    "select s.name, i.id from sys_invocation i full join sys_service s on s.name = i.target_service_name",
    "select s.name, count(i.id) from sys_service s left join sys_invocation i on s.name = i.target_service_name group by 1 order by 2 desc, 1 /* ORDERED */",
    "select a.id, b.id as by from sys_invocation a join sys_invocation b on a.invoked_by_id = b.id and a.created_at > b.created_at",
    "select a.name, b.name from sys_service a, sys_service b",
    "select a.name, b.name from sys_service a join sys_service b on a.revision < b.revision",
    "select id from sys_invocation i where exists (select 1 from sys_journal j where j.id = i.id and j.completed)",
    "select id from sys_invocation i where not exists (select 1 from sys_journal j where j.id = i.id)",
    "select id from sys_invocation where id in (select id from sys_journal where index = 2)",
    "select id from sys_invocation where id not in (select id from sys_journal)",
    "select id from sys_invocation where target_service_name not in (select name from sys_service where revision is null)",
    "select id from sys_invocation where created_at = (select max(created_at) from sys_invocation)",
    "select id, (select count(*) from sys_journal j where j.id = i.id) as entries from sys_invocation i",
    "select id from sys_invocation where status = 'running' union select id from sys_journal where index = 1",
    "select id, status as what from sys_invocation union all select id, entry_type from sys_journal",
    "select id from sys_invocation intersect select id from sys_journal",
    "select target_service_name from sys_invocation except select name from sys_service",
    "select id, row_number() over (partition by status order by created_at, id) as n from sys_invocation",
    "select id, rank() over (order by created_at), lag(journal_size, 2) over (order by id), sum(journal_size) over (partition by status order by id rows between 2 preceding and current row) from sys_invocation",
    "select * from (select id, status, row_number() over (partition by status order by id desc) as n from sys_invocation) s where n <= 2 order by status, n /* ORDERED */",
    "select status, count(*) as n, sum(count(*)) over () as total from sys_invocation group by status",
    "with busy as (select id, count(*) as n from sys_journal group by id), named as (select i.id, i.status, b.n from sys_invocation i join busy b on b.id = i.id) select status, sum(n), max(n) from named group by 1",
    "select c.relname, (select count(*) from sys_invocation) as n from pg_class c where c.relname = 'sys_journal'",
    "select c.relname, i.n from pg_class c join (select 'sys_inbox' as name, count(*) as n from sys_invocation) i on i.name = c.relname",
    "select raw, count(*) from sys_journal where raw > '\\x10' group by 1",
    "select to_char(date_trunc('hour', created_at), 'HH24') as h, status, count(*), count(completed_at) filter (where journal_size > 3), sum(journal_size), max(id), min(created_at) from sys_invocation group by 1, 2 order by 1, 2 /* ORDERED */",
    "select md5(status) || upper(target_service_name) as k, count(*) as n from sys_invocation group by 1 having count(*) > 3",
    "select to_char(created_at, 'HH24') as h, count(distinct status) from sys_invocation group by 1",
    "select to_char(created_at, 'YYYY-MM-DD HH24:00') as h, to_char(completed_at, 'FMMonth YYYY') as m, status, count(*) from sys_invocation group by 1, 2, 3",
    "select to_char(created_at, 'HH24:MI:SS') as h, count(*) from sys_invocation group by 1",
    "select to_char(i.created_at, 'HH24:MI'), s.revision from sys_invocation i join sys_service s on s.name = i.target_service_name",
    "select to_char(i.created_at, 'HH24') as h, max(s.revision), avg(i.journal_size) from sys_invocation i left join sys_service s on s.name = i.target_service_name group by 1",
    "select date_bin(interval '15 minutes', created_at, timestamp '2026-01-01') as b, count(*) from sys_invocation group by 1 order by 1 /* ORDERED */",
    "select id, date_bin(interval '7 hours', completed_at, timestamp '2030-01-01 00:00:01') from sys_invocation",
    "select left(status, 3) as c, count(*) from sys_invocation group by rollup (left(status, 3))",
    "select status, journal_size + 1 as n, count(*), grouping(journal_size + 1) as g from sys_invocation group by grouping sets ((status, journal_size + 1), (status), ())",
    "select id, exists (select 1 from sys_journal j where j.id = i.id and j.completed) as e, i.id in (select id from sys_journal) as f from sys_invocation i",
    "select id from sys_invocation i order by (select count(*) from sys_journal j where j.id = i.id) desc, id limit 9 /* ORDERED */",
    "select id as a, id as b from sys_invocation union all select id, entry_type from sys_journal order by 2 desc nulls last, 1 /* ORDERED */",
    "select id, ntile(7) over (order by created_at, id) from sys_invocation",
    "select id, index, count(*) over (order by raw), rank() over (partition by id order by raw desc) from sys_journal",
    "select i.status, avg(extract(epoch from i.completed_at - i.created_at)), sum(i.completed_at - i.created_at), avg(i.completed_at - i.created_at), max(extract(epoch from i.completed_at - i.created_at)), count(i.completed_at - i.created_at) from sys_invocation i join sys_service s on s.name = i.target_service_name group by 1",
    "select avg(extract(epoch from completed_at - created_at)) filter (where journal_size > 3), count(*) from sys_invocation",
    "select sum(extract(epoch from journal_retention)), min(extract(epoch from journal_retention)) from sys_invocation where false",
    "select target_service_name, sum(extract(epoch from completed_at - created_at)) from sys_invocation group by 1",
    "select to_char(date_trunc('hour', created_at), 'HH24') as h, avg(completed_at - created_at) from sys_invocation group by 1",
    "select s.name, l.id, l.n from sys_service s cross join lateral (select i.id, i.journal_size + 1 as n from sys_invocation i where i.target_service_name = s.name order by i.created_at desc, i.id limit 2) l",
    "select s.name, l.id from sys_service s left join lateral (select i.id from sys_invocation i where s.name = i.target_service_name and i.status = 'running' order by i.id limit 2 offset 1) l on l.id > 'inv_010'",
    "select s.name, l.* from sys_service s, lateral (select status, count(*) as n from sys_invocation i where i.target_service_name = s.name group by status order by 2 desc, 1 limit 1) l",
    "select i.id, l.index from sys_invocation i join lateral (select distinct j.index from sys_journal j where j.id = i.id and j.index > 0 order by 1 desc limit 1) l on true",
    "select status, string_agg(id, ',' order by id) as a, string_agg(target_service_name, '/' order by created_at desc, id) filter (where journal_size > 2) as b, string_agg(distinct target_service_name, '-' order by target_service_name) as c, count(*) from sys_invocation group by 1",
    "select sum(journal_size), sum(journal_size::float8), max(journal_size::text) from sys_invocation",
    "select scheduled_at, scheduled_start_at from sys_invocation where scheduled_start_at is not null order by id limit 5 /* ORDERED */",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_gives_the_rows_that_it_gives_here() {
    for version in ["1.7.12", "1.6.1"] {
        let routes = Routes::over(version).await;
        for sql in SHAPES {
            routes.same(sql).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_gives_the_rows_that_it_gives_here() {
    let routes = Routes::over("1.7.12").await;
    for (index, predicate) in PREDICATES.iter().enumerate() {
        let other = PREDICATES[(index * 7 + 3) % PREDICATES.len()];
        for filter in [
            (*predicate).to_owned(),
            format!("not ({predicate})"),
            format!("({predicate}) and ({other})"),
            format!("({predicate}) or ({other})"),
        ] {
            routes
                .same(&format!("select id from sys_invocation where {filter}"))
                .await;
        }
        routes.same(&format!("select status, sum(journal_size), count(*) filter (where {predicate}) as n from sys_invocation group by 1 order by 1 /* ORDERED */")).await;
    }
}

/// The first rows of each group, said as a subquery that is lateral and as a window.
#[tokio::test(flavor = "multi_thread")]
async fn a_lateral_subquery_that_is_cut_gives_the_first_rows_of_each() {
    let routes = Routes::over("1.7.12").await;
    let numbered = "(select *, row_number() over (partition by target_service_name order by created_at desc, id) as n from sys_invocation)";
    for (lateral, window) in [
        (
            "select s.name, l.id from sys_service s cross join lateral (select id from sys_invocation i where i.target_service_name = s.name order by created_at desc, id limit 2) l".to_owned(),
            format!("select s.name, i.id from sys_service s join {numbered} i on i.target_service_name = s.name and n <= 2"),
        ),
        (
            "select s.name, l.id from sys_service s left join lateral (select i.id from sys_invocation i where s.name = i.target_service_name order by i.created_at desc, i.id limit 3 offset 2) l on l.id > 'inv_050'".to_owned(),
            format!("select s.name, i.id from sys_service s left join {numbered} i on i.target_service_name = s.name and n > 2 and n <= 5 and i.id > 'inv_050'"),
        ),
        (
            "select s.name, x.latest from sys_service s, lateral (select created_at as latest from sys_invocation where target_service_name = s.name order by 1 desc, id limit 1) as x where x.latest is not null".to_owned(),
            format!("select s.name, i.created_at as latest from sys_service s join {numbered} i on i.target_service_name = s.name and n = 1"),
        ),
        (
            "select s.name, l.status, l.n from sys_service s left join lateral (select status, count(*) as n from sys_invocation i where i.target_service_name = s.name group by 1 order by 2 desc, 1 limit 1) l on true".to_owned(),
            "with g as (select target_service_name as t, status, count(*) as n from sys_invocation group by 1, 2), r as (select *, row_number() over (partition by t order by n desc, status) as p from g) select s.name, r.status, r.n from sys_service s left join r on r.t = s.name and p = 1".to_owned(),
        ),
        (
            "select s.name, (select i.id from sys_invocation i join sys_journal j on j.id = i.id where i.target_service_name = s.name and j.index = 0 order by i.created_at desc, i.id limit 1) as id from sys_service s".to_owned(),
            "with r as (select i.id, i.target_service_name as t, row_number() over (partition by target_service_name order by created_at desc, i.id) as n from sys_invocation i join sys_journal j on j.id = i.id and j.index = 0) select s.name, r.id from sys_service s left join r on r.t = s.name and n = 1".to_owned(),
        ),
        (
            "select s.name, (select i.id from sys_invocation i where i.target_service_name = s.name order by created_at desc, id limit 1 offset 1) as id from sys_service s where s.name <> coalesce((select status from sys_invocation i where i.target_service_name = s.name group by 1 order by 1 limit 1 offset 2), '')".to_owned(),
            format!("select s.name, i.id from sys_service s left join {numbered} i on i.target_service_name = s.name and n = 2"),
        ),
        // No row is cut, and the order says nothing.
        (
            "select s.name, l.id from sys_service s cross join lateral (select id from sys_invocation i where i.target_service_name = s.name order by id) l".to_owned(),
            "select s.name, i.id from sys_service s join sys_invocation i on i.target_service_name = s.name".to_owned(),
        ),
        // Of each of a lateral join's own rows.
        (
            "select s.name, l.id, j.index from sys_service s cross join lateral (select id from sys_invocation i where i.target_service_name = s.name order by created_at desc, id limit 2) l left join lateral (select index from sys_journal j where j.id = l.id order by index desc limit 1) j on true".to_owned(),
            format!("select s.name, i.id, j.index from sys_service s join {numbered} i on i.target_service_name = s.name and n <= 2 left join (select id, max(index) as index from sys_journal group by 1) j on j.id = i.id"),
        ),
    ] {
        for scope in [&routes.auto, &routes.local] {
            let mut rows = routes.rows(scope, &lateral).await;
            let mut expected = routes.rows(scope, &window).await;
            rows[1..].sort();
            expected[1..].sort();
            assert_eq!(rows[1..], expected[1..], "{lateral}");
            assert!(rows.len() > 2, "{lateral}");
        }
    }
}
