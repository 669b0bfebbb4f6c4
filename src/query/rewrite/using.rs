//! `a JOIN b USING (x) … WHERE x = 1`: the column that a join makes of two is the left one, of a right join the right one, of a full
//! one whichever there is. The engine knows that in a SELECT list alone, and of one join; so the name is qualified.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, JoinConstraint, JoinOperator, Query, Select, SelectItem, TableFactor, TableWithJoins, VisitorMut,
};

use super::{call, folded, parts, quoted, scope::Scope};
use crate::query::walk::syntax::walk_mut;

/// Qualifies such names in the expressions of a SELECT; those in its subqueries are their own.
pub fn select(select: &mut Select, scope: &Scope) {
    let mut merged = Vec::new();
    for from in &select.from {
        collect(from, scope, &mut merged);
    }
    if merged.is_empty() {
        return;
    }
    let mut qualify = Qualify { merged, depth: 0 };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            let _ = walk_mut(expr, &mut qualify);
        }
    }
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        let _ = walk_mut(keys, &mut qualify);
    }
    for condition in select.selection.iter_mut().chain(select.having.as_mut()) {
        let _ = walk_mut(condition, &mut qualify);
    }
}

/// A merged column, and what it is.
type Merged = Vec<(String, Expr)>;

fn collect(from: &TableWithJoins, scope: &Scope, merged: &mut Merged) {
    let mut left = names(&from.relation);
    for join in &from.joins {
        let right = names(&join.relation);
        let (constraint, side) = match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint) => (constraint, Side::Left),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (constraint, Side::Right),
            JoinOperator::FullOuter(constraint) => (constraint, Side::Either),
            _ => {
                left.extend(right);
                continue;
            }
        };
        let columns: Vec<String> = match constraint {
            JoinConstraint::Using(columns) => columns.iter().filter_map(|name| parts(name).pop()).collect(),
            JoinConstraint::Natural => common(&left, &right, scope),
            _ => Vec::new(),
        };
        for column in columns {
            let known = merged.iter().position(|(name, _)| *name == column);
            let own = known
                .and_then(|at| merged.get(at))
                .map(|(_, expr)| expr.clone())
                .or_else(|| owner(&column, &left, scope));
            let (Some(own), Some(other)) = (own, owner(&column, &right, scope)) else {
                continue;
            };
            let value = match side {
                Side::Left => own,
                Side::Right => other,
                Side::Either => call("coalesce", vec![own, other]),
            };
            match known.and_then(|at| merged.get_mut(at)) {
                Some((_, expr)) => *expr = value,
                None => merged.push((column, value)),
            }
        }
        left.extend(right);
    }
}

enum Side {
    Left,
    Right,
    Either,
}

/// What the items below a factor are called.
fn names(factor: &TableFactor) -> Vec<String> {
    match factor {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => vec![folded(&alias.name)],
            None => parts(name).pop().into_iter().collect(),
        },
        TableFactor::Derived { alias, .. } => alias.iter().map(|alias| folded(&alias.name)).collect(),
        TableFactor::NestedJoin {
            table_with_joins,
            alias: None,
        } => {
            let joins = table_with_joins.joins.iter().flat_map(|join| names(&join.relation));
            names(&table_with_joins.relation).into_iter().chain(joins).collect()
        }
        _ => Vec::new(),
    }
}

/// The column of that name among some items: the one that is known to have it, or the only one that there is.
fn owner(column: &str, items: &[String], scope: &Scope) -> Option<Expr> {
    let has = |item: &&String| {
        let known = scope.iter().find(|known| known.alias == **item);
        known.is_some_and(|known| known.columns.names.iter().any(|name| name == column))
    };
    let item = match items {
        [only] => only,
        items => items.iter().find(has)?,
    };
    Some(Expr::CompoundIdentifier(vec![quoted(item), quoted(column)]))
}

/// The columns that two sides have in common, where all of them are known.
fn common(left: &[String], right: &[String], scope: &Scope) -> Vec<String> {
    let columns = |items: &[String]| -> Option<Vec<String>> {
        let mut names = Vec::new();
        for item in items {
            let known = scope
                .iter()
                .find(|known| known.alias == *item && known.columns.complete)?;
            names.extend(known.columns.names.iter().cloned());
        }
        Some(names)
    };
    match (columns(left), columns(right)) {
        (Some(left), Some(right)) => left.into_iter().filter(|name| right.contains(name)).collect(),
        _ => Vec::new(),
    }
}

struct Qualify {
    merged: Merged,
    /// How many subqueries lie around what is visited.
    depth: usize,
}

impl VisitorMut for Qualify {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let (0, Expr::Identifier(ident)) = (self.depth, &*expr) {
            let name = folded(ident);
            if let Some((_, value)) = self.merged.iter().find(|(merged, _)| *merged == name) {
                *expr = value.clone();
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_merged_column_can_stand_anywhere() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select id from sys_invocation join sys_journal using (id) where id like '%x'",
                vec![],
            ),
            (
                "select relname from pg_class c join pg_class d using (relname, oid) where relname = 'pg_class' and oid > 0",
                vec!["pg_class"],
            ),
            (
                "select relname, count(*) from pg_class a join pg_class b using (relname) left join pg_class c using (relname) \
                 where relname in ('pg_class', 'pg_type') group by relname having relname > 'pg_d' order by relname",
                vec!["pg_type|1"],
            ),
            (
                "select x, y from (values (1), (2)) a(x) full join (values (2, 'b'), (3, 'c')) b(x, y) using (x) where x > 1 order by 1",
                vec!["2|b", "3|c"],
            ),
            (
                "select x from (values (1)) a(x) right join (values (2)) b(x) using (x) where x = 2",
                vec!["2"],
            ),
            (
                "select x from (values (1)) a(x) natural join (values (1)) b(x) where x = 1",
                vec!["1"],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }
}
