//! The made-up cluster: its tables with two rows each, what is said of them, and a session's settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::{
    array::{
        ArrayRef, LargeStringArray, RecordBatch, TimestampMillisecondArray, UInt32Array, UInt64Array, new_null_array,
    },
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use async_trait::async_trait;
use datafusion::{catalog::TableProvider, datasource::MemTable};

use crate::{
    Error, Result, SqlState,
    catalog::{
        Catalog,
        docs::{ColumnDoc, ForeignKey, TableDoc},
        facts::SettingsView,
        seed,
    },
    source::{Introspection, Source},
};

/// The name of the cluster, its role and its database.
pub const CLUSTER: &str = "demo";

#[derive(Debug)]
struct Rows;

#[async_trait]
impl Source for Rows {
    async fn introspect(&self) -> Result<Arc<Introspection>> {
        Ok(Arc::new(introspection()))
    }

    fn table(&self, table: &str, schema: SchemaRef) -> Arc<dyn TableProvider> {
        let columns: Vec<ArrayRef> = schema.fields().iter().map(|field| column(table, field)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        Arc::new(MemTable::try_new(schema, vec![vec![batch]]).unwrap())
    }
}

/// Two rows of each column.
fn column(table: &str, field: &Field) -> ArrayRef {
    match field.data_type() {
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![0, 1])),
        DataType::UInt64 => Arc::new(UInt64Array::from(vec![u64::MAX, 7])),
        DataType::Timestamp(..) => Arc::new(
            TimestampMillisecondArray::from(vec![1_700_000_000_000, 1_700_000_001_000]).with_timezone("+00:00"),
        ),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from(vec![format!("{table}_1"), format!("{table}_2")])),
        other => new_null_array(other, 2),
    }
}

/// What the cluster has.
pub fn introspection() -> Introspection {
    let text = |name: &str| Field::new(name, DataType::LargeUtf8, true);
    let tables = [
        (
            "sys_invocation",
            vec![
                text("id"),
                text("status"),
                Field::new(
                    "created_at",
                    DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into())),
                    true,
                ),
                text("pinned_deployment_id"),
                Field::new("retry_count", DataType::UInt64, true),
                Field::new("partition_key", DataType::UInt64, true),
            ],
        ),
        (
            "sys_journal",
            vec![
                text("id"),
                Field::new("index", DataType::UInt32, true),
                text("entry_json"),
            ],
        ),
        ("sys_deployment", vec![text("id"), text("endpoint")]),
    ];
    Introspection {
        version: "1.7.12".into(),
        tables: tables
            .into_iter()
            .map(|(name, fields)| (name.to_owned(), Arc::new(Schema::new(fields)) as SchemaRef))
            .collect(),
        functions: BTreeSet::new(),
    }
}

/// What is said of it.
pub fn docs() -> BTreeMap<String, TableDoc> {
    let column = |name: &str, pg_type: &str, comment: &str| ColumnDoc {
        name: name.into(),
        pg_type: pg_type.into(),
        not_null: false,
        comment: comment.into(),
    };
    let table = |name: &str, columns: Vec<ColumnDoc>, key: &[&str], foreign_keys: Vec<ForeignKey>| {
        let doc = TableDoc {
            name: name.into(),
            comment: format!("About {name}"),
            columns,
            primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
            foreign_keys,
        };
        (name.to_owned(), doc)
    };
    let foreign = |columns: &[&str], table: &str| ForeignKey {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        table: table.into(),
        referenced: vec!["id".into()],
    };
    BTreeMap::from([
        table(
            "sys_invocation",
            vec![
                column("id", "text", "The invocation"),
                column("status", "text", "Its status"),
                column("created_at", "timestamp with time zone", "When it came"),
                column("pinned_deployment_id", "text", "Where it runs"),
                column("retry_count", "bigint", "How often"),
            ],
            &["id"],
            vec![foreign(&["pinned_deployment_id"], "sys_deployment")],
        ),
        table(
            "sys_journal",
            vec![
                column("id", "text", "The invocation"),
                column("index", "bigint", "Position"),
            ],
            &["id", "index"],
            vec![foreign(&["id"], "sys_invocation")],
        ),
        table(
            "sys_deployment",
            vec![column("id", "text", "The deployment")],
            &["id"],
            vec![],
        ),
    ])
}

/// The catalogue over a made-up cluster.
pub fn catalog(introspection: &Introspection) -> Arc<Catalog> {
    Catalog::documented(CLUSTER, CLUSTER, introspection, Arc::new(Rows), &docs(), &[]).unwrap()
}

#[derive(Debug)]
pub struct Settings;

impl SettingsView for Settings {
    fn get(&self, name: &str) -> Result<String> {
        let own = self
            .all()
            .into_iter()
            .find(|(own, ..)| own.eq_ignore_ascii_case(name))
            .map(|(_, value, _)| value);
        let mut defaults = seed::rows("pg_settings").iter();
        let found = own.or_else(|| {
            let row = defaults.find(|row| seed::get(row, "name").eq_ignore_ascii_case(name))?;
            Some(seed::get(row, "setting").to_owned())
        });
        found.ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!("unrecognized configuration parameter \"{name}\""),
            )
        })
    }

    fn set(&self, name: &str, value: &str, _local: bool) -> Result<String> {
        self.get(name).map(|_| value.to_owned())
    }

    fn all(&self) -> Vec<(String, String, String)> {
        [
            ("application_name", "test"),
            ("search_path", "\"$user\", public"),
            ("server_version_num", "150018"),
            ("jit", "off"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned(), String::new()))
        .to_vec()
    }
}
