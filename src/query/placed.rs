//! Subqueries where the engine knows none, moved to where it does. EXISTS and IN it turns into joins in a filter only: anywhere else they
//! become counts, which it knows in a list. Of what an ORDER BY asks it knows none: that becomes a column which the result then does not
//! have.

use std::sync::Arc;

use datafusion::{
    common::{
        Column, DFSchema, ScalarValue,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    config::ConfigOptions,
    error::Result,
    functions_aggregate::expr_fn::count,
    logical_expr::{
        Expr, ExprSchemable, FetchType, LogicalPlan, LogicalPlanBuilder, Projection, SkipType, Sort, SortExpr,
        Subquery,
        expr::{Exists, InSubquery},
        expr_rewriter::NamePreserver,
        lit, when,
    },
    optimizer::AnalyzerRule,
};

use crate::query::walk::plan::{Walk, WalkPlan};

/// The rule; it goes before all others.
#[derive(Debug)]
pub struct Placed;

impl AnalyzerRule for Placed {
    fn name(&self) -> &str {
        "placed_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.rewrite_up_with_subqueries(&mut |plan| {
            let plan = match plan {
                LogicalPlan::Sort(sort) => sorted(sort)?,
                plan => Transformed::no(plan),
            };
            plan.transform_data(counted)
        })
        .map(|transformed| transformed.data)
    }
}

/// Whether an expression has a subquery in it.
fn has_subquery(expr: &Expr) -> Result<bool> {
    expr.has(&mut |expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)
        ))
    })
}

/// A sort by what subqueries say, as one by columns.
fn sorted(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let mut any = false;
    for key in &sort.expr {
        any |= has_subquery(&key.expr)?;
    }
    if !any {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    }
    let own: Vec<Expr> = sort.input.schema().columns().into_iter().map(Expr::Column).collect();
    // What a subquery looks at need not be in the list: below it, it is there.
    let (below, mut list) = match sort.input.as_ref() {
        LogicalPlan::Projection(projection) if !takes_from(&sort.expr, sort.input.schema())? => {
            (Arc::clone(&projection.input), projection.expr.clone())
        }
        _ => (Arc::clone(&sort.input), own.clone()),
    };
    let mut keys = Vec::with_capacity(sort.expr.len());
    for (index, key) in sort.expr.into_iter().enumerate() {
        if !has_subquery(&key.expr)? {
            keys.push(key);
            continue;
        }
        let name = format!("__sorted_by_{index}");
        list.push(key.expr.alias(&name));
        keys.push(SortExpr {
            expr: Expr::Column(Column::new_unqualified(name)),
            ..key
        });
    }
    let listed = LogicalPlan::Projection(Projection::try_new(list, below)?);
    let listed = counted(listed)?.data;
    let sorted = LogicalPlan::Sort(Sort {
        expr: keys,
        input: Arc::new(listed),
        fetch: sort.fetch,
    });
    Projection::try_new(own, Arc::new(sorted)).map(|plan| Transformed::yes(LogicalPlan::Projection(plan)))
}

/// Whether all that the subqueries of sort keys take from around them are columns of `schema`.
fn takes_from(keys: &[SortExpr], schema: &DFSchema) -> Result<bool> {
    let mut all = true;
    for key in keys {
        key.expr.walk(&mut |expr| {
            let subquery = match expr {
                Expr::ScalarSubquery(subquery) => subquery,
                Expr::Exists(exists) => &exists.subquery,
                Expr::InSubquery(test) => &test.subquery,
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            for taken in &subquery.outer_ref_columns {
                if let Expr::OuterReferenceColumn(_, column) = taken {
                    all &= schema.has_column(column);
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(all)
}

/// A step other than a filter, its EXISTS and IN as counts.
fn counted(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !matches!(
        plan,
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)
    ) {
        return Ok(Transformed::no(plan));
    }
    let Some(input) = plan.inputs().first().map(|input| Arc::clone(input.schema())) else {
        return Ok(Transformed::no(plan));
    };
    let names = NamePreserver::new(&plan);
    plan.rewrite_expressions(&mut |expr| {
        let name = names.save(&expr);
        let counted = expr.rewrite_up(&mut |expr| {
            Ok(match expr {
                Expr::Exists(exists) => Transformed::yes(exists_as_count(exists)?),
                Expr::InSubquery(test) => in_as_counts(test, &input)?,
                expr => Transformed::no(expr),
            })
        })?;
        Ok(match counted.transformed {
            true => counted.update_data(|expr| name.restore(expr)),
            false => counted,
        })
    })
}

/// `EXISTS (…)` as `(SELECT count(*) …) > 0`.
fn exists_as_count(exists: Exists) -> Result<Expr> {
    let Exists { subquery, negated } = exists;
    let count = counting(
        &subquery,
        uncut(&subquery.subquery).clone(),
        subquery.outer_ref_columns.clone(),
    )?;
    Ok(match negated {
        true => count.eq(lit(0_i64)),
        false => count.gt(lit(0_i64)),
    })
}

/// What gives a row exactly where `plan` does: a LIMIT of one or more says nothing.
fn uncut(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Limit(limit) => match (limit.get_skip_type(), limit.get_fetch_type()) {
            (Ok(SkipType::Literal(0)), Ok(FetchType::Literal(fetch))) if fetch != Some(0) => uncut(&limit.input),
            _ => plan,
        },
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => uncut(&sort.input),
        _ => plan,
    }
}

/// `x IN (SELECT y …)`: true where some y is x, else NULL where x is NULL and there is any y, or where some y is NULL; else false.
fn in_as_counts(test: InSubquery, input: &DFSchema) -> Result<Transformed<Expr>> {
    let InSubquery {
        expr,
        subquery,
        negated,
    } = test;
    // By a name of its own: it may be over the very table that is tested.
    let rows = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    // What is tested comes from around the subquery, where it may not be a subquery itself.
    if has_subquery(&expr)? || matches!(*subquery.subquery, LogicalPlan::Limit(_)) {
        return Ok(Transformed::no(Expr::InSubquery(InSubquery {
            expr,
            subquery,
            negated,
        })));
    }
    let rows = rows.alias("__tested")?.build()?;
    let mut taken = subquery.outer_ref_columns.clone();
    let tested = expr
        .as_ref()
        .clone()
        .rewrite_up(&mut |expr| {
            let Expr::Column(column) = &expr else {
                return Ok(Transformed::no(expr));
            };
            let (_, field) = Expr::Column(column.clone()).to_field(input)?;
            let outer = Expr::OuterReferenceColumn(field, column.clone());
            if !taken.contains(&outer) {
                taken.push(outer.clone());
            }
            Ok(Transformed::yes(outer))
        })?
        .data;
    let Some(value) = rows.schema().columns().into_iter().next().map(Expr::Column) else {
        return Ok(Transformed::no(Expr::InSubquery(InSubquery {
            expr,
            subquery,
            negated,
        })));
    };
    let filtered = |condition: Expr| LogicalPlanBuilder::from(rows.clone()).filter(condition)?.build();
    let own = subquery.outer_ref_columns.clone();
    let found = counting(&subquery, filtered(value.clone().eq(tested))?, taken)?;
    let nulls = counting(&subquery, filtered(value.is_null())?, own.clone())?;
    let all = counting(&subquery, rows.clone(), own)?;
    let unknown = nulls.gt(lit(0_i64)).or(expr.is_null().and(all.gt(lit(0_i64))));
    let null = lit(ScalarValue::Boolean(None));
    let is_in = when(found.gt(lit(0_i64)), lit(!negated))
        .when(unknown, null)
        .otherwise(lit(negated))?;
    Ok(Transformed::yes(is_in))
}

/// How many rows `plan`, which takes `taken` from around it, has.
fn counting(subquery: &Subquery, plan: LogicalPlan, taken: Vec<Expr>) -> Result<Expr> {
    let none: [Expr; 0] = [];
    let plan = LogicalPlanBuilder::from(plan)
        .aggregate(none, [count(lit(1_i64)).alias("count")])?
        .build()?;
    Ok(Expr::ScalarSubquery(Subquery {
        subquery: Arc::new(plan),
        outer_ref_columns: taken,
        spans: subquery.spans.clone(),
    }))
}
