//! The first rows of each group: subqueries with a LIMIT or an ORDER BY that refer to the query around them, as lateral joins and as values.
//!
//! `t JOIN LATERAL (SELECT … FROM u WHERE u.k = t.k ORDER BY u.o LIMIT n) l`: the engine joins a subquery that refers to the query around it only where no LIMIT or ORDER BY lies above the condition which does. The rows of one `k` are numbered in
//! their order, those up to `n` are kept, and they are joined on `k`: what a row of `t` sees is the same.
//!
//! Before:
//! ```sql
//! SELECT s.name, l.id FROM sys_service s CROSS JOIN LATERAL
//!   (SELECT i.id FROM sys_invocation i WHERE i.target_service_name = s.name ORDER BY i.created_at DESC LIMIT 3) l
//! ```
//! After:
//! ```sql
//! SELECT s.name, l.id FROM sys_service s JOIN
//!   (SELECT id, target_service_name, row_number() OVER (PARTITION BY target_service_name ORDER BY created_at DESC) AS n
//!    FROM sys_invocation) l ON l.target_service_name = s.name AND l.n <= 3
//! ```

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::{
    common::{Column, JoinType, ScalarValue, tree_node::Transformed},
    error::Result,
    functions_aggregate::first_last::first_value_udaf,
    functions_window::row_number::row_number_udwf,
    logical_expr::{
        BinaryExpr, Distinct, Expr, ExprFunctionExt, ExprSchemable, FetchType, Join, LogicalPlan, LogicalPlanBuilder,
        Operator, SkipType, SortExpr, Subquery,
        expr::WindowFunction,
        lit,
        utils::{conjunction, split_conjunction},
    },
};

use crate::query::walk::plan::{Walk, WalkPlan};

/// A plan as it comes from the planner, with such subqueries as what does not refer to anything around it, joined or compared.
pub(super) fn joined(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.rewrite_up_with_subqueries(&mut |plan| {
        let plan = match &plan {
            LogicalPlan::Join(join) => lateral(join)?.map_or(Transformed::no(plan), Transformed::yes),
            _ => Transformed::no(plan),
        };
        plan.transform_data(|plan| {
            plan.rewrite_expressions(&mut |expr| {
                expr.rewrite_up(&mut |expr| match &expr {
                    Expr::ScalarSubquery(subquery) => Ok(match value(subquery)? {
                        Some(value) => Transformed::yes(Expr::ScalarSubquery(value)),
                        None => Transformed::no(expr),
                    }),
                    _ => Ok(Transformed::no(expr)),
                })
            })
        })
    })
    .map(|transformed| transformed.data)
}

/// A lateral join with such a subquery.
fn lateral(join: &Join) -> Result<Option<LogicalPlan>> {
    let (subquery, alias) = match join.right.as_ref() {
        LogicalPlan::Subquery(subquery) => (subquery, None),
        LogicalPlan::SubqueryAlias(aliased) => match aliased.input.as_ref() {
            LogicalPlan::Subquery(subquery) => (subquery, Some(&aliased.alias)),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let is_joined = matches!(join.join_type, JoinType::Inner | JoinType::Left) && join.on.is_empty();
    if !is_joined || !is_cut_or_sorted(&subquery.subquery)? {
        return Ok(None);
    }
    let left = join.left.schema();
    let Some(Apart { plan: right, keys }) = Apart::of(&subquery.subquery, &mut 0)? else {
        return Ok(None);
    };
    let mut conditions = Vec::with_capacity(keys.len() + 1);
    for key in keys {
        let around = key.around.rewrite_up(&mut |expr| {
            Ok(match expr {
                Expr::OuterReferenceColumn(_, column) => Transformed::yes(Expr::Column(column)),
                expr => Transformed::no(expr),
            })
        })?;
        // It may be of a query further out.
        if !around
            .data
            .column_refs()
            .into_iter()
            .all(|column| left.has_column(column))
        {
            return Ok(None);
        }
        let column = match alias {
            Some(alias) => Column::new(Some(alias.clone()), key.column.name),
            None => key.column,
        };
        conditions.push(Expr::Column(column).eq(around.data));
    }
    conditions.extend(join.filter.clone());
    let right = LogicalPlanBuilder::from(right);
    let right = match alias {
        Some(alias) => right.alias(alias.clone())?,
        None => right,
    };
    let columns: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
    LogicalPlanBuilder::from(join.left.as_ref().clone())
        .join_on(right.build()?, join.join_type, conditions)?
        .project(columns)?
        .build()
        .map(Some)
}

/// `(SELECT x FROM u WHERE u.k = t.k ORDER BY u.o LIMIT 1)`: as the value of all its rows, of which there is one for each `k` at most.
fn value(subquery: &Subquery) -> Result<Option<Subquery>> {
    let plan = &subquery.subquery;
    if !is_cut_or_sorted(plan)? || !is_one_at_most(plan)? {
        return Ok(None);
    }
    let Some(Apart { plan: rows, keys }) = Apart::of(plan, &mut 0)? else {
        return Ok(None);
    };
    let Some((column, (qualifier, field))) = rows.schema().columns().into_iter().zip(plan.schema().iter()).next()
    else {
        return Ok(None);
    };
    let conditions = keys.into_iter().map(|key| Expr::Column(key.column).eq(key.around));
    let Some(condition) = conjunction(conditions) else {
        return Ok(None);
    };
    let name = "__lateral_value";
    let first = first_value_udaf().call(vec![Expr::Column(column)]).alias(name);
    // What is around knows the subquery by its column.
    let called = Expr::Column(Column::new_unqualified(name)).alias_qualified(qualifier.cloned(), field.name());
    let plan = LogicalPlanBuilder::from(rows)
        .filter(condition)?
        .aggregate(Vec::<Expr>::new(), vec![first])?
        .project(vec![called])?
        .build()?;
    Ok(Some(Subquery {
        outer_ref_columns: plan.all_out_ref_exprs(),
        subquery: Arc::new(plan),
        ..subquery.clone()
    }))
}

fn is_one_at_most(plan: &LogicalPlan) -> Result<bool> {
    Ok(match plan {
        LogicalPlan::Projection(projection) => is_one_at_most(&projection.input)?,
        LogicalPlan::SubqueryAlias(aliased) => is_one_at_most(&aliased.input)?,
        LogicalPlan::Limit(limit) => matches!(limit.get_fetch_type()?, FetchType::Literal(Some(0 | 1))),
        _ => false,
    })
}

/// Whether a LIMIT or an ORDER BY of a subquery lies above something that refers to the query around it.
fn is_cut_or_sorted(plan: &LogicalPlan) -> Result<bool> {
    plan.has(&mut |plan| Ok(matches!(plan, LogicalPlan::Limit(_) | LogicalPlan::Sort(_)) && refers(plan)))
}

fn refers(plan: &LogicalPlan) -> bool {
    !plan.all_out_ref_exprs().is_empty()
}

/// A subquery that no longer refers to what is around it, and what its rows are to be equal to.
struct Apart {
    plan: LogicalPlan,
    keys: Vec<Key>,
}

struct Key {
    /// A column that the plan gives besides its own.
    column: Column,
    /// What it is compared with.
    around: Expr,
}

impl Apart {
    /// `None` where that is not known to be possible. `named` counts the columns that were added.
    fn of(plan: &LogicalPlan, named: &mut usize) -> Result<Option<Apart>> {
        if !refers(plan) {
            return Ok(Some(Apart {
                plan: plan.clone(),
                keys: Vec::new(),
            }));
        }
        // What is known of these steps is so for expressions over their input alone.
        let own_refer = !matches!(plan, LogicalPlan::Filter(_))
            && plan
                .expressions()
                .iter()
                .any(|expr| expr.contains_outer() || has_subquery(expr));
        if own_refer {
            return Ok(None);
        }
        match plan {
            LogicalPlan::Filter(filter) => match Apart::of(&filter.input, named)? {
                Some(input) => input.filtered(&filter.predicate, named),
                None => Ok(None),
            },
            LogicalPlan::Projection(projection) => match Apart::of(&projection.input, named)? {
                Some(input) => input.projected(projection.expr.clone()).map(Some),
                None => Ok(None),
            },
            LogicalPlan::SubqueryAlias(aliased) => {
                let Some(Apart { plan, mut keys }) = Apart::of(&aliased.input, named)? else {
                    return Ok(None);
                };
                for key in &mut keys {
                    key.column.relation = Some(aliased.alias.clone());
                }
                let plan = LogicalPlanBuilder::from(plan).alias(aliased.alias.clone())?.build()?;
                Ok(Some(Apart { plan, keys }))
            }
            // Rows of a join have no order.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => Apart::of(&sort.input, named),
            LogicalPlan::Limit(limit) => match (limit.get_skip_type()?, limit.get_fetch_type()?) {
                (SkipType::Literal(skip), FetchType::Literal(fetch)) => Apart::cut(&limit.input, skip, fetch, named),
                _ => Ok(None),
            },
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let Some(Apart { plan, keys }) = Apart::of(input, named)? else {
                    return Ok(None);
                };
                let plan = LogicalPlanBuilder::from(plan).distinct()?.build()?;
                Ok(Some(Apart { plan, keys }))
            }
            // Without groups there is a row where there is none to be joined.
            LogicalPlan::Aggregate(aggregate)
                if !aggregate.group_expr.is_empty()
                    && !aggregate
                        .group_expr
                        .iter()
                        .any(|key| matches!(key, Expr::GroupingSet(_))) =>
            {
                let Some(Apart { plan, keys }) = Apart::of(&aggregate.input, named)? else {
                    return Ok(None);
                };
                let columns = keys.iter().map(|key| Expr::Column(key.column.clone()));
                let groups: Vec<Expr> = aggregate.group_expr.iter().cloned().chain(columns).collect();
                let plan = LogicalPlanBuilder::from(plan)
                    .aggregate(groups, aggregate.aggr_expr.clone())?
                    .build()?;
                Ok(Some(Apart { plan, keys }))
            }
            _ => Ok(None),
        }
    }

    /// The rows of which a condition is true, but for what it says of the query around.
    fn filtered(self, predicate: &Expr, named: &mut usize) -> Result<Option<Apart>> {
        let Apart { plan, mut keys } = self;
        let mut left = Vec::new();
        let mut columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        for conjunct in split_conjunction(predicate) {
            if has_subquery(conjunct) {
                return Ok(None);
            }
            if !conjunct.contains_outer() {
                left.push(conjunct.clone());
                continue;
            }
            let Some((own, around)) = equality(conjunct, &plan)? else {
                return Ok(None);
            };
            let name = format!("__lateral_key_{named}");
            *named += 1;
            columns.push(own.clone().alias(&name));
            keys.push(Key {
                column: Column::new_unqualified(name),
                around: around.clone(),
            });
        }
        let mut builder = LogicalPlanBuilder::from(plan);
        if let Some(condition) = conjunction(left) {
            builder = builder.filter(condition)?;
        }
        let plan = builder.project(columns)?.build()?;
        Ok(Some(Apart { plan, keys }))
    }

    /// The values of a list beside the keys.
    fn projected(self, mut list: Vec<Expr>) -> Result<Apart> {
        let Apart { plan, keys } = self;
        list.extend(keys.iter().map(|key| Expr::Column(key.column.clone())));
        let plan = LogicalPlanBuilder::from(plan).project(list)?.build()?;
        Ok(Apart { plan, keys })
    }

    /// The first rows of those that have the same keys.
    fn cut(plan: &LogicalPlan, skip: usize, fetch: Option<usize>, named: &mut usize) -> Result<Option<Apart>> {
        let (input, order): (&LogicalPlan, &[SortExpr]) = match plan {
            // It gives a row for each, in their order.
            LogicalPlan::Projection(projection) => {
                if projection
                    .expr
                    .iter()
                    .any(|expr| expr.contains_outer() || has_subquery(expr))
                {
                    return Ok(None);
                }
                return match Apart::cut(&projection.input, skip, fetch, named)? {
                    Some(input) => input.projected(projection.expr.clone()).map(Some),
                    None => Ok(None),
                };
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => (&sort.input, &sort.expr),
            // An order further down is the order of its rows, which would be lost.
            plan if plan.has(&mut |plan| Ok(matches!(plan, LogicalPlan::Sort(sort) if sort.fetch.is_none())))? => {
                return Ok(None);
            }
            plan => (plan, &[]),
        };
        if order
            .iter()
            .any(|key| key.expr.contains_outer() || has_subquery(&key.expr))
        {
            return Ok(None);
        }
        let Some(Apart { plan, keys }) = Apart::of(input, named)? else {
            return Ok(None);
        };
        let own: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        let partition = keys.iter().map(|key| Expr::Column(key.column.clone()));
        let name = format!("__lateral_row_{named}");
        *named += 1;
        let number = Expr::from(WindowFunction::new(row_number_udwf(), Vec::new()))
            .partition_by(partition.collect())
            .order_by(order.to_vec())
            .build()?
            .alias(&name);
        let number_of_row = || Expr::Column(Column::new_unqualified(&name));
        let rows = |rows: usize| lit(ScalarValue::UInt64(Some(rows as u64)));
        let mut bounds = Vec::new();
        if skip > 0 {
            bounds.push(number_of_row().gt(rows(skip)));
        }
        if let Some(fetch) = fetch {
            bounds.push(number_of_row().lt_eq(rows(skip.saturating_add(fetch))));
        }
        let condition = conjunction(bounds).unwrap_or_else(|| lit(true));
        let plan = LogicalPlanBuilder::from(plan)
            .window(vec![number])?
            .filter(condition)?
            .project(own)?
            .build()?;
        Ok(Some(Apart { plan, keys }))
    }
}

/// `own = around`, either way round, where rows that are equal to the same are equal to one another.
fn equality<'a>(condition: &'a Expr, plan: &LogicalPlan) -> Result<Option<(&'a Expr, &'a Expr)>> {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = condition
    else {
        return Ok(None);
    };
    let is_own = |expr: &Expr| !expr.contains_outer() && !expr.column_refs().is_empty() && !expr.is_volatile();
    let is_around = |expr: &Expr| expr.column_refs().is_empty() && !expr.is_volatile();
    let (own, around) = match (left.as_ref(), right.as_ref()) {
        (own, around) if is_own(own) && is_around(around) => (own, around),
        (around, own) if is_own(own) && is_around(around) => (own, around),
        _ => return Ok(None),
    };
    let (a, b) = (own.get_type(plan.schema())?, around.get_type(plan.schema())?);
    let is_text = |ty: &DataType| matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let alike = a == b || is_text(&a) && is_text(&b) || a.is_integer() && b.is_integer();
    Ok((alike && !a.is_floating() && !a.is_nested()).then_some((own, around)))
}

fn has_subquery(expr: &Expr) -> bool {
    let mut is_one = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)
        ))
    };
    expr.has(&mut is_one).unwrap_or(true)
}
