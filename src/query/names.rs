//! What names in a statement mean: tables by PostgreSQL's search path, functions with or without `pg_catalog.` before them.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::{
    catalog::TableFunctionArgs,
    common::{DFSchema, DataFusionError, Result, TableReference},
    config::ConfigOptions,
    datasource::{cte_worktable::CteWorkTable, provider_as_source},
    execution::SessionState,
    logical_expr::{
        AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF,
        planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner},
        simplify::SimplifyContext,
    },
    optimizer::simplify_expressions::ExprSimplifier,
};

use super::{Scope, errors::from_datafusion, types::Types, unknown, views};
use crate::{
    Error, SqlState,
    catalog::{Catalog, functions},
};

/// The schemas that a name without one is looked up in: `pg_catalog` first, as PostgreSQL does where the search path
/// does not name it.
const SEARCH_PATH: [&str; 2] = ["pg_catalog", "public"];

/// Names as one session sees them.
pub struct Names<'a> {
    scope: &'a Scope,
    state: &'a SessionState,
    catalog: &'a Catalog,
    types: Arc<dyn TypePlanner>,
}

impl<'a> Names<'a> {
    pub fn of(scope: &'a Scope) -> Self {
        let types = Arc::new(Types::new(scope.state().config_options()));
        Names {
            scope,
            state: scope.state(),
            catalog: &scope.facts.catalog,
            types,
        }
    }
}

impl Names<'_> {
    fn table(&self, name: &TableReference) -> Result<Arc<dyn TableSource>, Error> {
        if let Some(database) = name.catalog()
            && !self.scope.databases.iter().any(|known| known == database)
        {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("cross-database references are not implemented: \"{name}\""),
            ));
        }
        let in_schema = |schema: &str| {
            let table = self.catalog.table(schema, name.table());
            table.map(|table| Ok(provider_as_source(table))).or_else(|| {
                let (relation, view) = self.catalog.view(schema, name.table())?;
                Some(views::source(self, self.scope, relation, view))
            })
        };
        let found = match name.schema() {
            Some(schema) => in_schema(schema),
            None => SEARCH_PATH.iter().find_map(|schema| in_schema(schema)),
        };
        if let Some(source) = found {
            return source.map_err(from_datafusion);
        }
        Err({
            let shown = match name.schema() {
                Some(schema) => format!("{schema}.{}", name.table()),
                None => name.table().to_owned(),
            };
            Error::new(
                SqlState::UNDEFINED_TABLE,
                format!("relation \"{shown}\" does not exist"),
            )
        })
    }
}

impl Names<'_> {
    /// Whether no function of any kind has that name.
    fn is_unknown(&self, name: &str) -> bool {
        let state = self.state;
        // The planner knows this one by itself.
        name != "unnest"
            && !state.aggregate_functions().contains_key(name)
            && !state.window_functions().contains_key(name)
            && !state.higher_order_functions().contains_key(name)
            && !state.table_functions().contains_key(name)
    }
}

/// A function's own name: PostgreSQL's functions may be called with their schema.
fn unqualified(name: &str) -> &str {
    name.strip_prefix("pg_catalog.")
        .or_else(|| name.strip_prefix("information_schema."))
        .unwrap_or(name)
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        self.table(&name)
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }

    fn get_table_function_source(&self, name: &str, args: Vec<Expr>) -> Result<Arc<dyn TableSource>> {
        let function = self
            .state
            .table_functions()
            .get(unqualified(name))
            .cloned()
            .ok_or_else(|| {
                DataFusionError::External(Box::new(Error::new(
                    SqlState::UNDEFINED_FUNCTION,
                    format!("function {name} does not exist"),
                )))
            })?;
        let context = SimplifyContext::builder()
            .with_config_options(Arc::clone(self.state.config_options()))
            .with_query_execution_start_time(self.state.execution_props().query_execution_start_time)
            .build();
        let simplifier = ExprSimplifier::new(context);
        let schema = DFSchema::empty();
        let args = args
            .into_iter()
            .map(|arg| simplifier.coerce(arg, &schema).and_then(|arg| simplifier.simplify(arg)))
            .collect::<Result<Vec<_>>>()?;
        let provider = function.create_table_provider_with_args(TableFunctionArgs::new(&args, self.state))?;
        Ok(provider_as_source(provider))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.scope.operators()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::clone(&self.types))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let name = unqualified(name);
        functions::scalar_function(name, &self.scope.facts)
            .or_else(|| self.state.scalar_functions().get(name).cloned())
            .or_else(|| self.is_unknown(name).then(|| unknown::function(name)))
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(unqualified(name)).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(unqualified(name)).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(unqualified(name)).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    // These four only feed "did you mean" texts, which PostgreSQL does not have.
    fn udf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}
