use std::{fs, path::Path, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, DurationMillisecondArray, LargeBinaryArray, LargeStringArray, ListArray, RecordBatch,
        TimestampMillisecondArray, UInt64Array,
    },
    datatypes::{Field, Schema, SchemaRef, UInt32Type},
};
use datafusion::prelude::SessionContext;
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};

use super::{MANIFEST_FILE_NAME, Manifest, SnapshotSource};
use crate::{SqlState, source::Source};

/// A batch with each type that tables have, `rows` long, counted from `start`.
fn batch(start: u64, rows: u64) -> RecordBatch {
    let numbers = || start..start + rows;
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "id",
            Arc::new(
                numbers()
                    .map(|n| Some(format!("inv_{n}")))
                    .collect::<LargeStringArray>(),
            ),
        ),
        (
            "partition_key",
            Arc::new(numbers().map(|n| Some(u64::MAX - n)).collect::<UInt64Array>()),
        ),
        (
            "flag",
            Arc::new(
                numbers()
                    .map(|n| (n % 3 != 0).then_some(n % 2 == 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "at",
            Arc::new(TimestampMillisecondArray::from_iter(numbers().map(|n| Some(n as i64))).with_timezone("+00:00")),
        ),
        (
            "took",
            Arc::new(numbers().map(|n| Some(n as i64)).collect::<DurationMillisecondArray>()),
        ),
        (
            "bin",
            Arc::new(numbers().map(|n| Some(n.to_le_bytes())).collect::<LargeBinaryArray>()),
        ),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<UInt32Type, _, _>(
                numbers().map(|n| (n % 5 != 0).then(|| vec![Some(n as u32), None])),
            )),
        ),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), *name != "id"))
        .collect();
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, column)| column).collect(),
    )
    .unwrap()
}

/// A snapshot of one table with 10,000 rows in ten row groups.
fn write(dir: &Path) -> SchemaRef {
    let path = dir.join("sys_journal.parquet");
    let schema = batch(0, 1).schema();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1000))
        .build();
    let mut writer = ArrowWriter::try_new(fs::File::create(&path).unwrap(), schema.clone(), Some(properties)).unwrap();
    for start in (0..10_000).step_by(100) {
        writer.write(&batch(start, 100)).unwrap();
    }
    writer.close().unwrap();
    let manifest = serde_json::json!({
        "format": 1,
        "runtime_version": "1.7.12",
        "captured_at": "2026-11-24T10:00:00Z",
        "tables": { "sys_journal": { "rows": 10_000, "bytes": fs::metadata(&path).unwrap().len() } },
        "functions": ["abs"],
    });
    fs::write(dir.join(MANIFEST_FILE_NAME), manifest.to_string()).unwrap();
    schema
}

/// A context in which the source's table is `t`, under `schema`.
fn context(source: &SnapshotSource, schema: SchemaRef) -> SessionContext {
    let context = SessionContext::new();
    for (url, store) in source.object_stores() {
        context.register_object_store(url.as_ref(), store);
    }
    context
        .register_table("t", source.table("sys_journal", schema))
        .unwrap();
    context
}

#[tokio::test]
async fn a_snapshot_has_the_types_that_were_captured_and_yields_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let schema = write(dir.path());
    let source = SnapshotSource::open(dir.path()).unwrap();
    let introspection = source.introspect().await.unwrap();
    assert_eq!(introspection.version, "1.7.12");
    assert_eq!(introspection.tables["sys_journal"], schema);
    assert!(introspection.functions.contains("abs"));

    let batches = context(&source, schema)
        .sql("SELECT * FROM t ORDER BY at")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let rows = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(rows, batch(0, 10_000));
}

#[tokio::test]
async fn batches_carry_the_metadata_that_was_laid_over_the_schema() {
    let dir = tempfile::tempdir().unwrap();
    let schema = write(dir.path());
    let source = SnapshotSource::open(dir.path()).unwrap();
    let documented = Arc::new(Schema::new_with_metadata(
        schema
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
    let context = context(&source, documented.clone());
    let batches = context.sql("SELECT * FROM t").await.unwrap().collect().await.unwrap();
    assert_eq!(batches[0].schema(), documented);
    let batches = context
        .sql("SELECT list, id FROM t WHERE flag")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(batches[0].schema().as_ref(), &documented.project(&[6, 0]).unwrap());
}

#[tokio::test]
async fn filters_prune_row_groups_and_limits_and_counts_read_little() {
    let dir = tempfile::tempdir().unwrap();
    let source = SnapshotSource::open_written(dir.path());
    let context = context(&source.0, source.1);
    let plan = |sql: &'static str| {
        let context = context.clone();
        async move {
            context
                .sql(&format!("EXPLAIN ANALYZE {sql}"))
                .await
                .unwrap()
                .to_string()
                .await
                .unwrap()
        }
    };
    let pruned = plan("SELECT id FROM t WHERE at >= '1970-01-01T00:00:09.500Z'").await;
    assert!(
        pruned.contains("row_groups_pruned_statistics=10 total → 1 matched"),
        "{pruned}"
    );
    assert!(
        !pruned.contains("FilterExec"),
        "the filter runs within the scan: {pruned}"
    );
    let limited = plan("SELECT id FROM t LIMIT 5").await;
    assert!(limited.contains("limit=5"), "{limited}");
    let counted = plan("SELECT count(*) FROM t").await;
    assert!(
        !counted.contains("DataSourceExec: file_groups"),
        "the manifest knows the count: {counted}"
    );
    let batches = context
        .sql("SELECT count(*) FROM t WHERE flag IS NULL")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(
        batches[0].column(0).as_ref(),
        &arrow::array::Int64Array::from(vec![3334])
    );
}

impl SnapshotSource {
    /// A fresh snapshot and its table's schema.
    fn open_written(dir: &Path) -> (Self, SchemaRef) {
        let schema = write(dir);
        (Self::open(dir).unwrap(), schema)
    }
}

#[tokio::test]
async fn an_embedded_snapshot_answers_as_one_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let schema = write(dir.path());
    let leak = |name: &str| -> &'static [u8] { fs::read(dir.path().join(name)).unwrap().leak() };
    let files: &'static [(&str, &[u8])] = vec![("sys_journal.parquet", leak("sys_journal.parquet"))].leak();
    let source = SnapshotSource::embedded(leak(MANIFEST_FILE_NAME), files).unwrap();
    let batches = context(&source, schema)
        .sql("SELECT * FROM t WHERE id = 'inv_7777'")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(batches, [batch(7777, 1)]);
    assert_eq!(
        SnapshotSource::embedded(leak(MANIFEST_FILE_NAME), &[])
            .unwrap_err()
            .code(),
        SqlState::IO_ERROR
    );
}

#[tokio::test]
async fn two_snapshots_live_in_one_engine() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let sources = dirs.each_ref().map(|dir| SnapshotSource::open_written(dir.path()).0);
    assert_ne!(sources[0].object_stores()[0].0, sources[1].object_stores()[0].0);
}

#[test]
fn a_missing_or_broken_file_is_named() {
    let fault = |harm: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        harm(dir.path());
        let error = SnapshotSource::open(dir.path()).unwrap_err();
        assert_eq!(error.code(), SqlState::IO_ERROR);
        error.message().to_owned()
    };
    let file = |dir: &Path| dir.join("sys_journal.parquet");
    let named = "snapshot file \"sys_journal.parquet\" cannot be read";
    assert!(fault(&|dir| fs::remove_file(file(dir)).unwrap()).starts_with(named));
    assert!(fault(&|dir| fs::write(file(dir), b"PAR1").unwrap()).starts_with(named));
    assert!(
        fault(&|dir| {
            let mut content = fs::read(file(dir)).unwrap();
            let end = content.len();
            content[end - 60..end - 8].fill(0xff);
            fs::write(file(dir), content).unwrap();
        })
        .starts_with(named)
    );
    #[cfg(unix)]
    assert!(
        fault(&|dir| {
            fs::rename(file(dir), dir.join("elsewhere")).unwrap();
            std::os::unix::fs::symlink(dir.join("elsewhere"), file(dir)).unwrap();
        })
        .ends_with("it is not a regular file")
    );
    assert!(fault(&|dir| fs::remove_file(dir.join(MANIFEST_FILE_NAME)).unwrap()).contains("\"manifest.json\""));
}

#[test]
fn a_manifest_cannot_name_what_lies_outside() {
    for table in ["../secret", "/etc/passwd", "a/b", "", ".", "A", "a\u{0}"] {
        let manifest = serde_json::json!({
            "format": 1, "runtime_version": "1", "captured_at": "", "functions": [],
            "tables": { table: { "rows": 0, "bytes": 0 } },
        });
        assert_eq!(
            Manifest::parse(manifest.to_string().as_bytes()).unwrap_err().code(),
            SqlState::IO_ERROR,
            "{table:?}"
        );
    }
    let later = r#"{"format":2,"runtime_version":"1","captured_at":"","functions":[],"tables":{}}"#;
    assert!(
        Manifest::parse(later.as_bytes())
            .unwrap_err()
            .message()
            .contains("format 2 is not 1")
    );
}

#[tokio::test]
async fn a_table_that_the_snapshot_lacks_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let (source, schema) = SnapshotSource::open_written(dir.path());
    let context = SessionContext::new();
    context.register_table("t", source.table("sys_rules", schema)).unwrap();
    let error = context
        .sql("SELECT * FROM t")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap_err();
    assert_eq!(
        crate::source::runtime::from_datafusion(error).code(),
        SqlState::UNDEFINED_TABLE
    );
}
