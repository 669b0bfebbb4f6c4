//! Scans: what is sent for a table, and what becomes of what comes back.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, Int64Array, LargeStringArray, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::prelude::{SessionConfig, SessionContext, col, lit};

use super::{batch, rows, schema, source};
use crate::{
    SqlState,
    source::{
        Source,
        runtime::{
            Load, RuntimeExec, RuntimeSource, from_datafusion,
            testing::{Server, result},
        },
    },
    threads::{Home, Threads},
};

/// A context in which `t` is a table of the server.
fn context(source: &RuntimeSource, schema: SchemaRef) -> SessionContext {
    let context = SessionContext::new();
    context.register_table("t", source.table("t", schema)).unwrap();
    context
}

#[tokio::test]
async fn batches_come_in_the_schema_given_whatever_the_runtime_infers() {
    let inferred = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("partition_key", DataType::Int64, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["inv_7"])),
        Arc::new(Int64Array::from(vec![7])),
    ];
    let reply = RecordBatch::try_new(inferred.clone(), columns).unwrap();
    let server = Server::always(result(&inferred, &[reply])).await;
    let documented = Arc::new(Schema::new_with_metadata(
        schema()
            .fields()
            .iter()
            .map(|field| {
                field
                    .as_ref()
                    .clone()
                    .with_metadata([("comment".into(), "c".into())].into())
            })
            .collect::<Vec<_>>(),
        [("comment".into(), "table".into())].into(),
    ));
    let batches = context(&source(&server), documented.clone())
        .sql("SELECT * FROM t")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(batches[0].schema(), documented);
    assert_eq!(batches[0].columns(), batch(&[7]).columns());
}

#[tokio::test]
async fn columns_that_cannot_be_what_was_planned_end_the_statement() {
    let other = Arc::new(Schema::new(vec![
        Field::new("id", DataType::LargeUtf8, true),
        Field::new("partition_key", DataType::Int64, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(LargeStringArray::from(vec!["a"])),
        Arc::new(Int64Array::from(vec![-1])),
    ];
    let reply = RecordBatch::try_new(other.clone(), columns).unwrap();
    let fewer = batch(&[1]).project(&[0]).unwrap();
    for (schema_sent, reply) in [(other, reply), (fewer.schema(), fewer)] {
        let server = Server::always(result(&schema_sent, &[reply])).await;
        let error = context(&source(&server), schema())
            .sql("SELECT * FROM t")
            .await
            .unwrap()
            .collect()
            .await
            .unwrap_err();
        let error = from_datafusion(error);
        assert_eq!(
            (error.code(), error.message()),
            (
                SqlState::FEATURE_NOT_SUPPORTED,
                "cached plan must not change result type"
            )
        );
    }
}

#[tokio::test]
async fn all_columns_of_a_table_are_asked_for_as_such_and_found_by_name() {
    let newer = batch(&[7]);
    let mut fields = newer.schema().fields().to_vec();
    let mut columns = newer.columns().to_vec();
    fields.insert(1, Arc::new(Field::new("added_since", DataType::Int64, true)));
    columns.insert(1, Arc::new(Int64Array::from(vec![1])));
    let moved = Arc::new(Schema::new(fields));
    let reply = RecordBatch::try_new(moved.clone(), columns).unwrap();
    let server = Server::always(result(&moved, &[reply])).await;
    let read = async |sql| {
        let context = context(&source(&server), schema());
        context.sql(sql).await.unwrap().collect().await.unwrap()
    };
    assert_eq!(read("SELECT * FROM t").await, [newer]);
    assert_eq!(
        server.sql(),
        [r#"SELECT * FROM "t""#],
        "their names take a runtime long"
    );
}

#[tokio::test]
async fn rows_without_columns_are_counted_by_the_runtime() {
    let counted = Arc::new(Schema::new(vec![Field::new("count(*)", DataType::Int64, false)]));
    let reply = RecordBatch::try_new(
        counted.clone(),
        vec![Arc::new(Int64Array::from(vec![200_000])) as ArrayRef],
    )
    .unwrap();
    let server = Server::always(result(&counted, &[reply])).await;
    let context = context(&source(&server), schema());
    let batches = context
        .sql("SELECT count(*) FROM t WHERE id <> 'x'")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(batches[0].column(0).as_ref(), &Int64Array::from(vec![200_000]));
    let batches = context
        .sql("SELECT 1 FROM t LIMIT 200000")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 200_000);
    assert_eq!(
        server.sql(),
        [
            r#"SELECT count(*) FROM "t" WHERE ("id" <> 'x')"#,
            r#"SELECT count(*) FROM (SELECT 1 FROM "t" LIMIT 200000)"#,
        ]
    );
}

#[tokio::test]
async fn explain_shows_the_sql_and_analyze_what_came_back() {
    let ids = batch(&[1, 2]).project(&[0]).unwrap();
    let server = Server::always(result(&ids.schema(), &[ids])).await;
    let context = context(&source(&server), schema());
    let plan = context
        .sql("EXPLAIN ANALYZE SELECT id FROM t LIMIT 10")
        .await
        .unwrap()
        .to_string()
        .await
        .unwrap();
    assert!(
        plan.contains(r#"RuntimeExec: sql=SELECT "id" FROM "t" LIMIT 10"#),
        "{plan}"
    );
    assert!(
        plan.contains("output_rows=2") && plan.contains("bytes_received=") && plan.contains("bytes_spooled=0"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_filter_on_a_key_makes_a_lookup_and_anything_less_a_scan() {
    let server = Server::always(Vec::new()).await;
    let source = source(&server);
    let state = SessionContext::new().state();
    let key = || col("partition_key");
    let ids = |count: u64| (0..count).map(lit).collect::<Vec<_>>();
    for (table, filters, load) in [
        ("sys_journal", vec![], Load::Scan),
        ("sys_journal", vec![col("id").eq(lit("inv_1"))], Load::Lookup),
        ("sys_journal", vec![lit("inv_1").eq(col("id"))], Load::Lookup),
        ("sys_journal", vec![col("id").not_eq(lit("inv_1"))], Load::Scan),
        ("sys_journal", vec![col("id").gt(lit("inv_1"))], Load::Scan),
        ("sys_journal", vec![col("id").like(lit("inv_1%"))], Load::Scan),
        ("state", vec![key().eq(lit(1u64))], Load::Lookup),
        ("state", vec![key().in_list(ids(100), false)], Load::Lookup),
        ("state", vec![key().in_list(ids(101), false)], Load::Scan),
        ("state", vec![key().in_list(ids(1), true)], Load::Scan),
        (
            "state",
            vec![col("id").is_null(), key().gt(lit(1u64)).and(key().eq(lit(2u64)))],
            Load::Lookup,
        ),
        (
            "state",
            vec![key().eq(lit(1u64)).or(col("id").eq(lit("inv_1")))],
            Load::Lookup,
        ),
        ("state", vec![key().eq(lit(1u64)).or(col("id").is_null())], Load::Scan),
        ("sys_deployment", vec![], Load::Lookup),
        ("sys_invocation_state", vec![], Load::Lookup),
        ("a_later_table", vec![], Load::Scan),
    ] {
        let plan = source
            .table(table, schema())
            .scan(&state, None, &filters, None)
            .await
            .unwrap();
        let exec = plan.downcast_ref::<RuntimeExec>().unwrap();
        assert_eq!(exec.load(), load, "{table} {filters:?}");
    }
}

#[tokio::test]
async fn a_statement_that_is_computed_elsewhere_has_the_runtime_asked_from_home() {
    let server = Server::always(result(&schema(), &[batch(&[7])])).await;
    let config = SessionConfig::new().with_extension(Arc::new(Home::here().unwrap()));
    let context = SessionContext::new_with_config(config);
    let source = source(&server);
    context.register_table("t", source.table("t", schema())).unwrap();
    let asked = async move { context.sql("SELECT * FROM t").await.unwrap().collect().await.unwrap() };
    let threads = Threads::for_computing();
    let computing = threads.enter().unwrap();
    let batches = computing.handle.spawn(asked).await.unwrap();
    assert_eq!(batches[0].columns(), batch(&[7]).columns());
    drop(computing);
    threads.end_if_idle(Duration::ZERO);
    assert!(!threads.are_there());
    // The connection has not gone with them.
    assert_eq!(rows(source.query("SELECT 1").await.unwrap()).await.unwrap(), 1);
    assert_eq!(server.connections(), 1);
}
