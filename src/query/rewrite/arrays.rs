//! `ARRAY(SELECT …)`: the array of a subquery's rows, in their order.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, Ident, OrderBy, OrderByExpr, OrderByKind,
    OrderByOptions, Query, SelectItem, SetExpr,
};

use super::{build, call};

/// `(SELECT pg_array(array_agg(item ORDER BY key …)) FROM (query) AS array_rows (item, key …))`.
///
/// The order has to be the aggregate's own: that of a subquery is lost on the way.
pub fn array_of(mut query: Query) -> Expr {
    let keys = order_keys(&mut query);
    let column = |name: &str| Expr::CompoundIdentifier(vec![Ident::new("array_rows"), Ident::new(name)]);
    let mut columns = vec![Ident::new("array_item")];
    let mut order = Vec::new();
    for (index, (in_query, options)) in keys.into_iter().enumerate() {
        let name = format!("array_key_{index}");
        let expr = if in_query { column(&name) } else { column("array_item") };
        if in_query {
            columns.push(Ident::new(name));
        }
        order.push(OrderByExpr {
            expr,
            options,
            with_fill: None,
        });
    }
    let rows = build::derived(false, query, build::alias(Ident::new("array_rows"), columns));
    let mut aggregate = call("array_agg", vec![column("array_item")]);
    if let Expr::Function(Function {
        args: FunctionArguments::List(list),
        ..
    }) = &mut aggregate
        && !order.is_empty()
    {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    let item = SelectItem::ExprWithAlias {
        expr: call("pg_array", vec![aggregate]),
        alias: Ident::new("array"),
    };
    Expr::Subquery(Box::new(build::query_of(build::select(vec![item], Some(rows)))))
}

/// What a query of one column is ordered by: whether it is another expression, which becomes a column of its own, and how.
fn order_keys(query: &mut Query) -> Vec<(bool, OrderByOptions)> {
    let Some(OrderBy {
        kind: OrderByKind::Expressions(order),
        ..
    }) = &query.order_by
    else {
        return Vec::new();
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return order.iter().map(|key| (false, key.options)).collect();
    };
    let own = match select.projection.first() {
        Some(SelectItem::ExprWithAlias { alias, .. }) => Some(super::folded(alias)),
        Some(SelectItem::UnnamedExpr(Expr::Identifier(name))) => Some(super::folded(name)),
        _ => None,
    };
    let mut keys = Vec::new();
    for (index, key) in order.iter().enumerate() {
        let is_item = match &key.expr {
            Expr::Value(_) => true,
            Expr::Identifier(name) => Some(super::folded(name)) == own,
            _ => select.distinct.is_some(),
        };
        if !is_item {
            let alias = Ident::new(format!("array_key_{index}"));
            select.projection.push(SelectItem::ExprWithAlias {
                expr: key.expr.clone(),
                alias,
            });
        }
        keys.push((!is_item, key.options));
    }
    keys
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn arrays_of_subqueries_keep_their_order_and_are_never_null() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select array(select 1 where false)", "[]"),
            (
                "select array(select x from unnest(array[2, 3, 1]) x order by 1 desc)",
                "[3, 2, 1]",
            ),
            (
                "select array(select attname from pg_attribute a where attrelid = c.oid order by attnum desc limit 2) \
                 from pg_class c where relname = 'sys_journal'",
                "[entry_json, index]",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
