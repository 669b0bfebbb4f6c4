//! How much larger the rules make a statement. A rule that writes an operand several times, of an operand in which it did so before,
//! multiplies: ten short levels would be thousands of millions of expressions.

use std::{cell::Cell, ops::ControlFlow};

use datafusion::sql::sqlparser::ast::{Expr, Visitor};

use crate::{Error, SqlState, limits, query::walk::syntax::walk};

/// What the rules may still add to a statement.
pub struct Growth {
    /// Expressions.
    left: Cell<u64>,
    is_spent: Cell<bool>,
}

impl Default for Growth {
    fn default() -> Self {
        Growth {
            left: Cell::new(limits::EXPRESSION_GROWTH_MAX),
            is_spent: Cell::new(false),
        }
    }
}

impl Growth {
    /// Whether a rule may write `expr` so many times; to be asked before it does. Where it may not, the statement is refused.
    pub fn allows(&self, expr: &Expr, times: usize) -> bool {
        let times = u64::try_from(times).unwrap_or(u64::MAX);
        let most = self.left.get().checked_div(times).unwrap_or(u64::MAX);
        let mut size = Size { counted: 0, most };
        match walk(expr, &mut size) {
            ControlFlow::Continue(()) => self.add(size.counted.saturating_mul(times)),
            ControlFlow::Break(()) => {
                self.is_spent.set(true);
                false
            }
        }
    }

    /// Counts expressions that are added.
    pub fn add(&self, count: u64) -> bool {
        match self.left.get().checked_sub(count) {
            Some(left) => self.left.set(left),
            None => self.is_spent.set(true),
        }
        !self.is_spent.get()
    }

    /// The refusal (54001), once a rule was not allowed to go on.
    pub fn check(&self) -> ControlFlow<Error> {
        if !self.is_spent.get() {
            return ControlFlow::Continue(());
        }
        let error = Error::new(SqlState::STATEMENT_TOO_COMPLEX, "statement is too complex")
            .with_hint("Its comparisons of rows, patterns or arrays lie within one another, and multiply.");
        ControlFlow::Break(error)
    }
}

/// Expressions of one, up to a most.
struct Size {
    counted: u64,
    most: u64,
}

impl Visitor for Size {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.counted += 1;
        match self.counted > self.most {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    /// `levels` of a condition around a condition.
    fn within(levels: usize, around: fn(&str) -> String) -> String {
        let inner = (0..levels).fold("true".to_owned(), |inner, _| around(&inner));
        format!("select {inner}")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_multiplies_is_refused_before_it_does() {
        let engine = Engine::new();
        type Around = fn(&str) -> String;
        let cases: [(Around, usize); 5] = [
            (|e| format!("(({e}, true, true, true) < (true, true, true, true))"), 10),
            (
                |e| format!("(({e}, true) in ((true, true), (false, true), (true, false), (false, false)))"),
                10,
            ),
            (|e| format!("(({e})::text like any (array['t%', 'f%', 'x', 'y']))"), 10),
            (
                |e| format!("(case ({e}) when 't' then true when 'f' then false when 't' then false end)"),
                12,
            ),
            (|e| format!("(true = all (array[{e}, true]))"), 10),
        ];
        for (around, levels) in cases {
            let deep = within(levels, around);
            let error = engine.run(&deep).await.unwrap_err();
            assert!(error.to_string().contains("too complex"), "{deep}: {error}");
            engine.run(&within(2, around)).await.unwrap();
        }
    }

    /// As much as clients write of one condition.
    #[tokio::test(flavor = "multi_thread")]
    async fn long_lists_are_no_growth() {
        let engine = Engine::new();
        let pairs: Vec<String> = (0..300).map(|number| format!("({number}, 'a')")).collect();
        let sql = format!(
            "select (299, 'a') in ({}), (300, 'a') in ({})",
            pairs.join(", "),
            pairs.join(", ")
        );
        assert_eq!(engine.rows(&sql).await, ["true|false"]);
        let patterns: Vec<String> = (0..300).map(|number| format!("'{number}%'")).collect();
        let sql = format!("select '299x' like any (array[{}])", patterns.join(", "));
        assert_eq!(engine.rows(&sql).await, ["true"]);
    }
}
