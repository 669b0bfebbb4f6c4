//! `a[:2]`, `a[2:]`: a slice whose bounds are not said reaches as far as the array does.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Subscript};

use super::number;

/// More than an array has elements: PostgreSQL counts them in 32 bits, and the engine cuts a slice at the array's end.
const LAST: i32 = i32::MAX;

pub fn expr(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { access_chain, .. } = expr else {
        return;
    };
    for access in access_chain {
        if let AccessExpr::Subscript(Subscript::Slice {
            lower_bound,
            upper_bound,
            stride: None,
        }) = access
        {
            *lower_bound = lower_bound.take().or_else(|| Some(number(1)));
            *upper_bound = upper_bound.take().or_else(|| Some(number(LAST)));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn open_slices_reach_to_the_ends() {
        let engine = Engine::new();
        let sql = "select (array[1,2,3,4])[:2], (array[1,2,3,4])[3:], (array[1,2,3,4])[2:3], (array[1,2])[:]";
        assert_eq!(engine.rows(sql).await, ["[1, 2]|[3, 4]|[2, 3]|[1, 2]"]);
    }
}
