//! Statements that are refused: writes, and whatever could touch a file, a URL or another tenant.

use crate::support::{
    raw::{self, Raw},
    server::Server,
};

#[test]
fn writes_are_refused_as_on_a_read_only_postgres() {
    let mut raw = Raw::login(Server::shared(), "demo");
    for (sql, command) in [
        ("insert into sys_invocation (id) values ('x')", "INSERT"),
        ("update sys_invocation set status = 'x'", "UPDATE"),
        ("delete from sys_invocation", "DELETE"),
        ("create table t (a int)", "CREATE TABLE"),
        ("create table t as select 1", "CREATE TABLE AS"),
        ("create view v as select 1", "CREATE VIEW"),
        ("drop table sys_invocation", "DROP TABLE"),
        ("alter table sys_invocation add a int", "ALTER TABLE"),
        ("truncate sys_invocation", "TRUNCATE TABLE"),
        ("create schema s", "CREATE SCHEMA"),
        ("copy sys_invocation from stdin", "COPY FROM"),
        ("grant select on sys_invocation to public", "GRANT"),
        ("comment on table sys_invocation is 'x'", "COMMENT"),
    ] {
        let errors = raw::errors(&raw.query(sql));
        assert_eq!(
            errors,
            [format!(
                "ERROR 25006: cannot execute {command} in a read-only transaction"
            )],
            "{sql}"
        );
    }
    assert_eq!(raw::tags(&raw.query("select count(*) from sys_invocation")), "TDCZ");
}

#[test]
fn no_statement_touches_a_file_or_a_url() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("secret.csv");
    std::fs::write(&file, "a\nsecret\n").expect("write a file");
    let target = directory.path().join("out.csv");
    let (file, out) = (file.display(), target.display());
    let mut raw = Raw::login(Server::shared(), "demo");
    for (sql, code) in [
        (format!("copy (select 1) to '{out}'"), "42501"),
        (format!("copy sys_invocation to '{out}'"), "42501"),
        (format!("copy (select 1) to program 'touch {out}'"), "42501"),
        (format!("copy (select 1) to '{out}' stored as csv"), "42501"),
        (
            format!("create external table t stored as csv location '{file}'"),
            "42601",
        ),
        (format!("select * from '{file}'"), "42601"),
        (format!("select * from \"{file}\""), "42P01"),
        (format!("select * from read_csv('{file}')"), "42883"),
        (format!("select * from read_parquet('{file}')"), "42883"),
        (format!("select pg_read_file('{file}')"), "42501"),
        ("create function f() returns int as 'x' language c".to_owned(), "25006"),
        ("create extension dblink".to_owned(), "25006"),
        ("load 'x'".to_owned(), "42501"),
    ] {
        let answer = raw.query(&sql);
        let errors = raw::errors(&answer);
        assert_eq!(errors.len(), 1, "{sql}: {answer:?}");
        assert!(errors[0].starts_with(&format!("ERROR {code}: ")), "{sql}: {errors:?}");
        assert!(!errors[0].contains("secret\n"), "{sql}: {errors:?}");
    }
    assert!(!target.exists(), "nothing was written");
}

#[test]
fn the_engines_own_catalogue_is_out_of_reach() {
    let mut raw = Raw::login(Server::shared(), "demo");
    for sql in [
        "select * from information_schema.df_settings",
        "select * from other.public.sys_invocation",
        "select * from datafusion.public.sys_invocation",
        "select * from datafusion.information_schema.tables",
    ] {
        let answer = raw.query(sql);
        assert_eq!(raw::errors(&answer).len(), 1, "{sql}: {answer:?}");
        let error = raw::errors(&answer)[0].to_ascii_lowercase();
        assert!(!error.contains("datafusion error"), "{sql}: {error}");
    }
}

#[test]
fn no_setting_reaches_the_engine() {
    let server = Server::shared();
    let mut raw = Raw::login(server, "demo");
    // Whether these are kept as settings that mean nothing, as PostgreSQL keeps any with a dot, or refused: nothing changes.
    raw.query("set datafusion.catalog.default_schema = 'nope'");
    raw.query("set datafusion.sql_parser.dialect = 'mysql'");
    raw.query("set datafusion.sql_parser.parse_float_as_decimal = false");
    for session in [&mut raw, &mut Raw::login(server, "demo")] {
        let answer = session.query("select count(*) from sys_service");
        assert_eq!(raw::tags(&answer), "TDCZ", "{answer:?}");
    }
}

#[test]
fn faults_are_told_in_postgres_words() {
    let mut raw = Raw::login(Server::shared(), "demo");
    for (sql, error) in [
        ("select * from nope", "ERROR 42P01: relation \"nope\" does not exist"),
        (
            "select nope from sys_invocation",
            "ERROR 42703: column \"nope\" does not exist",
        ),
        ("select nope(1)", "ERROR 42883: function nope(integer) does not exist"),
        ("selekt 1", "ERROR 42601: syntax error at or near \"selekt\""),
        ("select 1/0", "ERROR 22012: division by zero"),
        (
            "select 'x'::bigint",
            "ERROR 22P02: invalid input syntax for type bigint: \"x\"",
        ),
        (
            "select * from nope.sys_invocation",
            "ERROR 42P01: relation \"nope.sys_invocation\" does not exist",
        ),
    ] {
        let errors = raw::errors(&raw.query(sql));
        assert!(errors.len() == 1 && errors[0].starts_with(error), "{sql}: {errors:?}");
    }
}

#[test]
fn a_deep_or_wide_statement_is_an_error_and_the_process_lives() {
    let server = Server::shared();
    let statements = [
        format!("select {}1", "1+".repeat(10_000)),
        format!("select {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        vec!["select 1"; 10_000].join(" union all "),
        format!("select 1 where {}true", "true and ".repeat(10_000)),
        format!("select {}'a'", "'a'||".repeat(10_000)),
        format!("select {}1", "not ".repeat(20_000)),
    ];
    for sql in statements {
        let answer = Raw::login(server, "demo").query(&sql);
        let errors = raw::errors(&answer);
        let start = &sql[..30];
        assert!(
            errors.len() == 1 && errors[0].starts_with("ERROR 54001: "),
            "{start}: {errors:?}"
        );
        assert_eq!(raw::status(&answer), 'I', "{start}");
    }
    assert_eq!(raw::tags(&Raw::login(server, "demo").query("select 1")), "TDCZ");
}
