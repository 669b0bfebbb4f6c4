//! What the names in a SELECT's FROM mean, as far as the text and the catalogue tell: which relation, which columns.

use datafusion::sql::sqlparser::ast::{
    Cte, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    TableAlias, TableAliasColumnDef, TableFactor,
};

use super::{folded, labels::label, parts};
use crate::catalog::{Catalog, model, model::Relation};

/// One item of a FROM.
#[derive(Debug, Clone)]
pub struct Item {
    pub alias: String,
    /// The catalogue's relation that it is; only such a one has system columns.
    pub oid: Option<u32>,
    /// The OID of that relation's rows, where the columns have its names.
    pub row_type: Option<u32>,
    pub columns: Columns,
}

/// The columns of an item, in order.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    pub names: Vec<String>,
    /// Whether these are all: a relation that is not known may have others.
    pub complete: bool,
}

/// The items of one FROM.
pub type Scope = Vec<Item>;

/// The columns of the common table expressions that can be seen, the nearest last.
pub type Named = Vec<(String, Columns)>;

/// The items of a SELECT's FROM.
pub fn of(select: &Select, catalog: &Catalog, named: &Named) -> Scope {
    let mut scope = Scope::new();
    for from in &select.from {
        add(&from.relation, catalog, named, &mut scope);
        for join in &from.joins {
            add(&join.relation, catalog, named, &mut scope);
        }
    }
    scope
}

/// The common table expressions of a query, the later ones seeing the earlier.
pub fn named(query: &Query, catalog: &Catalog, around: &Named) -> Named {
    let mut named = around.clone();
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        named.push(self::cte(cte, catalog, &named));
    }
    named
}

/// The columns of a common table expression under its name.
pub fn cte(cte: &Cte, catalog: &Catalog, named: &Named) -> (String, Columns) {
    let columns = renamed(query_columns(&cte.query, catalog, named), Some(&cte.alias));
    (folded(&cte.alias.name), columns)
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

fn add(factor: &TableFactor, catalog: &Catalog, named: &Named, scope: &mut Scope) {
    match factor {
        TableFactor::Table { name, alias, args, .. } => {
            let parts = parts(name);
            let Some(own) = parts.last().cloned() else { return };
            let mut row_type = None;
            let (oid, columns) = if args.is_some() {
                (None, Columns::default())
            } else if let ([_], Some((_, columns))) =
                (parts.as_slice(), named.iter().rev().find(|(name, _)| *name == own))
            {
                (None, columns.clone())
            } else if let Some(relation) = relation(&parts, catalog) {
                let is_plain = alias.as_ref().is_none_or(|alias| alias.columns.is_empty());
                row_type = is_plain.then_some(relation.row_type);
                let names = relation.columns.iter().map(|column| column.name.clone()).collect();
                (Some(relation.oid), Columns { names, complete: true })
            } else {
                (None, Columns::default())
            };
            let called = alias.as_ref().map_or(own, |alias| folded(&alias.name));
            scope.push(Item {
                alias: called,
                oid,
                row_type,
                columns: renamed(columns, alias.as_ref()),
            });
        }
        TableFactor::Derived {
            subquery,
            alias: Some(alias),
            ..
        } => scope.push(Item {
            alias: folded(&alias.name),
            oid: None,
            row_type: None,
            columns: renamed(query_columns(subquery, catalog, named), Some(alias)),
        }),
        TableFactor::NestedJoin { table_with_joins, .. } => {
            add(&table_with_joins.relation, catalog, named, scope);
            for join in &table_with_joins.joins {
                add(&join.relation, catalog, named, scope);
            }
        }
        _ => {}
    }
}

/// Columns under the names that an alias gives to the first of them.
fn renamed(mut columns: Columns, alias: Option<&TableAlias>) -> Columns {
    let given = alias.map(|alias| alias.columns.as_slice()).unwrap_or_default();
    for (index, column) in given.iter().enumerate() {
        let name = folded(&column.name);
        match columns.names.get_mut(index) {
            Some(own) => *own = name,
            None => columns.names.push(name),
        }
    }
    columns
}

/// The columns that a query gives.
pub fn query_columns(query: &Query, catalog: &Catalog, around: &Named) -> Columns {
    body_columns(&query.body, catalog, &named(query, catalog, around))
}

fn body_columns(body: &SetExpr, catalog: &Catalog, named: &Named) -> Columns {
    match body {
        SetExpr::Select(select) => select_columns(select, catalog, named),
        SetExpr::SetOperation { left, .. } => body_columns(left, catalog, named),
        SetExpr::Query(query) => query_columns(query, catalog, named),
        SetExpr::Values(values) => {
            let count = values.rows.first().map_or(0, |row| row.content.len());
            Columns {
                names: (1..=count).map(|index| format!("column{index}")).collect(),
                complete: true,
            }
        }
        _ => Columns::default(),
    }
}

fn select_columns(select: &Select, catalog: &Catalog, named: &Named) -> Columns {
    let mut columns = Columns {
        names: Vec::new(),
        complete: true,
    };
    let scope = of(select, catalog, named);
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => columns.names.push(label(expr).0),
            SelectItem::ExprWithAlias { alias, .. } => columns.names.push(folded(alias)),
            SelectItem::Wildcard(_) => {
                for item in &scope {
                    columns.names.extend(item.columns.names.iter().cloned());
                    columns.complete &= item.columns.complete;
                }
                // A column that a join is made by is there once.
                columns.complete &= !scope.is_empty() && !merges(select);
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let wanted = parts(name).pop();
                match scope.iter().find(|item| Some(&item.alias) == wanted.as_ref()) {
                    Some(item) => {
                        columns.names.extend(item.columns.names.iter().cloned());
                        columns.complete &= item.columns.complete;
                    }
                    None => columns.complete = false,
                }
            }
            _ => columns.complete = false,
        }
    }
    columns
}

/// `SELECT columns.* FROM information_schema.columns`: a wildcard names its relation as FROM does, for the engine knows it by that name only.
pub fn complete_wildcards(select: &mut Select) {
    fn relations<'a>(factor: &'a TableFactor, found: &mut Vec<&'a ObjectName>) {
        match factor {
            TableFactor::Table {
                name,
                alias: None,
                args: None,
                ..
            } => found.push(name),
            TableFactor::NestedJoin { table_with_joins, .. } => {
                relations(&table_with_joins.relation, found);
                table_with_joins
                    .joins
                    .iter()
                    .for_each(|join| relations(&join.relation, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for from in &select.from {
        relations(&from.relation, &mut found);
        from.joins.iter().for_each(|join| relations(&join.relation, &mut found));
    }
    for item in &mut select.projection {
        if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item {
            let own = parts(name);
            let is_named = |relation: &&ObjectName| {
                let (all, wanted) = (parts(relation), own.len().min(relation.0.len()));
                all.iter().rev().take(wanted).eq(own.iter().rev().take(wanted))
            };
            let mut named = found.iter().copied().filter(is_named);
            if let (Some(relation), None) = (named.next(), named.next()) {
                *name = relation.clone();
            }
        }
    }
}

/// Whether a join of a SELECT makes one column of two.
fn merges(select: &Select) -> bool {
    let constraint = |operator: &JoinOperator| match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => {
            matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural)
        }
        _ => false,
    };
    let mut joins = select.from.iter().flat_map(|from| &from.joins);
    joins.any(|join| constraint(&join.join_operator))
}

/// `FROM t AS x (a)` where `t` has more columns than one: the others keep their names. The engine wants them all said.
pub fn complete_aliases(select: &mut Select, scope: &Scope) {
    for from in &mut select.from {
        complete(&mut from.relation, scope);
        for join in &mut from.joins {
            complete(&mut join.relation, scope);
        }
    }
}

fn complete(factor: &mut TableFactor, scope: &Scope) {
    let (TableFactor::Table {
        alias: Some(alias),
        args: None,
        ..
    }
    | TableFactor::Derived { alias: Some(alias), .. }) = factor
    else {
        return;
    };
    let own = folded(&alias.name);
    let Some(item) = scope.iter().find(|item| item.alias == own && item.columns.complete) else {
        return;
    };
    if alias.columns.is_empty() {
        return;
    }
    let rest = item.columns.names.iter().skip(alias.columns.len());
    let rest: Vec<_> = rest
        .map(|name| TableAliasColumnDef {
            name: super::quoted(name),
            data_type: None,
        })
        .collect();
    alias.columns.extend(rest);
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_wildcard_names_its_relation_with_its_schema_or_without() {
        let engine = Engine::new();
        for sql in [
            "select columns.*, a.attnum from information_schema.columns left join pg_attribute a on a.attname = columns.column_name limit 1",
            "select pg_catalog.pg_am.* from pg_am limit 1",
            "select pg_am.* from pg_catalog.pg_am join pg_catalog.pg_class on true limit 1",
            "select (select count(*) from (select pg_am.* from pg_catalog.pg_am) s)",
        ] {
            assert_eq!(engine.rows(sql).await.len(), 1, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_alias_may_rename_fewer_columns_than_there_are() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select key, endpoint from sys_deployment d (key) order by 1 limit 1",
                "sys_deployment_1|sys_deployment_1",
            ),
            ("select a, y from (select 1 as x, 2 as y) t (a)", "1|2"),
            ("with w as (select 1 as x, 2 as y) select a, y from w as t (a)", "1|2"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
