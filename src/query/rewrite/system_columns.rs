//! Columns that every PostgreSQL table has and no wildcard shows: `tableoid`, `ctid`, `xmin` and kin. A catalogue relation
//! has no versions and no pages: its `tableoid` is a constant and so is the rest.

use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, TableFactor, Value};

use super::{call, folded, parts};
use crate::catalog::{Catalog, model, model::Relation};

/// What one SELECT's names mean: alias, OID.
pub type Scope = Vec<(String, u32)>;

pub fn is_system_column(name: &str) -> bool {
    matches!(name, "tableoid" | "ctid" | "xmin" | "xmax" | "cmin" | "cmax")
}

/// The relations among a SELECT's FROM items.
pub fn scope(select: &Select, catalog: &Catalog) -> Scope {
    let mut scope = Scope::new();
    for from in &select.from {
        factor(&from.relation, catalog, &mut scope);
        for join in &from.joins {
            factor(&join.relation, catalog, &mut scope);
        }
    }
    scope
}

fn factor(item: &TableFactor, catalog: &Catalog, scope: &mut Scope) {
    match item {
        TableFactor::Table {
            name,
            alias,
            args: None,
            ..
        } => {
            let parts = parts(name);
            let Some(relation) = relation(&parts, catalog) else {
                return;
            };
            let own = alias
                .as_ref()
                .map_or_else(|| relation.name.clone(), |alias| folded(&alias.name));
            scope.push((own, relation.oid));
        }
        TableFactor::NestedJoin { table_with_joins, .. } => {
            factor(&table_with_joins.relation, catalog, scope);
            for join in &table_with_joins.joins {
                factor(&join.relation, catalog, scope);
            }
        }
        _ => {}
    }
}

/// The relation that a name means, by the search path where it has no schema.
pub fn relation<'a>(parts: &[String], catalog: &'a Catalog) -> Option<&'a Relation> {
    match parts {
        [table] => {
            let found = catalog.model.relation(model::PG_CATALOG, table);
            found.or_else(|| catalog.model.relation(model::PUBLIC, table))
        }
        [.., schema, table] => catalog.model.relation(model::namespace_oid(schema)?, table),
        [] => None,
    }
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
        Some(qualifier) => scopes.iter().rev().flatten().find(|(alias, _)| alias == qualifier)?.1,
        // Without a table it can only be that of the one relation.
        None => match scopes.last()?.as_slice() {
            [(_, oid)] => *oid,
            _ => return None,
        },
    };
    let number = |number: u32| Expr::value(Value::Number(number.to_string(), false));
    Some(match column.as_str() {
        "tableoid" => call("oid", vec![number(oid)]),
        "ctid" => Expr::value(Value::SingleQuotedString("(0,1)".into())),
        "xmin" => number(1),
        _ => number(0),
    })
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
