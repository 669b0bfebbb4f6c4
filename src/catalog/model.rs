//! One model of everything that the catalogue describes: relations with columns, indexes, constraints and comments. Every
//! relation of `pg_catalog` and `information_schema` is a view of it. Made once from what a cluster has and `sql/` says.

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

use super::{
    docs::{self, TableDoc},
    names,
    oids::{Kind, Oids},
    seed, types,
};
use crate::source::Introspection;

/// The namespaces, with PostgreSQL's OIDs.
pub const PG_CATALOG: u32 = 11;
pub const PUBLIC: u32 = 2200;
/// PostgreSQL assigns this one at initdb; it is the number that the data files carry.
pub const INFORMATION_SCHEMA: u32 = 13_207;
pub const NAMESPACES: [(u32, &str, &str); 3] = [
    (PG_CATALOG, "pg_catalog", "system catalog schema"),
    (PUBLIC, "public", "standard public schema"),
    (INFORMATION_SCHEMA, "information_schema", ""),
];

/// BOOTSTRAP_SUPERUSERID: the owner of everything, which is the cluster's own role.
pub const OWNER: u32 = 10;

/// Everything that the catalogue describes.
#[derive(Debug)]
pub struct Model {
    pub database: String,
    pub database_oid: u32,
    /// The cluster's role, which owns everything.
    pub user: String,
    /// The runtime's version, for `pg_shdescription` and `version()`.
    pub runtime_version: String,
    /// System relations, then the introspection tables by name.
    pub relations: Vec<Relation>,
    by_name: HashMap<(u32, String), usize>,
    by_oid: HashMap<u32, usize>,
}

#[derive(Debug)]
pub struct Relation {
    pub oid: u32,
    pub namespace: u32,
    pub name: String,
    /// `r` or `v`.
    pub kind: &'static str,
    pub row_type: u32,
    pub array_type: u32,
    pub shared: bool,
    pub columns: Vec<Column>,
    pub constraints: Vec<Constraint>,
    pub comment: Option<String>,
}

#[derive(Debug)]
pub struct Column {
    pub name: String,
    /// As `format_type` spells it; of a domain the base type.
    pub pg_type: String,
    pub type_oid: u32,
    pub type_modifier: i32,
    pub not_null: bool,
    pub comment: Option<String>,
}

/// A primary or a foreign key; a primary key is also an index of the same name.
#[derive(Debug)]
pub struct Constraint {
    pub oid: u32,
    pub name: String,
    /// Attribute numbers, from 1.
    pub key: Vec<usize>,
    pub kind: ConstraintKind,
}

#[derive(Debug)]
pub enum ConstraintKind {
    Primary {
        index: u32,
    },
    Foreign {
        /// OID of the referenced relation and of the index that its key has.
        relation: u32,
        index: u32,
        key: Vec<usize>,
    },
}

impl Relation {
    pub fn schema(&self) -> &'static str {
        namespace_name(self.namespace)
    }

    pub fn primary_key(&self) -> Option<&Constraint> {
        self.constraints
            .iter()
            .find(|constraint| matches!(constraint.kind, ConstraintKind::Primary { .. }))
    }

    /// The columns with attribute numbers, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .map(|(index, column)| (index + 1, column))
    }

    /// The column of an attribute number.
    pub fn column(&self, number: usize) -> Option<&Column> {
        self.columns.get(number.checked_sub(1)?)
    }

    fn number_of(&self, name: &str) -> Option<usize> {
        self.numbered()
            .find(|(_, column)| column.name == name)
            .map(|(number, _)| number)
    }
}

/// The name of a namespace.
pub fn namespace_name(oid: u32) -> &'static str {
    NAMESPACES
        .iter()
        .find(|(namespace, ..)| *namespace == oid)
        .map_or("", |(_, name, _)| name)
}

/// The OID of a namespace.
pub fn namespace_oid(name: &str) -> Option<u32> {
    NAMESPACES
        .iter()
        .find(|(_, namespace, _)| *namespace == name)
        .map(|(oid, ..)| *oid)
}

impl Model {
    /// `docs` is what `sql/` says of the tables.
    pub fn new(database: &str, user: &str, introspection: &Introspection, docs: &BTreeMap<String, TableDoc>) -> Model {
        let mut oids = Oids::default();
        let mut relations: Vec<Relation> = seed::relations().iter().map(system_relation).collect();
        let system = relations.len();
        for (name, schema) in &introspection.tables {
            relations.push(introspection_table(&mut oids, name, schema, docs.get(name)));
        }
        let by_name = |relations: &[Relation], name: &str| {
            relations
                .iter()
                .skip(system)
                .position(|relation| relation.name == name)
                .map(|index| index + system)
        };
        for doc in introspection.tables.keys().filter_map(|name| docs.get(name)) {
            let Some(index) = by_name(&relations, &doc.name) else {
                continue;
            };
            if let Some(primary) = primary_key(&mut oids, &relations[index], doc) {
                for number in &primary.key {
                    if let Some(column) = relations[index].columns.get_mut(number - 1) {
                        column.not_null = true;
                    }
                }
                relations[index].constraints.push(primary);
            }
        }
        for doc in introspection.tables.keys().filter_map(|name| docs.get(name)) {
            let Some(index) = by_name(&relations, &doc.name) else {
                continue;
            };
            for foreign in &doc.foreign_keys {
                let Some(target) = by_name(&relations, &foreign.table) else {
                    continue;
                };
                let constraint = foreign_key(&mut oids, &relations[index], &relations[target], foreign);
                relations[index].constraints.extend(constraint);
            }
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
        }
    }

    pub fn relation(&self, namespace: u32, name: &str) -> Option<&Relation> {
        self.by_name
            .get(&(namespace, name.to_owned()))
            .and_then(|index| self.relations.get(*index))
    }

    pub fn relation_by_oid(&self, oid: u32) -> Option<&Relation> {
        self.by_oid.get(&oid).and_then(|index| self.relations.get(*index))
    }

    /// The introspection tables.
    pub fn tables(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|relation| relation.namespace == PUBLIC)
    }

    /// Every index: its OID, the constraint that it stands for and the table.
    pub fn indexes(&self) -> impl Iterator<Item = (u32, &Constraint, &Relation)> {
        self.tables().filter_map(|relation| {
            let constraint = relation.primary_key()?;
            match constraint.kind {
                ConstraintKind::Primary { index } => Some((index, constraint, relation)),
                ConstraintKind::Foreign { .. } => None,
            }
        })
    }

    /// Every constraint with its table.
    pub fn constraints(&self) -> impl Iterator<Item = (&Constraint, &Relation)> {
        self.tables().flat_map(|relation| {
            relation
                .constraints
                .iter()
                .map(move |constraint| (constraint, relation))
        })
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
                    not_null: column.not_null,
                    comment: None,
                }
            })
            .collect(),
        constraints: Vec::new(),
        comment: None,
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
                Column {
                    name: field.name().clone(),
                    pg_type,
                    type_oid,
                    type_modifier,
                    not_null: doc.is_some_and(|doc| doc.not_null),
                    comment: comment(doc.map(|doc| &doc.comment)),
                }
            })
            .collect(),
        constraints: Vec::new(),
        comment: comment(doc.map(|doc| &doc.comment)),
    }
}

fn comment(comment: Option<&String>) -> Option<String> {
    comment.filter(|comment| !comment.is_empty()).cloned()
}

/// `text`, for a column of a type that PostgreSQL has no word for.
const TEXT: u32 = 25;

/// The PostgreSQL type of a column that `sql/` does not know.
pub fn discovered_type(field: &Field) -> String {
    fn of(data_type: &DataType) -> String {
        match data_type {
            DataType::Boolean => "boolean".into(),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => "smallint".into(),
            DataType::Int32 | DataType::UInt16 => "integer".into(),
            // A Duration column is a number of milliseconds: interval columns crash data tools.
            DataType::Int64 | DataType::UInt32 | DataType::Duration(_) => "bigint".into(),
            DataType::UInt64 => "numeric(20,0)".into(),
            DataType::Float16 | DataType::Float32 => "real".into(),
            DataType::Float64 => "double precision".into(),
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                format!("numeric({precision},{scale})")
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                "bytea".into()
            }
            DataType::Date32 | DataType::Date64 => "date".into(),
            DataType::Time32(_) | DataType::Time64(_) => "time without time zone".into(),
            DataType::Timestamp(
                TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond,
                zone,
            ) => match zone {
                Some(_) => "timestamp with time zone".into(),
                None => "timestamp without time zone".into(),
            },
            DataType::Interval(_) => "interval".into(),
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::ListView(item) => {
                format!("{}[]", of(item.data_type()))
            }
            DataType::Dictionary(_, value) => of(value),
            _ => "text".into(),
        }
    }
    of(field.data_type())
}

/// `schema` with the types of `relation` laid over it as metadata: same names, same types, same order.
pub fn overlay(relation: &Relation, schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(relation.numbered())
        .map(|(field, (number, column))| {
            types::placed(
                types::tagged(field.as_ref().clone(), &column.pg_type),
                relation.oid,
                number,
            )
        })
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

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
    let name = format!("{}_pkey", relation.name);
    Some(Constraint {
        oid: oids.get(Kind::Constraint, &name),
        kind: ConstraintKind::Primary {
            index: oids.get(Kind::Index, &name),
        },
        name,
        key,
    })
}

fn foreign_key(
    oids: &mut Oids,
    relation: &Relation,
    target: &Relation,
    foreign: &docs::ForeignKey,
) -> Option<Constraint> {
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
    let name = format!("{}_{}_fkey", relation.name, foreign.columns.join("_"));
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
