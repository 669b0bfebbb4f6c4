//! Filters: what is sent, and what stays here.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::prelude::SessionContext;

use crate::source::{
    Source,
    runtime::{RuntimeExec, RuntimeSource},
};

/// The schema of `t` with a column of each type that tables have.
fn every_type() -> SchemaRef {
    let timestamp = DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()));
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::UInt32, true)));
    Arc::new(Schema::new(
        [
            ("text", DataType::LargeUtf8),
            ("partition_key", DataType::UInt64),
            ("small", DataType::UInt32),
            ("flag", DataType::Boolean),
            ("at", timestamp),
            ("took", DataType::Duration(TimeUnit::Millisecond)),
            ("bin", DataType::LargeBinary),
            ("list", list),
        ]
        .map(|(name, data_type)| Field::new(name, data_type, true))
        .to_vec(),
    ))
}

/// The WHERE clause that is sent for a filter; empty where nothing is sent.
async fn sent(table: &str, filter: &str) -> String {
    let source = RuntimeSource::new("http://127.0.0.1:1").unwrap();
    let context = SessionContext::new();
    context
        .register_table(table, source.table(table, every_type()))
        .unwrap();
    let frame = context
        .sql(&format!("SELECT \"small\" FROM {table} WHERE {filter}"))
        .await
        .unwrap();
    let mut plan = frame.create_physical_plan().await.unwrap();
    while let Some(child) = plan.children().first() {
        plan = Arc::clone(child);
    }
    let sql = plan.downcast_ref::<RuntimeExec>().unwrap().sql();
    sql.split_once(" WHERE ")
        .map_or(String::new(), |(_, filter)| filter.to_owned())
}

#[tokio::test]
async fn filters_on_every_type_are_sent_typed() {
    for (filter, expected) in [
        ("text = 'it''s'", r#"("text" = 'it''s')"#),
        (r"text = 'a\b'", r#"("text" = 'a\b')"#),
        ("'b' < text", r#"("text" > 'b')"#),
        (
            "partition_key = 18256376383539958004",
            r#"("partition_key" = arrow_cast(18256376383539958004, 'UInt64'))"#,
        ),
        ("small >= 7", r#"("small" >= arrow_cast(7, 'UInt32'))"#),
        ("flag", r#"("flag")"#),
        ("NOT flag", r#"(NOT ("flag"))"#),
        ("flag IS NOT TRUE", r#"("flag" IS NOT TRUE)"#),
        ("flag IS UNKNOWN", r#"("flag" IS NULL)"#),
        (
            "at >= '2026-11-24T10:00:00.123Z'",
            r#"("at" >= arrow_cast('2026-11-24T10:00:00.123Z', 'Timestamp(Millisecond, Some("+00:00"))'))"#,
        ),
        (
            "took > arrow_cast(1500, 'Duration(Millisecond)')",
            r#"("took" > arrow_cast(1500, 'Duration(Millisecond)'))"#,
        ),
        ("bin = X'00ff'", r#"("bin" = X'00ff')"#),
        ("list IS NULL", r#"("list" IS NULL)"#),
        ("text IN ('a', 'b', 'c', 'd')", r#"("text" IN ('a', 'b', 'c', 'd'))"#),
        (
            "text NOT IN ('a', 'b', 'c', 'd')",
            r#"("text" NOT IN ('a', 'b', 'c', 'd'))"#,
        ),
        (r"text LIKE 'a\_%'", r#"("text" LIKE 'a\_%')"#),
        ("text NOT ILIKE '%X_'", r#"("text" NOT ILIKE '%X_')"#),
        (
            "text = 'a' AND small < 3",
            r#"("text" = 'a') AND ("small" < arrow_cast(3, 'UInt32'))"#,
        ),
        (
            "text = 'a' OR (small < 3 AND NOT flag)",
            r#"(("text" = 'a') OR (("small" < arrow_cast(3, 'UInt32')) AND (NOT ("flag"))))"#,
        ),
    ] {
        assert_eq!(sent("t", filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn what_does_not_mean_the_same_there_stays_here() {
    for filter in [
        "text = chr(0)",
        "lower(text) = 'a'",
        "text = id2 OR flag",
        "cast(partition_key AS VARCHAR) LIKE '1%'",
        "list = make_array(1)",
        "random() < 0.5",
        "text SIMILAR TO 'a+'",
        "partition_key + 1 = 2",
    ] {
        assert_eq!(sent("t", &filter.replace("id2", "lower(text)")).await, "", "{filter}");
    }
    // The part that can be sent is.
    assert_eq!(sent("t", "flag AND lower(text) = 'a'").await, r#"("flag")"#);
}

#[tokio::test]
async fn partition_keys_are_not_compared_where_an_old_runtime_would_fail() {
    // The version is not known yet, so the worst is assumed.
    assert_eq!(
        sent("sys_invocation_state", "partition_key = 5 AND small = 1").await,
        r#"("small" = arrow_cast(1, 'UInt32'))"#
    );
    assert_eq!(sent("sys_invocation_status", "partition_key IN (1,2,3,4,5)").await, "");
    assert_ne!(sent("sys_journal", "partition_key = 5").await, "");
}

#[tokio::test]
async fn filters_beyond_the_limits_stay_here() {
    let terms = |count: usize| {
        (0..count)
            .map(|n| format!("text = 'v{n}' AND small = {n}"))
            .collect::<Vec<_>>()
            .join(" OR ")
    };
    assert_ne!(sent("t", &terms(40)).await, "");
    assert_eq!(sent("t", &terms(200)).await, "");
    let list = |count: usize| {
        format!(
            "text IN ({})",
            (0..count).map(|n| format!("'v{n}'")).collect::<Vec<_>>().join(",")
        )
    };
    assert_ne!(sent("t", &list(4_000)).await, "");
    assert_eq!(sent("t", &list(6_000)).await, "");
    assert_eq!(sent("t", &format!("text = '{}'", "x".repeat(100_000))).await, "");
    // The optimizer offers what was refused again, three times at most.
    let conjuncts = (0..500)
        .map(|n| format!("text <> 'v{n}'"))
        .collect::<Vec<_>>()
        .join(" AND ");
    let pushed = sent("t", &conjuncts).await;
    assert!((100..=400).contains(&pushed.matches("<>").count()));
}
