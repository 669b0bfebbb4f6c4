//! How far the expressions of a plan grow. An optimizer moves filters down through derived tables and puts their columns' expressions in
//! place of their names: `x || x AS x` in thirty tables, each over the one before, is a thousand million of them. So what a column
//! stands for is counted first, here, where it costs one walk over the plan.

use datafusion::{
    common::{DFSchema, tree_node::TreeNodeRecursion},
    error::{DataFusionError, Result},
    logical_expr::{Expr, LogicalPlan},
};

use crate::{Error, SqlState, limits, query::walk::plan::Walk, source::runtime::to_datafusion};

/// Refuses (54001) a plan with an expression that stands for more than [`limits::EXPRESSION_GROWTH_MAX`].
pub fn check(plan: &LogicalPlan) -> Result<()> {
    sizes(plan).map(|_| ())
}

/// How many expressions each column of a plan's result stands for.
fn sizes(plan: &LogicalPlan) -> Result<Vec<u64>> {
    let inputs = plan.inputs().into_iter().map(sizes).collect::<Result<Vec<_>>>()?;
    plan.apply_subqueries(|subquery| sizes(subquery).map(|_| TreeNodeRecursion::Continue))?;
    let first = || inputs.first().cloned().unwrap_or_default();
    let of = |exprs: &[Expr], input: &LogicalPlan| -> Result<Vec<u64>> {
        let columns = first();
        exprs.iter().map(|expr| size(expr, input.schema(), &columns)).collect()
    };
    let mut sizes = match plan {
        LogicalPlan::Projection(projection) => of(&projection.expr, &projection.input)?,
        LogicalPlan::Aggregate(aggregate) => {
            let mut sizes = of(&aggregate.group_expr, &aggregate.input)?;
            sizes.extend(of(&aggregate.aggr_expr, &aggregate.input)?);
            sizes
        }
        LogicalPlan::Window(window) => {
            let mut sizes = first();
            sizes.extend(of(&window.window_expr, &window.input)?);
            sizes
        }
        LogicalPlan::Filter(filter) => {
            of(std::slice::from_ref(&filter.predicate), &filter.input)?;
            first()
        }
        LogicalPlan::Join(_) => inputs.concat(),
        LogicalPlan::Union(_) => {
            let most = |most: Vec<u64>, sizes: Vec<u64>| most.iter().zip(&sizes).map(|(a, b)| *a.max(b)).collect();
            inputs.into_iter().reduce(most).unwrap_or_default()
        }
        LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_) => first(),
        _ => Vec::new(),
    };
    // What a column of anything else stands for is itself.
    sizes.resize(plan.schema().fields().len(), 1);
    Ok(sizes)
}

fn size(expr: &Expr, schema: &DFSchema, columns: &[u64]) -> Result<u64> {
    let mut size: u64 = 0;
    expr.walk(&mut |expr| {
        let own = match expr {
            Expr::Column(column) => schema
                .maybe_index_of_column(column)
                .and_then(|index| columns.get(index))
                .copied()
                .unwrap_or(1),
            _ => 1,
        };
        size = size.saturating_add(own);
        Ok(TreeNodeRecursion::Continue)
    })?;
    if size > limits::EXPRESSION_GROWTH_MAX {
        return Err(too_complex());
    }
    Ok(size)
}

fn too_complex() -> DataFusionError {
    let error = Error::new(SqlState::STATEMENT_TOO_COMPLEX, "statement is too complex")
        .with_hint("Columns of its derived tables are named so often that their expressions multiply.");
    to_datafusion(error)
}

#[cfg(test)]
mod tests {
    use datafusion::{
        logical_expr::{LogicalPlanBuilder, Operator, binary_expr},
        prelude::{SessionContext, col, lit},
    };

    use super::*;

    /// `SELECT x || x AS x FROM (…)`, so many times over.
    fn doubled(times: usize) -> LogicalPlan {
        let mut plan = LogicalPlanBuilder::empty(true).project([lit("a").alias("x")]).unwrap();
        for _ in 0..times {
            let twice = binary_expr(col("x"), Operator::StringConcat, col("x"));
            plan = plan.project([twice.alias("x")]).unwrap();
        }
        plan.build().unwrap()
    }

    #[tokio::test]
    async fn columns_that_double_are_refused_before_they_are_planned() {
        check(&doubled(10)).unwrap();
        let error = crate::query::errors::from_datafusion(check(&doubled(40)).unwrap_err());
        assert_eq!(error.code(), SqlState::STATEMENT_TOO_COMPLEX);
        // A wide table over a wide table is no fault.
        let wide = (0..1_000)
            .map(|at| format!("{at} as c{at}"))
            .collect::<Vec<_>>()
            .join(", ");
        let sql = format!("select * from (select * from (select {wide}) as a) as b where c1 = 1");
        check(SessionContext::new().sql(&sql).await.unwrap().logical_plan()).unwrap();
    }
}
