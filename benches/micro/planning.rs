//! From a statement's text to the stream of its rows, step by step.

use std::cell::Cell;

use criterion::{BatchSize, Criterion, Throughput};
use restate_pg::query::Plan;
use tokio::runtime::Builder;

use crate::cluster;

/// Each with a value that makes it another statement, whose plan is not kept.
const STATEMENTS: [(&str, &str); 2] = [
    (
        "a lookup",
        "SELECT id, target, status, created_at FROM sys_invocation WHERE id = '{}'",
    ),
    (
        "a join with aggregation",
        "SELECT i.target_service_name, i.status, count(*) AS entries, max(j.index) AS last \
         FROM sys_invocation i JOIN sys_journal j ON j.id = i.id \
         WHERE i.id <> '{}' AND i.created_at > '2020-01-01' \
         GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY entries DESC LIMIT 10",
    ),
];

pub fn planning(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let engine = cluster::engine(&cluster::source());
    let scope = runtime.block_on(cluster::scope(&engine));
    let count = Cell::new(0_u64);
    for (name, template) in STATEMENTS {
        let text = || {
            count.set(count.get() + 1);
            template.replace("{}", &format!("inv_{}", count.get()))
        };
        let plan = |query| Plan::new(&scope, query, &[]).expect("a plan");
        let mut group = criterion.benchmark_group(format!("planning/{name}"));
        group.throughput(Throughput::Elements(1));
        let (sql, query) = (text(), cluster::parse(&text()));
        group.bench_function("parsed", |bencher| bencher.iter(|| cluster::parse(&sql)));
        group.bench_function("planned, first time", |bencher| {
            bencher.iter_batched(|| cluster::parse(&text()), plan, BatchSize::SmallInput);
        });
        group.bench_function("planned, again", |bencher| {
            bencher.iter(|| Plan::new(&scope, query.as_ref(), &[]).expect("a plan"));
        });
        // Optimized, unless it was before, and made physical; no row is read.
        let begin = |plan: &mut Plan| runtime.block_on(plan.run(&scope, vec![])).map(drop).expect("a stream");
        group.bench_function("begun, first time", |bencher| {
            bencher.iter_batched_ref(|| plan(cluster::parse(&text())), begin, BatchSize::SmallInput);
        });
        group.bench_function("begun, again", |bencher| {
            let mut plan = plan(query.clone());
            bencher.iter(|| begin(&mut plan));
        });
        group.finish();
    }
}
