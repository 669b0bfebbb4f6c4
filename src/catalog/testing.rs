//! An engine with nothing around it, for tests: a made-up cluster of three documented tables, the catalogue over it, and
//! statements run through the rewrites as the server runs them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, RecordBatch, TimestampMillisecondArray, UInt32Array, UInt64Array},
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit},
    util::display::{ArrayFormatter, FormatOptions},
};
use async_trait::async_trait;
use datafusion::{
    catalog::{TableFunctionArgs, TableProvider},
    common::{
        DataFusionError, ParamValues, ScalarValue, TableReference, config::ConfigOptions, metadata::ScalarAndMetadata,
        plan_err,
    },
    datasource::{MemTable, cte_worktable::CteWorkTable, provider_as_source},
    error::Result as EngineResult,
    execution::{FunctionRegistry, SessionState, SessionStateBuilder},
    logical_expr::{
        AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
        planner::{ContextProvider, ExprPlanner, TypePlanner},
        simplify::SimplifyContext,
    },
    optimizer::{Optimizer, simplify_expressions::ExprSimplifier},
    physical_plan::collect,
    prelude::{SessionConfig, SessionContext},
    sql::{
        planner::{ParserOptions, PlannerContext, SqlToRel},
        sqlparser::ast,
    },
};

use super::{
    Catalog,
    docs::{ColumnDoc, ForeignKey, TableDoc},
    facts::{SessionFacts, SettingsView},
    functions, seed,
};
use crate::{
    Error, Result, SqlState,
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
    source::{Introspection, Source},
};

/// The name of the cluster, its role and its database.
pub const CLUSTER: &str = "demo";

#[derive(Debug)]
struct Rows;

#[async_trait]
impl Source for Rows {
    async fn introspect(&self) -> Result<Arc<Introspection>> {
        Ok(Arc::new(introspection()))
    }

    fn table(&self, table: &str, schema: SchemaRef) -> Arc<dyn TableProvider> {
        let columns: Vec<ArrayRef> = schema.fields().iter().map(|field| column(table, field)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        Arc::new(MemTable::try_new(schema, vec![vec![batch]]).unwrap())
    }
}

/// Two rows of each column.
fn column(table: &str, field: &Field) -> ArrayRef {
    match field.data_type() {
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![0, 1])),
        DataType::UInt64 => Arc::new(UInt64Array::from(vec![u64::MAX, 7])),
        DataType::Timestamp(..) => Arc::new(
            TimestampMillisecondArray::from(vec![1_700_000_000_000, 1_700_000_001_000]).with_timezone("+00:00"),
        ),
        DataType::LargeUtf8 => Arc::new(arrow::array::LargeStringArray::from(vec![
            format!("{table}_1"),
            format!("{table}_2"),
        ])),
        other => arrow::array::new_null_array(other, 2),
    }
}

/// What the cluster has.
pub fn introspection() -> Introspection {
    let text = |name: &str| Field::new(name, DataType::LargeUtf8, true);
    let tables = [
        (
            "sys_invocation",
            vec![
                text("id"),
                text("status"),
                Field::new(
                    "created_at",
                    DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into())),
                    true,
                ),
                text("pinned_deployment_id"),
                Field::new("retry_count", DataType::UInt64, true),
                Field::new("partition_key", DataType::UInt64, true),
            ],
        ),
        (
            "sys_journal",
            vec![
                text("id"),
                Field::new("index", DataType::UInt32, true),
                text("entry_json"),
            ],
        ),
        ("sys_deployment", vec![text("id"), text("endpoint")]),
    ];
    Introspection {
        version: "1.7.12".into(),
        tables: tables
            .into_iter()
            .map(|(name, fields)| (name.to_owned(), Arc::new(Schema::new(fields)) as SchemaRef))
            .collect(),
        functions: BTreeSet::new(),
    }
}

/// What is said of it.
pub fn docs() -> BTreeMap<String, TableDoc> {
    let column = |name: &str, pg_type: &str, comment: &str| ColumnDoc {
        name: name.into(),
        pg_type: pg_type.into(),
        not_null: false,
        comment: comment.into(),
    };
    let table = |name: &str, columns: Vec<ColumnDoc>, key: &[&str], foreign_keys: Vec<ForeignKey>| {
        let doc = TableDoc {
            name: name.into(),
            comment: format!("About {name}"),
            columns,
            primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
            foreign_keys,
        };
        (name.to_owned(), doc)
    };
    let foreign = |columns: &[&str], table: &str| ForeignKey {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        table: table.into(),
        referenced: vec!["id".into()],
    };
    BTreeMap::from([
        table(
            "sys_invocation",
            vec![
                column("id", "text", "The invocation"),
                column("status", "text", "Its status"),
                column("created_at", "timestamp with time zone", "When it came"),
                column("pinned_deployment_id", "text", "Where it runs"),
                column("retry_count", "bigint", "How often"),
            ],
            &["id"],
            vec![foreign(&["pinned_deployment_id"], "sys_deployment")],
        ),
        table(
            "sys_journal",
            vec![
                column("id", "text", "The invocation"),
                column("index", "bigint", "Position"),
            ],
            &["id", "index"],
            vec![foreign(&["id"], "sys_invocation")],
        ),
        table(
            "sys_deployment",
            vec![column("id", "text", "The deployment")],
            &["id"],
            vec![],
        ),
    ])
}

/// The catalogue over a made-up cluster.
pub fn catalog(introspection: &Introspection) -> Arc<Catalog> {
    Catalog::documented(CLUSTER, CLUSTER, introspection, Arc::new(Rows), &docs(), &[]).unwrap()
}

#[derive(Debug)]
struct Settings;

impl SettingsView for Settings {
    fn get(&self, name: &str) -> Result<String> {
        let own = self
            .all()
            .into_iter()
            .find(|(own, ..)| own.eq_ignore_ascii_case(name))
            .map(|(_, value, _)| value);
        let mut defaults = seed::rows("pg_settings").iter();
        let found = own.or_else(|| {
            let row = defaults.find(|row| seed::get(row, "name").eq_ignore_ascii_case(name))?;
            Some(seed::get(row, "setting").to_owned())
        });
        found.ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!("unrecognized configuration parameter \"{name}\""),
            )
        })
    }

    fn set(&self, name: &str, value: &str, _local: bool) -> Result<String> {
        self.get(name).map(|_| value.to_owned())
    }

    fn all(&self) -> Vec<(String, String, String)> {
        [
            ("application_name", "test"),
            ("search_path", "\"$user\", public"),
            ("server_version_num", "150018"),
            ("jit", "off"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned(), String::new()))
        .to_vec()
    }
}

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
            user: CLUSTER.into(),
            database: CLUSTER.into(),
            backend_pid: 42,
            start_time_us: 1_700_000_000_000_000,
            settings: Arc::new(Settings),
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

/// A query as a client's is parsed.
fn parsed(sql: &str) -> crate::Result<ast::Statement> {
    match Statement::parse(Piece::whole(sql.trim_end().trim_end_matches(';')))? {
        Statement::Query(query) => Ok(*query),
        other => panic!("no query: {other:?}"),
    }
}
