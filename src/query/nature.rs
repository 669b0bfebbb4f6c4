//! What a plan says of itself that decides where, and as what, it may be kept.

use std::{any::Any, ops::ControlFlow};

use datafusion::{
    common::tree_node::TreeNodeRecursion,
    datasource::{cte_worktable::CteWorkTable, source_as_provider},
    error::Result,
    execution::SessionState,
    functions_table::generate_series::GenerateSeriesTable,
    logical_expr::{Expr, LogicalPlan, Volatility, expr::ScalarFunction},
    sql::sqlparser::ast::{self, Visitor},
};

use super::rewrite::apply;
use crate::{
    catalog::{CatalogTable, functions},
    query::walk::{plan::WalkPlan, syntax::walk},
};

/// Bytes, roughly: a step of a plan and a field of its schema, an expression. Twice, for the optimized plan is kept beside it.
const STEP_SIZE: usize = 1_000;
const FIELD_SIZE: usize = 200;
const EXPRESSION_SIZE: usize = 600;

/// A plan's nature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nature {
    /// Bytes that it takes, roughly.
    pub(super) size: usize,
    /// It holds something of the session that it was made in: a function that answers for that session.
    pub(super) is_of_session: bool,
    /// It is optimized to the same whenever it runs: no function's value in it depends on the time or on a session's settings.
    pub(super) is_fixed: bool,
    /// It gives the same rows whenever it runs, whoever asks, in one time zone: it reads nothing but what never changes of the catalogue,
    /// and no function in it looks at a session or at the time, draws lots or does anything.
    pub(super) is_constant: bool,
}

impl Nature {
    /// `state` has the engine's functions, which all sessions share; of this program's some are one session's.
    pub(super) fn of(plan: &LogicalPlan, state: &SessionState) -> Result<Self> {
        let mut nature = Nature {
            size: 0,
            is_of_session: false,
            is_fixed: true,
            is_constant: true,
        };
        nature.add_plan(plan, state)?;
        Ok(nature)
    }

    fn add_plan(&mut self, plan: &LogicalPlan, state: &SessionState) -> Result<()> {
        plan.walk_with_subqueries(&mut |plan| {
            self.size += STEP_SIZE + FIELD_SIZE * plan.schema().fields().len();
            self.is_constant &= match plan {
                LogicalPlan::TableScan(scan) => is_constant(source_as_provider(&scan.source)?.as_ref()),
                LogicalPlan::Extension(_)
                | LogicalPlan::Statement(_)
                | LogicalPlan::Ddl(_)
                | LogicalPlan::Dml(_)
                | LogicalPlan::Copy(_) => false,
                _ => true,
            };
            plan.walk_all_expressions(&mut |expr| {
                self.add(expr, state)?;
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(())
    }

    fn add(&mut self, expr: &Expr, state: &SessionState) -> Result<()> {
        self.size += EXPRESSION_SIZE;
        match expr {
            Expr::ScalarFunction(ScalarFunction { func, .. }) => {
                if let Some(plan) = apply::plan_of(func) {
                    // Each statement begins it anew.
                    self.is_fixed = false;
                    return self.add_plan(plan, state);
                }
                let is_engines = state.scalar_functions().get(func.name()) == Some(func);
                let is_own = functions::is_shared(func);
                let is_immutable = func.signature().volatility == Volatility::Immutable;
                self.is_of_session |= !is_engines && !is_own;
                self.is_fixed &= is_immutable;
                self.is_constant &= is_own && functions::is_constant(func) || is_engines && is_immutable;
            }
            Expr::AggregateFunction(call) => {
                self.is_constant &= call.func.signature().volatility == Volatility::Immutable;
            }
            Expr::WindowFunction(call) => {
                self.is_constant &= call.fun.signature().volatility == Volatility::Immutable;
            }
            Expr::Literal(value, _) => self.size += value.size(),
            Expr::ScalarVariable(..) => (self.is_of_session, self.is_fixed, self.is_constant) = (true, false, false),
            Expr::HigherOrderFunction(_) => (self.is_fixed, self.is_constant) = (false, false),
            _ => {}
        }
        Ok(())
    }
}

/// Whether a relation has the same rows whenever it is read. Those of a recursion are its plan's, and what a series is called with is
/// known where a plan [`may_be_kept`].
fn is_constant(provider: &dyn Any) -> bool {
    match provider.downcast_ref::<CatalogTable>() {
        Some(table) => !table.is_of_session(),
        None => provider.is::<CteWorkTable>() || provider.is::<GenerateSeriesTable>(),
    }
}

/// Whether a plan of `query` may be kept at all. What table functions are called with becomes values while it is planned, so anything but
/// literals would be kept as it was then.
pub(super) fn may_be_kept(query: &ast::Statement) -> bool {
    walk(query, &mut TableFunctions).is_continue()
}

/// Finds a table function with an argument that is no literal.
struct TableFunctions;

impl Visitor for TableFunctions {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &ast::TableFactor) -> ControlFlow<()> {
        let arguments: Vec<&ast::FunctionArg> = match factor {
            ast::TableFactor::Table { args: Some(args), .. } => args.args.iter().collect(),
            ast::TableFactor::Function { args, .. } => args.iter().collect(),
            _ => return ControlFlow::Continue(()),
        };
        match arguments.into_iter().all(is_literal_argument) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

fn is_literal_argument(argument: &ast::FunctionArg) -> bool {
    let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) = argument else {
        return false;
    };
    is_literal(value)
}

fn is_literal(value: &ast::Expr) -> bool {
    match value {
        ast::Expr::Value(value) => !matches!(value.value, ast::Value::Placeholder(_)),
        ast::Expr::UnaryOp { expr, .. } | ast::Expr::Nested(expr) => is_literal(expr),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

    use super::may_be_kept;

    #[test]
    fn table_functions_of_anything_but_literals_are_not_kept() {
        let may_be_kept = |sql: &str| may_be_kept(&Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap()[0]);
        for sql in [
            "select now() from t",
            "select * from f(1, -2, 'x') where a = now()",
            "select * from t, f((1)) as u(n)",
        ] {
            assert!(may_be_kept(sql), "{sql}");
        }
        for sql in [
            "select * from f(now())",
            "select * from f(1, $1)",
            "select * from t where a in (select n from f(current_setting('x')::bigint) as u(n))",
        ] {
            assert!(!may_be_kept(sql), "{sql}");
        }
    }
}
