//! A subquery as a function of what it takes from outside: planned once, and begun by each statement, which runs it for each distinct set
//! of values. What was planned is kept as it was read: what the engine makes of it (the time, a setting, the rows of a session's own
//! relations) is one statement's.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError},
    task::{Context, Poll},
};

use arrow::{
    array::{ArrayRef, RecordBatch},
    compute::concat_batches,
    datatypes::{DataType, Field, FieldRef, SchemaRef},
};
use datafusion::{
    common::{
        Column, ScalarValue,
        metadata::FieldMetadata,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    error::{DataFusionError, Result as EngineResult},
    execution::{SessionState, TaskContext},
    logical_expr::{
        ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        TypeSignature, Volatility, expr::ScalarFunction, expr_rewriter::NamePreserver,
    },
    physical_plan::{ExecutionPlan, execute_stream, execution_plan::reset_plan_states},
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    outer::{Outer, Values, bind, outer},
    reads_catalogue_only,
    shape::{Shape, numbered},
};
use crate::{
    apart::Work,
    catalog::facts,
    query::walk::plan::{Walk, WalkPlan},
    source::runtime::to_datafusion,
};

/// The stack of the thread that runs a subquery: as deep as planning may go.
const STACK_SIZE: usize = 16 * 1024 * 1024;

pub(super) fn function(
    plan: LogicalPlan,
    shape: Shape,
    tested: Option<Expr>,
    is_own: &dyn Fn(&Column) -> bool,
) -> EngineResult<Expr> {
    let outer = outer(&plan)?;
    let schema: SchemaRef = Arc::clone(plan.schema().inner());
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
    let subquery = Arc::new(Subquery {
        shape,
        outer,
        plan,
        schema,
        result: Arc::new(result),
        signature,
    });
    let udf = ScalarUDF::new_from_impl(Apply { subquery, runs: None });
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(udf), args)))
}

/// The plan of one statement, before it is optimized: its subqueries begin anew. `state` is the statement's, and knows when it started.
pub fn begin(plan: LogicalPlan, state: &Arc<SessionState>) -> EngineResult<LogicalPlan> {
    plan.rewrite_up_with_subqueries(&mut |plan| {
        let names = NamePreserver::new(&plan);
        plan.rewrite_expressions(&mut |expr| {
            let name = names.save(&expr);
            expr.rewrite_up(&mut |expr| begun(expr, state))
                .map(|begun| begun.update_data(|expr| name.restore(expr)))
        })
    })
    .map(|transformed| transformed.data)
}

fn begun(expr: Expr, state: &Arc<SessionState>) -> EngineResult<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expr else {
        return Ok(Transformed::no(expr));
    };
    let Some(Apply { subquery, .. }) = call.func.inner().downcast_ref() else {
        return Ok(Transformed::no(expr));
    };
    // Optimized with the outer columns in place, for their filters sink to the scans; then these become values.
    let optimized = state.optimize(&begin(subquery.plan.clone(), state)?)?;
    if let Some(constant) = of_no_rows(&optimized, subquery.shape, &subquery.result)? {
        return Ok(Transformed::yes(constant));
    }
    let values = Values::default();
    let runs = Runs {
        subquery: Arc::clone(subquery),
        plan: bind(optimized, &subquery.outer, &values)?,
        values,
        physical: tokio::sync::Mutex::new(None),
        state: Arc::clone(state),
    };
    let udf = ScalarUDF::new_from_impl(Apply {
        subquery: Arc::clone(subquery),
        runs: Some(Arc::new(runs)),
    });
    let call = ScalarFunction::new_udf(Arc::new(udf), call.args.clone());
    Ok(Transformed::yes(Expr::ScalarFunction(call)))
}

/// The plan of a subquery that became a function; `None` of any other function.
pub fn plan_of(function: &ScalarUDF) -> Option<&LogicalPlan> {
    let apply: &Apply = function.inner().downcast_ref()?;
    Some(&apply.subquery.plan)
}

/// Whether a subquery compares the rows of its relations pair by pair, or reads more than the catalogue: nobody knows how long a run takes.
pub fn is_heavy(function: &ScalarUDF) -> bool {
    let Some(Apply { subquery, runs }) = function.inner().downcast_ref() else {
        return false;
    };
    let plan = runs.as_ref().map_or(&subquery.plan, |runs| &runs.plan);
    // What cannot be looked into may be anything.
    !reads_catalogue_only(plan).unwrap_or(false) || compares_pairs(plan).unwrap_or(true)
}

fn compares_pairs(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut found = false;
    let reads = |side: &LogicalPlan| side.has(&mut |plan| Ok(matches!(plan, LogicalPlan::TableScan(_))));
    plan.walk_with_subqueries(&mut |plan| {
        if let LogicalPlan::Join(join) = plan
            && join.on.is_empty()
        {
            found |= reads(&join.left)? && reads(&join.right)?;
        }
        plan.walk_all_expressions(&mut |expr| {
            found |= matches!(expr, Expr::ScalarFunction(call) if is_heavy(&call.func));
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

/// Whether a plan holds what each statement must [`begin`].
pub fn has_begin(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut found = false;
    plan.walk_with_subqueries(&mut |plan| {
        plan.walk_all_expressions(&mut |expr| {
            found |= matches!(expr, Expr::ScalarFunction(call) if plan_of(&call.func).is_some());
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

/// What a subquery is that is known to have no rows, whatever the values from outside.
fn of_no_rows(plan: &LogicalPlan, shape: Shape, result: &Field) -> EngineResult<Option<Expr>> {
    if !matches!(plan, LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row) {
        return Ok(None);
    }
    let value = match shape {
        Shape::Scalar => ScalarValue::try_from(result.data_type())?,
        Shape::Exists { negated } | Shape::In { negated } => ScalarValue::Boolean(Some(negated)),
        Shape::Rows { .. } => return Ok(None),
    };
    Ok(Some(Expr::Literal(value, Some(FieldMetadata::from(result)))))
}

/// A subquery as a function of its outer columns.
#[derive(Clone)]
struct Apply {
    subquery: Arc<Subquery>,
    /// Those of the statement that has begun.
    runs: Option<Arc<Runs>>,
}

/// A subquery as it was planned, what it takes from outside still in it.
pub(super) struct Subquery {
    pub(super) shape: Shape,
    /// The first arguments; of IN one more is the value tested.
    outer: Outer,
    plan: LogicalPlan,
    pub(super) schema: SchemaRef,
    pub(super) result: FieldRef,
    signature: Signature,
}

/// A subquery's runs in one statement.
pub(super) struct Runs {
    pub(super) subquery: Arc<Subquery>,
    plan: LogicalPlan,
    values: Values,
    /// Planned at the first run. Held while running: the values are one set.
    physical: tokio::sync::Mutex<Option<Arc<dyn ExecutionPlan>>>,
    state: Arc<SessionState>,
}

impl Apply {
    /// What makes it itself.
    fn address(&self) -> (*const Subquery, Option<*const Runs>) {
        (Arc::as_ptr(&self.subquery), self.runs.as_ref().map(Arc::as_ptr))
    }
}

impl fmt::Debug for Apply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.subquery.shape, self.subquery.plan.display())
    }
}

impl PartialEq for Apply {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Apply {}

impl Hash for Apply {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl ScalarUDFImpl for Apply {
    fn name(&self) -> &str {
        "subquery"
    }

    fn signature(&self) -> &Signature {
        &self.subquery.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(self.subquery.result.data_type().clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::clone(&self.subquery.result))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let Some(runs) = &self.runs else {
            return Err(DataFusionError::Internal(
                "a subquery ran that no statement began".into(),
            ));
        };
        let rows = if args.args.is_empty() { 1 } else { args.number_rows };
        let columns = args
            .args
            .iter()
            .map(|arg| arg.to_array(rows))
            .collect::<EngineResult<Vec<_>>>()?;
        let array = runs.run_all(&columns, rows)?;
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
            let apart = Work::current();
            let running = thread.spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                let results = self.run_sets(&sets);
                runtime.block_on(async {
                    match apart {
                        Some(apart) => apart.scope(results).await,
                        None => results.await,
                    }
                })
            })?;
            running
                .join()
                .unwrap_or_else(|_| Err(DataFusionError::Internal("a subquery panicked".into())))
        })?;
        self.gather(&results, &set_of_row)
    }

    fn check_interrupts(&self) -> EngineResult<()> {
        facts::check_interrupts(self.state.config_options()).map_err(to_datafusion)
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
            let outer = set.iter().take(self.subquery.outer.len()).cloned().collect();
            *self.values.lock().unwrap_or_else(PoisonError::into_inner) = outer;
            let context = Arc::new(TaskContext::from(self.state.as_ref()));
            let mut rows = execute_stream(reset_plan_states(Arc::clone(&planned))?, context)?;
            let mut batches = Vec::new();
            // Whoever could end the statement waits for this thread.
            let next = |context: &mut Context<'_>| match self.check_interrupts() {
                Ok(()) => rows.poll_next_unpin(context),
                Err(error) => Poll::Ready(Some(Err(error))),
            };
            let mut rows = stream::poll_fn(next);
            while let Some(batch) = rows.try_next().await? {
                batches.push(batch);
            }
            let schema = batches.first().map_or_else(|| planned.schema(), RecordBatch::schema);
            let batch = concat_batches(&schema, &batches)?;
            results.push(match self.subquery.shape {
                Shape::In { negated } => self.test(set.last(), &batch, negated)?,
                _ => batch,
            });
        }
        *physical = Some(planned);
        Ok(results)
    }
}
