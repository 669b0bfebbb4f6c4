//! Subqueries and lateral joins that the engine cannot untangle: run once for each distinct set of outer values.
//!
//! PostgreSQL runs any correlated subquery that way; the engine knows only those that it can turn into a join. Catalogue
//! statements are full of others, and the catalogue is small and in memory. So a subquery over nothing but catalogue
//! relations becomes a function of the outer columns: it is planned once, and run again with other values. Subqueries over
//! a cluster's rows are left to the engine: for them a run for each row would be a request for each row.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use arrow::{
    array::{Array, ArrayRef, ListArray, RecordBatch, StructArray},
    buffer::OffsetBuffer,
    compute::concat_batches,
    datatypes::{DataType, Field, FieldRef, Fields, SchemaRef},
};
use datafusion::{
    common::{
        Column, JoinType, NullHandling, ScalarValue, UnnestOptions,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    datasource::source_as_provider,
    error::{DataFusionError, Result as EngineResult},
    execution::{SessionState, SessionStateBuilder, TaskContext},
    logical_expr::{
        ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
        ScalarUDFImpl, Signature, Subquery, TypeSignature, Volatility,
        expr::{Exists, InSubquery, Placeholder, ScalarFunction},
        lit,
        utils::{conjunction, split_conjunction_owned},
    },
    physical_plan::{ExecutionPlan, collect, execution_plan::reset_plan_states},
};

use crate::{Error, SqlState, catalog::CatalogTable};

/// The stack of the thread that runs a subquery: as deep as planning may go.
const STACK_SIZE: usize = 16 * 1024 * 1024;

/// Rewrites a plan as it comes from the planner, before it is optimized; its parameters may be bound later. `state` plans
/// the subqueries. Annotates the plan first: what becomes of a subquery has its types.
pub fn apply(plan: LogicalPlan, state: &SessionState) -> EngineResult<LogicalPlan> {
    let plan = super::annotate::annotate(plan)?;
    if !has_candidates(&plan)? {
        return Ok(plan);
    }
    let mut config = state.config().clone().with_target_partitions(1);
    // A filter that one run learned would be wrong for the next.
    config.options_mut().optimizer.enable_dynamic_filter_pushdown = false;
    let inner = Arc::new(
        SessionStateBuilder::new_from_existing(state.clone())
            .with_config(config)
            .build(),
    );
    rewrite(plan, &inner)
}

fn has_candidates(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        found |= matches!(plan, LogicalPlan::Subquery(_));
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                found |= matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_));
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(if found {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    })?;
    Ok(found)
}

fn rewrite(plan: LogicalPlan, state: &Arc<SessionState>) -> EngineResult<LogicalPlan> {
    plan.transform_up(|plan| {
        let plan = match lateral(&plan, state)? {
            Some(joined) => joined,
            None => plan,
        };
        let in_filter = matches!(plan, LogicalPlan::Filter(_));
        let schemas: Vec<_> = plan
            .inputs()
            .into_iter()
            .map(|input| Arc::clone(input.schema()))
            .collect();
        let is_own = |column: &Column| schemas.iter().any(|schema| schema.has_column(column));
        let surroundings = Surroundings {
            in_filter,
            is_own: &is_own,
            state,
        };
        plan.map_expressions(|expr| {
            if !in_filter {
                return expr.transform_up(|expr| subquery(expr, &surroundings));
            }
            let conjuncts =
                split_conjunction_owned(expr)
                    .into_iter()
                    .map(|conjunct| match joins(&conjunct, &is_own)? {
                        true => inner(conjunct, state),
                        false => conjunct
                            .transform_up(|expr| subquery(expr, &surroundings))
                            .map(|transformed| transformed.data),
                    });
            let conjuncts = conjuncts.collect::<EngineResult<Vec<_>>>()?;
            Ok(Transformed::yes(conjunction(conjuncts).unwrap_or_else(|| lit(true))))
        })
    })
    .map(|transformed| transformed.data)
}

/// Where a subquery stands.
struct Surroundings<'a> {
    in_filter: bool,
    /// Whether a column is one of the query right around it.
    is_own: &'a dyn Fn(&Column) -> bool,
    state: &'a Arc<SessionState>,
}

/// Whether a condition is an EXISTS or IN that the engine turns into a join, which is faster than a run for each row.
fn joins(condition: &Expr, is_own: &dyn Fn(&Column) -> bool) -> EngineResult<bool> {
    let plan = match condition {
        Expr::Exists(exists) => &exists.subquery.subquery,
        Expr::InSubquery(test) => &test.subquery.subquery,
        Expr::Not(condition) => return joins(condition, is_own),
        _ => return Ok(false),
    };
    let mut joins = true;
    plan.apply(|plan| {
        joins &= matches!(
            plan,
            LogicalPlan::Filter(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::TableScan(_)
        );
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                joins &= match expr {
                    // Only a filter's columns become those of the join.
                    Expr::OuterReferenceColumn(_, column) => matches!(plan, LogicalPlan::Filter(_)) && is_own(column),
                    Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => false,
                    _ => true,
                };
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(joins)
}

/// A condition left to the engine, the plan of its subquery rewritten.
fn inner(condition: Expr, state: &Arc<SessionState>) -> EngineResult<Expr> {
    let within = |subquery: Subquery| -> EngineResult<Subquery> {
        let plan = Arc::new(rewrite(subquery.subquery.as_ref().clone(), state)?);
        Ok(Subquery {
            subquery: plan,
            ..subquery
        })
    };
    Ok(match condition {
        Expr::Exists(exists) => Expr::Exists(Exists {
            subquery: within(exists.subquery)?,
            ..exists
        }),
        Expr::InSubquery(test) => Expr::InSubquery(InSubquery {
            subquery: within(test.subquery)?,
            ..test
        }),
        Expr::Not(condition) => Expr::Not(Box::new(inner(*condition, state)?)),
        other => other,
    })
}

/// A subquery expression as a call of a function of its outer columns, where the engine would fail.
fn subquery(expr: Expr, surroundings: &Surroundings) -> EngineResult<Transformed<Expr>> {
    let Surroundings {
        in_filter,
        is_own,
        state,
    } = *surroundings;
    let (subquery, shape, tested) = match &expr {
        Expr::ScalarSubquery(subquery) => (subquery, Shape::Scalar, None),
        Expr::Exists(exists) => (
            &exists.subquery,
            Shape::Exists {
                negated: exists.negated,
            },
            None,
        ),
        Expr::InSubquery(test) => (
            &test.subquery,
            Shape::In { negated: test.negated },
            Some(test.expr.as_ref().clone()),
        ),
        _ => return Ok(Transformed::no(expr)),
    };
    let plan = rewrite(subquery.subquery.as_ref().clone(), state)?;
    let outer = outer(&plan)?;
    let correlated = outer
        .iter()
        .any(|(_, expr)| matches!(expr, Expr::OuterReferenceColumn(..)));
    // What is not correlated the engine does once, wherever it knows how: a scalar anywhere, the others in a filter.
    let left_to_engine = !correlated && (matches!(shape, Shape::Scalar) || in_filter);
    if left_to_engine || !can_run_here(&plan)? {
        let subquery = Subquery {
            subquery: Arc::new(plan),
            ..subquery.clone()
        };
        return Ok(Transformed::yes(match expr {
            Expr::ScalarSubquery(_) => Expr::ScalarSubquery(subquery),
            Expr::Exists(exists) => Expr::Exists(Exists { subquery, ..exists }),
            Expr::InSubquery(test) => Expr::InSubquery(InSubquery { subquery, ..test }),
            other => other,
        }));
    }
    Ok(Transformed::yes(function(plan, shape, tested, is_own, state)?))
}

/// `left JOIN LATERAL (subquery)` as the unnesting of a list of the subquery's rows.
fn lateral(plan: &LogicalPlan, state: &Arc<SessionState>) -> EngineResult<Option<LogicalPlan>> {
    let LogicalPlan::Join(join) = plan else {
        return Ok(None);
    };
    let (subquery, alias) = match join.right.as_ref() {
        LogicalPlan::Subquery(subquery) => (subquery, None),
        LogicalPlan::SubqueryAlias(aliased) => match aliased.input.as_ref() {
            LogicalPlan::Subquery(subquery) => (subquery, Some(aliased.alias.clone())),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let always = join.filter.as_ref().is_none_or(|filter| *filter == lit(true));
    let kept = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left if always => true,
        _ => return Ok(None),
    };
    let inner = subquery.subquery.as_ref().clone();
    if !join.on.is_empty() || !can_run_here(&inner)? {
        return Ok(None);
    }
    let left = Arc::clone(&join.left);
    let is_own = |column: &Column| left.schema().has_column(column);
    let fields = join.right.schema();
    let rows = function(inner, Shape::Rows { null_when_empty: kept }, None, &is_own, state)?;
    // Unique within a statement: a lateral join may lie in the left side of another.
    let name = format!("__lateral_{}", left.schema().fields().len());
    let own: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
    let mut with_rows = own.clone();
    with_rows.push(rows.alias(&name));
    let null_handling = if kept {
        NullHandling::Preserve
    } else {
        NullHandling::Drop
    };
    let options = UnnestOptions {
        null_handling,
        ..UnnestOptions::default()
    };
    let get_field = datafusion::functions::core::get_field();
    let mut projection = own;
    for (index, (qualifier, field)) in fields.iter().enumerate() {
        let value = Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::clone(&get_field),
            vec![Expr::Column(Column::from_name(&name)), lit(format!("c{index}"))],
        ));
        let qualifier = alias.clone().or_else(|| qualifier.cloned());
        projection.push(value.alias_qualified(qualifier, field.name()));
    }
    let builder = LogicalPlanBuilder::from(left.as_ref().clone())
        .project(with_rows)?
        .unnest_column_with_options(Column::from_name(&name), options)?
        .project(projection)?;
    let builder = match &join.filter {
        Some(filter) if !always => builder.filter(filter.clone())?,
        _ => builder,
    };
    builder.build().map(Some)
}

/// What a plan takes from outside: columns of the queries around it, and parameters, whose values come only when the
/// statement is run. Subqueries within are functions by now, and theirs are arguments.
fn outer(plan: &LogicalPlan) -> EngineResult<Outer> {
    let mut found: Outer = Vec::new();
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                let field = match expr {
                    Expr::OuterReferenceColumn(field, _) => field,
                    Expr::Placeholder(Placeholder { field: Some(field), .. }) => field,
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                if !found.iter().any(|(_, other)| same(other, expr)) {
                    found.push((Arc::clone(field), expr.clone()));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// What a subquery takes from outside, with its type.
type Outer = Vec<(FieldRef, Expr)>;

/// Whether two outer expressions are one, whatever their metadata.
fn same(one: &Expr, other: &Expr) -> bool {
    match (one, other) {
        (Expr::OuterReferenceColumn(_, one), Expr::OuterReferenceColumn(_, other)) => one == other,
        (Expr::Placeholder(one), Expr::Placeholder(other)) => one.id == other.id,
        _ => false,
    }
}

/// Whether a plan reads nothing but relations of the catalogue, and the types of its parameters are known: a plan that is
/// made to find them out is not run.
fn can_run_here(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut only = true;
    plan.apply_with_subqueries(|plan| {
        if let LogicalPlan::TableScan(scan) = plan {
            let provider = source_as_provider(&scan.source)?;
            only &= (provider.as_ref() as &dyn Any).is::<CatalogTable>();
        }
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                only &= !matches!(expr, Expr::Placeholder(Placeholder { field: None, .. }));
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(if only {
            TreeNodeRecursion::Continue
        } else {
            TreeNodeRecursion::Stop
        })
    })?;
    Ok(only)
}

/// What becomes of a subquery's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The one value, NULL where there is no row.
    Scalar,
    Exists {
        negated: bool,
    },
    In {
        negated: bool,
    },
    /// All rows, as a list.
    Rows {
        null_when_empty: bool,
    },
}

fn function(
    plan: LogicalPlan,
    shape: Shape,
    tested: Option<Expr>,
    is_own: &dyn Fn(&Column) -> bool,
    state: &Arc<SessionState>,
) -> EngineResult<Expr> {
    let outer = outer(&plan)?;
    let schema: SchemaRef = Arc::clone(plan.schema().inner());
    let values: Values = Arc::new(Mutex::new(Vec::new()));
    // Optimized with the outer columns in place, for their filters sink to the scans; then these become values.
    let optimized = state.optimize(&plan)?;
    let bound = bind(optimized, &outer, &values)?;
    let result = match shape {
        Shape::Scalar => schema
            .fields()
            .first()
            .map_or(Field::new("value", DataType::Null, true), |field| {
                field.as_ref().clone().with_nullable(true)
            }),
        Shape::Exists { .. } | Shape::In { .. } => Field::new("exists", DataType::Boolean, true),
        Shape::Rows { .. } => {
            let fields = numbered(&schema);
            Field::new_list("rows", Field::new_list_field(DataType::Struct(fields), true), true)
        }
    };
    let mut args: Vec<Expr> = outer
        .iter()
        .map(|(_, expr)| match expr {
            Expr::OuterReferenceColumn(_, column) if is_own(column) => Expr::Column(column.clone()),
            expr => expr.clone(),
        })
        .collect();
    args.extend(tested);
    let signature = Signature::new(
        TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]),
        Volatility::Volatile,
    );
    let runs = Runs {
        shape,
        outer: outer.len(),
        plan: bound,
        schema,
        result: Arc::new(result),
        values,
        physical: tokio::sync::Mutex::new(None),
        state: Arc::clone(state),
        signature,
    };
    let udf = ScalarUDF::new_from_impl(Apply(Arc::new(runs)));
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(udf), args)))
}

/// Struct fields by position, for a subquery's columns may share a name.
fn numbered(schema: &SchemaRef) -> Fields {
    schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            field
                .as_ref()
                .clone()
                .with_name(format!("c{index}"))
                .with_nullable(true)
        })
        .collect()
}

/// The plan with what it takes from outside replaced by the values of the run.
fn bind(plan: LogicalPlan, outer: &Outer, values: &Values) -> EngineResult<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| {
        plan.map_expressions(|expr| {
            expr.transform_up(|expr| {
                let found = outer.iter().enumerate().find(|(_, (_, other))| same(other, &expr));
                let Some((index, (field, _))) = found else {
                    return Ok(Transformed::no(expr));
                };
                let value = OuterValue {
                    index,
                    field: Arc::clone(field),
                    values: Arc::clone(values),
                    signature: nullary(),
                };
                let udf = ScalarUDF::new_from_impl(value);
                Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(
                    Arc::new(udf),
                    Vec::new(),
                ))))
            })
        })
    })
    .map(|transformed| transformed.data)
}

fn nullary() -> Signature {
    Signature::new(TypeSignature::Nullary, Volatility::Volatile)
}

/// The values of the outer columns in the current run.
type Values = Arc<Mutex<Vec<ScalarValue>>>;

/// One outer column within a subquery's plan.
#[derive(Clone)]
struct OuterValue {
    index: usize,
    field: FieldRef,
    values: Values,
    signature: Signature,
}

impl fmt::Debug for OuterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "outer {}", self.field.name())
    }
}

impl PartialEq for OuterValue {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && Arc::ptr_eq(&self.values, &other.values)
    }
}

impl Eq for OuterValue {}

impl Hash for OuterValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
        Arc::as_ptr(&self.values).hash(state);
    }
}

impl ScalarUDFImpl for OuterValue {
    fn name(&self) -> &str {
        "outer_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(self.field.data_type().clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(self.field.as_ref().clone().with_nullable(true)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match values.get(self.index) {
            Some(value) => Ok(ColumnarValue::Scalar(value.clone())),
            None => Err(DataFusionError::Internal(
                "a subquery ran without its outer values".into(),
            )),
        }
    }
}

/// A subquery as a function of its outer columns.
#[derive(Clone)]
struct Apply(Arc<Runs>);

struct Runs {
    shape: Shape,
    /// How many of the arguments are outer columns; of IN one more is the value tested.
    outer: usize,
    plan: LogicalPlan,
    schema: SchemaRef,
    result: FieldRef,
    values: Values,
    /// Planned at the first run. Held while running: the values are one set.
    physical: tokio::sync::Mutex<Option<Arc<dyn ExecutionPlan>>>,
    state: Arc<SessionState>,
    signature: Signature,
}

impl fmt::Debug for Apply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.0.shape, self.0.plan.display())
    }
}

impl PartialEq for Apply {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Apply {}

impl Hash for Apply {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl ScalarUDFImpl for Apply {
    fn name(&self) -> &str {
        "subquery"
    }

    fn signature(&self) -> &Signature {
        &self.0.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(self.0.result.data_type().clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::clone(&self.0.result))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let rows = if args.args.is_empty() { 1 } else { args.number_rows };
        let columns = args
            .args
            .iter()
            .map(|arg| arg.to_array(rows))
            .collect::<EngineResult<Vec<_>>>()?;
        let array = self.0.run_all(&columns, rows)?;
        match args.args.is_empty() {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)),
            false => Ok(ColumnarValue::Array(array)),
        }
    }
}

impl Runs {
    /// One run for each distinct set of arguments, on a thread of its own: a function cannot wait, and what a run spawns
    /// must not need the thread that waits for it.
    fn run_all(&self, columns: &[ArrayRef], rows: usize) -> EngineResult<ArrayRef> {
        let mut distinct: HashMap<Vec<ScalarValue>, usize> = HashMap::new();
        let mut sets = Vec::new();
        let mut set_of_row = Vec::with_capacity(rows);
        for row in 0..rows {
            let set = columns
                .iter()
                .map(|column| ScalarValue::try_from_array(column, row))
                .collect::<EngineResult<Vec<_>>>()?;
            let next = sets.len();
            let index = *distinct.entry(set.clone()).or_insert(next);
            if index == next {
                sets.push(set);
            }
            set_of_row.push(index);
        }
        let results = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("subquery".into())
                .stack_size(STACK_SIZE);
            let running = thread.spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                runtime.block_on(self.run_sets(&sets))
            })?;
            running
                .join()
                .unwrap_or_else(|_| Err(DataFusionError::Internal("a subquery panicked".into())))
        })?;
        self.gather(&results, &set_of_row)
    }

    async fn run_sets(&self, sets: &[Vec<ScalarValue>]) -> EngineResult<Vec<RecordBatch>> {
        // Only this thread waits for the lock, and only for another batch of the same statement.
        let mut physical = self.physical.lock().await;
        let planned = match physical.take() {
            Some(planned) => planned,
            None => {
                self.state
                    .query_planner()
                    .create_physical_plan(&self.plan, self.state.as_ref())
                    .await?
            }
        };
        let mut results = Vec::with_capacity(sets.len());
        for set in sets {
            let outer = set.iter().take(self.outer).cloned().collect();
            *self.values.lock().unwrap_or_else(PoisonError::into_inner) = outer;
            let context = Arc::new(TaskContext::from(self.state.as_ref()));
            let batches = collect(reset_plan_states(Arc::clone(&planned))?, context).await?;
            let schema = batches.first().map_or_else(|| planned.schema(), RecordBatch::schema);
            let batch = concat_batches(&schema, &batches)?;
            results.push(match self.shape {
                Shape::In { negated } => self.test(set.last(), &batch, negated)?,
                _ => batch,
            });
        }
        *physical = Some(planned);
        Ok(results)
    }

    /// `value IN (rows)` as a batch of one boolean, unknown as SQL has it.
    fn test(&self, value: Option<&ScalarValue>, batch: &RecordBatch, negated: bool) -> EngineResult<RecordBatch> {
        let mut found = Some(false);
        if batch.num_rows() > 0 {
            let column = batch.column(0);
            let value = value
                .map(|value| value.cast_to(column.data_type()))
                .transpose()?
                .filter(|value| !value.is_null());
            found = match value {
                None => None,
                Some(value) => {
                    let mut found = Some(false);
                    for row in 0..batch.num_rows() {
                        if column.is_null(row) {
                            found = None;
                        } else if ScalarValue::try_from_array(column, row)? == value {
                            found = Some(true);
                            break;
                        }
                    }
                    found
                }
            };
        }
        let array = ScalarValue::Boolean(found.map(|found| found != negated)).to_array()?;
        Ok(RecordBatch::try_from_iter([("in", array)])?)
    }

    fn gather(&self, results: &[RecordBatch], set_of_row: &[usize]) -> EngineResult<ArrayRef> {
        if let Shape::Rows { null_when_empty } = self.shape {
            return self.lists(results, set_of_row, null_when_empty);
        }
        if set_of_row.is_empty() {
            return Ok(arrow::array::new_empty_array(self.result.data_type()));
        }
        let values = results
            .iter()
            .map(|batch| self.value(batch))
            .collect::<EngineResult<Vec<_>>>()?;
        let of_rows: Vec<ScalarValue> = set_of_row.iter().filter_map(|set| values.get(*set).cloned()).collect();
        ScalarValue::iter_to_array(of_rows)
    }

    fn value(&self, batch: &RecordBatch) -> EngineResult<ScalarValue> {
        match self.shape {
            Shape::Exists { negated } => Ok(ScalarValue::Boolean(Some((batch.num_rows() > 0) != negated))),
            _ if batch.num_rows() == 0 => ScalarValue::try_from(self.result.data_type()),
            Shape::Scalar if batch.num_rows() > 1 => {
                let message = "more than one row returned by a subquery used as an expression";
                Err(DataFusionError::External(Box::new(Error::new(
                    SqlState::CARDINALITY_VIOLATION,
                    message,
                ))))
            }
            _ => ScalarValue::try_from_array(batch.column(0), 0)?.cast_to(self.result.data_type()),
        }
    }

    fn lists(&self, results: &[RecordBatch], set_of_row: &[usize], null_when_empty: bool) -> EngineResult<ArrayRef> {
        let fields = numbered(&self.schema);
        let item = Arc::new(Field::new_list_field(DataType::Struct(fields.clone()), true));
        let chosen: Vec<&RecordBatch> = set_of_row.iter().filter_map(|set| results.get(*set)).collect();
        let lengths: Vec<usize> = chosen.iter().map(|batch| batch.num_rows()).collect();
        let nulls = null_when_empty.then(|| lengths.iter().map(|length| *length > 0).collect());
        let total = lengths.iter().sum();
        let columns = fields
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let parts: Vec<ArrayRef> = chosen
                    .iter()
                    .map(|batch| arrow::compute::cast(batch.column(index), field.data_type()))
                    .collect::<Result<_, _>>()?;
                let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                match parts.is_empty() {
                    true => Ok(arrow::array::new_empty_array(field.data_type())),
                    false => arrow::compute::concat(&parts),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let rows = match columns.is_empty() {
            true => StructArray::new_empty_fields(total, None),
            false => StructArray::try_new(fields, columns, None)?,
        };
        Ok(Arc::new(ListArray::try_new(
            item,
            OffsetBuffer::from_lengths(lengths),
            Arc::new(rows),
            nulls,
        )?))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;

    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn subqueries_anywhere() {
        let engine = Engine::new();
        for (sql, expected) in [
            // No aggregate, an order and a limit, a condition that is no equality.
            (
                "select relname, (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 1 order by attnum limit 1) \
                 from pg_class c where relnamespace = 2200 and relkind = 'r' order by 1",
                vec!["sys_deployment|endpoint", "sys_invocation|status", "sys_journal|index"],
            ),
            (
                "select case when exists (select 1 from pg_constraint k where k.conrelid = c.oid and contype = 'f') then 'f' else 'n' end \
                 from pg_class c where relnamespace = 2200 and relkind = 'r' order by relname",
                vec!["n", "f", "f"],
            ),
            (
                "select relname from pg_class c where relnamespace = 2200 and not exists \
                 (select 1 from pg_index i where i.indrelid = c.oid or i.indexrelid = c.oid)",
                vec![],
            ),
            (
                "select relname, c.oid in (select confrelid from pg_constraint k where k.contype = 'f') from pg_class c \
                 where relnamespace = 2200 and relkind = 'r' order by 1",
                vec!["sys_deployment|true", "sys_invocation|true", "sys_journal|false"],
            ),
            // One within another, both looking outwards.
            (
                "select (select count(*) from pg_class c where c.relnamespace = n.oid and c.relkind = 'r' and exists \
                 (select 1 from pg_index i where i.indrelid = c.oid and n.nspname = 'public')) from pg_namespace n order by nspname",
                vec!["0", "0", "3"],
            ),
            (
                "select (select relname from pg_class c where c.oid = t.typrelid) from pg_type t where t.oid = 16",
                vec![""],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lateral_joins() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select relname, l.attname from pg_class c, lateral (select attname from pg_attribute a where a.attrelid = c.oid \
                 and attnum > 2 order by attnum) l where relnamespace = 2200 and relkind = 'r' and relname <> 'sys_invocation'",
                vec!["sys_journal|entry_json"],
            ),
            (
                "select relname, l.attname from pg_class c left join lateral (select attname from pg_attribute a where a.attrelid = c.oid \
                 and attnum > 2 order by attnum limit 1) l on true where relnamespace = 2200 and relkind = 'r' order by 1",
                vec!["sys_deployment|", "sys_invocation|created_at", "sys_journal|entry_json"],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn more_than_one_row_is_an_error() {
        let engine = Engine::new();
        let sql = "select (select attname from pg_attribute a where a.attrelid = c.oid) from pg_class c where relname = 'sys_journal'";
        let error = engine.error(sql).await;
        assert!(
            error.contains("more than one row returned by a subquery used as an expression (21000)"),
            "{error}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn parameters_within_subqueries_are_bound_later() {
        let engine = Engine::new();
        let sql = "select relname, (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum = $1::int) from pg_class c \
                   where relname = $2::text";
        let values = vec![
            ScalarValue::Int32(Some(2)),
            ScalarValue::Utf8(Some("sys_journal".into())),
        ];
        let answer = engine.run_with(sql, values).await.unwrap();
        assert_eq!(
            answer.rows,
            [[Some("sys_journal".to_owned()), Some("index".to_owned())]]
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cluster_s_rows_are_left_to_the_engine() {
        let engine = Engine::new();
        let sql = "select id, (select count(*) from sys_journal j where j.id = i.id) from sys_invocation i order by 1";
        assert_eq!(engine.rows(sql).await, ["sys_invocation_1|0", "sys_invocation_2|0"]);
        // The engine refuses what it cannot know to be one row.
        let error = engine
            .error("select (select j.id from sys_journal j where j.id = i.id) from sys_invocation i")
            .await;
        assert!(error.contains("must be aggregated"), "{error}");
    }
}
