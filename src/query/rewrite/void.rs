//! Parameters of type `void` as arguments: PostgreSQL leaves them out of the call, so that a driver may number what a function returns
//! along with what it is given (JDBC: `{? = call lower(?)}` is sent as `select * from lower($1, $2) as result`).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, TableFactor, Value, VisitMut, VisitorMut,
};
use postgres_types::Type;

/// Drops the arguments that are parameters declared as `void`.
pub fn discard(statement: &mut Statement, declared: &[Option<Type>]) {
    let void: Vec<String> = (1..)
        .zip(declared)
        .filter(|(_, ty)| **ty == Some(Type::VOID))
        .map(|(number, _)| format!("${number}"))
        .collect();
    if !void.is_empty() {
        let _ = VisitMut::visit(statement, &mut Discard { void });
    }
}

struct Discard {
    /// As they are written.
    void: Vec<String>,
}

impl Discard {
    fn keep(&self, arguments: &mut Vec<FunctionArg>) {
        arguments.retain(|argument| {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) = argument else {
                return true;
            };
            !matches!(&value.value, Value::Placeholder(name) if self.void.contains(name))
        });
    }
}

impl VisitorMut for Discard {
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
