//! `(x).f` and `t.column[i]`: the parser makes one chain of both. A field of a row becomes a call that takes it out, and the
//! path to a column one name, so that no other rule takes a part of it for a name of its own.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr};

use super::{call, folded, take, text};

/// Before anything within is touched.
pub fn expr(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else {
        return;
    };
    let mut value = take(root);
    for access in std::mem::take(access_chain) {
        value = match (value, access) {
            (Expr::Identifier(table), AccessExpr::Dot(Expr::Identifier(column))) => {
                Expr::CompoundIdentifier(vec![table, column])
            }
            (Expr::CompoundIdentifier(mut path), AccessExpr::Dot(Expr::Identifier(part))) => {
                path.push(part);
                Expr::CompoundIdentifier(path)
            }
            (row, AccessExpr::Dot(Expr::Identifier(field))) => call("get_field", vec![row, text(folded(&field))]),
            (root, access) => match root {
                Expr::CompoundFieldAccess { root, mut access_chain } => {
                    access_chain.push(access);
                    Expr::CompoundFieldAccess { root, access_chain }
                }
                root => Expr::CompoundFieldAccess {
                    root: Box::new(root),
                    access_chain: vec![access],
                },
            },
        };
    }
    *expr = value;
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn fields_and_elements() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select (information_schema._pg_expandarray(array['a'])).n", "1"),
            // `n` is a table here, and a field.
            (
                "select (i.keys).n, i.keys from pg_namespace n, (select information_schema._pg_expandarray(array['a']) as keys) i \
                 where n.oid = 11",
                "1|{x: a, n: 1}",
            ),
            (
                "select c.conkey[2] from pg_constraint c where conname = 'sys_journal_pkey'",
                "2",
            ),
            ("select (array[array[1, 2], array[3, 4]])[2][1]", "3"),
            ("select ((t)).a from (select 5 as a) t", "5"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
