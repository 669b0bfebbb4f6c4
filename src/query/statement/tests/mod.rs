//! Known-good answers are those of PostgreSQL 15.18 with `default_transaction_read_only = on`, to a user without privileges.

mod copy;
mod refusals;
mod utility;

use super::*;

fn parse(sql: &str) -> Result<Statement> {
    Statement::parse(Piece::whole(sql))
}

fn ok(sql: &str) -> Statement {
    parse(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

#[track_caller]
fn refused(cases: &[(&str, &str, &str)]) {
    for (sql, code, message) in cases {
        let error = parse(sql).err().unwrap_or_else(|| panic!("accepted: {sql}"));
        assert_eq!((error.code().code(), error.message()), (*code, *message), "{sql}");
    }
}

#[test]
fn queries_parse_and_print_as_they_are() {
    for sql in [
        "SELECT 1",
        "VALUES (1), (2)",
        "TABLE t",
        "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "SELECT FROM t",
        "SELECT a -> 'b' ->> 'c' FROM t WHERE a == 1",
    ] {
        let Statement::Query(query) = ok(sql) else {
            panic!("{sql}")
        };
        assert_eq!(query.to_string().replace(" = 1", " == 1"), sql);
    }
    let Statement::Query(query) = ok("select 1 /* ; */ -- x\n where a operator(pg_catalog.=) b") else {
        panic!()
    };
    assert_eq!(query.to_string(), "SELECT 1 WHERE a = b");
    assert!(matches!(
        ok("select c operator(pg_catalog.~) '^(x)$' collate pg_catalog.default from c"),
        Statement::Query(_)
    ));
}

#[test]
fn a_collation_may_stand_after_any_expression() {
    for (sql, expected) in [
        (
            "select a::text collate \"C\" > 'x' from t",
            "SELECT a::TEXT > 'x' FROM t",
        ),
        (
            "select f(a order by b collate pg_catalog.\"C\" desc) from t order by (c) collate \"C\", d",
            "SELECT f(a ORDER BY b DESC) FROM t ORDER BY (c), d",
        ),
        ("select a as collate from t", "SELECT a AS collate FROM t"),
        ("select t.collate from t", "SELECT t.collate FROM t"),
    ] {
        let Statement::Query(query) = ok(sql) else {
            panic!("{sql}")
        };
        assert_eq!(query.to_string(), expected);
    }
}

#[test]
fn spans_say_where_in_the_query_text_something_is() {
    use datafusion::sql::sqlparser::ast::Spanned;
    let sql = "select 'é\n\n';  select\n\n  'a\nb', foo";
    let piece = *split(sql).unwrap().last().unwrap();
    let Statement::Query(query) = Statement::parse(piece).unwrap() else {
        panic!()
    };
    let end = usize::try_from(query.span().end.column).unwrap();
    assert_eq!(end, sql.chars().count() + 1);
}

#[test]
fn tags_where_they_are_known_beforehand() {
    for (sql, tag) in [
        ("begin", Some("BEGIN")),
        ("start transaction", Some("START TRANSACTION")),
        ("commit", None),
        ("rollback to a", Some("ROLLBACK")),
        ("set x = 1", Some("SET")),
        ("show x", Some("SHOW")),
        ("discard all", Some("DISCARD ALL")),
        ("deallocate all", Some("DEALLOCATE ALL")),
        ("close all", Some("CLOSE CURSOR ALL")),
        ("declare c cursor for select 1", Some("DECLARE CURSOR")),
        ("lock table t in access share mode", Some("LOCK TABLE")),
        ("select 1", None),
    ] {
        assert_eq!(ok(sql).tag(), tag, "{sql}");
    }
}
