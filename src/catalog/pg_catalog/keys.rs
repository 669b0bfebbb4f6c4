//! Keys: `pg_constraint` and `pg_index`.

use crate::catalog::{
    model::{Constraint, ConstraintKind, Model, Relation},
    rows::{Row, array, row, vector},
    seed,
};

pub(super) fn pg_constraint(constraint: &Constraint, relation: &Relation) -> Row {
    let common = row! {
        "oid" => constraint.oid, "conname" => &constraint.name, "connamespace" => relation.namespace,
        "convalidated" => true, "conrelid" => relation.oid, "conislocal" => true, "connoinherit" => true,
        "conkey" => array(&constraint.key),
    };
    let own = match &constraint.kind {
        ConstraintKind::Primary { index } => row! {
            "contype" => "p", "conindid" => *index, "confupdtype" => " ", "confdeltype" => " ", "confmatchtype" => " ",
        },
        ConstraintKind::Foreign {
            relation: referenced,
            index,
            key,
        } => {
            let equal: Vec<u32> = constraint
                .key
                .iter()
                .filter_map(|number| equality_operator(relation.column(*number)?.type_oid))
                .collect();
            row! {
                "contype" => "f", "conindid" => *index, "confrelid" => *referenced, "confupdtype" => "a", "confdeltype" => "a",
                "confmatchtype" => "s", "confkey" => array(key), "conpfeqop" => array(&equal), "conppeqop" => array(&equal),
                "conffeqop" => array(&equal),
            }
        }
    };
    common.into_iter().chain(own).collect()
}

/// The `=` of a type.
fn equality_operator(type_oid: u32) -> Option<u32> {
    // `text` lends its operators to the types that are stored like it.
    let type_oid = if seed::types().get(&type_oid)?.name == "varchar" {
        25
    } else {
        type_oid
    };
    let wanted = type_oid.to_string();
    seed::rows("pg_operator")
        .iter()
        .find(|row| {
            seed::get(row, "oprname") == "="
                && seed::get(row, "oprleft") == wanted
                && seed::get(row, "oprright") == wanted
        })
        .map(|row| seed::number(row, "oid"))
}

/// The default btree operator class of a type.
fn operator_class(type_oid: u32) -> u32 {
    let wanted = if type_oid == 1043 {
        "25".to_owned()
    } else {
        type_oid.to_string()
    };
    seed::rows("pg_opclass")
        .iter()
        .find(|row| {
            seed::get(row, "opcmethod") == "403"
                && seed::get(row, "opcdefault") == "t"
                && seed::get(row, "opcintype") == wanted
        })
        .map_or(0, |row| seed::number(row, "oid"))
}

pub(super) fn pg_index(model: &Model) -> Vec<Row> {
    model
        .indexes()
        .map(|(index, constraint, relation)| {
            let types = || constraint.key.iter().filter_map(|number| Some(relation.column(*number)?.type_oid));
            let collation = |oid: u32| seed::types().get(&oid).map_or(0, |system| system.collation);
            row! {
                "indexrelid" => index, "indrelid" => relation.oid, "indnatts" => constraint.key.len(),
                "indnkeyatts" => constraint.key.len(), "indisunique" => true, "indisprimary" => true, "indimmediate" => true,
                "indisvalid" => true, "indisready" => true, "indislive" => true, "indkey" => vector(&constraint.key),
                "indcollation" => vector(types().map(collation)), "indclass" => vector(types().map(operator_class)),
                "indoption" => vector(constraint.key.iter().map(|_| 0)),
            }
        })
        .collect()
}
