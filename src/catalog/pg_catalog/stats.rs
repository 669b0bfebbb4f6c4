//! `pg_stat_*` and `pg_statio_*`: this program counts nothing, so what PostgreSQL counts is 0 here. How many rows a table
//! has nobody knows without a scan: that is NULL, which tools read as unknown.

use crate::catalog::{
    model::{Model, PUBLIC, Relation},
    rows::{Row, row},
    seed,
};

/// Relations of one row for the whole server.
const OF_THE_SERVER: [&str; 4] = [
    "pg_stat_archiver",
    "pg_stat_bgwriter",
    "pg_stat_recovery_prefetch",
    "pg_stat_wal",
];

/// The rows of a statistics relation; `None` where it is none that has any.
pub(super) fn rows(model: &Model, name: &str) -> Option<Vec<Row>> {
    let of_this_scope = |relation: &Relation| match relation.namespace {
        PUBLIC => !name.contains("_sys_"),
        _ => !name.contains("_user_"),
    };
    let zeros = zeros(name);
    let with_zeros = |row: Row| row.into_iter().chain(zeros.clone()).collect::<Row>();
    if OF_THE_SERVER.contains(&name) {
        return Some(vec![zeros]);
    }
    if name == "pg_stat_database" {
        return Some(vec![with_zeros(row! {
            "datid" => model.database_oid, "datname" => &model.database, "numbackends" => 1,
            // Checksums are off.
            "checksum_failures" => None::<i32>,
        })]);
    }
    if name == "pg_stat_database_conflicts" {
        return Some(vec![with_zeros(row! {
            "datid" => model.database_oid, "datname" => &model.database,
        })]);
    }
    let prefix = name.starts_with("pg_stat_") || name.starts_with("pg_statio_");
    if prefix && name.ends_with("_tables") {
        let tables = model
            .relations
            .iter()
            .filter(|relation| relation.kind == "r" && of_this_scope(relation));
        let of_table = |relation: &Relation| {
            let mut row = row! {
                "relid" => relation.oid, "schemaname" => relation.schema(), "relname" => &relation.name,
                "n_live_tup" => None::<i64>, "n_dead_tup" => None::<i64>,
            };
            if relation.primary_key().is_none() {
                row.extend(row! {
                    "idx_scan" => None::<i64>, "idx_tup_fetch" => None::<i64>, "idx_blks_read" => None::<i64>,
                    "idx_blks_hit" => None::<i64>,
                });
            }
            with_zeros(row)
        };
        return Some(tables.map(of_table).collect());
    }
    if prefix && name.ends_with("_indexes") {
        let indexes = model.indexes().filter(|(_, _, relation)| of_this_scope(relation));
        return Some(
            indexes
                .map(|(index, constraint, relation)| {
                    with_zeros(row! {
                        "relid" => relation.oid, "indexrelid" => index, "schemaname" => relation.schema(),
                        "relname" => &relation.name, "indexrelname" => &constraint.name,
                    })
                })
                .collect(),
        );
    }
    None
}

/// 0 for whatever a relation counts. No table here has a TOAST table.
fn zeros(name: &str) -> Row {
    let is_count = |pg_type: &str| matches!(pg_type, "bigint" | "integer" | "double precision" | "numeric");
    let of_toast = |name: &str| name.starts_with("toast_") || name.starts_with("tidx_");
    let relation = seed::relations().iter().find(|relation| relation.name == name);
    relation
        .iter()
        .flat_map(|relation| &relation.columns)
        .filter(|column| is_count(column.pg_type) && !of_toast(column.name))
        .map(|column| (column.name, Some("0".to_owned())))
        .collect()
}
