//! A runtime of the engine's own kind stands in for the real one: it runs what it is sent over tables in memory. Every statement must
//! give, by way of it, the rows that it gives when only scans go there.

mod stand_in;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use arrow::{
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::{
    common::{
        ScalarValue,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    logical_expr::{Volatility, create_udf},
    physical_plan::{ExecutionPlan, collect},
    sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser},
};
use stand_in::{serve, stand_in};

use super::{
    Route,
    literal::literal,
    meaning::{Meaning, spelled},
};
use crate::{
    catalog::facts::SessionFacts,
    query::{Engine, Plan, Scope, optimize::Purpose, views::NoSettings},
    source::{Introspection, runtime::RuntimeExec},
};

struct Routes {
    auto: Scope,
    local: Scope,
}

impl Routes {
    async fn over(version: &'static str) -> Self {
        let engine = Engine::new("demo".parse().unwrap(), Arc::new(serve(version).await)).unwrap();
        let catalog = engine.catalog("demo").await.unwrap();
        let facts = SessionFacts {
            user: "demo".to_owned(),
            database: "demo".to_owned(),
            backend_pid: 1,
            start_time_us: 0,
            settings: Arc::new(NoSettings),
            catalog,
        };
        Routes {
            auto: engine.scope(facts.clone(), "UTC", Route::Auto),
            local: engine.scope(facts, "UTC", Route::Local),
        }
    }

    async fn plan(&self, scope: &Scope, sql: &str) -> Arc<dyn ExecutionPlan> {
        let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
        let plan = Plan::new(scope, statement, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        plan.physical(scope, Vec::new(), Purpose::Run)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// What is sent to the runtime for a statement, in the order of the plan.
    async fn sent(&self, sql: &str) -> Vec<String> {
        let mut sent = Vec::new();
        self.plan(&self.auto, sql)
            .await
            .apply(|step| {
                sent.extend(step.downcast_ref::<RuntimeExec>().map(|exec| exec.sql().to_owned()));
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
        sent
    }

    async fn rows(&self, scope: &Scope, sql: &str) -> Vec<String> {
        let plan = self.plan(scope, sql).await;
        let schema = plan.schema();
        let batches = collect(plan, scope.task())
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut rows = vec![format!(
            "{:?}",
            schema
                .fields()
                .iter()
                .map(|field| (
                    field.name(),
                    field.data_type(),
                    field.metadata().iter().collect::<BTreeMap<_, _>>()
                ))
                .collect::<Vec<_>>()
        )];
        let options = FormatOptions::default().with_null("NULL");
        for batch in batches {
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                let mut text = String::new();
                for column in &columns {
                    write!(text, "{}|", column.value(row)).unwrap();
                }
                rows.push(text);
            }
        }
        rows
    }

    /// Both routes give the same rows; in the same order where the statement asks for one.
    async fn same(&self, sql: &str) {
        let (mut auto, mut local) = (self.rows(&self.auto, sql).await, self.rows(&self.local, sql).await);
        if !sql.contains("ORDERED") {
            auto[1..].sort();
            local[1..].sort();
        }
        assert_eq!(auto, local, "{sql}\nsent: {:#?}", self.sent(sql).await);
    }
}

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
const SHAPES: [&str; 78] = [
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

#[tokio::test(flavor = "multi_thread")]
async fn statements_go_as_one_query_where_they_can() {
    let routes = Routes::over("1.7.12").await;
    for (sql, sent) in [
        (
            "select status, count(*) from sys_invocation group by 1",
            "SELECT t0.\"status\" AS \"status\", count(1) AS \"count\" FROM \"public\".\"sys_invocation\" AS t0 GROUP BY t0.\"status\"",
        ),
        (
            "select id from sys_invocation where status = 'running' order by created_at desc limit 3",
            "SELECT t0.\"id\" FROM \"public\".\"sys_invocation\" AS t0 WHERE (t0.\"status\" = 'running') ORDER BY t0.\"created_at\" DESC NULLS FIRST LIMIT 3",
        ),
        (
            "select i.id, j.index from sys_invocation i join sys_journal j on i.id = j.id",
            "SELECT t0.\"id\", t1.\"index\" FROM \"public\".\"sys_invocation\" AS t0 INNER JOIN \"public\".\"sys_journal\" AS t1 ON t0.\"id\" = t1.\"id\"",
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

#[test]
fn a_namesake_of_the_engines_function_is_never_sent() {
    let introspection = Introspection {
        version: "1.7.12".to_owned(),
        tables: BTreeMap::new(),
        functions: ["upper", "max", "rank"].map(str::to_owned).into(),
    };
    let meaning = Meaning::new(&introspection);
    let namesake = create_udf(
        "upper",
        vec![DataType::Utf8],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(|args| Ok(args[0].clone())),
    );
    assert!(!meaning.scalar(&Arc::new(namesake), &[DataType::Utf8]));
    assert!(meaning.scalar(&datafusion::functions::string::upper(), &[DataType::Utf8]));
    // A session's own function under a name of the list is no other case: what the session has is not asked.
    let max = datafusion::functions_aggregate::min_max::max_udaf();
    assert!(meaning.aggregate(&max, &[DataType::Int64], false));
    let renamed = Arc::new(max.as_ref().clone().with_aliases(["greatest_of"]));
    assert!(!meaning.aggregate(&renamed, &[DataType::Int64], false));
}

/// Deep statements take a deep stack, as the server's threads have.
#[test]
fn queries_are_bounded() {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(32 * 1024 * 1024)
        .build()
        .unwrap();
    threads.block_on(async { tokio::spawn(bounded()).await.unwrap() });
}

async fn bounded() {
    let routes = Routes::over("1.7.12").await;
    let grouped = |filter: &str| format!("select status, count(*) from sys_invocation where {filter} group by 1");
    let chain = |terms: usize, separator: &str| {
        (0..terms)
            .map(|i| format!("substr(id, {i}) = 'x'"))
            .collect::<Vec<_>>()
            .join(separator)
    };
    let nested = |depth: usize| format!("{}id{} = 'x'", "upper(".repeat(depth), ")".repeat(depth));
    let joined = |count: usize| {
        let joins: String = (1..count)
            .map(|i| format!(" join sys_service s{i} on s{i}.name = s0.name"))
            .collect();
        format!("select count(*) from sys_service s0{joins}")
    };
    for (sql, whole) in [
        (grouped(&chain(50, " or ")), true),
        (grouped(&chain(200, " or ")), false),
        (grouped(&nested(8)), true),
        (grouped(&nested(20)), false),
        (
            grouped(&format!(
                "lower(id) in ({})",
                (0..4000).map(|i| format!("'{i}'")).collect::<Vec<_>>().join(",")
            )),
            true,
        ),
        (
            grouped(&format!(
                "lower(id) in ({})",
                (0..6000).map(|i| format!("'{i}'")).collect::<Vec<_>>().join(",")
            )),
            false,
        ),
        (grouped(&format!("lower(id) = '{}'", "x".repeat(300_000))), false),
        (joined(8), true),
        (joined(40), false),
    ] {
        let sent = routes.sent(&sql).await;
        assert_eq!(
            sent.len() == 1 && sent[0].contains("count("),
            whole,
            "{:.100}: {} sent, {:.200}",
            sql,
            sent.len(),
            sent[0]
        );
        assert!(sent.iter().all(|sent| sent.len() <= 256 * 1024 + 200));
        if whole {
            routes.same(&sql).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn literals_have_their_type_there() {
    let context = stand_in();
    let utc = Some("+00:00".into());
    for value in [
        ScalarValue::Boolean(Some(true)),
        ScalarValue::Int8(Some(-7)),
        ScalarValue::Int16(Some(7)),
        ScalarValue::Int32(Some(i32::MIN)),
        ScalarValue::Int64(Some(0)),
        ScalarValue::Int64(Some(i64::MAX)),
        ScalarValue::Int64(Some(-1)),
        ScalarValue::UInt8(Some(255)),
        ScalarValue::UInt32(Some(u32::MAX)),
        ScalarValue::UInt64(Some(u64::MAX)),
        ScalarValue::Float32(Some(0.1)),
        ScalarValue::Float64(Some(-1.0e-300)),
        ScalarValue::Float64(Some(0.1 + 0.2)),
        ScalarValue::Decimal128(Some(-12345), 10, 2),
        ScalarValue::Decimal128(Some(5), 1, 1),
        ScalarValue::Utf8(Some("it's \\ \"odd\" $1".to_owned())),
        ScalarValue::Binary(Some(vec![0, 255])),
        ScalarValue::Date32(Some(-1)),
        ScalarValue::TimestampSecond(Some(1), None),
        ScalarValue::TimestampMillisecond(Some(-1), utc.clone()),
        ScalarValue::TimestampMicrosecond(Some(1_790_000_000_000_001), None),
        ScalarValue::TimestampNanosecond(Some(1_790_000_000_000_000_001), utc),
        ScalarValue::DurationMillisecond(Some(90_000)),
        ScalarValue::IntervalMonthDayNano(Some(arrow::datatypes::IntervalMonthDayNano::new(14, -3, 4_000_000_005))),
        ScalarValue::Utf8(None),
        ScalarValue::UInt64(None),
        ScalarValue::TimestampMillisecond(None, Some("+00:00".into())),
        ScalarValue::Null,
    ] {
        let sql = format!(
            "SELECT {} AS x",
            literal(&value).unwrap_or_else(|| panic!("{value:?} is not written"))
        );
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let read = ScalarValue::try_from_array(batches[0].column(0), 0).unwrap();
        assert_eq!(read, value, "{sql}");
        assert_eq!(read.data_type(), value.data_type(), "{sql}");
    }
    // What has no exact text, or a type that is not sent.
    for value in [
        ScalarValue::Float64(Some(f64::NAN)),
        ScalarValue::TimestampMillisecond(Some(0), Some("Europe/Berlin".into())),
        ScalarValue::Utf8(Some("a\0b".to_owned())),
        ScalarValue::Utf8(Some("x".repeat(70_000))),
    ] {
        assert_eq!(literal(&value), None, "{value:?}");
    }
    // Another name of the same zone is the runtime's own.
    let utc = arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, Some("UTC".into()));
    assert_eq!(spelled(&utc).unwrap(), "Timestamp(Millisecond, Some(\"+00:00\"))");
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
            "select to_char(created_at, 'HH24') as h, count(*) from sys_invocation group by 1",
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
