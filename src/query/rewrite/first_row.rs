//! `(SELECT e FROM t WHERE t.id = o.id ORDER BY k LIMIT 1)`: the engine turns a correlated subquery into a join only where it is an
//! aggregate, and the first row's value is one. Over the catalogue such a subquery is run as it is.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArgumentClause, FunctionArguments, GroupByExpr, Ident, LimitClause, OrderByKind, Query, Select,
    SelectItem, SetExpr, TableFactor, Value, Visitor,
};

use super::{call, folded, function_name, parts};
use crate::query::walk::syntax::walk;

/// A scalar subquery.
pub fn expr(expr: &mut Expr) {
    if let Expr::Subquery(query) = expr {
        let _ = query_of_one(query);
    }
}

fn query_of_one(query: &mut Query) -> Option<()> {
    let Some(LimitClause::LimitOffset {
        limit: Some(limit),
        offset: None,
        limit_by,
    }) = &query.limit_clause
    else {
        return None;
    };
    if !is_one(limit) || !limit_by.is_empty() || query.with.is_some() || query.fetch.is_some() {
        return None;
    }
    let mut keys = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(keys)) => keys.clone(),
        Some(_) => return None,
        None => Vec::new(),
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    let (value, alias) = match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(value)] => (value.clone(), None),
        [SelectItem::ExprWithAlias { expr, alias }] => (expr.clone(), Some(alias.clone())),
        _ => return None,
    };
    if !is_plain(select) || is_aggregate(&value) || !is_correlated(select) {
        return None;
    }
    for key in &mut keys {
        let names_output = match &key.expr {
            Expr::Identifier(name) => alias.as_ref().is_some_and(|alias| folded(alias) == folded(name)),
            position => is_one(position),
        };
        if names_output {
            key.expr = value.clone();
        }
    }
    let mut first = call("first_value", vec![value]);
    if let (Expr::Function(function), false) = (&mut first, keys.is_empty())
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.clauses.push(FunctionArgumentClause::OrderBy(keys));
    }
    select.projection = vec![SelectItem::ExprWithAlias {
        expr: first,
        alias: alias.unwrap_or_else(|| Ident::new("first_value")),
    }];
    query.limit_clause = None;
    query.order_by = None;
    Some(())
}

fn is_one(expr: &Expr) -> bool {
    match expr {
        Expr::Cast { expr, .. } => is_one(expr),
        Expr::Value(value) => matches!(&value.value, Value::Number(number, _) if number == "1"),
        _ => false,
    }
}

/// Whether a SELECT gives the rows of its FROM, each by itself.
fn is_plain(select: &Select) -> bool {
    let ungrouped = matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    ungrouped && select.distinct.is_none() && select.having.is_none() && select.qualify.is_none()
}

/// Whether an expression is, or may be, one of all rows.
fn is_aggregate(expr: &Expr) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function)
                    if function.over.is_some() || AGGREGATES.contains(&function_name(function).as_str()) =>
                {
                    ControlFlow::Break(())
                }
                Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    walk(expr, &mut Finder).is_break()
}

const AGGREGATES: [&str; 24] = [
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "first_value",
    "last_value",
    "max",
    "min",
    "pg_mean",
    "pg_summand",
    "stddev",
    "string_agg",
    "sum",
    "unnest",
    "var_pop",
    "var_samp",
];

/// Whether a condition names an item that is not in the SELECT's own FROM.
fn is_correlated(select: &Select) -> bool {
    struct Finder {
        own: Vec<String>,
    }
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::CompoundIdentifier(path) => match path.as_slice() {
                    [item, _] if !self.own.contains(&folded(item)) => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                },
                _ => ControlFlow::Continue(()),
            }
        }
    }
    let factors = select
        .from
        .iter()
        .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
    let own = factors.filter_map(|factor| match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(folded(&alias.name))
        }
        TableFactor::Table { name, .. } => parts(name).pop(),
        _ => None,
    });
    let mut finder = Finder { own: own.collect() };
    select
        .selection
        .as_ref()
        .is_some_and(|condition| walk(condition, &mut finder).is_break())
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_first_row_of_a_correlated_subquery() {
        let engine = Engine::new();
        let expected = ["sys_deployment_1|sys_deployment_1", "sys_deployment_2|sys_deployment_2"];
        for subquery in [
            "select e.endpoint as x from sys_deployment e where e.id = d.id order by x desc limit 1",
            "select e.endpoint from sys_deployment e where e.id = d.id order by e.id, 1 limit 1",
            "select e.endpoint from sys_deployment e where d.id = e.id limit 1",
        ] {
            let sql = format!("select d.id, ({subquery}) as first from sys_deployment d order by 1");
            assert_eq!(engine.rows(&sql).await, expected, "{sql}");
        }
        let sql = "select (select j.index from sys_journal j where j.id = d.id order by j.index limit 1) is null from sys_deployment d";
        assert_eq!(engine.rows(sql).await, ["true", "true"]);
    }
}
