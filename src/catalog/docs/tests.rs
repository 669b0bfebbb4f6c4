//! Holds `sql/` to its promises: complete, true to the two runtimes recorded in `fixtures/schemas`, loadable in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::{TABLE_FILES, VIEW_FILES, parse, tables, views};

const RUNTIMES: [(&str, &str); 2] = [
    ("1.6.1", include_str!("../../../fixtures/schemas/1.6.1.txt")),
    ("1.7.12", include_str!("../../../fixtures/schemas/1.7.12.txt")),
];

/// Table → columns with their Arrow types, in order.
fn runtime(text: &str) -> BTreeMap<&str, Vec<(&str, &str)>> {
    let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let (Some(table), Some(column), Some(arrow), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            panic!("not table, column, type: {line}");
        };
        tables.entry(table).or_default().push((column, arrow));
    }
    tables
}

/// The Postgres type that a column of a runtime has here.
fn pg_type(column: &str, arrow: &str) -> &'static str {
    match arrow {
        "uint64" if column == "partition_key" => "numeric(20,0)",
        // Durations are milliseconds.
        "uint64" | "uint32" | "duration[ms]" => "bigint",
        "large_string" => "text",
        "large_binary" => "bytea",
        "bool" => "boolean",
        "timestamp[ms, tz=+00:00]" => "timestamp with time zone",
        "list<item: uint32>" => "bigint[]",
        "list<item: large_string>" => "text[]",
        other => panic!("no rule for {other}"),
    }
}

fn arrow_type(name: &str) -> DataType {
    let list = |item| DataType::List(Arc::new(Field::new("item", item, true)));
    match name {
        "uint64" => DataType::UInt64,
        "uint32" => DataType::UInt32,
        "duration[ms]" => DataType::Duration(TimeUnit::Millisecond),
        "large_string" => DataType::LargeUtf8,
        "large_binary" => DataType::LargeBinary,
        "bool" => DataType::Boolean,
        "timestamp[ms, tz=+00:00]" => DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into())),
        "list<item: uint32>" => list(DataType::UInt32),
        "list<item: large_string>" => list(DataType::LargeUtf8),
        other => panic!("no rule for {other}"),
    }
}

pub(super) fn context() -> SessionContext {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.dialect = datafusion::config::Dialect::PostgreSQL;
    SessionContext::new_with_config(config)
}

#[test]
fn every_file_parses() {
    for (name, text) in TABLE_FILES {
        parse::table(name, text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    for (name, text) in VIEW_FILES {
        parse::view(name, text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    assert_eq!((tables().len(), views().len()), (TABLE_FILES.len(), VIEW_FILES.len()));
}

#[test]
fn every_file_is_embedded_and_loaded_in_the_same_order() {
    let sql = concat!(env!("CARGO_MANIFEST_DIR"), "/sql");
    let mut loaded = Vec::new();
    for (folder, files) in [("tables", TABLE_FILES), ("views", VIEW_FILES)] {
        let on_disk: BTreeSet<String> = std::fs::read_dir(format!("{sql}/{folder}"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded: BTreeSet<String> = files.iter().map(|(name, _)| format!("{name}.sql")).collect();
        assert_eq!(embedded, on_disk);
        loaded.extend(files.iter().map(|(name, _)| format!("\\ir {folder}/{name}.sql")));
    }
    let load = std::fs::read_to_string(format!("{sql}/load.sql")).unwrap();
    let lines: Vec<&str> = load.lines().filter(|line| line.starts_with('\\')).collect();
    assert_eq!(lines, loaded);
}

#[test]
fn keys_name_columns_that_are_there_and_tables_already_loaded() {
    let mut loaded = BTreeSet::new();
    for (name, _) in TABLE_FILES {
        loaded.insert(*name);
        let table = &tables()[*name];
        let type_of = |table: &str, column: &str| {
            let column = tables()[table].columns.iter().find(|c| c.name == column);
            column
                .unwrap_or_else(|| panic!("{name}: no such column"))
                .pg_type
                .clone()
        };
        for column in &table.columns {
            assert_eq!(
                column.not_null,
                table.primary_key.contains(&column.name),
                "{name}.{}",
                column.name
            );
        }
        for column in &table.primary_key {
            type_of(name, column);
        }
        for key in &table.foreign_keys {
            assert!(loaded.contains(key.table.as_str()), "{name} refers to {}", key.table);
            assert_eq!(
                tables()[&key.table].primary_key,
                key.referenced,
                "{name} refers to {}",
                key.table
            );
            assert_eq!(key.columns.len(), key.referenced.len());
            for (column, referenced) in key.columns.iter().zip(&key.referenced) {
                assert_eq!(type_of(name, column), type_of(&key.table, referenced));
            }
        }
    }
}

#[test]
fn every_comment_is_a_sentence_and_belongs_to_one_name() {
    let of_tables = tables().values().flat_map(|table| {
        let columns = table.columns.iter().map(|c| (c.name.as_str(), c.comment.as_str()));
        columns.chain([(table.name.as_str(), table.comment.as_str())])
    });
    let of_views = views().values().flat_map(|view| {
        let columns = view.columns.iter().map(|c| (c.name.as_str(), c.comment.as_str()));
        columns.chain([(view.name.as_str(), view.comment.as_str())])
    });
    let mut names = BTreeMap::new();
    for (name, comment) in of_tables.chain(of_views) {
        assert!(comment.ends_with('.') && comment.len() > 10, "{name}: {comment}");
        assert_eq!(comment, comment.trim(), "{name}");
        let first = names.insert(comment, name).unwrap_or(name);
        assert_eq!(first, name, "one comment for two things: {comment}");
    }
}

#[test]
fn a_duration_says_that_it_is_milliseconds() {
    for (version, text) in RUNTIMES {
        for (table, columns) in runtime(text) {
            for (name, _) in columns.iter().filter(|(_, arrow)| *arrow == "duration[ms]") {
                let column = tables()[table].columns.iter().find(|c| c.name == *name).unwrap();
                assert!(
                    column.comment.contains("in milliseconds"),
                    "{version} {table}.{name}: {}",
                    column.comment
                );
            }
        }
    }
}

#[test]
fn the_columns_are_those_of_the_recorded_runtimes() {
    let mut unseen: BTreeSet<(&str, &str)> = tables()
        .values()
        .flat_map(|t| t.columns.iter().map(|c| (t.name.as_str(), c.name.as_str())))
        .collect();
    for (version, text) in RUNTIMES {
        for (table, columns) in runtime(text) {
            let doc = tables()
                .get(table)
                .unwrap_or_else(|| panic!("{version}: {table} is not documented"));
            let has: Vec<(&str, &str)> = columns
                .iter()
                .map(|(name, arrow)| (*name, pg_type(name, arrow)))
                .collect();
            let documented: Vec<(&str, &str)> = doc
                .columns
                .iter()
                .filter(|c| columns.iter().any(|(name, _)| *name == c.name))
                .map(|c| (c.name.as_str(), c.pg_type.as_str()))
                .collect();
            assert_eq!(documented, has, "{version}: {table}");
            for (column, _) in columns {
                unseen.remove(&(table, column));
            }
        }
    }
    assert_eq!(unseen, BTreeSet::new(), "documented, but in no runtime");
}

#[tokio::test]
async fn every_view_plans_over_the_recorded_runtimes() {
    for (version, text) in RUNTIMES {
        let context = context();
        for (table, columns) in runtime(text) {
            let fields: Vec<Field> = columns
                .iter()
                .map(|(name, arrow)| Field::new(*name, arrow_type(arrow), true))
                .collect();
            context
                .register_table(table, Arc::new(EmptyTable::new(Arc::new(Schema::new(fields)))))
                .unwrap();
        }
        for view in views().values() {
            let planned = context.sql(&view.sql).await;
            // Virtual queues came with 1.7: without their tables there is no such view.
            if version == "1.6.1" && view.name == "vqueue_backlog" {
                assert!(planned.unwrap_err().to_string().contains("sys_vqueue_meta"));
                continue;
            }
            let planned = planned.unwrap_or_else(|error| panic!("{version} {}: {error}", view.name));
            let names: Vec<&String> = planned.schema().fields().iter().map(|field| field.name()).collect();
            let documented: Vec<&String> = view.columns.iter().map(|column| &column.name).collect();
            assert_eq!(names, documented, "{version} {}", view.name);
            assert_eq!(rows(planned.collect().await.unwrap()), 0, "{version} {}", view.name);
        }
    }
}

fn rows(batches: Vec<RecordBatch>) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

#[test]
fn a_malformed_file_is_refused() {
    let table = |text: &str| {
        parse::table("t", text)
            .map(|_| ())
            .map_err(|error| error.log().unwrap_or("").to_owned())
    };
    let good = "CREATE TABLE t (id text); COMMENT ON TABLE t IS 'T.'; COMMENT ON COLUMN t.id IS 'I.';";
    assert_eq!(table(good), Ok(()));
    for (text, cause) in [
        ("", "empty"),
        ("SELECT 1", "does not begin with CREATE TABLE"),
        ("CREATE TABLE u (id text);", "u stands in the file of t"),
        ("CREATE TABLE t (id text);", "no comment on t"),
        (
            "CREATE TABLE t (id text); COMMENT ON TABLE t IS 'T.';",
            "no comment on column id",
        ),
        (
            "CREATE TABLE t (id text); COMMENT ON TABLE t IS 'T.'; COMMENT ON TABLE t IS 'U.';",
            "second comment on t",
        ),
        (
            "CREATE TABLE t (id int); COMMENT ON TABLE t IS 'T.'; COMMENT ON COLUMN t.id IS 'I.';",
            "type not known here: INT",
        ),
        (
            "CREATE TABLE t (id text UNIQUE); COMMENT ON TABLE t IS 'T.';",
            "column option not known here: UNIQUE",
        ),
        (
            "CREATE TABLE t (id text); COMMENT ON TABLE t IS 'T.'; DROP TABLE t;",
            "statement not known here: DROP TABLE t",
        ),
    ] {
        assert_eq!(table(text), Err(cause.to_owned()), "{text}");
    }
    let stray = format!("{good} COMMENT ON COLUMN t.gone IS 'G.';");
    assert_eq!(
        table(&stray),
        Err("comment on a column that is not there: gone".to_owned())
    );
    let view = |text: &str| parse::view("v", text).map_err(|error| error.log().unwrap_or("").to_owned());
    let star = view("CREATE VIEW v AS SELECT * FROM t; COMMENT ON VIEW v IS 'V.';");
    assert_eq!(star.unwrap_err(), "column without a name: *");
}
