//! Aggregates and functions of windows: as aggregates that the engine has, or as functions of the list of a group's values.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArgumentClause, FunctionArguments, OrderByExpr,
};

use super::{
    super::{call, cast, text},
    renamed, with_arguments,
};

pub fn replaced(function: &Function, name: &str, args: &[Expr]) -> Option<Expr> {
    Some(match (name, args) {
        ("sum", [of]) => with_arguments(function, "sum", vec![call("pg_summand", vec![of.clone()])]),
        ("avg", [of]) => {
            let sum = with_arguments(function, "sum", vec![call("pg_summand", vec![of.clone()])]);
            let count = with_arguments(function, "count", vec![of.clone()]);
            call("pg_mean", vec![sum, count])
        }
        ("variance", [_]) => Expr::Function(renamed(function, "var_samp")),
        // Values are written before they are gathered: a list would forget which of its items are JSON.
        ("json_agg" | "jsonb_agg", _) => {
            let (gather, write) = match name {
                "json_agg" => ("pg_json_array", "to_json"),
                _ => ("pg_jsonb_array", "to_jsonb"),
            };
            let items = args.iter().map(|arg| call(write, vec![arg.clone()])).collect();
            call(gather, vec![with_arguments(function, "array_agg", items)])
        }
        ("json_object_agg" | "jsonb_object_agg", [key, member]) => {
            let (gather, write) = match name {
                "json_object_agg" => ("pg_json_pairs", "to_json"),
                _ => ("pg_jsonb_pairs", "to_jsonb"),
            };
            let member = call(write, vec![member.clone()]);
            let pair = call("named_struct", vec![text("key"), key.clone(), text("value"), member]);
            call(gather, vec![with_arguments(function, "array_agg", vec![pair])])
        }
        ("mode", []) => ordered_set(function, "pg_mode", None)?,
        ("percentile_disc", [fraction]) => ordered_set(function, "pg_percentile_disc", Some(fraction))?,
        ("percentile_cont", [fraction]) if is_array(fraction) => {
            ordered_set(function, "pg_percentile_cont", Some(fraction))?
        }
        ("row_number" | "rank" | "dense_rank", _) if function.over.is_some() => {
            cast(Expr::Function(function.clone()), DataType::BigInt(None))
        }
        ("ntile", _) if function.over.is_some() => cast(Expr::Function(function.clone()), DataType::Int4(None)),
        _ => return None,
    })
}

/// `f(x) WITHIN GROUP (ORDER BY y)` as a function of the ordered list of the group's values.
fn ordered_set(function: &Function, name: &str, arg: Option<&Expr>) -> Option<Expr> {
    let [key]: &[OrderByExpr; 1] = function.within_group.as_slice().try_into().ok()?;
    let mut list = call("array_agg", vec![key.expr.clone()]);
    if let Expr::Function(inner) = &mut list {
        inner.filter = function.filter.clone();
        if let FunctionArguments::List(list) = &mut inner.args {
            list.clauses.push(FunctionArgumentClause::OrderBy(vec![key.clone()]));
        }
    }
    Some(call(name, std::iter::once(list).chain(arg.cloned()).collect()))
}

fn is_array(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Array(_)
            | Expr::Cast {
                data_type: DataType::Array(_),
                ..
            }
    )
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn json_of_groups() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select json_agg(x) from unnest(array[1, 2]) x", "[1, 2]"),
            ("select jsonb_agg(x) from unnest(array['a']) x", "[\"a\"]"),
            (
                "select json_agg((x, 'a')) from unnest(array[1]) x",
                "[{\"f1\":1,\"f2\":\"a\"}]",
            ),
            (
                "select json_agg(x) over (order by x rows 1 preceding) from unnest(array[1, 2, 3]) x order by x desc limit 1",
                "[2, 3]",
            ),
            (
                "select json_object_agg(x, 1) from unnest(array['a', 'b']) x",
                "{ \"a\" : 1, \"b\" : 1 }",
            ),
            (
                "select json_object_agg(x, x order by x desc) from unnest(array['b', 'c', 'a']) x",
                "{ \"c\" : \"c\", \"b\" : \"b\", \"a\" : \"a\" }",
            ),
            (
                "select json_object_agg(distinct x, 1) from unnest(array['b', 'b', 'b']) x",
                "{ \"b\" : 1 }",
            ),
            (
                "select json_object_agg(x, x + 1) filter (where x > 1) from unnest(array[1, 2]) x",
                "{ \"2\" : 3 }",
            ),
            (
                "select json_object_agg(x, x) over (order by x) from unnest(array[2, 1]) x limit 1",
                "{ \"1\" : 1 }",
            ),
            (
                "select json_object_agg(x, y) from (select x, y from (values ('a', 1), ('b', null)) v(x, y) order by x desc) s",
                "{ \"b\" : null, \"a\" : 1 }",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
