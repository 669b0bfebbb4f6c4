//! Functions that give rows: in the SELECT list they become `unnest` of a list, in FROM a lateral subquery of that. Which list is
//! for [`lists`] to say, which columns for [`columns`]; a [`series`] of integers is a relation that the engine has.

mod columns;
mod lists;
mod series;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, Select, SelectItem, TableAlias, TableAliasColumnDef, TableFactor,
    TableFunctionArgs, TableWithJoins,
};

use super::{build, call, parts, relations};

pub use lists::list_of;

/// Rewrites the functions among a SELECT's relations.
pub fn from(select: &mut Select) {
    for (index, tables) in select.from.iter_mut().enumerate() {
        joined(tables, index > 0);
    }
}

/// Those of a relation and of what is joined to it; `lateral` if others stand before it.
fn joined(tables: &mut TableWithJoins, lateral: bool) {
    relation(&mut tables.relation, lateral);
    for join in &mut tables.joins {
        relation(&mut join.relation, true);
    }
}

fn relation(factor: &mut TableFactor, lateral: bool) {
    if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
        joined(table_with_joins, lateral);
    } else if !series::is_made(factor)
        && let Some(called) = Called::of(factor)
    {
        *factor = called.relation(lateral);
    }
}

/// A call of a function that stands among relations.
struct Called {
    name: String,
    args: Vec<Expr>,
    /// Whether its rows are numbered.
    ordinality: bool,
    alias: Option<TableAlias>,
}

impl Called {
    /// `None` of a relation that is no function, and of arguments that have names.
    fn of(factor: &TableFactor) -> Option<Called> {
        let (name, args, ordinality, alias) = match factor {
            TableFactor::Table {
                name,
                args: Some(TableFunctionArgs { args, .. }),
                with_ordinality,
                alias,
                ..
            }
            | TableFactor::Function {
                name,
                args,
                with_ordinality,
                alias,
                ..
            } => (parts(name).pop()?, expressions(args)?, with_ordinality, alias),
            TableFactor::UNNEST {
                array_exprs,
                with_ordinality,
                alias,
                ..
            } => ("unnest".to_owned(), array_exprs.clone(), with_ordinality, alias),
            _ => return None,
        };
        Some(Called {
            name,
            args,
            ordinality: *ordinality,
            alias: alias.clone(),
        })
    }

    /// What the relation is called.
    fn alias_or(&self, name: &str) -> Ident {
        let alias = self.alias.as_ref();
        alias.map_or_else(|| Ident::new(name), |alias| alias.name.clone())
    }

    /// The columns that the alias names.
    fn columns(&self) -> &[TableAliasColumnDef] {
        self.alias.as_ref().map_or(&[], |alias| &alias.columns)
    }

    /// The relation in its place.
    fn relation(self, lateral: bool) -> TableFactor {
        if let Some(bounds) = series::bounds(&self) {
            return series::relation(bounds, self.alias);
        }
        let name = self.alias_or(&self.name);
        if let Some(query) = relations::query(&self.name) {
            let columns = self.alias.into_iter().flat_map(|alias| alias.columns);
            return build::derived(lateral, query, build::alias(name, columns.map(|column| column.name)));
        }
        let given = columns::of(&self);
        let mut columns = given.columns;
        if self.ordinality {
            let position = call("unnest", vec![call("pg_ordinals", vec![given.list])]);
            columns.push((position, Ident::new("ordinality")));
        }
        let items = columns.into_iter().enumerate().map(|(index, (expr, name))| {
            let alias = self.columns().get(index).map_or(name, |column| column.name.clone());
            SelectItem::ExprWithAlias { expr, alias }
        });
        let query = build::query_of(build::select(items.collect(), None));
        build::derived(lateral, query, build::alias(name, []))
    }
}

fn expressions(args: &[FunctionArg]) -> Option<Vec<Expr>> {
    args.iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_of_rows_in_the_select_list() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select generate_series(1, 3)", vec!["1", "2", "3"]),
            (
                "select generate_series(1, 2), unnest(array['a', 'b', 'c'])",
                vec!["1|a", "2|b", "|c"],
            ),
            ("select generate_subscripts(array['a', 'b'], 1)", vec!["1", "2"]),
            // A vector's subscripts begin with 0.
            (
                "select generate_subscripts(indkey, 1) from pg_index where indrelid = 'sys_journal'::regclass",
                vec!["0", "1"],
            ),
            (
                "select (information_schema._pg_expandarray(indkey)).n, (information_schema._pg_expandarray(indkey)).x \
                 from pg_index where indrelid = 'sys_journal'::regclass order by 1",
                vec!["1|1", "2|2"],
            ),
            ("select unnest(confkey) from pg_constraint where contype = 'p'", vec![]),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_in_from() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select * from generate_series(1, 3) g where g > 1", vec!["2", "3"]),
            (
                "select x, n from unnest(array['a', 'b']) with ordinality as u(x, n) order by n desc",
                vec!["b|2", "a|1"],
            ),
            (
                "select count(*), max(g) from generate_series(1, 5000000) g",
                vec!["5000000|5000000"],
            ),
            (
                "select generate_series from generate_series(1, 5, 2) where generate_series > 1",
                vec!["3", "5"],
            ),
            ("select * from current_schema()", vec!["public"]),
            ("select s from lower('A') as s", vec!["a"]),
            ("select count(*) from pg_get_keywords() where catcode = 'R'", vec!["77"]),
            ("select count(*) from aclexplode(null)", vec!["0"]),
            (
                "select a.attname, k.n from pg_constraint c, unnest(c.conkey) with ordinality as k(attnum, n), pg_attribute a \
                 where c.conname = 'sys_journal_pkey' and a.attrelid = c.conrelid and a.attnum = k.attnum order by k.n",
                vec!["id|1", "index|2"],
            ),
            (
                "select i from pg_index x, generate_series(0, array_upper(x.indkey, 1)) i where x.indrelid = 'sys_journal'::regclass",
                vec!["0", "1"],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn members_of_json_by_names_and_types() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select a + 1, b from json_to_recordset('[{\"a\":1,\"b\":\"x\"},{\"a\":2}]') as x(a int, b text)",
                vec!["2|x", "3|"],
            ),
            (
                "select * from jsonb_to_record('{\"a\":1,\"b\":{\"c\":2}}') as x(a int, b jsonb, \"d\" text)",
                vec!["1|{\"c\": 2}|"],
            ),
            (
                "select t.k, x.v from (values (1, '[{\"v\":5},{\"v\":6}]'::jsonb)) t(k, doc), jsonb_to_recordset(t.doc) as x(v int) order by 2",
                vec!["1|5", "1|6"],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_side_by_side() {
        let engine = Engine::new();
        let sql = "select * from rows from (generate_series(1, 2), unnest(array['a', 'b', 'c'])) with ordinality as t(a, b, n)";
        assert_eq!(engine.rows(sql).await, ["1|a|1", "2|b|2", "|c|3"]);
        let sql = "select * from unnest(array[1], array['a', 'b']) with ordinality as t(a, b, n)";
        assert_eq!(engine.rows(sql).await, ["1|a|1", "|b|2"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_series_of_small_integers_is_one_of_integers() {
        let engine = Engine::new();
        let answer = engine
            .run("select n, sum(n) from generate_series(1, 2) n group by n")
            .await
            .unwrap();
        let types: Vec<_> = answer.types.iter().map(|name| name.as_deref().unwrap_or("")).collect();
        assert_eq!(types, ["integer", "bigint"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_series_as_a_list_is_bounded() {
        let engine = Engine::new();
        for sql in [
            "select generate_series(1, 1000000000000)",
            "select generate_series(timestamp '2000-01-01 00:00:00', timestamp '2030-01-01 00:00:00', interval '1 second')",
        ] {
            let error = engine.error(sql).await;
            assert!(error.contains("(54000)"), "{sql}: {error}");
        }
        assert_eq!(engine.rows("select generate_series(5, 1, -2)").await, ["5", "3", "1"]);
    }
}
