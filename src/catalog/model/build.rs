//! How the model is put together: relations from what PostgreSQL has, what the cluster has and what `sql/` says of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use arrow::datatypes::Schema;

use super::{
    Column, Constraint, ConstraintKind, Model, PG_CATALOG, PUBLIC, Relation, View, discovered_type, namespace_oid,
};
use crate::{
    catalog::{
        docs::{self, ForeignKey, TableDoc},
        names,
        oids::{Kind, Oids},
        seed,
    },
    source::Introspection,
};

impl Model {
    /// `docs` is what `sql/` says of the tables, `views` the views over those that the cluster has.
    pub fn new(
        database: &str,
        user: &str,
        introspection: &Introspection,
        docs: &BTreeMap<String, TableDoc>,
        views: &[View],
    ) -> Model {
        let mut oids = documented();
        let mut relations: Vec<Relation> = seed::relations().iter().map(system_relation).collect();
        let system = relations.len();
        for (name, schema) in &introspection.tables {
            relations.push(introspection_table(&mut oids, name, schema, docs.get(name)));
        }
        keys(&mut oids, &mut relations, system, docs);
        let mut rules = HashMap::new();
        for view in views {
            let relation = view_relation(&mut oids, view);
            rules.insert(relation.oid, oids.get(Kind::Rule, &relation.name));
            relations.push(relation);
        }
        Model {
            database: database.to_owned(),
            database_oid: oids.get(Kind::Database, database),
            user: user.to_owned(),
            runtime_version: introspection.version.clone(),
            by_name: relations
                .iter()
                .enumerate()
                .map(|(i, r)| ((r.namespace, r.name.clone()), i))
                .collect(),
            by_oid: relations.iter().enumerate().map(|(i, r)| (r.oid, i)).collect(),
            relations,
            rules,
        }
    }
}

/// With the OIDs of all that `sql/` names, whichever of it a cluster has: they are those of every version.
fn documented() -> Oids {
    static OIDS: LazyLock<Oids> = LazyLock::new(|| {
        let mut oids = Oids::default();
        for name in docs::tables().keys().chain(docs::views().keys()) {
            let name = format!("public.{name}");
            for kind in [Kind::Relation, Kind::RowType, Kind::ArrayType] {
                oids.document(kind, &name);
            }
        }
        for table in docs::tables().values() {
            oids.document(Kind::Constraint, &primary_key_name(&table.name));
            oids.document(Kind::Index, &primary_key_name(&table.name));
            for foreign in &table.foreign_keys {
                oids.document(Kind::Constraint, &foreign_key_name(&table.name, foreign));
            }
        }
        for name in docs::views().keys() {
            oids.document(Kind::Rule, name);
        }
        oids
    });
    OIDS.clone()
}

fn primary_key_name(table: &str) -> String {
    format!("{table}_pkey")
}

fn foreign_key_name(table: &str, foreign: &ForeignKey) -> String {
    format!("{table}_{}_fkey", foreign.columns.join("_"))
}

/// Gives the tables behind the first `system` relations their keys: primary keys first, for foreign keys refer to them.
fn keys(oids: &mut Oids, relations: &mut [Relation], system: usize, docs: &BTreeMap<String, TableDoc>) {
    let index_of = |relations: &[Relation], name: &str| {
        let found = relations.iter().skip(system).position(|relation| relation.name == name);
        found.map(|index| index + system)
    };
    for doc in docs.values() {
        let Some(relation) = index_of(relations, &doc.name).and_then(|index| relations.get_mut(index)) else {
            continue;
        };
        if let Some(primary) = primary_key(oids, relation, doc) {
            for number in &primary.key {
                if let Some(column) = relation.columns.get_mut(number - 1) {
                    column.not_null = true;
                }
            }
            relation.constraints.push(primary);
        }
    }
    for doc in docs.values() {
        let Some(index) = index_of(relations, &doc.name) else {
            continue;
        };
        for foreign in &doc.foreign_keys {
            let Some(target) = index_of(relations, &foreign.table) else {
                continue;
            };
            let constraint = foreign_key(oids, &relations[index], &relations[target], foreign);
            relations[index].constraints.extend(constraint);
        }
    }
}

fn system_relation(relation: &seed::SystemRelation) -> Relation {
    Relation {
        oid: relation.oid,
        namespace: namespace_oid(relation.schema).unwrap_or(PG_CATALOG),
        name: relation.name.to_owned(),
        kind: relation.kind,
        row_type: relation.row_type,
        array_type: relation.array_type,
        shared: relation.shared,
        columns: relation
            .columns
            .iter()
            .map(|column| {
                let (type_oid, type_modifier) = match column.domain.and_then(seed::type_named) {
                    Some(domain) => (domain.oid, -1),
                    None => names::parse_type(column.pg_type).unwrap_or((0, -1)),
                };
                Column {
                    name: column.name.to_owned(),
                    pg_type: column.pg_type.to_owned(),
                    type_oid,
                    type_modifier,
                    collation: column.collation.unwrap_or_else(|| collation(type_oid)),
                    dimensions: column.dimensions,
                    not_null: column.not_null,
                    comment: None,
                }
            })
            .collect(),
        constraints: Vec::new(),
        comment: None,
        view: None,
    }
}

fn introspection_table(oids: &mut Oids, name: &str, schema: &Schema, doc: Option<&TableDoc>) -> Relation {
    let qualified = format!("public.{name}");
    Relation {
        oid: oids.get(Kind::Relation, &qualified),
        namespace: PUBLIC,
        name: name.to_owned(),
        kind: "r",
        row_type: oids.get(Kind::RowType, &qualified),
        array_type: oids.get(Kind::ArrayType, &qualified),
        shared: false,
        columns: schema
            .fields()
            .iter()
            .map(|field| {
                let doc = doc.and_then(|doc| doc.columns.iter().find(|column| column.name == *field.name()));
                let pg_type = match doc {
                    Some(doc) => doc.pg_type.clone(),
                    None => discovered_type(field),
                };
                let (type_oid, type_modifier) = names::parse_type(&pg_type).unwrap_or((TEXT, -1));
                let pg_type_is_array = pg_type.ends_with("[]");
                Column {
                    name: field.name().clone(),
                    pg_type,
                    type_oid,
                    type_modifier,
                    collation: collation(type_oid),
                    dimensions: i16::from(pg_type_is_array),
                    not_null: doc.is_some_and(|doc| doc.not_null),
                    comment: comment(doc.map(|doc| &doc.comment)),
                }
            })
            .collect(),
        constraints: Vec::new(),
        comment: comment(doc.map(|doc| &doc.comment)),
        view: None,
    }
}

fn view_relation(oids: &mut Oids, view: &View) -> Relation {
    let qualified = format!("public.{}", view.doc.name);
    let columns = view.doc.columns.iter().zip(&view.types);
    Relation {
        oid: oids.get(Kind::Relation, &qualified),
        namespace: PUBLIC,
        name: view.doc.name.clone(),
        kind: "v",
        row_type: oids.get(Kind::RowType, &qualified),
        array_type: oids.get(Kind::ArrayType, &qualified),
        shared: false,
        columns: columns
            .map(|(doc, pg_type)| {
                let (type_oid, type_modifier) = names::parse_type(pg_type).unwrap_or((TEXT, -1));
                Column {
                    name: doc.name.clone(),
                    pg_type: pg_type.clone(),
                    type_oid,
                    type_modifier,
                    collation: collation(type_oid),
                    dimensions: 0,
                    not_null: false,
                    comment: comment(Some(&doc.comment)),
                }
            })
            .collect(),
        constraints: Vec::new(),
        comment: comment(Some(&view.doc.comment)),
        view: Some(view.clone()),
    }
}

/// The collation of a type.
fn collation(type_oid: u32) -> u32 {
    seed::types().get(&type_oid).map_or(0, |system| system.collation)
}

fn comment(comment: Option<&String>) -> Option<String> {
    comment.filter(|comment| !comment.is_empty()).cloned()
}

/// `text`, for a column of a type that PostgreSQL has no word for.
const TEXT: u32 = 25;

fn primary_key(oids: &mut Oids, relation: &Relation, doc: &TableDoc) -> Option<Constraint> {
    // A key of which this version lacks a column is no key.
    let key = doc
        .primary_key
        .iter()
        .map(|name| relation.number_of(name))
        .collect::<Option<Vec<_>>>()?;
    if key.is_empty() {
        return None;
    }
    let name = primary_key_name(&relation.name);
    Some(Constraint {
        oid: oids.get(Kind::Constraint, &name),
        kind: ConstraintKind::Primary {
            index: oids.get(Kind::Index, &name),
        },
        name,
        key,
    })
}

fn foreign_key(oids: &mut Oids, relation: &Relation, target: &Relation, foreign: &ForeignKey) -> Option<Constraint> {
    let key = foreign
        .columns
        .iter()
        .map(|name| relation.number_of(name))
        .collect::<Option<Vec<_>>>()?;
    let referenced = match foreign.referenced.as_slice() {
        [] => target.primary_key()?.key.clone(),
        names => names
            .iter()
            .map(|name| target.number_of(name))
            .collect::<Option<Vec<_>>>()?,
    };
    let index = match target.primary_key()?.kind {
        ConstraintKind::Primary { index } => index,
        ConstraintKind::Foreign { .. } => return None,
    };
    let name = foreign_key_name(&relation.name, foreign);
    Some(Constraint {
        oid: oids.get(Kind::Constraint, &name),
        name,
        key,
        kind: ConstraintKind::Foreign {
            relation: target.oid,
            index,
            key: referenced,
        },
    })
}
