//! How many columns a subquery may have that stands for a value, or for what IN looks through. The engine's planner takes for granted that
//! there is one.

use datafusion::sql::sqlparser::ast::{Expr, FunctionArguments, Query, Select, SelectItem, SetExpr, TableFactor};

use super::function_name;
use crate::{Error, Result, SqlState};

const ONE: &str = "subquery must return only one column";

/// Fails (42601) for a subquery that says itself that it has another number of columns.
pub fn check(expr: &Expr) -> Result<()> {
    match expr {
        // More than one may be compared with a row, `(a, b) = (SELECT …)`.
        Expr::Subquery(query) if columns(query) == Some(0) => Err(refused(ONE)),
        Expr::Function(function) if function_name(function) == "array" => match &function.args {
            FunctionArguments::Subquery(query) if columns(query).is_some_and(|count| count != 1) => Err(refused(ONE)),
            _ => Ok(()),
        },
        Expr::InSubquery { expr, subquery, .. } => match (columns(subquery), width(expr)) {
            (Some(count), wanted) if count < wanted => Err(refused("subquery has too few columns")),
            (Some(count), wanted) if count > wanted => Err(refused("subquery has too many columns")),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// How many columns a query has, where it lists them.
fn columns(query: &Query) -> Option<usize> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Select(select) => return listed(select),
            SetExpr::Values(values) => return values.rows.first().map(|row| row.content.len()),
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(query) => body = &query.body,
            _ => return None,
        }
    }
}

/// The columns of a SELECT's list; `*` is those of a subquery, if that is all that it selects from.
fn listed(select: &Select) -> Option<usize> {
    match select.projection.as_slice() {
        [SelectItem::Wildcard(_)] => match select.from.as_slice() {
            [from] if from.joins.is_empty() => match &from.relation {
                TableFactor::Derived { subquery, .. } => columns(subquery),
                _ => None,
            },
            _ => None,
        },
        items => items
            .iter()
            .all(|item| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }))
            .then_some(items.len()),
    }
}

/// How many values IN looks for at once.
fn width(expr: &Expr) -> usize {
    match expr {
        Expr::Tuple(items) => items.len(),
        Expr::Nested(inner) => width(inner),
        _ => 1,
    }
}

fn refused(words: &'static str) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::testing::Engine, query::errors::from_datafusion};

    #[tokio::test]
    async fn a_subquery_has_as_many_columns_as_are_wanted() {
        let engine = Engine::new();
        let (few, many) = ("subquery has too few columns", "subquery has too many columns");
        for (sql, words) in [
            ("select (select)", ONE),
            ("select c.oid::regclass, (select) from pg_class c", ONE),
            ("select 1 where (select from pg_class) is null", ONE),
            ("select (select 1, 2)", ONE),
            ("select (select * from pg_am)", ONE),
            ("select array(select)", ONE),
            ("select array(select 1, 2)", ONE),
            ("select 1 in (select)", few),
            ("select 1 in (select 1, 2)", many),
            ("select 1 not in (values (1, 2))", many),
            ("select (1, 2) in (select 1)", few),
            ("select (1, 2) in (select oid, amname, amhandler from pg_am)", many),
            ("select (select * from (select) s)", ONE),
            ("select 1 in (select * from (select 1, 2) s)", many),
        ] {
            let error = from_datafusion(engine.run(sql).await.unwrap_err());
            assert_eq!(
                (error.code(), error.message()),
                (SqlState::SYNTAX_ERROR, words),
                "{sql}"
            );
        }
        for sql in [
            "select exists (select)",
            "select (1, 2) in (select 1, 2)",
            "select row(1, 2) in (select 1, 2)",
            "select 1 in (select oid from pg_am)",
            "select array(select amname from pg_am)",
            "select 1 in (select * from (select 1) s)",
            "select 1 in (select * from (values (1)) a (x) join (values (1)) b (x) using (x))",
            "select (1, 1) in (select * from (values (1)) a (x), unnest(array[1]) b (y))",
            "with a as (select 1) select 1 in (select * from a)",
        ] {
            engine.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
    }
}
