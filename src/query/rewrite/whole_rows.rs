//! `SELECT t FROM relation AS t`, `row_to_json(t)`, `count(t.*)`: the name of a FROM item, where no column has it, is its row.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Select, SelectItem,
};

use super::{call, folded, function_name, number, parts, quoted, scope::Scope, text};
use crate::query::walk::syntax::expressions;

/// Functions whose whole-row arguments another rule reads.
const OTHERS: [&str; 2] = ["_pg_truetypid", "_pg_truetypmod"];

/// Whether a name means the row of an item of the nearest scope.
pub fn is_row(expr: &Expr, scope: &Scope) -> bool {
    matches!(expr, Expr::Identifier(name) if row(&folded(name), std::slice::from_ref(scope)).is_some())
}

/// Replaces the name of an item by its row. `scopes` are those around the expression, innermost last.
pub fn expr(expr: &mut Expr, scopes: &[Scope]) {
    let replacement = match expr {
        Expr::Identifier(name) => row(&folded(name), scopes),
        Expr::QualifiedWildcard(name, _) => parts(name).pop().and_then(|name| item_row(&name, scopes)),
        Expr::Function(function) if !OTHERS.contains(&function_name(function).as_str()) => {
            if let FunctionArguments::List(list) = &mut function.args {
                for arg in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) = arg
                        && let Some(row) = parts(name).pop().and_then(|name| item_row(&name, scopes))
                    {
                        *arg = FunctionArg::Unnamed(FunctionArgExpr::Expr(row));
                    }
                }
            }
            None
        }
        _ => None,
    };
    if let Some(row) = replacement {
        *expr = row;
    }
}

/// Hides the items of a scope that go by the name of an output column that the SELECT is grouped by: there it is the column.
pub fn hide_grouped(select: &Select, scope: &mut Scope) {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else {
        return;
    };
    let named: Vec<String> = select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        })
        .collect();
    let _ = expressions(keys, |expr| {
        if let Expr::Identifier(name) = expr
            && named.contains(&folded(name))
        {
            for item in scope.iter_mut().filter(|item| item.alias == folded(name)) {
                item.columns.complete = false;
            }
        }
        ControlFlow::<()>::Continue(())
    });
}

/// The row that a name means, unless it is a column's.
fn row(name: &str, scopes: &[Scope]) -> Option<Expr> {
    for scope in scopes.iter().rev() {
        if scope
            .iter()
            .any(|item| item.columns.names.iter().any(|column| column == name))
        {
            return None;
        }
        if scope.iter().any(|item| item.alias == name) {
            return item_row(name, std::slice::from_ref(scope));
        }
        // It may be a column that cannot be seen from here.
        if scope.iter().any(|item| !item.columns.complete) {
            return None;
        }
    }
    None
}

/// The row of the item of that name, where all its columns are known.
fn item_row(name: &str, scopes: &[Scope]) -> Option<Expr> {
    let item = scopes.iter().rev().flatten().find(|item| item.alias == name)?;
    if !item.columns.complete || item.columns.names.is_empty() {
        return None;
    }
    let fields = item.columns.names.iter().flat_map(|column| {
        let path: Vec<Ident> = vec![quoted(name), quoted(column)];
        [text(column.as_str()), Expr::CompoundIdentifier(path)]
    });
    let row_type = item.row_type.map(number);
    Some(call("pg_record", fields.chain(row_type).collect()))
}

#[cfg(test)]
mod tests {
    use crate::{catalog::testing::Engine, wire::types::PG_ROW};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_name_of_an_item_is_its_row() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select row_to_json(t) from (select 1 as a, 'x' as b) t",
                r#"{"a":1,"b":"x"}"#,
            ),
            (
                "select row_to_json(d) from sys_deployment d order by id limit 1",
                r#"{"id":"sys_deployment_1","endpoint":"sys_deployment_1"}"#,
            ),
            (
                "select json_agg(t) from (select nspname from pg_namespace where nspname = 'public') t",
                r#"[{"nspname":"public"}]"#,
            ),
            (
                "select json_agg(row_to_json(t.*)) from (select 1 as a) t",
                r#"[{"a":1}]"#,
            ),
            ("with t as (select 1 as a) select to_json(t) from t", r#"{"a":1}"#),
            ("select (t).nspname from pg_namespace t where oid = 11", "pg_catalog"),
            ("select (x.t).a from (select t from (select 1 as a) t) x", "1"),
            ("select count(t), count(t.*) from sys_deployment t", "2|2"),
            // A column of the name wins, and so does the output column that rows are grouped by.
            ("select x from (select 7 as x) x", "7"),
            ("select x from unnest(array[7]) x", "7"),
            (
                "select id as d, count(*) from sys_deployment d group by d order by 1 limit 1",
                "sys_deployment_1|1",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
        assert_eq!(engine.run("select t from pg_namespace t").await.unwrap().names, ["t"]);
        // The row of a relation is of the relation's type, unless its columns have other names.
        let row_type = |sql: &str| {
            engine
                .plan(sql)
                .unwrap()
                .schema()
                .field(0)
                .metadata()
                .get(PG_ROW)
                .cloned()
        };
        let own = engine
            .rows("select reltype from pg_class where relname = 'sys_journal'")
            .await;
        assert_eq!(row_type("select s from sys_journal s"), own.first().cloned());
        assert_eq!(
            row_type("select s from (select s from sys_journal s) t"),
            own.first().cloned()
        );
        assert_eq!(row_type("select s from sys_journal s (a)"), None);
        assert_eq!(row_type("select t from (select 1 as a) t"), None);
    }
}
