//! How many columns a subquery may have that stands for a value, or for what IN looks through. The engine's planner takes for granted that
//! there is one.

use datafusion::sql::sqlparser::ast::{Expr, FunctionArguments, Query};

use super::{
    function_name,
    scope::{Named, query_columns},
};
use crate::{Error, Result, SqlState, catalog::Catalog};

const ONE: &str = "subquery must return only one column";

/// Fails (42601) for a subquery that is known to have another number of columns. `named` is what it sees around it.
pub fn check(expr: &Expr, catalog: &Catalog, named: &Named) -> Result<()> {
    let count = |query: &Query| {
        let columns = query_columns(query, catalog, named);
        columns.complete.then_some(columns.names.len())
    };
    match expr {
        // More than one may be compared with a row, `(a, b) = (SELECT …)`.
        Expr::Subquery(query) if count(query) == Some(0) => Err(refused(ONE)),
        Expr::Function(function) if function_name(function) == "array" => match &function.args {
            FunctionArguments::Subquery(query) if count(query).is_some_and(|count| count != 1) => Err(refused(ONE)),
            _ => Ok(()),
        },
        Expr::InSubquery { expr, subquery, .. } => {
            let wanted = match expr.as_ref() {
                Expr::Tuple(items) => items.len(),
                _ => 1,
            };
            match count(subquery) {
                Some(count) if count < wanted => Err(refused("subquery has too few columns")),
                Some(count) if count > wanted => Err(refused("subquery has too many columns")),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
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
            ("with a as (select 1, 2) select 1 in (select * from a)", many),
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
        ] {
            engine.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
    }
}
