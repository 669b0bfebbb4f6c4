//! `max(x), max(x::bigint)`: the engine calls an expression what stands under its casts, and refuses two aggregates of one name. Of those
//! that differ in their casts alone each gets a name of its own.

use std::{collections::HashMap, ops::ControlFlow};

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, OrderByKind, Query, SetExpr, VisitMut, VisitorMut,
};

use super::{call, function_name, take};

/// A function that gives its argument, whose name is another.
pub const SAME: &str = "pg_same";

/// Tells the calls of a query's SELECT apart, wherever in the query they are named.
pub fn query(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let mut calls = Apart::default();
    let _ = VisitMut::visit(&mut select.projection, &mut calls);
    let _ = VisitMut::visit(&mut select.having, &mut calls);
    if let Some(order_by) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order_by.kind
    {
        let _ = VisitMut::visit(keys, &mut calls);
    }
}

/// The calls seen so far: by their text without casts, each text with them.
#[derive(Default)]
struct Apart {
    seen: HashMap<String, Vec<String>>,
    /// How many queries lie between the SELECT and what is visited.
    depth: usize,
}

impl VisitorMut for Apart {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        if self.depth > 0 || function_name(function) == SAME || first_argument(function).is_none() {
            return ControlFlow::Continue(());
        }
        let text = function.to_string();
        let times = nth(&mut self.seen, without_casts(function), text);
        if times > 0
            && let Some(argument) = first_argument(function)
        {
            *argument = renamed(take(argument), times);
        }
        ControlFlow::Continue(())
    }
}

/// Which of the texts of one key a text is, from 0.
fn nth(seen: &mut HashMap<String, Vec<String>>, key: String, text: String) -> usize {
    let texts = seen.entry(key).or_default();
    match texts.iter().position(|own| *own == text) {
        Some(at) => at,
        None => {
            texts.push(text);
            texts.len() - 1
        }
    }
}

fn renamed(mut expr: Expr, times: usize) -> Expr {
    for _ in 0..times {
        expr = call(SAME, vec![expr]);
    }
    expr
}

fn first_argument(function: &mut Function) -> Option<&mut Expr> {
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    match list.args.first_mut()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument),
        _ => None,
    }
}

/// A call's text without the casts in it.
fn without_casts(function: &Function) -> String {
    struct Strip;
    impl VisitorMut for Strip {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Cast { expr: inner, .. } = expr {
                *expr = take(inner);
            }
            ControlFlow::Continue(())
        }
    }
    let mut bare = function.clone();
    let _ = VisitMut::visit(&mut bare, &mut Strip);
    bare.to_string()
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn aggregates_that_differ_in_their_casts() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select max(x), max(x::text), max(x::text) from (values (9), (10)) t(x)",
                "10|9|9",
            ),
            (
                "select max(x::bigint), max(x), sum(x::bigint), sum(x), sum(x::numeric) from (values (9), (10)) t(x)",
                "10|10|19|19|19",
            ),
            (
                "select x::int, max(x) as m from (values ('9'), ('10')) t(x) group by x having max(x::int) < 10",
                "9|9",
            ),
            (
                "select max(x) over (), max(x::text) over () from (values (9), (10)) t(x) limit 1",
                "10|9",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
