//! What the engine knows of GROUP BY and not within it. `ROLLUP (1)`: a position stands for an item of the list, within ROLLUP, CUBE and
//! GROUPING SETS as well. `CUBE (a, a)`: the engine refuses a key that is there twice, and knows the sets themselves.
//! `sum(x), sum(x::float8)`: the engine calls keys and aggregates by what is in them but for the casts, and refuses two that are called
//! the same; where there are such, each cast becomes a call that names its type.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Query, Select, SelectItem, SetExpr, Value, Visitor, VisitorMut,
};

use super::{call, take, text};
use crate::query::walk::syntax::{walk, walk_mut};

/// Positions within grouping sets, before anything is said in another way.
pub fn select(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else {
        return;
    };
    let sets = keys.iter_mut().filter_map(|key| match key {
        Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => Some(sets),
        _ => None,
    });
    let mut left = SPELLED_OUT_SIZE_MAX;
    for key in sets.flatten().flatten() {
        let Expr::Value(value) = &*key else { continue };
        let Value::Number(number, _) = &value.value else {
            continue;
        };
        let index = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let item = index.and_then(|index| select.projection.get(index));
        if let Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item {
            let Some(rest) = left.checked_sub(expr.to_string().len()) else {
                return;
            };
            left = rest;
            *key = expr.clone();
        }
    }
    for key in keys {
        if let Some(sets) = spelled_out(key) {
            *key = Expr::GroupingSets(sets);
        }
    }
}

/// Characters that keys may take once they are spelled out: there are as many sets as a ROLLUP has keys, and two to the power of a CUBE's.
/// What would be longer is left to the engine, which refuses it.
const SPELLED_OUT_SIZE_MAX: usize = 256 * 1024;

/// The sets of a ROLLUP or a CUBE that has a key twice.
fn spelled_out(key: &Expr) -> Option<Vec<Vec<Expr>>> {
    let (Expr::Rollup(parts) | Expr::Cube(parts)) = key else {
        return None;
    };
    let mut seen = BTreeSet::new();
    if parts.iter().flatten().all(|key| seen.insert(key.to_string())) {
        return None;
    }
    let sets = match key {
        Expr::Cube(_) => 1_usize.checked_shl(u32::try_from(parts.len()).ok()?)?,
        _ => parts.len() + 1,
    };
    let size: usize = parts.iter().flatten().map(|key| key.to_string().len() + 1).sum();
    if size.saturating_mul(sets) > SPELLED_OUT_SIZE_MAX {
        return None;
    }
    let of = |is_chosen: &dyn Fn(usize) -> bool| {
        let chosen = parts.iter().enumerate().filter(|(index, _)| is_chosen(*index));
        chosen.flat_map(|(_, part)| part.iter().cloned()).collect::<Vec<Expr>>()
    };
    match key {
        Expr::Rollup(_) => Some((0..sets).rev().map(|most| of(&|index| index < most)).collect()),
        _ => Some((0..sets).rev().map(|set| of(&|index| set >> index & 1 == 1)).collect()),
    }
}

/// Keys and aggregates that differ in casts alone, once casts are what they are to the engine.
pub fn query(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return;
    };
    let mut called = Called::default();
    let _ = walk(&select.group_by, &mut called);
    if let GroupByExpr::Expressions(keys, _) = &select.group_by {
        for key in keys {
            called.add(key);
        }
        // A key may be said as a position or by its label.
        if !keys.is_empty() {
            for item in &select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                    called.add(expr);
                }
            }
        }
    }
    let _ = walk(&select.projection, &mut called);
    let _ = walk(&select.having, &mut called);
    let _ = walk(&query.order_by, &mut called);
    if !called.has_namesakes {
        return;
    }
    if let SetExpr::Select(select) = query.body.as_mut() {
        let _ = walk_mut(&mut select.group_by, &mut Typed);
        let _ = walk_mut(&mut select.projection, &mut Typed);
        let _ = walk_mut(&mut select.having, &mut Typed);
    }
    let _ = walk_mut(&mut query.order_by, &mut Typed);
}

/// Keys and calls, by what they are called.
#[derive(Default)]
struct Called {
    by_name: BTreeMap<String, String>,
    has_namesakes: bool,
}

impl Called {
    fn add(&mut self, expr: &Expr) {
        let text = expr.to_string();
        let mut bare = expr.clone();
        let _ = walk_mut(&mut bare, &mut Bare);
        let known = self.by_name.entry(bare.to_string()).or_insert_with(|| text.clone());
        self.has_namesakes |= *known != text;
    }
}

impl Visitor for Called {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Function(function) if function.over.is_none()) {
            self.add(expr);
        }
        ControlFlow::Continue(())
    }
}

/// Takes casts off.
struct Bare;

impl VisitorMut for Bare {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { expr: of, .. } = expr {
            *expr = take(of);
        }
        ControlFlow::Continue(())
    }
}

/// Names what is cast after the type.
struct Typed;

impl VisitorMut for Typed {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { data_type, .. } = expr {
            let name = text(data_type.to_string());
            *expr = call("pg_as", vec![take(expr), name]);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test]
    async fn positions_count_within_grouping_sets() {
        let engine = Engine::new();
        for grouping in ["rollup (1)", "cube (1)", "grouping sets ((1), ())", "rollup (id)"] {
            let sql = format!("select id, count(*) from sys_deployment group by {grouping} order by 1");
            let expected = ["sys_deployment_1|1", "sys_deployment_2|1", "|2"];
            assert_eq!(engine.rows(&sql).await, expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_key_may_be_there_twice() {
        let engine = Engine::new();
        for (grouping, sets) in [("rollup (id, id)", 2), ("cube (id, id)", 3), ("rollup (id, 1)", 2)] {
            let sql = format!("select id, count(*) from sys_deployment group by {grouping} order by 1");
            let mut expected = vec!["sys_deployment_1|1"; sets];
            expected.extend(vec!["sys_deployment_2|1"; sets]);
            expected.push("|2");
            assert_eq!(engine.rows(&sql).await, expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn what_would_be_spelled_out_without_end_is_refused() {
        let engine = Engine::new();
        let (many, wide) = (vec!["id"; 20_000].join(", "), "x".repeat(100_000));
        for grouping in [
            format!("rollup ({many})"),
            format!("cube ({})", vec!["id"; 70].join(", ")),
            format!("cube (id, id, id, id, id, id, id || '{wide}')"),
        ] {
            engine
                .error(&format!("select count(*) from sys_deployment group by {grouping}"))
                .await;
        }
    }

    #[tokio::test]
    async fn what_differs_in_casts_alone_is_two_things() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select sum(x), sum(x::float8) / 2, avg(x::int) > 4, max(x::text) from (values (1), (2), (10)) t(x)",
                "13|6.5|true|2",
            ),
            (
                "select x::date, x::text, count(*) from (values (timestamp '2026-01-02 03:04:05')) t(x) group by 1, x::text",
                "2026-01-02|2026-01-02 03:04:05|1",
            ),
            (
                "select max(x::text), max(x::int) from (values ('9'), ('10')) t(x) having max(x::int) > 9 order by max(x::int)",
                "9|10",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
