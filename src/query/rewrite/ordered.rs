//! `SELECT array_agg(x) FROM (SELECT … ORDER BY y) s`: an aggregate that takes its rows as they come takes them in the
//! subquery's order. The engine forgets that order on the way; here it becomes the aggregate's own. And `array_agg(DISTINCT x)`, whose
//! values PostgreSQL sorts to find what is distinct.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, OrderBy,
    OrderByExpr, OrderByKind, OrderByOptions, Query, Select, SelectItem, SetExpr, TableAlias, TableAliasColumnDef,
    TableFactor, Value,
};

use super::{folded, function_name};
use crate::query::walk::syntax::{expressions, expressions_mut};

/// Aggregates whose result depends on the order of their rows.
const ORDERED: [&str; 8] = [
    "array_agg",
    "string_agg",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
    "first_value",
    "last_value",
];

/// Gives the aggregates of a SELECT over one ordered subquery that order.
pub fn select(select: &mut Select) {
    // An aggregate within a subquery of the list is that subquery's.
    let nested = expressions(&select.projection, |expr| match expr {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let ordered = |item| visit_aggregates(item, |_| ControlFlow::Break(())).is_break();
    if nested.is_break() || !select.projection.iter_mut().any(ordered) {
        return;
    }
    let [from] = select.from.as_mut_slice() else { return };
    let TableFactor::Derived {
        subquery,
        alias: Some(alias),
        ..
    } = &mut from.relation
    else {
        return;
    };
    if !from.joins.is_empty() {
        return;
    }
    let Some(keys) = keys(subquery, alias) else { return };
    for item in &mut select.projection {
        let _ = visit_aggregates(item, |arguments| {
            arguments.push(FunctionArgumentClause::OrderBy(keys.clone()));
            ControlFlow::<()>::Continue(())
        });
    }
}

/// Sorts the distinct values of a SELECT's aggregates, unless one of them is sorted by something else: the engine sorts the rows of a
/// SELECT for its aggregates in one way.
pub fn distinct(select: &mut Select) {
    let mut keys: Vec<Vec<Expr>> = Vec::new();
    let _ = expressions(&select.projection, |expr| {
        keys.extend(order(expr).or_else(|| distinct_value(expr).map(|value| vec![value.clone()])));
        ControlFlow::<()>::Continue(())
    });
    if keys.windows(2).any(|pair| pair[0] != pair[1]) {
        return;
    }
    let _ = expressions_mut(&mut select.projection, |expr| {
        if let Some(value) = distinct_value(expr).cloned()
            && let Expr::Function(function) = expr
            && let FunctionArguments::List(list) = &mut function.args
        {
            let key = OrderByExpr {
                expr: value,
                options: OrderByOptions {
                    asc: None,
                    nulls_first: None,
                },
                with_fill: None,
            };
            list.clauses.push(FunctionArgumentClause::OrderBy(vec![key]));
        }
        ControlFlow::<()>::Continue(())
    });
}

/// What an aggregate gathers the distinct values of, where it says no order.
fn distinct_value(expr: &Expr) -> Option<&Expr> {
    let Expr::Function(function) = expr else { return None };
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let gathers = matches!(function_name(function).as_str(), "array_agg" | "string_agg");
    let is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    match list.args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) if gathers && is_distinct && list.clauses.is_empty() => {
            Some(value)
        }
        _ => None,
    }
}

/// What an aggregate is sorted by.
fn order(expr: &Expr) -> Option<Vec<Expr>> {
    let Expr::Function(function) = expr else { return None };
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    list.clauses.iter().find_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(keys) => Some(keys.iter().map(|key| key.expr.clone()).collect()),
        _ => None,
    })
}

/// Calls `visit` with the clauses of each aggregate that has no order of its own.
fn visit_aggregates<B>(
    item: &mut SelectItem,
    mut visit: impl FnMut(&mut Vec<FunctionArgumentClause>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    expressions_mut(item, |expr| {
        let Expr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        if !ORDERED.contains(&function_name(function).as_str()) || function.over.is_some() {
            return ControlFlow::Continue(());
        }
        match &mut function.args {
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none()
                    && !list
                        .clauses
                        .iter()
                        .any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_))) =>
            {
                visit(&mut list.clauses)
            }
            _ => ControlFlow::Continue(()),
        }
    })
}

/// What the subquery is ordered by, as columns that it gives besides its own.
fn keys(query: &mut Query, alias: &mut TableAlias) -> Option<Vec<OrderByExpr>> {
    let OrderBy {
        kind: OrderByKind::Expressions(order),
        ..
    } = query.order_by.as_ref()?
    else {
        return None;
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    // DISTINCT rows have no further columns, and those of a wildcard cannot be counted here.
    let wildcard = select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    if select.distinct.is_some() || wildcard && !alias.columns.is_empty() {
        return None;
    }
    let own = select.projection.clone();
    let mut keys = Vec::with_capacity(order.len());
    for (index, key) in order.iter().enumerate() {
        let expr = match &key.expr {
            Expr::Value(position) => match &position.value {
                Value::Number(position, _) => item(own.get(position.parse::<usize>().ok()?.checked_sub(1)?)?)?,
                _ => return None,
            },
            Expr::Identifier(name) => own
                .iter()
                .find(|item| names(item, name))
                .and_then(item)
                .unwrap_or_else(|| key.expr.clone()),
            expr => expr.clone(),
        };
        let name = Ident::new(format!("order_key_{index}"));
        if !alias.columns.is_empty() {
            alias.columns.push(TableAliasColumnDef {
                name: name.clone(),
                data_type: None,
            });
        }
        select.projection.push(SelectItem::ExprWithAlias {
            expr,
            alias: name.clone(),
        });
        let expr = Expr::CompoundIdentifier(vec![alias.name.clone(), name]);
        keys.push(OrderByExpr {
            expr,
            options: key.options,
            with_fill: None,
        });
    }
    Some(keys)
}

fn item(item: &SelectItem) -> Option<Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.clone()),
        _ => None,
    }
}

fn names(item: &SelectItem, name: &Ident) -> bool {
    matches!(item, SelectItem::ExprWithAlias { alias, .. } if folded(alias) == folded(name))
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn aggregates_take_the_order_of_their_subquery() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select array_agg(x) from (select x from unnest(array[2, 3, 1]) x order by x desc) s",
                "[3, 2, 1]",
            ),
            (
                "select string_agg(s.a, ',') from (select attname as a from pg_attribute where attrelid = 'sys_invocation'::regclass order by attnum desc limit 2) s",
                "partition_key,retry_count",
            ),
            (
                "select array_agg(y) from (select x + 1 from unnest(array[2, 1]) x order by 1) s(y)",
                "[2, 3]",
            ),
            (
                "select array_agg(id) from (select id, status from sys_invocation order by status desc) s",
                "[sys_invocation_2, sys_invocation_1]",
            ),
            // Its own order wins.
            (
                "select array_agg(x order by x) from (select x from unnest(array[2, 3, 1]) x order by x desc) s",
                "[1, 2, 3]",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
