//! `= ANY (SELECT …)`, `<> ALL (SELECT …)`, `(a, b) IN (SELECT …)`, `LIKE ANY (ARRAY[…])`, `LIKE ALL (…)`: as IN, EXISTS, OR and AND, which the
//! engine has; `<> ANY (array)` and the like by way of ALL, where it heeds NULLs.

use datafusion::sql::sqlparser::ast::{Array, BinaryOperator, Expr, Ident, Query, SelectItem, UnaryOperator};

use super::{
    arguments,
    build::{self, binary, joined, nested, number},
    casts::array_literal,
    function_name,
    growth::Growth,
    take,
};

pub fn expr(expr: &mut Expr, growth: &Growth) {
    match expr {
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } => {
            if let Some(subquery) = query(right) {
                *expr = test(take(left), subquery, false);
            }
        }
        Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        } if query(right).is_none() => {
            if let Some(compare_op) = opposite(compare_op) {
                let all = Expr::AllOp {
                    left: Box::new(take(left)),
                    compare_op,
                    right: Box::new(take(right)),
                };
                *expr = nested(Expr::UnaryOp {
                    op: UnaryOperator::Not,
                    expr: Box::new(nested(all)),
                });
            }
        }
        Expr::AllOp {
            left,
            compare_op: BinaryOperator::NotEq,
            right,
        } => {
            if let Some(subquery) = query(right) {
                *expr = test(take(left), subquery, true);
            }
        }
        Expr::InSubquery {
            expr: tested,
            subquery,
            negated,
        } if matches!(tested.as_ref(), Expr::Tuple(_)) => *expr = test(take(tested), subquery.clone(), *negated),
        Expr::Like { .. } | Expr::ILike { .. } => like_each(expr, growth),
        _ => {}
    }
}

/// The comparison that holds where another one does not; `=` keeps its own way, which the runtime knows as well.
fn opposite(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::NotEq => BinaryOperator::Eq,
        BinaryOperator::Lt => BinaryOperator::GtEq,
        BinaryOperator::LtEq => BinaryOperator::Gt,
        BinaryOperator::Gt => BinaryOperator::LtEq,
        BinaryOperator::GtEq => BinaryOperator::Lt,
        _ => return None,
    })
}

fn query(expr: &Expr) -> Option<Box<Query>> {
    match expr {
        Expr::Subquery(query) => Some(query.clone()),
        _ => None,
    }
}

/// `tested [NOT] IN (subquery)`; of a row as an EXISTS, for the engine compares single values.
fn test(tested: Expr, subquery: Box<Query>, negated: bool) -> Expr {
    let Expr::Tuple(values) = tested else {
        return Expr::InSubquery {
            expr: Box::new(tested),
            subquery,
            negated,
        };
    };
    let table = Ident::new("in_rows");
    let name = |index: usize| Ident::new(format!("in_column_{index}"));
    let rows = build::derived(
        false,
        *subquery,
        build::alias(table.clone(), (0..values.len()).map(name)),
    );
    let equal = values.into_iter().enumerate().map(|(index, value)| {
        let column = Expr::CompoundIdentifier(vec![table.clone(), name(index)]);
        binary(value, BinaryOperator::Eq, column)
    });
    let mut select = build::select(vec![SelectItem::UnnamedExpr(number(1))], Some(rows));
    let equal = joined(equal.collect(), &BinaryOperator::And);
    // Where it is not known whether they are equal, it is not known of the whole: no row passes by that.
    select.selection = match negated {
        true => equal.map(|equal| Expr::IsNotFalse(Box::new(nested(equal)))),
        false => equal,
    };
    Expr::Exists {
        subquery: Box::new(build::query_of(select)),
        negated,
    }
}

/// One LIKE for each pattern; patterns that are no literal array stay for the engine to refuse.
fn like_each(expr: &mut Expr, growth: &Growth) {
    let (Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. }) = &*expr else {
        return;
    };
    // `LIKE ALL (…)` reads as a pattern that is a call.
    let (patterns, op) = match pattern.as_ref() {
        pattern if *any => (elements(pattern), BinaryOperator::Or),
        Expr::Function(all) if function_name(all) == "all" => match arguments(all).as_deref() {
            Some([patterns]) => (elements(patterns), BinaryOperator::And),
            _ => return,
        },
        _ => return,
    };
    let Some(patterns) = patterns else { return };
    let mut without = expr.clone();
    if let Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. } = &mut without {
        *any = false;
        take(pattern);
    }
    if !growth.allows(&without, patterns.len()) {
        return;
    }
    let single = |one: Expr| {
        let mut like = without.clone();
        if let Expr::Like { pattern, .. } | Expr::ILike { pattern, .. } = &mut like {
            **pattern = one;
        }
        like
    };
    if let Some(any) = joined(patterns.into_iter().map(single).collect(), &op) {
        *expr = nested(any);
    }
}

fn elements(pattern: &Expr) -> Option<Vec<Expr>> {
    match pattern {
        Expr::Nested(inner) => elements(inner),
        Expr::Array(Array { elem, .. }) => Some(elem.clone()),
        Expr::Cast { expr, .. } => elements(expr),
        literal => match array_literal(literal)? {
            Expr::Array(Array { elem, .. }) => Some(elem),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn quantified_comparisons() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select 1 = any (select 1), 2 = any (select 1), 2 <> all (select 1)",
                "true|false|true",
            ),
            (
                "select relname from pg_class where oid = any (select indrelid from pg_index) and relname like 'sys_j%'",
                "sys_journal",
            ),
            (
                "select oid from pg_class where (relname, relnamespace) in (select 'pg_class', 11)",
                "1259",
            ),
            (
                "select count(*) from pg_namespace where (oid, nspname) not in (select oid, nspname from pg_namespace where oid > 11)",
                "1",
            ),
            (
                "select count(*) from (values (1, null::int), (2, 5), (1, 2)) v(a, b) where (a, b) not in (select 1, 2)",
                "1",
            ),
            (
                "select 'ab' like any (array['x', 'a%']), 'AB' ilike any ('{x,a%}'), 'ab' not like any (array['x'])",
                "true|true|true",
            ),
            ("select 'ab' like any (array['x'])", "false"),
            (
                "select 'ab' like all (array['a%', '%b']), 'ab' not like all ('{x,a%}'), 'ab' not ilike all (array['X'])",
                "true|false|true",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
