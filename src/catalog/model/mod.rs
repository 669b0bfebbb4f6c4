//! One model of everything that the catalogue describes: relations with columns, indexes, constraints and comments. Every
//! relation of `pg_catalog` and `information_schema` is a view of it. Made once from what a cluster has and `sql/` says.

mod build;
mod discovered;

use std::collections::HashMap;

use super::docs::ViewDoc;

pub use discovered::{discovered_type, overlay};

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
    /// System relations, then the introspection tables by name, then the views over them by name.
    pub relations: Vec<Relation>,
    by_name: HashMap<(u32, String), usize>,
    by_oid: HashMap<u32, usize>,
    /// The rule of each view, by the view's OID.
    rules: HashMap<u32, u32>,
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
    /// What a view of `sql/views` is made of. A system view is none of them: here it has rows of its own.
    pub view: Option<View>,
}

/// A view over the introspection tables, which is expanded where it is named.
#[derive(Debug, Clone)]
pub struct View {
    pub doc: &'static ViewDoc,
    /// The types of its columns as `format_type` spells them, as planning it shows.
    pub types: Vec<String>,
    /// The tables that it reads, each with the columns of it, by name.
    pub reads: Vec<(String, Vec<String>)>,
}

#[derive(Debug)]
pub struct Column {
    pub name: String,
    /// As `format_type` spells it; of a domain the base type.
    pub pg_type: String,
    pub type_oid: u32,
    pub type_modifier: i32,
    /// OID of its collation, 0 for a type that has none.
    pub collation: u32,
    /// Dimensions that an array was declared with: a table's has one, a view's none.
    pub dimensions: i16,
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

    /// The attribute number of a column.
    pub fn number_of(&self, name: &str) -> Option<usize> {
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
    pub fn relation(&self, namespace: u32, name: &str) -> Option<&Relation> {
        self.by_name
            .get(&(namespace, name.to_owned()))
            .and_then(|index| self.relations.get(*index))
    }

    pub fn relation_by_oid(&self, oid: u32) -> Option<&Relation> {
        self.by_oid.get(&oid).and_then(|index| self.relations.get(*index))
    }

    /// The introspection tables and the views over them.
    pub fn tables(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|relation| relation.namespace == PUBLIC)
    }

    /// The views over the introspection tables, each with the OID of the rule that PostgreSQL keeps its query in.
    pub fn views(&self) -> impl Iterator<Item = (u32, &View, &Relation)> {
        self.tables().filter_map(|relation| {
            let rule = self.rules.get(&relation.oid)?;
            Some((*rule, relation.view.as_ref()?, relation))
        })
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
