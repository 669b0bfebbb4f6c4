//! A statement's plan: made once, described to the client, run with parameters as often as asked.

use std::{
    borrow::{Borrow, Cow},
    sync::{Arc, OnceLock},
};

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::{
    common::{ParamValues, ScalarValue, metadata::ScalarAndMetadata},
    error::{DataFusionError, Result as EngineResult},
    execution::SessionState,
    logical_expr::LogicalPlan,
    physical_plan::ExecutionPlan,
    sql::{
        planner::{ParserOptions, PlannerContext, SqlToRel},
        sqlparser::ast,
    },
};
use postgres_types::Type;

use super::{
    Execution, Scope,
    answer::Answer,
    cache::Key,
    errors::from_datafusion,
    expansion, growing, lateral,
    names::Names,
    nature::{self, Nature},
    optimize::{self, Purpose},
    parameters,
    rewrite::{self, apply},
    route::typed::Typed,
    sound,
};
use crate::{Result, limits, wire::types::pg_type};

/// A planned query. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Plan(Arc<Planned>);

#[derive(Debug)]
struct Planned {
    logical: LogicalPlan,
    schema: SchemaRef,
    parameters: Vec<Parameter>,
    /// Bytes, roughly.
    size: usize,
    /// It reads no rows of the cluster.
    of_catalogue: bool,
    /// It calls functions whose constant results may be large.
    grows: bool,
    /// It has subqueries that each statement must begin.
    has_begin: bool,
    /// It gives the same rows whenever it runs with the same values, and is kept under this hash, if it is kept.
    constant: Option<u64>,
    /// What `restate.route = runtime` sends in place of the plan.
    typed: Option<Arc<Typed>>,
    /// Of a plan that is optimized to the same whenever it runs: what it was optimized to when it first ran.
    optimized: Option<OnceLock<LogicalPlan>>,
}

/// A parameter of a plan: the PostgreSQL type that the client is told, the field that the engine expects.
#[derive(Debug, Clone)]
struct Parameter {
    ty: Type,
    field: FieldRef,
}

impl Plan {
    /// Plans `query`. `declared` are the parameter types that the client named (`None` where it left one open); the
    /// others are taken from the casts and comparisons that a parameter stands in, or are text. What was planned before in such a
    /// scope is not planned again.
    pub fn new(scope: &Scope, query: impl Borrow<ast::Statement>, declared: &[Option<Type>]) -> Result<Self> {
        if let Some(plan) = Plan::known(scope, query.borrow(), declared) {
            return Ok(plan);
        }
        growing::as_one_step(|| Self::made(scope, query.borrow(), declared))
    }

    fn made(scope: &Scope, query: &ast::Statement, declared: &[Option<Type>]) -> Result<Self> {
        let key = Key::new(query, declared, scope);
        let typed = Typed::of(query, scope.state()).map(Arc::new);
        let mut rewritten = query.clone();
        rewrite::void::discard(&mut rewritten, declared);
        rewrite::rewrite(&mut rewritten, &scope.facts.catalog)?;
        let may_be_kept = nature::may_be_kept(&rewritten);
        let planned = Self::planned(scope, rewritten, declared)?;
        let nature = Nature::of(&planned.logical, scope.state()).map_err(from_datafusion)?;
        let optimized = (planned.parameters.is_empty() && nature.is_fixed).then(OnceLock::new);
        let is_constant = may_be_kept && !nature.is_of_session && nature.is_constant;
        let plan = Plan(Arc::new(Planned {
            grows: growing::is_called(query),
            optimized,
            typed,
            constant: is_constant.then(|| key.hash()),
            size: nature.size,
            ..planned
        }));
        let plans = match nature.is_of_session {
            true => &scope.own_plans,
            false => &scope.shared_plans,
        };
        Ok(match may_be_kept {
            true => plans.insert(key, plan, nature.size),
            false => plan,
        })
    }

    /// The same where planning may take long: then it is done away from here, and ends with the wait for it. `query` finds the query in
    /// what has it, which comes back.
    pub async fn of<Q: Send + 'static>(
        scope: &Arc<Scope>,
        owner: Q,
        query: fn(&Q) -> Option<&ast::Statement>,
        text_size: usize,
        declared: Vec<Option<Type>>,
    ) -> Result<(Q, Option<Self>, Vec<Option<Type>>)> {
        let Some(known) = query(&owner).map(|query| Plan::known(scope, query, &declared)) else {
            return Ok((owner, None, declared));
        };
        if known.is_some() {
            return Ok((owner, known, declared));
        }
        let plan = move |scope: &Scope, owner: &Q, declared: &[Option<Type>]| {
            let query = query(owner);
            query.map(|query| Plan::new(scope, query, declared)).transpose()
        };
        let is_long = text_size > limits::PLANNED_HERE_TEXT_MAX || query(&owner).is_some_and(growing::is_called);
        if !is_long {
            let plan = plan(scope, &owner, &declared)?;
            return Ok((owner, plan, declared));
        }
        let away = Arc::clone(scope);
        scope
            .plannings
            .run(move || {
                let plan = plan(&away, &owner, &declared)?;
                Ok((owner, plan, declared))
            })
            .await?
    }

    /// A plan that was made before.
    fn known(scope: &Scope, query: &ast::Statement, declared: &[Option<Type>]) -> Option<Self> {
        let key = Key::new(query, declared, scope);
        scope.shared_plans.get(key).or_else(|| scope.own_plans.get(key))
    }

    /// Plans what was rewritten.
    fn planned(scope: &Scope, query: ast::Statement, declared: &[Option<Type>]) -> Result<Planned> {
        let fields = parameters::fields(&query, declared, |query, types| to_plan(scope, query, types))?;
        let logical = to_plan(scope, query, fields.iter().cloned().map(Some).collect())?;
        expansion::check(&logical).map_err(from_datafusion)?;
        let schema = described(
            logical.schema().as_arrow(),
            analyzed(scope, logical.clone())?.schema().as_arrow(),
        );
        let parameters = fields
            .into_iter()
            .map(|field| Parameter {
                ty: pg_type(&field).ty,
                field,
            })
            .collect();
        let of_catalogue = apply::reads_catalogue_only(&logical).map_err(from_datafusion)?;
        let has_begin = apply::has_begin(&logical).map_err(from_datafusion)?;
        Ok(Planned {
            logical,
            of_catalogue,
            grows: false,
            has_begin,
            schema,
            parameters,
            size: 0,
            constant: None,
            typed: None,
            optimized: None,
        })
    }

    /// Whether it is the same plan, not only one that means the same.
    pub(super) fn is(&self, other: &Plan) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What it is kept under where its rows may be kept too: it gives the same ones whenever it runs with the same values.
    pub(super) fn constant(&self) -> Option<u64> {
        self.0.constant
    }

    /// The result's columns, named as the client is told; the fields' metadata says their PostgreSQL types.
    pub fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    /// Bytes that it takes, roughly.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// The parameters' types, in order.
    pub fn parameter_types(&self) -> impl ExactSizeIterator<Item = &Type> {
        self.0.parameters.iter().map(|parameter| &parameter.ty)
    }

    /// The physical plan with `values` for the parameters, one each.
    pub(super) async fn physical(
        &self,
        scope: &Scope,
        values: Vec<ScalarValue>,
        purpose: Purpose,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let state = match self.0.of_catalogue {
            true => scope.catalogue_state().as_ref(),
            false => scope.state(),
        };
        let (state, optimized) = match self.0.optimized.as_ref().and_then(OnceLock::get) {
            // It says nothing of the time.
            Some(known) => (Cow::Borrowed(state), known.clone()),
            None => {
                let mut state = state.clone();
                // `now()` is the time at which a statement starts, not the one at which its session did.
                state.mark_start_execution();
                let optimized =
                    growing::as_one_step(|| self.optimized(scope, &state, values)).map_err(from_datafusion)?;
                (Cow::Owned(state), optimized)
            }
        };
        if let Some(typed) = &self.0.typed
            && let Some(typed) = typed.exec(&optimized, self.schema()).await.map_err(from_datafusion)?
        {
            return Ok(typed);
        }
        optimize::physical(optimized, &state, purpose)
            .await
            .map_err(from_datafusion)
    }

    fn optimized(&self, scope: &Scope, state: &SessionState, values: Vec<ScalarValue>) -> EngineResult<LogicalPlan> {
        let Planned {
            logical,
            parameters,
            optimized,
            ..
        } = self.0.as_ref();
        let begun = self.begun(scope, state)?;
        let logical = begun.as_ref().unwrap_or(logical);
        if !parameters.is_empty() {
            let values = values
                .into_iter()
                .zip(parameters)
                .map(|(value, parameter)| {
                    let value = value.cast_to(parameter.field.data_type())?;
                    Ok(ScalarAndMetadata::from(value))
                })
                .collect::<EngineResult<Vec<_>>>()?;
            let bound = logical.clone().replace_params_with_values(&ParamValues::List(values))?;
            return state.optimize(&bound);
        }
        let plan = state.optimize(logical)?;
        // A short statement may come to a long value: that is made each time, for plans are kept by the size that they were counted as.
        let is_small = |plan| Ok::<_, DataFusionError>(Nature::of(plan, state)?.size <= 2 * self.0.size);
        Ok(match optimized {
            Some(kept) if is_small(&plan)? => kept.get_or_init(|| plan).clone(),
            _ => plan,
        })
    }

    /// The plan with its subqueries begun, if it has any: at the time at which the statement of `state` started.
    fn begun(&self, scope: &Scope, state: &SessionState) -> EngineResult<Option<LogicalPlan>> {
        if !self.0.has_begin {
            return Ok(None);
        }
        let mut catalogue_state = scope.catalogue_state().as_ref().clone();
        catalogue_state.mark_start_execution();
        let started = state.execution_props().query_execution_start_time;
        catalogue_state.execution_props_mut().query_execution_start_time = started;
        apply::begin(self.0.logical.clone(), &Arc::new(catalogue_state)).map(Some)
    }

    /// As [`Plan::physical`], away from here where that may take long.
    pub(super) async fn physical_away(
        &self,
        scope: &Arc<Scope>,
        values: Vec<ScalarValue>,
        purpose: Purpose,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let is_optimized = || self.0.optimized.as_ref().and_then(OnceLock::get).is_some();
        if self.size() <= limits::PLANNED_HERE_SIZE_MAX && (!self.0.grows || is_optimized()) {
            return self.physical(scope, values, purpose).await;
        }
        let (plan, away) = (self.clone(), Arc::clone(scope));
        scope
            .plannings
            .run_async(async move { plan.physical(&away, values, purpose).await })
            .await
    }

    /// The plan as it runs: batches of [`Plan::schema`]'s types, as they come.
    pub async fn run(&self, scope: &Arc<Scope>, values: Vec<ScalarValue>) -> Result<Execution> {
        if let Some(rows) = scope.shared_plans.answer(self, &values, scope) {
            return Ok(Execution::of(rows, scope));
        }
        let answer = Answer::of(self, &values, scope);
        // Apart: what is known already does not carry the room that planning takes.
        let physical = Box::pin(self.physical_away(scope, values, Purpose::Run)).await?;
        let execution = Execution::new(physical, scope);
        Ok(match answer {
            Some(answer) => execution.keeping(answer),
            None => execution,
        })
    }
}

fn to_plan(scope: &Scope, query: ast::Statement, types: Vec<Option<FieldRef>>) -> Result<LogicalPlan> {
    let names = Names::of(scope);
    let mut context = PlannerContext::new().with_prepare_param_data_types(types);
    SqlToRel::new_with_options(&names, parser_options())
        .sql_statement_to_plan_with_context(query, &mut context)
        .and_then(sound::grouped)
        .and_then(apply::apply)
        .and_then(lateral::joined)
        .map_err(from_datafusion)
}

/// How the planner reads a statement.
pub(super) fn parser_options() -> ParserOptions {
    ParserOptions::default()
        .with_collect_spans(true)
        .with_map_string_types_to_utf8view(false)
        .with_parse_float_as_decimal(true)
}

/// The plan as the engine itself begins with it: only then are the types known of what has branches (CASE, UNION).
fn analyzed(scope: &Scope, plan: LogicalPlan) -> Result<LogicalPlan> {
    let analyzer = scope.state().analyzer();
    analyzer
        .execute_and_check(plan, scope.state().config_options(), |_, _| {})
        .map_err(from_datafusion)
}

/// A result's schema as it is described: internal markers taken off the names, types as `analyzed` has them.
fn described(schema: &Schema, analyzed: &Schema) -> SchemaRef {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .zip(analyzed.fields())
        .map(|(field, analyzed)| {
            let name = rewrite::output_name(field.name());
            let same = name == field.name() && field.data_type() == analyzed.data_type();
            if same {
                return Arc::clone(field);
            }
            let named = field.as_ref().clone().with_name(name);
            Arc::new(named.with_data_type(analyzed.data_type().clone()))
        })
        .collect();
    Arc::new(Schema::new(fields))
}
