//! `pg_total_relation_size('sys_journal')`: a name where a function takes an object is looked up.

use datafusion::sql::sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value};

use super::{call, function_name, take};
use crate::{catalog::types::REG_TYPES, query::signatures};

/// A call whose literals and parameters of no type yet are cast where the function takes a `reg*` type.
pub fn expr(expr: &mut Expr) {
    let Expr::Function(function) = expr else {
        return;
    };
    let name = function_name(function);
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    let count = list.args.len();
    for (position, arg) in list.args.iter_mut().enumerate() {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(given)) = arg else {
            continue;
        };
        if !is_open(given) {
            continue;
        }
        let reg = signatures::parameter(&name, count, position)
            .and_then(|ty| REG_TYPES.iter().find(|reg| **reg == ty.name()).copied());
        if let Some(reg) = reg {
            *given = call(reg, vec![take(given)]);
        }
    }
}

fn is_open(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_open(inner),
        Expr::Value(value) => matches!(value.value, Value::SingleQuotedString(_) | Value::Placeholder(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn names_are_looked_up() {
        let engine = Engine::new();
        let sql = "select pg_total_relation_size('sys_journal'), pg_relation_size('pg_catalog.pg_class')";
        assert_eq!(engine.rows(sql).await, ["0|0"]);
        let error = engine.error("select pg_total_relation_size('nope')").await;
        assert!(error.contains("relation \"nope\" does not exist (42P01)"), "{error}");
    }
}
