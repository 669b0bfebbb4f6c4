//! What clients see of the demo's cluster: built, and asked as psql asks it.

use std::{fs, path::Path, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput};
use restate_pg::{
    catalog::{docs, model::Model},
    query::{Engine, Scope},
    source::Source,
};
use tokio::runtime::Builder;

use crate::cluster::{self, NAME};

pub fn catalogue(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let source = cluster::source();
    let introspection = runtime.block_on(source.introspect()).expect("what the cluster has");
    let mut group = criterion.benchmark_group("catalogue");

    let model = || Model::new(NAME, NAME, &introspection, docs::tables(), &[]);
    group.throughput(Throughput::Elements(model().relations.len() as u64));
    group.bench_function("model of the tables", |bencher| bencher.iter(model));

    let engine = || cluster::engine(&source);
    let catalogue = |engine: &mut Engine| runtime.block_on(engine.catalog(NAME)).expect("a catalogue");
    let built = catalogue(&mut engine());
    group.throughput(Throughput::Elements(built.model.relations.len() as u64));
    group.bench_function("catalogue with views", |bencher| {
        bencher.iter_batched_ref(engine, catalogue, BatchSize::PerIteration);
    });

    let oid = built.relation("public", "sys_invocation").expect("a relation").oid;
    let statements = describe(oid);
    let scope = || runtime.block_on(cluster::scope(&engine()));
    let run = |scope: &mut Arc<Scope>| {
        runtime.block_on(async {
            for sql in &statements {
                cluster::rows(scope, sql).await;
            }
        });
    };
    group.throughput(Throughput::Elements(statements.len() as u64));
    group.bench_function("psql's \\d sys_invocation, first time", |bencher| {
        bencher.iter_batched_ref(scope, run, BatchSize::PerIteration);
    });
    group.bench_function("psql's \\d sys_invocation, again", |bencher| {
        let mut scope = scope();
        bencher.iter(|| run(&mut scope));
    });
    group.finish();
}

/// What psql sends for `\d sys_invocation`.
fn describe(oid: u32) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/psql/statements.sql");
    let text = fs::read_to_string(file).expect("psql's statements");
    let (_, rest) = text.split_once("-- \\d sys_invocation\n").expect("\\d sys_invocation");
    let set = rest.split("\n-- ").next().unwrap_or(rest);
    let statements = set.split(";\n").map(str::trim).filter(|sql| !sql.is_empty());
    statements
        .map(|sql| sql.replace("{sys_invocation}", &oid.to_string()))
        .collect()
}
