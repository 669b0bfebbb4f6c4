//! `SELECT count(name) AS name … ORDER BY count(name)`: within an expression of ORDER BY a name is a column of FROM, though an output
//! column is called the same. (The engine takes the output column; alone, without an expression around it, the name does mean that.)
//! A sort by what is also an output column is one by that column; in a grouped SELECT the name is qualified. Elsewhere the engine cannot
//! sort by a column of FROM that goes by an output column's name, and the name is left.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, OrderByKind, Query, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, Visitor, VisitorMut,
};

use super::{
    arguments, folded, function_name,
    labels::{MARK, label},
    number, quoted, rows,
    scope::{self, Named},
    take,
};
use crate::{
    catalog::Catalog,
    query::walk::syntax::{walk, walk_mut},
};

/// `SELECT upper(t.name) AS name … ORDER BY t.name`: the engine cannot tell the column of FROM, by which the rows are sorted, from the
/// output column. At the top of a statement the output column goes by another name for it, which clients do not see; so it does beside
/// functions that give rows, which the engine puts in a step of their own. Says whether a column has such a name now.
pub fn outputs(query: &mut Query, catalog: &Catalog, named: &Named) -> bool {
    let columns = scope::query_columns(query, catalog, named);
    match query.body.as_mut() {
        SetExpr::Select(_) => of_select(query, catalog, named),
        SetExpr::SetOperation { .. } | SetExpr::Query(_) if columns.complete => {
            let changed = of_branches(&mut query.body, catalog, named);
            // What sorts all of them names the first one's columns.
            if changed
                && let Some(OrderByKind::Expressions(keys)) = query.order_by.as_mut().map(|order| &mut order.kind)
            {
                for key in keys {
                    let place = match &key.expr {
                        Expr::Identifier(name) => columns.names.iter().position(|own| *own == folded(name)),
                        _ => None,
                    };
                    if let Some(at) = place {
                        key.expr = position(at);
                    }
                }
            }
            changed
        }
        _ => false,
    }
}

/// The same for a query whose columns go by their names: the alias that it stands under says them all.
pub fn aliased(query: &mut Query, alias: &mut TableAlias, catalog: &Catalog, around: &Named) {
    let columns = scope::query_columns(query, catalog, around);
    let named = scope::named(query, catalog, around);
    if columns.complete && outputs(query, catalog, &named) {
        let rest = columns.names.iter().skip(alias.columns.len());
        let rest = rest.map(|name| TableAliasColumnDef {
            name: quoted(name),
            data_type: None,
        });
        alias.columns.extend(rest);
    }
}

/// The branches of a UNION that are sorted by themselves.
fn of_branches(body: &mut SetExpr, catalog: &Catalog, named: &Named) -> bool {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            let left = of_branches(left, catalog, named);
            of_branches(right, catalog, named) || left
        }
        SetExpr::Query(query) => {
            let named = scope::named(query, catalog, named);
            outputs(query, catalog, &named)
        }
        _ => false,
    }
}

fn position(at: usize) -> Expr {
    number(at + 1)
}

fn of_select(query: &mut Query, catalog: &Catalog, named: &Named) -> bool {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return false;
    };
    let mut changed = false;
    let keys = match query.order_by.as_mut().map(|order| &mut order.kind) {
        Some(OrderByKind::Expressions(keys)) => keys.as_mut_slice(),
        _ => &mut [],
    };
    let scope = scope::of(select, catalog, named);
    let in_scope = |name: &String| scope.iter().any(|item| item.columns.names.contains(name));
    let gives_rows = select.projection.iter().any(|item| match item {
        SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) => walk(expr, &mut GivesRows).is_break(),
        _ => false,
    });
    let wildcard = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    if select.projection.iter().any(wildcard) {
        return changed;
    }
    let sorted: Vec<String> = keys
        .iter()
        .filter_map(|key| match &key.expr {
            Expr::CompoundIdentifier(path) => path.last().map(folded),
            _ => None,
        })
        .collect();
    for (index, item) in select.projection.iter_mut().enumerate() {
        let (expr, name) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (expr, folded(alias)),
            SelectItem::UnnamedExpr(expr) => {
                let name = label(expr).0;
                (expr, name)
            }
            _ => continue,
        };
        let is_column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        if is_column || !(sorted.contains(&name) || gives_rows && in_scope(&name)) {
            continue;
        }
        for key in keys.iter_mut() {
            if matches!(&key.expr, Expr::Identifier(own) if folded(own) == name) {
                key.expr = position(index);
            }
        }
        let marked = format!("{name}{MARK}");
        *item = SelectItem::ExprWithAlias {
            expr: take(expr),
            alias: quoted(&marked),
        };
        changed = true;
    }
    changed
}

/// Finds a function that gives rows.
struct GivesRows;

impl Visitor for GivesRows {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => {
                let args: Vec<Expr> = arguments(function).unwrap_or_default().into_iter().cloned().collect();
                let name = function_name(function);
                match name == "unnest" || rows::list_of(&name, &args).is_some() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Says what such expressions mean.
pub fn query(query: &mut Query, catalog: &Catalog, named: &Named) {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return;
    };
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_mut().map(|order| &mut order.kind) else {
        return;
    };
    let outputs = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if !matches!(expr, Expr::Identifier(_)) => Some(folded(alias)),
        _ => None,
    });
    let scope = scope::of(select, catalog, named);
    let columns = outputs.filter_map(|name| {
        let mut items = scope.iter().filter(|item| item.columns.names.contains(&name));
        let item = items.next()?.alias.clone();
        items.next().is_none().then_some((name, item))
    });
    let mut qualify = Qualify {
        columns: columns.collect(),
    };
    if qualify.columns.is_empty() {
        return;
    }
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    for key in keys {
        let is_output = matches!(key.expr, Expr::Identifier(_));
        if is_output || walk(&key.expr, &mut HasQuery).is_break() {
            continue;
        }
        let same = select.projection.iter().position(|item| {
            matches!(item, SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) if *expr == key.expr)
        });
        let wildcard = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        match same.filter(|at| !select.projection.iter().take(*at).any(wildcard)) {
            Some(at) => key.expr = position(at),
            None if is_grouped => {
                let _ = walk_mut(&mut key.expr, &mut qualify);
            }
            None => {}
        }
    }
}

struct Qualify {
    /// Names with the items that they belong to.
    columns: Vec<(String, String)>,
}

impl VisitorMut for Qualify {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && let Some((name, item)) = self.columns.iter().find(|(column, _)| *column == folded(name))
        {
            *expr = Expr::CompoundIdentifier(vec![quoted(item), quoted(name)]);
        }
        ControlFlow::Continue(())
    }
}

/// Finds a subquery: the names in it are its own.
struct HasQuery;

impl Visitor for HasQuery {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_qualified_name_is_a_column_of_from() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select -a.oid::int as oid from pg_am a where oid < 406 order by a.oid",
                "-2 -403 -405",
            ),
            (
                "select case a.amname when 'heap' then 'x' else 'y' end as amname, count(*) from pg_am a where oid < 406 \
                 group by a.amname order by a.amname",
                "y|1 y|1 x|1",
            ),
            (
                "select oid from (select -a.oid::int as oid from pg_am a where oid < 406 order by a.oid limit 2) s order by oid",
                "-403 -2",
            ),
            (
                "with s as (select upper(a.amname) as amname from pg_am a order by a.amname limit 1) select amname from s",
                "BRIN",
            ),
            (
                "(select upper(a.amname) as amname from pg_am a order by a.amname limit 1)",
                "BRIN",
            ),
            (
                "(select upper(a.amname) as amname from pg_am a order by a.amname limit 1) union all select 'x' order by amname desc",
                "x BRIN",
            ),
            (
                "select amname from ((select upper(a.amname) as amname from pg_am a order by a.amname limit 1) union all select 'x') u order by 1",
                "BRIN x",
            ),
            (
                "select array_agg(amname) from (select upper(a.amname) as amname from pg_am a where oid < 406 order by a.amname desc) s",
                "[HEAP, HASH, BTREE]",
            ),
            (
                "select (select upper(a.amname) as amname from pg_am a order by a.amname limit 1)",
                "BRIN",
            ),
            (
                "select amname::text, unnest(array[2, 1]) from pg_am where oid < 405 order by 1, 2",
                "btree|1 btree|2 heap|1 heap|2",
            ),
            (
                "select s.a, s.amname from (select unnest(array[1, 2]) as a, upper(am.amname) as amname from pg_am am where oid = 2) s",
                "1|HEAP 2|HEAP",
            ),
            (
                "select upper(amname) as amname, (regexp_matches(amname, 'h..p'))[1] from pg_am order by amname",
                "HEAP|heap",
            ),
        ] {
            let answer = engine.run(sql).await.unwrap();
            assert!(
                answer.names.iter().all(|name| name.is_ascii()),
                "{sql}: {:?}",
                answer.names
            );
            assert_eq!(engine.rows(sql).await.join(" "), expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn within_an_expression_a_name_is_a_column_of_from() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select count(oid) as oid from pg_am order by count(oid)", "7"),
            (
                "select oid from (select count(oid) as oid from pg_am order by count(oid)) t",
                "7",
            ),
            (
                "select upper(amname) as amname from pg_am where oid < 406 order by upper(amname) desc",
                "HEAP HASH BTREE",
            ),
            (
                "select -max(oid)::int as oid from pg_am where oid < 406 group by oid order by max(oid)",
                "-2 -403 -405",
            ),
            (
                "select -oid::int as oid from pg_am where oid < 406 order by oid",
                "-405 -403 -2",
            ),
            (
                "select max(amname) as oid from pg_am where oid < 406 group by oid order by (select 1), max(amname)",
                "btree hash heap",
            ),
        ] {
            assert_eq!(engine.rows(sql).await.join(" "), expected, "{sql}");
        }
    }
}
