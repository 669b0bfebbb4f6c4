//! Subqueries and lateral joins that the engine cannot untangle: run once for each distinct set of outer values.
//!
//! PostgreSQL runs any correlated subquery that way; the engine knows only those that it can turn into a join. Catalogue
//! statements are full of others, and the catalogue is small and in memory. So a subquery over nothing but catalogue
//! relations becomes a function of the outer columns: each statement plans it once, and runs it again with other values. Subqueries over
//! a cluster's rows are left to the engine: for them a run for each row would be a request for each row.

mod outer;
mod run;
mod shape;
#[cfg(test)]
mod tests;

use std::{any::Any, sync::Arc};

use datafusion::{
    common::{
        Column, ExprSchema, JoinType, NullHandling, TableReference, UnnestOptions,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    datasource::{cte_worktable::CteWorkTable, source_as_provider},
    error::Result as EngineResult,
    execution::SessionState,
    logical_expr::{
        Expr, LogicalPlan, LogicalPlanBuilder, Subquery,
        expr::{Exists, InSubquery, Placeholder, ScalarFunction},
        expr_rewriter::NamePreserver,
        lit,
        utils::{conjunction, split_conjunction_owned},
    },
};

use crate::{
    catalog::CatalogTable,
    query::{
        engine::with_config,
        walk::plan::{Walk, WalkPlan},
    },
};
use outer::outer;
use run::function;
pub use run::{begin, has_begin, is_heavy, plan_of};
use shape::Shape;

/// Rewrites a plan as it comes from the planner, before it is optimized; its parameters may be bound later. What becomes of subqueries
/// each statement must [`begin`]. Annotates the plan first: what becomes of a subquery has its types.
pub fn apply(plan: LogicalPlan) -> EngineResult<LogicalPlan> {
    let plan = super::annotate::annotate(plan)?;
    if !has_candidates(&plan)? {
        return Ok(plan);
    }
    rewrite(plan)
}

/// The state in which plans over the catalogue alone are made: some thousand rows in memory are not worth parting.
pub fn catalogue_state(state: &SessionState) -> Arc<SessionState> {
    let mut config = state.config().clone().with_target_partitions(1);
    // A filter that one run of a subquery learned would be wrong for the next.
    config.options_mut().optimizer.enable_dynamic_filter_pushdown = false;
    Arc::new(with_config(state, config))
}

/// Whether a plan reads nothing, or relations of the catalogue only; what its own recursions have come to counts as nothing.
pub fn reads_catalogue_only(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut recursions = Vec::new();
    plan.walk_with_subqueries(&mut |plan| {
        if let LogicalPlan::RecursiveQuery(query) = plan {
            recursions.push(query.name.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let mut only = true;
    plan.walk_with_subqueries(&mut |plan| {
        if let LogicalPlan::TableScan(scan) = plan {
            let provider = source_as_provider(&scan.source)?;
            let provider = provider.as_ref() as &dyn Any;
            let own = provider
                .downcast_ref::<CteWorkTable>()
                .is_some_and(|table| recursions.iter().any(|name| name == table.name()));
            only &= own || provider.is::<CatalogTable>();
        }
        Ok(match only {
            true => TreeNodeRecursion::Continue,
            false => TreeNodeRecursion::Stop,
        })
    })?;
    Ok(only)
}

fn has_candidates(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut found = false;
    plan.walk_with_subqueries(&mut |plan| {
        found |= matches!(plan, LogicalPlan::Subquery(_));
        plan.walk_all_expressions(&mut |expr| {
            found |= matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_));
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    })?;
    Ok(found)
}

fn rewrite(plan: LogicalPlan) -> EngineResult<LogicalPlan> {
    plan.rewrite_up(&mut |plan| {
        let plan = match lateral(&plan)? {
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
        };
        // What is above refers to an expression by its name.
        let names = NamePreserver::new(&plan);
        plan.rewrite_expressions(&mut |expr| {
            if !in_filter {
                let name = names.save(&expr);
                return expr
                    .rewrite_up(&mut |expr| subquery(expr, &surroundings))
                    .map(|rewritten| rewritten.update_data(|expr| name.restore(expr)));
            }
            let conjuncts =
                split_conjunction_owned(expr)
                    .into_iter()
                    .map(|conjunct| match joins(&conjunct, &is_own)? {
                        true => inner(conjunct),
                        false => conjunct
                            .rewrite_up(&mut |expr| subquery(expr, &surroundings))
                            .map(|transformed| transformed.data),
                    });
            let conjuncts = conjuncts.collect::<EngineResult<Vec<_>>>()?;
            Ok(Transformed::yes(conjunction(conjuncts).unwrap_or_else(|| lit(true))))
        })?
        .map_data(with_schema)
    })
    .map(|transformed| transformed.data)
}

/// The plan with the columns that its expressions have by now: of one that became a function, NULL may come.
fn with_schema(plan: LogicalPlan) -> EngineResult<LogicalPlan> {
    match plan {
        LogicalPlan::Union(_) | LogicalPlan::RecursiveQuery(_) | LogicalPlan::Values(_) => Ok(plan),
        plan => plan.recompute_schema(),
    }
}

/// Where a subquery stands.
struct Surroundings<'a> {
    in_filter: bool,
    /// Whether a column is one of the query right around it.
    is_own: &'a dyn Fn(&Column) -> bool,
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
    plan.walk(&mut |plan| {
        joins &= matches!(
            plan,
            LogicalPlan::Filter(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::TableScan(_)
        );
        plan.walk_all_expressions(&mut |expr| {
            joins &= match expr {
                // Only a filter's columns become those of the join.
                Expr::OuterReferenceColumn(_, column) => matches!(plan, LogicalPlan::Filter(_)) && is_own(column),
                Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => false,
                _ => true,
            };
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(joins)
}

/// A condition left to the engine, the plan of its subquery rewritten.
fn inner(condition: Expr) -> EngineResult<Expr> {
    let within = |subquery: Subquery| -> EngineResult<Subquery> {
        let plan = Arc::new(rewrite(subquery.subquery.as_ref().clone())?);
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
        Expr::Not(condition) => Expr::Not(Box::new(inner(*condition)?)),
        other => other,
    })
}

/// A subquery expression as a call of a function of its outer columns, where the engine would fail.
fn subquery(expr: Expr, surroundings: &Surroundings) -> EngineResult<Transformed<Expr>> {
    let Surroundings { in_filter, is_own } = *surroundings;
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
    let plan = rewrite(subquery.subquery.as_ref().clone())?;
    let outer = outer(&plan)?;
    let correlated = outer
        .iter()
        .any(|(_, expr)| matches!(expr, Expr::OuterReferenceColumn(..)));
    // What is not correlated the engine does once, wherever it knows how: a scalar anywhere, the others in a filter. But it
    // takes its word for it that a column is never NULL, which the value is where there is no row.
    let nullable = plan.schema().fields().first().is_some_and(|field| field.is_nullable());
    let known = nullable || has_a_row(&plan);
    let left_to_engine = !correlated
        && match shape {
            Shape::Scalar => known,
            _ => in_filter,
        };
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
    Ok(Transformed::yes(function(plan, shape, tested, is_own)?))
}

/// Whether a plan gives a row whatever is in the tables.
fn has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_a_row(&projection.input),
        LogicalPlan::SubqueryAlias(aliased) => has_a_row(&aliased.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        _ => false,
    }
}

/// `left JOIN LATERAL (subquery)` as the unnesting of a list of the subquery's rows.
fn lateral(plan: &LogicalPlan) -> EngineResult<Option<LogicalPlan>> {
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
        JoinType::Left => true,
        _ => return Ok(None),
    };
    let left = Arc::clone(&join.left);
    let is_own = |column: &Column| left.schema().has_column(column);
    let inner = match kept && !always {
        // Where nothing of the subquery fits, the row on the left stays.
        true => within_subquery(subquery, alias.as_ref(), join.filter.clone(), &left)?,
        false => subquery.subquery.as_ref().clone(),
    };
    if !join.on.is_empty() || !can_run_here(&inner)? {
        return Ok(None);
    }
    let fields = join.right.schema();
    let rows = function(inner, Shape::Rows { null_when_empty: kept }, None, &is_own)?;
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
        Some(filter) if !always && !kept => builder.filter(filter.clone())?,
        _ => builder,
    };
    builder.build().map(Some)
}

/// The subquery of a lateral join with the join's condition in it.
fn within_subquery(
    subquery: &Subquery,
    alias: Option<&TableReference>,
    condition: Option<Expr>,
    left: &LogicalPlan,
) -> EngineResult<LogicalPlan> {
    let plan = subquery.subquery.as_ref().clone();
    let Some(condition) = condition else {
        return Ok(plan);
    };
    let condition = condition.rewrite_up(&mut |expr| match expr {
        Expr::Column(column) if left.schema().has_column(&column) => {
            let field = Arc::clone(left.schema().field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    let builder = LogicalPlanBuilder::from(plan);
    let builder = match alias {
        Some(alias) => builder.alias(alias.clone())?,
        None => builder,
    };
    builder.filter(condition.data)?.build()
}

/// Whether a plan reads nothing but relations of the catalogue, and the types of its parameters are known: a plan that is
/// made to find them out is not run.
fn can_run_here(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut known = true;
    plan.walk_with_subqueries(&mut |plan| {
        plan.walk_all_expressions(&mut |expr| {
            known &= !matches!(expr, Expr::Placeholder(Placeholder { field: None, .. }));
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(known && reads_catalogue_only(plan)?)
}
