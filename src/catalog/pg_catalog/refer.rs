//! What is said of objects and between them: `pg_description`, `pg_depend`, and the rules that views are kept in.

use crate::catalog::{
    model::{ConstraintKind, Model, NAMESPACES},
    rows::{Row, row},
};

/// OIDs of the catalogues that these refer to.
const PG_CLASS: u32 = 1259;
const PG_TYPE: u32 = 1247;
const PG_CONSTRAINT: u32 = 2606;
const PG_NAMESPACE: u32 = 2615;
const PG_REWRITE: u32 = 2618;

pub(super) fn pg_description(model: &Model) -> Vec<Row> {
    let namespaces = NAMESPACES
        .iter()
        .filter(|(_, _, comment)| !comment.is_empty())
        .map(|(oid, _, comment)| {
            row! { "objoid" => *oid, "classoid" => PG_NAMESPACE, "objsubid" => 0, "description" => *comment }
        });
    let relations = model.tables().flat_map(|relation| {
        let own = relation.comment.iter().map(|comment| (0, comment));
        let columns = relation
            .numbered()
            .filter_map(|(number, column)| Some((number, column.comment.as_ref()?)));
        own.chain(columns).map(|(number, comment)| {
            row! { "objoid" => relation.oid, "classoid" => PG_CLASS, "objsubid" => number, "description" => comment }
        })
    });
    namespaces.chain(relations).collect()
}

pub(super) fn pg_depend(model: &Model) -> Vec<Row> {
    let depend = |class: u32, oid: u32, referenced_class: u32, referenced: u32, column: usize, kind: &'static str| {
        row! {
            "classid" => class, "objid" => oid, "refclassid" => referenced_class, "refobjid" => referenced,
            "refobjsubid" => column, "deptype" => kind,
        }
    };
    let mut rows = Vec::new();
    for relation in model.tables() {
        rows.push(depend(PG_TYPE, relation.row_type, PG_CLASS, relation.oid, 0, "i"));
        rows.push(depend(PG_CLASS, relation.oid, PG_NAMESPACE, relation.namespace, 0, "n"));
    }
    for (rule, view, relation) in model.views() {
        rows.push(depend(PG_REWRITE, rule, PG_CLASS, relation.oid, 0, "i"));
        for (table, columns) in &view.reads {
            let Some(table) = model.relation(relation.namespace, table) else {
                continue;
            };
            for number in columns.iter().filter_map(|column| table.number_of(column)) {
                rows.push(depend(PG_REWRITE, rule, PG_CLASS, table.oid, number, "n"));
            }
        }
    }
    for (constraint, relation) in model.constraints() {
        for number in &constraint.key {
            rows.push(depend(
                PG_CONSTRAINT,
                constraint.oid,
                PG_CLASS,
                relation.oid,
                *number,
                "a",
            ));
        }
        match &constraint.kind {
            ConstraintKind::Primary { index } => {
                rows.push(depend(PG_CLASS, *index, PG_CONSTRAINT, constraint.oid, 0, "i"))
            }
            ConstraintKind::Foreign {
                relation: referenced,
                index,
                key,
            } => {
                for number in key {
                    rows.push(depend(
                        PG_CONSTRAINT,
                        constraint.oid,
                        PG_CLASS,
                        *referenced,
                        *number,
                        "n",
                    ));
                }
                rows.push(depend(PG_CONSTRAINT, constraint.oid, PG_CLASS, *index, 0, "n"));
            }
        }
    }
    rows
}

/// Each view is kept in a rule. Its parse tree is PostgreSQL's own affair: here it is empty.
pub(super) fn pg_rewrite(model: &Model) -> Vec<Row> {
    model
        .views()
        .map(|(rule, _, view)| {
            row! {
                "oid" => rule, "rulename" => "_RETURN", "ev_class" => view.oid, "ev_type" => "1", "ev_enabled" => "O",
                "is_instead" => true, "ev_qual" => "<>", "ev_action" => "<>",
            }
        })
        .collect()
}
