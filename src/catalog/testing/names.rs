//! What names mean to the engine of the tests: relations of the catalogue, functions of this program before the engine's own.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::{
    catalog::TableFunctionArgs,
    common::{TableReference, config::ConfigOptions, plan_err},
    datasource::{cte_worktable::CteWorkTable, provider_as_source},
    error::Result as EngineResult,
    execution::FunctionRegistry,
    logical_expr::{
        AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF,
        planner::{ContextProvider, ExprPlanner, TypePlanner},
        simplify::SimplifyContext,
    },
    optimizer::simplify_expressions::ExprSimplifier,
};

use super::Engine;
use crate::catalog::functions;

impl ContextProvider for Engine {
    fn get_table_source(&self, name: TableReference) -> EngineResult<Arc<dyn TableSource>> {
        let table = match name.schema() {
            Some(schema) => self.catalog.table(schema, name.table()),
            None => self
                .catalog
                .table("pg_catalog", name.table())
                .or_else(|| self.catalog.table("public", name.table())),
        };
        match table {
            Some(table) => Ok(provider_as_source(table)),
            None => plan_err!("relation \"{name}\" does not exist"),
        }
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> EngineResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expr_planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::clone(&self.types))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let name = name
            .strip_prefix("pg_catalog.")
            .or_else(|| name.strip_prefix("information_schema."))
            .unwrap_or(name);
        functions::scalar_function(name, &self.facts).or_else(|| self.state.scalar_functions().get(name).cloned())
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn get_table_function_source(&self, name: &str, args: Vec<Expr>) -> EngineResult<Arc<dyn TableSource>> {
        let Some(function) = self.state.table_functions().get(name) else {
            return plan_err!("function {name} does not exist");
        };
        // Constants only: casts and signs are worked out first.
        let simplifier = ExprSimplifier::new(SimplifyContext::default());
        let args = args
            .into_iter()
            .map(|arg| simplifier.simplify(arg))
            .collect::<EngineResult<Vec<_>>>()?;
        let args = TableFunctionArgs::new(&args, &self.state);
        Ok(provider_as_source(function.create_table_provider_with_args(args)?))
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.udfs().into_iter().collect()
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
