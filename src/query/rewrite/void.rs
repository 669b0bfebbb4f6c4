//! Parameters of type `void` as arguments: PostgreSQL leaves them out of the call, so that a driver may number what a function returns
//! along with what it is given (JDBC: `{? = call lower(?)}` is sent as `select * from lower($1, $2) as result`).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, TableFactor, VisitorMut,
};
use postgres_types::Type;

use crate::query::{parameters::placeholder, walk::syntax::walk_mut};

/// Drops the arguments that are parameters declared as `void`.
pub fn discard(statement: &mut Statement, declared: &[Option<Type>]) {
    if declared.contains(&Some(Type::VOID)) {
        let _ = walk_mut(statement, &mut Discard { declared });
    }
}

struct Discard<'a> {
    declared: &'a [Option<Type>],
}

impl Discard<'_> {
    fn keep(&self, arguments: &mut Vec<FunctionArg>) {
        let is_void =
            |expr: &Expr| placeholder(expr).is_some_and(|at| self.declared.get(at) == Some(&Some(Type::VOID)));
        arguments
            .retain(|argument| !matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) if is_void(expr)));
    }
}

impl VisitorMut for Discard<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let FunctionArguments::List(list) = &mut function.args
        {
            self.keep(&mut list.args);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { args: Some(list), .. } => self.keep(&mut list.args),
            TableFactor::Function { args, .. } => self.keep(args),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

    use super::*;

    #[test]
    fn a_void_parameter_is_no_argument() {
        let declared = [Some(Type::VOID), Some(Type::TEXT), None];
        for (sql, expected) in [
            (
                "SELECT * FROM lower($1, $2) AS result",
                "SELECT * FROM lower($2) AS result",
            ),
            ("SELECT lower($1, $2), $1", "SELECT lower($2), $1"),
            ("SELECT concat($3, upper($1))", "SELECT concat($3, upper())"),
        ] {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
            discard(&mut statement, &declared);
            assert_eq!(statement.to_string(), expected);
            discard(&mut statement, &[None, Some(Type::TEXT)]);
            assert_eq!(statement.to_string(), expected);
        }
    }
}
