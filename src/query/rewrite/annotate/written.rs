//! JSON in JSON: what a CASE or a `coalesce` gives is JSON where its branches are, but the engine forgets that by the time at which the value
//! is written into another (`jsonb_build_object('columns', coalesce(columns, '[]'))`), where it would be a string.

use std::sync::Arc;

use datafusion::{
    common::tree_node::Transformed,
    error::Result as EngineResult,
    logical_expr::{Expr, LogicalPlan, expr::ScalarFunction},
};

use super::derive::derive;
use crate::{
    catalog::{functions::cast_to, types},
    query::walk::plan::Walk,
};

/// Functions that write their arguments by their types.
const WRITERS: [&str; 8] = [
    "json_build_object",
    "jsonb_build_object",
    "json_build_array",
    "jsonb_build_array",
    "to_json",
    "to_jsonb",
    "array_to_json",
    "row_to_json",
];

/// The expression with the arguments of such functions cast to what they are.
pub(super) fn written(expr: Expr, input: &LogicalPlan) -> EngineResult<Transformed<Expr>> {
    expr.rewrite_up(&mut |expr| {
        let Expr::ScalarFunction(call) = expr else {
            return Ok(Transformed::no(expr));
        };
        if !WRITERS.contains(&call.name()) || !call.args.iter().any(is_choice) {
            return Ok(Transformed::no(Expr::ScalarFunction(call)));
        }
        let args = call
            .args
            .into_iter()
            .map(|arg| match derive(&arg, input).filter(|_| is_choice(&arg)) {
                Some(name) if matches!(name.as_str(), "json" | "jsonb") => {
                    let function = cast_to(Arc::new(types::field("", &name, true)));
                    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![arg]))
                }
                _ => arg,
            });
        let call = ScalarFunction::new_udf(call.func, args.collect());
        Ok(Transformed::yes(Expr::ScalarFunction(call)))
    })
}

/// Whether the engine forgets the type of what an expression chooses.
fn is_choice(expr: &Expr) -> bool {
    match expr {
        Expr::Case(_) => true,
        Expr::ScalarFunction(call) => matches!(call.name(), "coalesce" | "nullif" | "greatest" | "least"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_chosen_is_written_as_what_it_is() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select jsonb_build_object('c', coalesce(x.info, '[]')) from (select jsonb_agg(1) as info) x",
                r#"{"c": [1]}"#,
            ),
            (
                "select json_build_object('c', coalesce(x.info, '[]')) from (select json_agg(1) as info where false) x",
                r#"{"c" : []}"#,
            ),
            (
                "select jsonb_build_array(case when true then jsonb_build_object('a', 1) end, coalesce(null, 'x'))",
                r#"[{"a": 1}, "x"]"#,
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
