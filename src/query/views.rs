//! The views of `sql/views`: which of them a cluster can answer, and their plans. A view is planned from its text wherever
//! it is named, by the session that names it; what comes of it is optimized and pushed down like anything else.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use datafusion::{
    catalog::view::ViewTable,
    common::{DataFusionError, Result as EngineResult, metadata::FieldMetadata, tree_node::TreeNodeRecursion},
    datasource::provider_as_source,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableSource},
    sql::{planner::SqlToRel, sqlparser::ast},
};

use super::{Scope, errors::from_datafusion, names::Names, plan::parser_options, rewrite};
use crate::{
    Error, Result, SqlState,
    catalog::{
        docs::{self, ViewDoc},
        facts::SettingsView,
        model::{Relation, View},
        names, types,
    },
    query::walk::plan::WalkPlan,
    wire::types::pg_type,
};

/// The views that can be planned over the catalogue of `scope`. One that needs a table or a column that this version of
/// the runtime lacks is left out whole: half a view would answer another question.
pub fn over(scope: &Scope) -> Vec<View> {
    let planned = |doc: &'static ViewDoc| match view(scope, doc) {
        Ok(view) => Some(view),
        Err(error) if [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN].contains(&error.code()) => None,
        Err(error) => {
            tracing::warn!(view = doc.name, ?error, "view left out");
            None
        }
    };
    docs::views().values().filter_map(planned).collect()
}

fn view(scope: &Scope, doc: &'static ViewDoc) -> Result<View> {
    let plan = plan(&Names::of(scope), scope, &doc.query).map_err(from_datafusion)?;
    let types = plan.schema().fields().iter().map(|field| {
        let pg_type = pg_type(field);
        names::builtin(pg_type.ty.oid(), Some(pg_type.typmod))
            .ok_or_else(|| Error::internal(format!("{}.{} has no type", doc.name, field.name())))
    });
    Ok(View {
        doc,
        types: types.collect::<Result<_>>()?,
        reads: reads(&scope.state().optimize(&plan).map_err(from_datafusion)?).map_err(from_datafusion)?,
    })
}

/// The source of a view as a statement of this session names it. Its columns are the view's own, as PostgreSQL has it,
/// not those of the tables below.
pub fn source(names: &Names, scope: &Scope, relation: &Relation, view: &View) -> EngineResult<Arc<dyn TableSource>> {
    let plan = plan(names, scope, &view.doc.query)?;
    let columns = relation
        .numbered()
        .zip(plan.schema().columns())
        .map(|((number, column), planned)| {
            let metadata = types::metadata_at(&column.pg_type, relation.oid, number);
            Expr::Column(planned).alias_with_metadata(&column.name, Some(FieldMetadata::from(metadata)))
        });
    let columns: Vec<Expr> = columns.collect();
    let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
    Ok(provider_as_source(Arc::new(ViewTable::new(plan, None))))
}

/// The plan of a view's query with the types that its columns have.
fn plan(names: &Names, scope: &Scope, query: &ast::Query) -> EngineResult<LogicalPlan> {
    let mut statement = ast::Statement::Query(Box::new(query.clone()));
    rewrite::rewrite(&mut statement, &scope.facts.catalog)
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    let plan = SqlToRel::new_with_options(names, parser_options()).sql_statement_to_plan(statement)?;
    rewrite::annotate::annotate(plan)
}

/// The tables that an optimized plan scans, with the columns that it takes or filters by.
fn reads(plan: &LogicalPlan) -> EngineResult<Vec<(String, Vec<String>)>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    plan.walk_with_subqueries(&mut |plan| {
        if let LogicalPlan::TableScan(scan) = plan {
            let columns = found.entry(scan.table_name.table().to_owned()).or_default();
            columns.extend(scan.projected_schema.fields().iter().map(|field| field.name().clone()));
            let filtered: HashSet<_> = scan.filters.iter().flat_map(Expr::column_refs).collect();
            columns.extend(filtered.into_iter().map(|column| column.name.clone()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let reads = found.into_iter();
    Ok(reads
        .map(|(table, columns)| (table, columns.into_iter().collect()))
        .collect())
}

/// The settings of no session: no view depends on any.
#[derive(Debug)]
pub struct NoSettings;

impl SettingsView for NoSettings {
    fn get(&self, name: &str) -> Result<String> {
        let message = format!("unrecognized configuration parameter \"{name}\"");
        Err(Error::new(SqlState::UNDEFINED_OBJECT, message))
    }

    fn set(&self, name: &str, _value: &str, _local: bool) -> Result<String> {
        self.get(name)
    }

    fn all(&self) -> Vec<(String, String, String)> {
        Vec::new()
    }
}
