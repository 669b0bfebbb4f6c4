//! Relations, their columns and their row types: `pg_class`, `pg_attribute`, `pg_type`.

use std::collections::HashSet;

use super::seeded;
use crate::catalog::{
    model::{self, ConstraintKind, Model, OWNER, PUBLIC},
    rows::{Row, row},
    seed,
};

/// OIDs of the access methods `heap` and `btree`.
const HEAP: u32 = 2;
const BTREE: u32 = 403;

/// What an attribute without a default statistics target has.
const DEFAULT_TARGET: i32 = -1;

pub(super) fn pg_class(model: &Model) -> Vec<Row> {
    // psql asks for foreign keys only where a relation has the triggers that keep them: on both sides.
    let keyed: HashSet<u32> = model
        .constraints()
        .filter_map(|(constraint, relation)| match constraint.kind {
            ConstraintKind::Foreign { relation: target, .. } => Some([relation.oid, target]),
            ConstraintKind::Primary { .. } => None,
        })
        .flatten()
        .collect();
    let relations = model.relations.iter().map(|relation| {
        let table = relation.kind == "r";
        row! {
            "oid" => relation.oid, "relname" => &relation.name, "relnamespace" => relation.namespace,
            "reltype" => relation.row_type, "relowner" => OWNER, "relam" => if table { HEAP } else { 0 },
            // A file node tells tools that a relation has storage of its own.
            "relfilenode" => if table { relation.oid } else { 0 },
            "reltablespace" => if relation.shared { 1664 } else { 0 },
            // Not 0 pages of statistics but none: a page count makes DuckDB scan by ctid.
            "relpages" => 0, "reltuples" => -1, "relhasindex" => relation.primary_key().is_some(),
            "relhastriggers" => keyed.contains(&relation.oid),
            "relisshared" => relation.shared, "relpersistence" => "p", "relkind" => relation.kind,
            "relnatts" => relation.columns.len(), "relhasrules" => !table, "relispopulated" => true,
            "relreplident" => if relation.namespace == PUBLIC { "d" } else { "n" },
            "relfrozenxid" => if table { 716 } else { 0 }, "relminmxid" => if table { 1 } else { 0 },
        }
    });
    let indexes = model.indexes().map(|(index, constraint, relation)| {
        row! {
            "oid" => index, "relname" => &constraint.name, "relnamespace" => relation.namespace, "relowner" => OWNER,
            "relam" => BTREE, "relfilenode" => index, "relpages" => 0, "reltuples" => -1, "relpersistence" => "p",
            "relkind" => "i", "relnatts" => constraint.key.len(), "relispopulated" => true, "relreplident" => "n",
        }
    });
    relations.chain(indexes).collect()
}

pub(super) fn pg_attribute(model: &Model) -> Vec<Row> {
    let attribute = |relation: u32, number: usize, column: &model::Column, not_null: bool| {
        let system = seed::types().get(&column.type_oid);
        // Types that are not the system's are those of rows and of arrays of them: of any length, stored alike.
        row! {
            "attrelid" => relation, "attname" => &column.name, "atttypid" => column.type_oid,
            "attstattarget" => DEFAULT_TARGET, "attlen" => system.map_or(-1, |system| system.len), "attnum" => number,
            "attndims" => column.dimensions, "attcacheoff" => -1, "atttypmod" => column.type_modifier,
            "attbyval" => system.is_some_and(|system| system.by_value), "attalign" => system.map_or("d", |system| system.align),
            "attstorage" => system.map_or("x", |system| system.storage), "attnotnull" => not_null, "attislocal" => true,
            "attcollation" => column.collation,
        }
    };
    let columns = model.relations.iter().flat_map(|relation| {
        relation
            .numbered()
            .map(move |(number, column)| attribute(relation.oid, number, column, column.not_null))
    });
    let keys = model.indexes().flat_map(|(index, constraint, relation)| {
        constraint.key.iter().enumerate().filter_map(move |(position, number)| {
            // An index's own columns are never marked NOT NULL.
            Some(attribute(index, position + 1, relation.column(*number)?, false))
        })
    });
    columns.chain(keys).collect()
}

pub(super) fn pg_type(model: &Model) -> Vec<Row> {
    let mut rows = seeded("pg_type");
    // record_in, record_out, record_recv, record_send and their kin for arrays, as pg_proc has them.
    for relation in &model.relations {
        rows.push(row! {
            "oid" => relation.row_type, "typname" => &relation.name, "typnamespace" => relation.namespace, "typowner" => OWNER,
            "typlen" => -1, "typtype" => "c", "typcategory" => "C", "typisdefined" => true, "typdelim" => ",",
            "typrelid" => relation.oid, "typarray" => relation.array_type, "typinput" => 2290, "typoutput" => 2291,
            "typreceive" => 2402, "typsend" => 2403, "typalign" => "d", "typstorage" => "x", "typtypmod" => -1,
        });
        if relation.array_type != 0 {
            rows.push(row! {
                "oid" => relation.array_type, "typname" => format!("_{}", relation.name), "typnamespace" => relation.namespace,
                "typowner" => OWNER, "typlen" => -1, "typtype" => "b", "typcategory" => "A", "typisdefined" => true,
                "typdelim" => ",", "typsubscript" => 6179, "typelem" => relation.row_type, "typinput" => 750,
                "typoutput" => 751, "typreceive" => 2400, "typsend" => 2401, "typanalyze" => 3816, "typalign" => "d",
                "typstorage" => "x", "typtypmod" => -1,
            });
        }
    }
    rows
}
