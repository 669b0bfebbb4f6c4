//! Names of output columns: what PostgreSQL calls an expression without an alias, and names that are unique where the
//! engine demands it.
//!
//! What PostgreSQL calls an expression is [`name`]'s. A name that another column of the same SELECT has is told apart by a mark that clients never see: [`output_name`]
//! takes it off again.

mod name;

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{Expr, Select, SelectItem, SelectItemQualifiedWildcardKind};

use super::{folded, parts, quoted, scope::Scope, system_columns::is_system_column, whole_rows};

pub use name::label;

/// U+2063 INVISIBLE SEPARATOR: in no name that a cluster or a client has.
pub(super) const MARK: char = '\u{2063}';

/// Reserved words that the parser takes for columns, but that are functions.
const RESERVED: [&str; 4] = ["current_schema", "current_role", "localtime", "localtimestamp"];

/// The name of an output column without the mark that made it unique.
pub fn output_name(name: &str) -> &str {
    name.trim_end_matches(MARK)
}

/// Where a SELECT stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is the statement.
    Top,
    /// It is a branch of the statement's UNION, INTERSECT or EXCEPT, whose columns are of no table.
    Branch,
    Below,
}

/// Gives every unnamed item of a SELECT its name, and makes names unique. At the top of a statement nobody refers to
/// them any more, so that every doubtful one may be marked; below it only those that are there twice.
pub fn select(select: &mut Select, scope: &Scope, place: Place) {
    let top = place != Place::Below;
    let wildcard = select.projection.iter().any(is_wildcard);
    let mut taken: HashSet<String> = if wildcard {
        expanded(select, scope)
    } else {
        HashSet::new()
    };
    let mut plain: HashSet<Vec<String>> = HashSet::new();
    for item in &mut select.projection {
        let (expr, given) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(folded(alias))),
            _ => continue,
        };
        let path = column_path(expr);
        let name = given.clone().unwrap_or_else(|| label(expr).0);
        let system = path
            .as_ref()
            .and_then(|path| path.last())
            .is_some_and(|name| is_system_column(name) || RESERVED.contains(&name.as_str()))
            || whole_rows::is_row(expr, scope);
        let is_plain = given.is_none() && path.is_some() && !system;
        // Columns of the same name from two tables are told apart by their tables.
        let qualified_apart = is_plain
            && place == Place::Top
            && !wildcard
            && path.as_ref().is_some_and(|path| path.len() > 1)
            && plain
                .iter()
                .all(|other| other.len() > 1 && Some(other) != path.as_ref());
        let mut unique = name.clone();
        if !qualified_apart {
            if wildcard && top && given.is_none() {
                unique.push(MARK);
            }
            while taken.contains(&unique) {
                unique.push(MARK);
            }
        }
        taken.insert(unique.clone());
        if let (true, Some(path)) = (is_plain, path) {
            plain.insert(path);
            if unique == name {
                continue;
            }
        }
        if given.as_ref() == Some(&unique) {
            continue;
        }
        *item = SelectItem::ExprWithAlias {
            expr: super::take(expr),
            alias: quoted(&unique),
        };
    }
}

fn is_wildcard(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

/// The names that a SELECT's wildcards stand for, as far as they can be told.
fn expanded(select: &Select, scope: &Scope) -> HashSet<String> {
    let all = select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_)));
    let wanted: Vec<String> = select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => parts(name).pop(),
            _ => None,
        })
        .collect();
    let items = scope.iter().filter(|item| all || wanted.contains(&item.alias));
    items.flat_map(|item| item.columns.names.iter().cloned()).collect()
}

fn column_path(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::Identifier(ident) => Some(vec![folded(ident)]),
        Expr::CompoundIdentifier(idents) => Some(idents.iter().map(folded).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::output_name;
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_are_called_what_postgresql_calls_them() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select 1, 'x', null, true, 1 + 1, -1",
                "?column? ?column? ?column? ?column? ?column? ?column?",
            ),
            (
                "select count(*), max(oid), pg_catalog.lower('A') from pg_class",
                "count max lower",
            ),
            (
                "select 'a'::text, '1'::int, '1'::bigint, now()::date, 'pg_class'::regclass",
                "text int4 int8 now regclass",
            ),
            ("select oid::text, relname from pg_class limit 1", "oid relname"),
            (
                "select case when true then 1 end, coalesce(1, 2), nullif(1, 2)",
                "case coalesce nullif",
            ),
            (
                "select case when true then 'x' else relname end from pg_class limit 1",
                "relname",
            ),
            (
                "select array[1], array(select 1), exists(select 1), not exists(select 1)",
                "array array exists ?column?",
            ),
            ("select (select relname from pg_class limit 1)", "relname"),
            (
                "select extract(year from now()), substring('abc', 1, 1), trim('a')",
                "extract substring btrim",
            ),
            (
                "select current_user, current_schema, current_database()",
                "current_user current_schema current_database",
            ),
            ("select interval '1 day', date '2026-01-01'", "interval date"),
            ("select indkey[0] from pg_index limit 1", "indkey"),
        ] {
            let names = engine.run(sql).await.unwrap().names;
            assert_eq!(names.join(" "), expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn names_may_be_there_twice() {
        let engine = Engine::new();
        for (sql, names, rows) in [
            ("select 1, 1", "?column? ?column?", vec!["1|1"]),
            (
                "select count(*), count(*) from sys_invocation",
                "count count",
                vec!["2|2"],
            ),
            (
                "select id, id from sys_deployment order by id desc limit 1",
                "id id",
                vec!["sys_deployment_2|sys_deployment_2"],
            ),
            (
                "select *, id from sys_deployment order by id limit 1",
                "id endpoint id",
                vec!["sys_deployment_1|sys_deployment_1|sys_deployment_1"],
            ),
            (
                "select d.id, d.* from sys_deployment d order by d.id limit 1",
                "id id endpoint",
                vec!["sys_deployment_1|sys_deployment_1|sys_deployment_1"],
            ),
            (
                "select a.id, b.id from sys_deployment a, sys_journal b order by b.id desc, a.id limit 1",
                "id id",
                vec!["sys_deployment_1|sys_journal_2"],
            ),
            (
                "select a.id, b.id from sys_deployment a, sys_journal b union all select 'x', 'y' order by 1 desc, 2 desc limit 2",
                "id id",
                vec!["x|y", "sys_deployment_2|sys_journal_2"],
            ),
            (
                "select a.id, b.id from sys_deployment a, sys_journal b except select a.id, b.id from sys_deployment a, sys_journal b \
                 where a.id <> 'sys_deployment_1' order by 2 desc",
                "id id",
                vec!["sys_deployment_1|sys_journal_2", "sys_deployment_1|sys_journal_1"],
            ),
        ] {
            let answer = engine.run(sql).await.unwrap();
            assert_eq!(answer.names.join(" "), names, "{sql}");
            assert_eq!(engine.rows(sql).await, rows, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn group_by_and_order_by_mean_the_same() {
        let engine = Engine::new();
        for (sql, expected) in [
            // The input column, not the output column of the same name.
            (
                "select created_at::date from sys_invocation group by created_at order by 1",
                vec!["2023-11-14", "2023-11-14"],
            ),
            (
                "select upper(id) from sys_deployment group by upper(id) order by upper(id) desc",
                vec!["SYS_DEPLOYMENT_2", "SYS_DEPLOYMENT_1"],
            ),
            ("select count(*) from sys_invocation order by count(*)", vec!["2"]),
            ("select x.count from (select count(*) from sys_invocation) x", vec!["2"]),
            (
                "select id from sys_deployment union select 'a' order by id limit 1",
                vec!["a"],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[test]
    fn the_mark_comes_off_again() {
        assert_eq!(output_name("id\u{2063}\u{2063}"), "id");
        assert_eq!(output_name("?column?"), "?column?");
    }
}
