//! An engine with nothing around it, for tests: a made-up cluster of three documented tables, the catalogue over it, and
//! statements run through the rewrites as the server runs them.

mod cluster;
mod names;

use std::sync::Arc;

use arrow::{
    datatypes::{DataType, Field, FieldRef},
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::{
    common::{DataFusionError, ParamValues, ScalarValue, metadata::ScalarAndMetadata},
    error::Result as EngineResult,
    execution::{FunctionRegistry, SessionState, SessionStateBuilder},
    logical_expr::{
        LogicalPlan,
        planner::{ExprPlanner, TypePlanner},
    },
    optimizer::Optimizer,
    physical_plan::collect,
    prelude::{SessionConfig, SessionContext},
    sql::{
        planner::{ParserOptions, PlannerContext, SqlToRel},
        sqlparser::ast,
    },
};

use super::{Catalog, facts::SessionFacts};
use crate::{
    Error, Result,
    query::{
        join_keys,
        rewrite::{
            self,
            conversions::Conversions,
            operators::TypedOperators,
            planners::{PostgresOperators, PostgresTypes},
        },
        statement::{Piece, Statement},
    },
    source::Introspection,
};

pub use cluster::{CLUSTER, catalog, docs, introspection};

/// The engine, and the catalogue that its names mean.
pub struct Engine {
    state: SessionState,
    pub catalog: Arc<Catalog>,
    facts: Arc<SessionFacts>,
    expr_planners: Vec<Arc<dyn ExprPlanner>>,
    types: Arc<dyn TypePlanner>,
}

/// What a statement gave: names, PostgreSQL types where known, and text of each cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub names: Vec<String>,
    pub types: Vec<Option<String>>,
    pub rows: Vec<Vec<Option<String>>>,
}

impl Default for Engine {
    fn default() -> Self {
        Engine::over(&introspection())
    }
}

impl Engine {
    pub fn new() -> Engine {
        Engine::default()
    }

    /// An engine over a cluster that has other tables.
    pub fn over(introspection: &Introspection) -> Engine {
        let catalog = catalog(introspection);
        let facts = SessionFacts {
            backend_pid: 42,
            start_time_us: 1_700_000_000_000_000,
            settings: Arc::new(cluster::Settings),
            catalog: Arc::clone(&catalog),
        };
        let mut config = SessionConfig::new();
        config.options_mut().sql_parser.enable_subquery_sort_elimination = false;
        config.options_mut().execution.time_zone = Some("+00:00".into());
        config.options_mut().execution.skip_physical_aggregate_schema_check = true;
        let config = config.with_option_extension(facts.clone()).with_target_partitions(2);
        let facts = Arc::new(facts);
        let mut state = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_optimizer_rules(join_keys::kept(Optimizer::new().rules))
            .build();
        state.register_function_rewrite(Arc::new(Conversions)).unwrap();
        let mut expr_planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(PostgresOperators {
            facts: Arc::clone(&facts),
        })];
        expr_planners.push(Arc::new(TypedOperators {
            facts: Arc::clone(&facts),
        }));
        expr_planners.extend(state.expr_planners().iter().cloned());
        Engine {
            state,
            catalog,
            facts,
            expr_planners,
            types: Arc::new(PostgresTypes),
        }
    }

    /// A statement after the rules over the syntax tree.
    pub fn rewritten(&self, sql: &str) -> String {
        let mut statement = parsed(sql).unwrap();
        rewrite::rewrite(&mut statement, &self.catalog).unwrap();
        statement.to_string()
    }

    /// The message of a statement that must fail.
    pub async fn error(&self, sql: &str) -> String {
        match self.run(sql).await {
            Ok(answer) => panic!("{sql} gave {answer:?}"),
            Err(error) => error.to_string(),
        }
    }

    /// The plan of one statement, not yet optimized, its parameters open.
    pub fn plan(&self, sql: &str) -> EngineResult<LogicalPlan> {
        self.plan_with(sql, Vec::new())
    }

    /// The same with the types of its parameters.
    fn plan_with(&self, sql: &str, types: Vec<Option<FieldRef>>) -> EngineResult<LogicalPlan> {
        let external = |error: Error| DataFusionError::External(Box::new(error));
        let mut statement = parsed(sql).map_err(external)?;
        rewrite::rewrite(&mut statement, &self.catalog).map_err(external)?;
        let options = ParserOptions {
            parse_float_as_decimal: true,
            ..ParserOptions::default()
        };
        let mut context = PlannerContext::new().with_prepare_param_data_types(types);
        let plan =
            SqlToRel::new_with_options(self, options).sql_statement_to_plan_with_context(statement, &mut context)?;
        rewrite::apply::apply(plan)
    }

    /// Runs one statement.
    pub async fn run(&self, sql: &str) -> EngineResult<Answer> {
        self.run_with(sql, Vec::new()).await
    }

    /// Runs one statement with values for its parameters.
    pub async fn run_with(&self, sql: &str, values: Vec<ScalarValue>) -> EngineResult<Answer> {
        let types = values
            .iter()
            .map(|value| Some(Arc::new(Field::new("", value.data_type(), true))))
            .collect();
        let plan = self.plan_with(sql, types)?;
        let values = values.into_iter().map(ScalarAndMetadata::from).collect();
        let plan = plan.replace_params_with_values(&ParamValues::List(values))?;
        let mut state = self.state.clone();
        let options = Arc::clone(state.config().options());
        state.execution_props_mut().mark_start_execution(options);
        let schema = Arc::clone(plan.schema());
        let plan = rewrite::apply::begin(plan, &rewrite::apply::catalogue_state(&state))?;
        let physical = state.create_physical_plan(&plan).await?;
        let context = SessionContext::new_with_state(state);
        let batches = collect(physical, context.task_ctx()).await?;
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in &batches {
            let columns: Vec<ArrayFormatter> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<Result<_, _>>()?;
            for row in 0..batch.num_rows() {
                let cells = columns.iter().zip(batch.columns()).map(|(format, column)| {
                    use arrow::array::Array;
                    column.is_valid(row).then(|| format.value(row).to_string())
                });
                rows.push(cells.collect());
            }
        }
        Ok(Answer {
            names: schema
                .fields()
                .iter()
                .map(|field| rewrite::output_name(field.name()).to_owned())
                .collect(),
            types: schema
                .fields()
                .iter()
                .map(|field| {
                    // What is not said of an integer is what its Arrow type stands for.
                    let said = super::types::pg_type_of(field).or(match field.data_type() {
                        DataType::Int32 => Some("integer"),
                        DataType::Int64 => Some("bigint"),
                        DataType::List(item) if *item.data_type() == DataType::Int32 => Some("integer[]"),
                        _ => None,
                    });
                    said.map(str::to_owned)
                })
                .collect(),
            rows,
        })
    }

    /// The rows of a statement that must work, cells joined by `|`, NULL as nothing.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        let answer = self.run(sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
        answer
            .rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|cell| cell.as_deref().unwrap_or(""))
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .collect()
    }
}

/// A query as a client's is parsed.
fn parsed(sql: &str) -> Result<ast::Statement> {
    match Statement::parse(Piece::whole(sql.trim_end().trim_end_matches(';')))? {
        Statement::Query(query) => Ok(*query),
        other => panic!("no query: {other:?}"),
    }
}
