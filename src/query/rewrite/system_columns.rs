//! Columns that every PostgreSQL table has and no wildcard shows: `tableoid`, `ctid`, `xmin` and kin. A catalogue relation
//! has no versions and no pages: its `tableoid` is a constant and so is the rest.

use datafusion::sql::sqlparser::ast::{DataType, Expr, Ident};

use super::{call, cast, folded, number, scope::Scope, text};

pub fn is_system_column(name: &str) -> bool {
    matches!(name, "tableoid" | "ctid" | "xmin" | "xmax" | "cmin" | "cmax")
}

/// Replaces a system column by what it is. `scopes` are those around the expression, innermost last.
pub fn expr(expr: &mut Expr, scopes: &[Scope]) {
    let (qualifier, column) = match expr {
        Expr::CompoundIdentifier(idents) => match idents.as_slice() {
            [.., table, column] => (Some(folded(table)), column),
            _ => return,
        },
        Expr::Identifier(column) => (None, &*column),
        _ => return,
    };
    if let Some(value) = value(qualifier.as_deref(), column, scopes) {
        *expr = value;
    }
}

fn value(qualifier: Option<&str>, column: &Ident, scopes: &[Scope]) -> Option<Expr> {
    let column = folded(column);
    if !is_system_column(&column) {
        return None;
    }
    let oid = match qualifier {
        Some(qualifier) => {
            scopes
                .iter()
                .rev()
                .flatten()
                .find(|item| item.alias == qualifier)?
                .oid?
        }
        // Without a table it can only be that of the one relation.
        None => match scopes.last()?.as_slice() {
            [item] => item.oid?,
            _ => return None,
        },
    };
    Some(match column.as_str() {
        "tableoid" => call("oid", vec![number(oid)]),
        "ctid" => text("(0,1)"),
        "xmin" => typed(number(1), "xid"),
        "xmax" => typed(number(0), "xid"),
        _ => typed(number(0), "cid"),
    })
}

fn typed(value: Expr, name: &str) -> Expr {
    cast(value, DataType::Custom(vec![Ident::new(name)].into(), Vec::new()))
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn tableoid_is_the_relation_s_oid() {
        let engine = Engine::new();
        assert_eq!(
            engine.rows("select distinct tableoid from pg_namespace").await,
            ["2615"]
        );
        assert_eq!(
            engine
                .rows("select n.tableoid::regclass::text from pg_namespace n limit 1")
                .await,
            ["pg_namespace"]
        );
        let answer = engine
            .run("select c.tableoid, c.xmin, c.ctid from pg_class c limit 1")
            .await
            .unwrap();
        assert_eq!(answer.names, ["tableoid", "xmin", "ctid"]);
        assert_eq!(answer.types.first().unwrap().as_deref(), Some("oid"));
        assert_eq!(answer.types.get(1).unwrap().as_deref(), Some("xid"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_wildcard_shows_it() {
        let engine = Engine::new();
        assert_eq!(
            engine.run("select * from pg_namespace").await.unwrap().names,
            ["oid", "nspname", "nspowner", "nspacl"]
        );
    }
}
