//! What is refused, and with which words: writes, privileges, faults of syntax, what is too deep or too large.

use super::*;

#[test]
fn writes_are_refused_under_the_command_tag_of_postgresql() {
    for (sql, tag) in [
        ("insert into t values(1)", "INSERT"),
        ("update t set i=1", "UPDATE"),
        ("delete from t", "DELETE"),
        ("merge into t using t s on false when matched then delete", "MERGE"),
        ("truncate t", "TRUNCATE TABLE"),
        (
            "with x as (insert into t values(1) returning i) select * from x",
            "SELECT",
        ),
        ("with x as (select 1) insert into t select * from x", "INSERT"),
        ("explain analyze insert into t values(1)", "INSERT"),
        ("create table u(i int)", "CREATE TABLE"),
        ("create table u(i int generated always as (1) stored)", "CREATE TABLE"),
        ("create table u as select 1", "CREATE TABLE AS"),
        ("create temp table u(i int)", "CREATE TABLE"),
        ("create or replace view v as select 1", "CREATE VIEW"),
        ("create unique index on t(i)", "CREATE INDEX"),
        (
            "create function f() returns int language sql as 'select 1'",
            "CREATE FUNCTION",
        ),
        ("create user x", "CREATE ROLE"),
        ("create materialized view v as select 1", "CREATE MATERIALIZED VIEW"),
        ("create tablespace x location '/x'", "CREATE TABLESPACE"),
        ("alter table t add x int", "ALTER TABLE"),
        (
            "alter default privileges grant select on tables to joe",
            "ALTER DEFAULT PRIVILEGES",
        ),
        ("drop owned by x", "DROP OWNED"),
        ("drop user x", "DROP ROLE"),
        ("grant select on t to joe", "GRANT"),
        ("grant joe to joe", "GRANT ROLE"),
        ("revoke joe from joe", "REVOKE ROLE"),
        ("comment on table t is 'x'", "COMMENT"),
        ("security label on table t is 'x'", "SECURITY LABEL"),
        ("reassign owned by joe to joe", "REASSIGN OWNED"),
        ("refresh materialized view x", "REFRESH MATERIALIZED VIEW"),
        ("import foreign schema x from server y into z", "IMPORT FOREIGN SCHEMA"),
        ("copy t from stdin", "COPY FROM"),
        ("copy t (a, b) from stdin with (format csv)", "COPY FROM"),
        ("copy (insert into t values(1) returning i) to stdout", "INSERT"),
        ("select * from t for update", "SELECT FOR UPDATE"),
        ("select * from t for share of t nowait", "SELECT FOR SHARE"),
        ("select * from t for no key update", "SELECT FOR NO KEY UPDATE"),
        ("select * from t for key share", "SELECT FOR KEY SHARE"),
        ("select * from (select * from t for update) x", "SELECT FOR UPDATE"),
        ("select * into u from t", "SELECT INTO"),
        ("prepare p as insert into t values(1)", "INSERT"),
        // PostgreSQL lets these pass for what they do there.
        ("do $$ begin end $$", "DO"),
        ("call f()", "CALL"),
        ("notify x", "NOTIFY"),
        ("lock table t", "LOCK TABLE"),
        ("lock t in share mode nowait", "LOCK TABLE"),
    ] {
        refused(&[(
            sql,
            "25006",
            &format!("cannot execute {tag} in a read-only transaction"),
        )]);
    }
}

#[test]
fn files_programs_and_other_privileges_are_refused() {
    let program = "must be superuser or have privileges of the pg_execute_server_program role to COPY to or from an external program";
    refused(&[
        (
            "copy t from '/x'",
            "42501",
            "must be superuser or have privileges of the pg_read_server_files role to COPY from a file",
        ),
        (
            "copy t to 's3://x'",
            "42501",
            "must be superuser or have privileges of the pg_write_server_files role to COPY to a file",
        ),
        ("copy (select 1) to program 'x'", "42501", program),
        (
            "checkpoint",
            "42501",
            "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT",
        ),
        ("load 'x'", "42501", "access to library \"x\" is not allowed"),
        (
            "prepare transaction 'x'",
            "0A000",
            "prepared transactions are not supported",
        ),
    ]);
    let hint = "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.";
    assert_eq!(parse("copy t to '/x'").unwrap_err().hint(), Some(hint));
}

#[test]
fn syntax_errors_name_the_token_and_its_place() {
    for (sql, near, position) in [
        ("foo", "foo", 1),
        ("select 1 1", "1", 10),
        ("select 1)", ")", 9),
        ("select * from 'file.csv'", "'file.csv'", 15),
        ("create external table x stored as csv location 'x'", "external", 8),
        ("create foo", "foo", 8),
        ("declare c cursor for insert into t values(1)", "insert", 22),
        ("copy (select 1) from stdin", "from", 17),
        ("copy (select 1) to stdout where i=1", "where", 27),
        ("copy t to stdout ()", ")", 19),
        ("explain foo", "foo", 9),
        ("explain begin", "begin", 9),
        ("explain verbose analyze select 1", "analyze", 17),
        ("discard foo", "foo", 9),
        ("fetch 1 2", "2", 9),
        ("begin isolation level foo", "foo", 23),
        ("set session session work_mem=1", "work_mem", 21),
        ("set log_statement=all", "all", 19),
        ("set transaction foo", "foo", 17),
        ("select 'é' 1", "1", 12),
    ] {
        let error = parse(sql).err().unwrap_or_else(|| panic!("accepted: {sql}"));
        let message = format!("syntax error at or near \"{near}\"");
        assert_eq!(
            (error.code().code(), error.message(), error.position()),
            ("42601", &*message, Some(position)),
            "{sql}"
        );
    }
    for sql in [
        "select 1 from",
        "(select 1",
        "explain",
        "set x",
        "show",
        "reset",
        "discard",
        "fetch next from",
        "copy t to",
    ] {
        let error = parse(sql).err().unwrap_or_else(|| panic!("accepted: {sql}"));
        let position = Some(sql.chars().count() + 1);
        assert_eq!(
            (error.message(), error.position()),
            ("syntax error at end of input", position),
            "{sql}"
        );
    }
}

/// So many CTEs, each over the one before.
fn ctes(count: usize, query: &str) -> String {
    let ctes = (1..=count).map(|at| format!("c{at} as ({})", query.replace("{}", &(at - 1).to_string())));
    let ctes = std::iter::once("c0 as (select * from t)".to_owned())
        .chain(ctes)
        .collect::<Vec<_>>();
    format!("with {} select count(*) from c{count}", ctes.join(", "))
}

#[test]
fn deep_statements_are_refused_and_wide_ones_are_not() {
    let most = limits::EXPRESSION_DEPTH_MAX;
    let chain = |link: &str, n: usize| vec!["1"; n].join(link);
    for sql in [
        format!("select {}", chain("+", most + 2)),
        format!("select {}", chain("||", 10_000)),
        format!("select 1 where {}", chain(" or ", most + 2)),
        format!("select {}", chain(" + case when true then 1 end + ", most)),
        format!("select 1{}", "::int".repeat(most + 1)),
        format!("select {}", vec!["(a + 1)"; most + 2].join("*")),
        format!("select * from {}", vec!["t"; most + 2].join(", ")),
        format!("select * from t {}", "join t on true ".repeat(limits::JOINS_MAX + 1)),
        ctes(30, "select a.* from c{} a join c{} b on a.x = b.x"),
        ctes(150, "select * from c{}"),
        vec!["select 1"; most + 2].join(" union all "),
        format!("select {}1{}", "(".repeat(60), ")".repeat(60)),
        format!("select {}1 {}", "case when 1 then ".repeat(60), "end ".repeat(60)),
        format!("select 1 in ({})", chain(",", 100_000)),
    ] {
        let error = parse(&sql).err().unwrap_or_else(|| panic!("accepted: {}", &sql[..60]));
        assert_eq!(
            (error.code().code(), error.message()),
            ("54001", "statement is too complex"),
            "{}",
            &sql[..60]
        );
    }
    assert!(parse(&format!("select {}1", "not ".repeat(60))).is_err());
    for sql in [
        format!("select {}", chain("+", most - 10)),
        format!("select 1 where {}", vec!["(a = 1 and b = 2)"; most - 10].join(" or ")),
        vec!["select 1"; most - 10].join(" union all "),
        format!("select x in ({})", chain(",", 20_000)),
        format!("select case {} end", "when x = 1 then 'a' || 'b' ".repeat(10_000)),
        format!("values {}", vec!["(1, 'a')"; 10_000].join(",")),
        format!("select {}", vec!["a + b"; 1_600].join(",")),
        format!("select {}1{}", "(".repeat(20), ")".repeat(20)),
        format!("select * from t {}", "join t on true ".repeat(limits::JOINS_MAX - 1)),
        ctes(60, "select * from c{}"),
        ctes(7, "select a.* from c{} a join c{} b on a.x = b.x"),
        "with recursive a as (select 1 as x union all select x + 1 from a where x < 5) select * from a".to_owned(),
    ] {
        ok(&sql);
    }
}

#[test]
fn what_the_engine_would_pass_over_is_refused() {
    refused(&[
        (
            "select * from t tablesample system (10)",
            "0A000",
            "TABLESAMPLE is not supported",
        ),
        (
            "select a from t order by a fetch first 2 rows with ties",
            "0A000",
            "FETCH FIRST with WITH TIES is not supported",
        ),
        (
            "select a from t fetch first 2 rows with ties",
            "42601",
            "WITH TIES cannot be specified without ORDER BY clause",
        ),
    ]);
    ok("select a from t fetch first 2 rows only");
    let list = |count: usize| vec!["a"; count].join(", ");
    for wide in [
        format!("select {}", list(1_665)),
        format!("select 1 from t group by {}", list(1_665)),
        format!("select 1 from t order by {}", list(1_665)),
    ] {
        refused(&[(wide.as_str(), "54011", "target lists can have at most 1664 entries")]);
    }
    ok(&format!("select {}", list(1_664)));
}

#[test]
fn long_texts_are_linear() {
    let started = std::time::Instant::now();
    ok(&format!("select '{}'", "x".repeat(1_000_000)));
    ok(&format!("select{}1", " \n".repeat(500_000)));
    assert!(parse(&format!("select 1 {}", "/*".repeat(500_000))).is_err());
    assert!(parse(&format!("select {}1", "(".repeat(500_000))).is_err());
    assert!(split(&"'';".repeat(300_000)).is_err());
    let error = parse(&" ".repeat(limits::STATEMENT_SIZE_MAX + 1)).unwrap_err();
    assert_eq!(error.code(), SqlState::PROGRAM_LIMIT_EXCEEDED);
    // A quadratic step would take minutes; a slow machine takes a second.
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn nested_parentheses_do_not_make_the_parser_try_exponentially() {
    let started = std::time::Instant::now();
    for depth in [12, 30] {
        let nested = format!("select * from {}a{}", "(".repeat(depth), ")".repeat(depth));
        let _ = parse(&nested);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}
