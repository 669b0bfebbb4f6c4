//! What a client sees of a cluster: the introspection tables as documented in `sql/`, `pg_catalog`, `information_schema`,
//! and the functions that Postgres clients call. Fetches no rows of a cluster.

pub mod definition;
pub mod docs;
pub mod facts;
pub mod functions;
pub mod information_schema;
pub mod model;
pub mod names;
pub mod oids;
pub mod pg_catalog;
pub mod quote;
pub mod rows;
pub mod seed;
mod table;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod types;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use datafusion::catalog::TableProvider;

use crate::{Result, source::Introspection, source::Source};
use model::{Model, Relation, View};
pub use table::CatalogTable;

/// The catalogue of one cluster under one database name. Made once for each version of its schema and shared by all
/// sessions; a relation's rows are made when it is first read.
#[derive(Debug)]
pub struct Catalog {
    pub model: Arc<Model>,
    tables: HashMap<(u32, String), Arc<dyn TableProvider>>,
}

/// What RowDescription says of a plain column: where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationInfo {
    pub oid: u32,
    /// Attribute numbers, from 1, by column name.
    pub attribute_numbers: BTreeMap<String, i16>,
}

impl Catalog {
    /// `database` is the name that the client connected to, `user` the cluster's role, which owns everything. `views` are
    /// those of `sql/views` that can be planned over the cluster's tables.
    pub fn new(
        database: &str,
        user: &str,
        introspection: &Introspection,
        source: Arc<dyn Source>,
        views: &[View],
    ) -> Result<Arc<Catalog>> {
        Catalog::documented(database, user, introspection, source, docs::tables(), views)
    }

    /// The same with other documentation than that of `sql/`.
    pub fn documented(
        database: &str,
        user: &str,
        introspection: &Introspection,
        source: Arc<dyn Source>,
        docs: &BTreeMap<String, docs::TableDoc>,
        views: &[View],
    ) -> Result<Arc<Catalog>> {
        let model = Arc::new(Model::new(database, user, introspection, docs, views));
        let mut tables: HashMap<(u32, String), Arc<dyn TableProvider>> = HashMap::new();
        for (index, relation) in model.relations.iter().enumerate() {
            if relation.view.is_some() {
                continue;
            }
            let key = (relation.namespace, relation.name.clone());
            let provider: Arc<dyn TableProvider> = match introspection.tables.get(&relation.name) {
                Some(schema) if relation.namespace == model::PUBLIC => {
                    source.table(&relation.name, model::overlay(relation, schema))
                }
                _ => Arc::new(CatalogTable::new(Arc::clone(&model), index)),
            };
            tables.insert(key, provider);
        }
        Ok(Arc::new(Catalog { model, tables }))
    }

    /// A relation of `public`, `pg_catalog` or `information_schema` that has rows of its own; a view has none.
    pub fn table(&self, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.tables
            .get(&(model::namespace_oid(schema)?, name.to_owned()))
            .cloned()
    }

    /// A view over the introspection tables.
    pub fn view(&self, schema: &str, name: &str) -> Option<(&Relation, &View)> {
        let relation = self.model.relation(model::namespace_oid(schema)?, name)?;
        Some((relation, relation.view.as_ref()?))
    }

    /// Where a relation's columns come from.
    pub fn relation(&self, schema: &str, name: &str) -> Option<RelationInfo> {
        let relation = self.model.relation(model::namespace_oid(schema)?, name)?;
        Some(RelationInfo {
            oid: relation.oid,
            attribute_numbers: relation
                .numbered()
                .filter_map(|(number, column)| Some((column.name.clone(), i16::try_from(number).ok()?)))
                .collect(),
        })
    }
}
