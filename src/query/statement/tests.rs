//! Known-good answers are those of PostgreSQL 15.18 with `default_transaction_read_only = on`, to a user without privileges.

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
        ("vacuum", "VACUUM"),
        ("analyze t", "ANALYZE"),
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

#[test]
fn transaction_control_with_all_its_words() {
    let modes = |isolation, read_only, deferrable| Modes {
        isolation,
        read_only,
        deferrable,
    };
    for (sql, transaction) in [
        ("BEGIN", Transaction::Begin(Modes::default())),
        ("begin work", Transaction::Begin(Modes::default())),
        (
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY DEFERRABLE",
            Transaction::Begin(modes(Some(Isolation::RepeatableRead), Some(true), Some(true))),
        ),
        (
            "begin transaction read only, isolation level serializable, not deferrable",
            Transaction::Begin(modes(Some(Isolation::Serializable), Some(true), Some(false))),
        ),
        (
            "begin read only read write",
            Transaction::Begin(modes(None, Some(false), None)),
        ),
        (
            "start transaction isolation level read uncommitted",
            Transaction::Start(modes(Some(Isolation::ReadUncommitted), None, None)),
        ),
        ("commit and chain", Transaction::Commit { chain: true }),
        ("end work and no chain", Transaction::Commit { chain: false }),
        ("abort", Transaction::Rollback { chain: false }),
        ("rollback transaction and chain", Transaction::Rollback { chain: true }),
        ("savepoint \"S 1\"", Transaction::Savepoint("S 1".into())),
        ("release savepoint a", Transaction::Release("a".into())),
        ("RELEASE A", Transaction::Release("a".into())),
        ("rollback work to savepoint a", Transaction::RollbackTo("a".into())),
        ("rollback to a", Transaction::RollbackTo("a".into())),
        (
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            Transaction::Set(modes(Some(Isolation::RepeatableRead), Some(true), None)),
        ),
        (
            "set session characteristics as transaction read write",
            Transaction::SetDefault(modes(None, Some(false), None)),
        ),
    ] {
        assert_eq!(ok(sql), Statement::Transaction(transaction), "{sql}");
    }
}

#[test]
fn set_show_reset_and_discard() {
    let set = |parameter: &str, values: &[&str]| Statement::Set {
        parameter: parameter.into(),
        value: Value::List(values.iter().map(|value| (*value).to_owned()).collect()),
        local: false,
    };
    for (sql, statement) in [
        ("SET TIMEZONE = UTC", set("timezone", &["utc"])),
        ("set datestyle to 'ISO', dmy", set("datestyle", &["ISO", "dmy"])),
        (
            "set session extra_float_digits = -15",
            set("extra_float_digits", &["-15"]),
        ),
        ("set jit to on", set("jit", &["on"])),
        ("set time zone \"Etc/UTC\"", set("timezone", &["Etc/UTC"])),
        ("set time zone -3.5", set("timezone", &["-3.5"])),
        ("set names 'utf8'", set("client_encoding", &["utf8"])),
        ("set role none", set("role", &["none"])),
        ("set role = 'x'", set("role", &["x"])),
        (
            "set session authorization 'joe'",
            set("session_authorization", &["joe"]),
        ),
        ("set schema 'foo'", set("search_path", &["foo"])),
        ("set Foo.Bar = 1.50", set("foo.bar", &["1.50"])),
        ("set xml option document", set("xmloption", &["document"])),
        (
            "set application_name = E'a\\tb\\x41\\u00e9'",
            set("application_name", &["a\tbA\u{e9}"]),
        ),
        ("set application_name = $$a'b$$", set("application_name", &["a'b"])),
        (
            "set names",
            Statement::Set {
                parameter: "client_encoding".into(),
                value: Value::Default,
                local: false,
            },
        ),
        (
            "set local x to default",
            Statement::Set {
                parameter: "x".into(),
                value: Value::Default,
                local: true,
            },
        ),
        (
            "set time zone interval '-08:00' hour to minute",
            Statement::Set {
                parameter: "timezone".into(),
                value: Value::Interval("-08:00".into()),
                local: false,
            },
        ),
        ("show all", Statement::Show(Show::All)),
        (
            "SHOW TRANSACTION ISOLATION LEVEL",
            Statement::Show(Show::Parameter("transaction_isolation".into())),
        ),
        ("show time zone", Statement::Show(Show::Parameter("timezone".into()))),
        ("show \"TimeZone\"", Statement::Show(Show::Parameter("TimeZone".into()))),
        (
            "show session authorization",
            Statement::Show(Show::Parameter("session_authorization".into())),
        ),
        ("show tables", Statement::Show(Show::Tables)),
        ("reset all", Statement::ResetAll),
        ("reset time zone", Statement::Reset("timezone".into())),
        ("discard temporary", Statement::Discard(Discard::Temp)),
        ("DISCARD ALL", Statement::Discard(Discard::All)),
    ] {
        assert_eq!(ok(sql), statement, "{sql}");
    }
    for sql in ["show columns from public.t", "describe public.t"] {
        let Statement::Show(Show::Columns(name)) = ok(sql) else {
            panic!("{sql}")
        };
        assert_eq!(name.to_string(), "public.t");
    }
}

#[test]
fn prepared_statements_and_cursors() {
    let Statement::Prepare { name, types, query } = ok("prepare P(text, numeric(10,2)) as select $1, ')'") else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), types.len(), query.to_string().as_str()),
        ("p", 2, "SELECT $1, ')'")
    );
    let Statement::Execute { name, arguments } = ok("execute p('a)', 1 + (2))") else {
        panic!()
    };
    assert_eq!((name.as_str(), arguments.len()), ("p", 2));
    assert_eq!(ok("deallocate prepare p"), Statement::Deallocate(Some("p".into())));
    assert_eq!(ok("deallocate prepare"), Statement::Deallocate(Some("prepare".into())));
    assert_eq!(ok("deallocate all"), Statement::Deallocate(None));

    let Statement::Declare {
        name,
        binary,
        scroll,
        hold,
        ..
    } = ok("declare c binary no scroll cursor with hold for select 1")
    else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), binary, scroll, hold),
        ("c", true, Scroll::NoScroll, true)
    );
    refused(&[
        (
            "declare c scroll no scroll cursor for select 1",
            "42P11",
            "cannot specify both SCROLL and NO SCROLL",
        ),
        (
            "declare c insensitive asensitive cursor for select 1",
            "42P11",
            "cannot specify both ASENSITIVE and INSENSITIVE",
        ),
    ]);
    for (sql, direction) in [
        ("fetch c", Direction::Forward(1)),
        ("fetch from c", Direction::Forward(1)),
        ("fetch next c", Direction::Forward(1)),
        ("fetch prior in c", Direction::Backward(1)),
        ("fetch first from c", Direction::Absolute(1)),
        ("fetch last from c", Direction::Absolute(-1)),
        ("fetch absolute -5 from c", Direction::Absolute(-5)),
        ("fetch relative 0 from c", Direction::Relative(0)),
        ("fetch 100 from c", Direction::Forward(100)),
        ("fetch -2 c", Direction::Backward(2)),
        ("fetch all c", Direction::Forward(i64::MAX)),
        ("fetch forward from c", Direction::Forward(1)),
        ("FETCH FORWARD 1000000 FROM \"c\"", Direction::Forward(1_000_000)),
        ("fetch forward all in c", Direction::Forward(i64::MAX)),
        ("fetch backward -3 c", Direction::Forward(3)),
        ("fetch backward all c", Direction::Backward(i64::MAX)),
    ] {
        assert_eq!(
            ok(sql),
            Statement::Fetch {
                name: "c".into(),
                direction
            },
            "{sql}"
        );
    }
    assert_eq!(
        ok("move absolute 0 in c"),
        Statement::Move {
            name: "c".into(),
            direction: Direction::Absolute(0)
        }
    );
    assert_eq!(
        ok("fetch next"),
        Statement::Fetch {
            name: "next".into(),
            direction: Direction::Forward(1)
        }
    );
    assert_eq!(ok("close all"), Statement::Close(None));
    assert_eq!(ok("unlisten *"), Statement::Unlisten(None));
    assert_eq!(ok("listen \"channel.0\""), Statement::Listen("channel.0".into()));
    let Statement::Lock(tables) = ok("LOCK TABLE public.a, b IN ACCESS SHARE MODE") else {
        panic!()
    };
    assert_eq!(tables.len(), 2);
}

#[test]
fn explain_options() {
    let options = |sql| match ok(sql) {
        Statement::Explain { options, .. } => options,
        other => panic!("{other:?}"),
    };
    assert_eq!(options("explain (select 1)"), ExplainOptions::default());
    let analyzed = ExplainOptions {
        analyze: true,
        timing: true,
        summary: true,
        ..ExplainOptions::default()
    };
    assert_eq!(
        options("explain analyze verbose select 1"),
        ExplainOptions {
            verbose: true,
            ..analyzed
        }
    );
    assert_eq!(
        options("explain (analyze, verbose false, costs off, buffers, timing 0, format json) table t"),
        ExplainOptions {
            costs: false,
            buffers: true,
            timing: false,
            format: ExplainFormat::Json,
            ..analyzed
        }
    );
    refused(&[
        ("explain (foo) select 1", "42601", "unrecognized EXPLAIN option \"foo\""),
        (
            "explain (format yml) select 1",
            "22023",
            "unrecognized value for EXPLAIN option \"format\": \"yml\"",
        ),
        (
            "explain (analyze 3) select 1",
            "42601",
            "analyze requires a Boolean value",
        ),
        (
            "explain (timing) select 1",
            "22023",
            "EXPLAIN option TIMING requires ANALYZE",
        ),
        ("explain (wal) select 1", "22023", "EXPLAIN option WAL requires ANALYZE"),
    ]);
    let Statement::Explain { statement, .. } = ok("explain execute p(1)") else {
        panic!()
    };
    assert!(matches!(*statement, Statement::Execute { .. }));
}

#[test]
fn copy_options_in_both_syntaxes() {
    let copy = |sql| match ok(sql) {
        Statement::CopyTo { query, options } => (query.to_string(), options),
        other => panic!("{other:?}"),
    };
    let text = CopyOptions {
        format: CopyFormat::Text,
        delimiter: b'\t',
        null: "\\N".into(),
        header: false,
        quote: b'"',
        escape: b'"',
        force_quote: ForceQuote::None,
    };
    let csv = CopyOptions {
        format: CopyFormat::Csv,
        delimiter: b',',
        null: String::new(),
        ..text.clone()
    };
    let binary = CopyOptions {
        format: CopyFormat::Binary,
        ..text.clone()
    };
    for (sql, options) in [
        ("copy t to stdout", text.clone()),
        ("copy t to stdin with (freeze, encoding 'utf8')", text.clone()),
        ("copy binary t to stdout", binary.clone()),
        ("copy t to stdout with binary", binary.clone()),
        ("copy t to stdout (format 'binary')", binary.clone()),
        (
            "COPY t TO STDOUT CSV HEADER",
            CopyOptions {
                header: true,
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (format CSV, header 1)",
            CopyOptions {
                header: true,
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (header true)",
            CopyOptions {
                header: true,
                ..text.clone()
            },
        ),
        (
            "copy t to stdout delimiter as ';' null 'x'",
            CopyOptions {
                delimiter: b';',
                null: "x".into(),
                ..text.clone()
            },
        ),
        (
            "copy t to stdout using delimiters ','",
            CopyOptions {
                delimiter: b',',
                ..text.clone()
            },
        ),
        (
            "copy t to stdout with delimiter E'\\t' csv",
            CopyOptions {
                delimiter: b'\t',
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (format csv, delimiter 'a', quote '''')",
            CopyOptions {
                delimiter: b'a',
                quote: b'\'',
                escape: b'\'',
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (format csv, force_quote *)",
            CopyOptions {
                force_quote: ForceQuote::All,
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout csv force quote a, \"B\"",
            CopyOptions {
                force_quote: ForceQuote::Columns(vec!["a".into(), "B".into()]),
                ..csv.clone()
            },
        ),
    ] {
        assert_eq!(copy(sql), ("SELECT * FROM \"t\"".to_owned(), options), "{sql}");
    }
    assert_eq!(
        copy("copy public.T (\"A\", b) to stdout").0,
        "SELECT \"A\", \"b\" FROM \"public\".\"t\""
    );
    assert_eq!(
        copy("copy (with x as (select 1) select ')' from x) to stdout").0,
        "WITH x AS (SELECT 1) SELECT ')' FROM x"
    );
}

#[test]
fn copy_options_are_checked_as_postgresql_does() {
    refused(&[
        (
            "copy t to stdout (delimiter 'ab')",
            "0A000",
            "COPY delimiter must be a single one-byte character",
        ),
        (
            "copy t to stdout (format csv, delimiter 'é')",
            "0A000",
            "COPY delimiter must be a single one-byte character",
        ),
        (
            "copy t to stdout (delimiter 'a')",
            "22023",
            "COPY delimiter cannot be \"a\"",
        ),
        (
            "copy t to stdout (format csv, delimiter '\"')",
            "22023",
            "COPY delimiter and quote must be different",
        ),
        (
            "copy t to stdout (format binary, delimiter ',')",
            "42601",
            "cannot specify DELIMITER in BINARY mode",
        ),
        (
            "copy t to stdout (format binary, null '')",
            "42601",
            "cannot specify NULL in BINARY mode",
        ),
        (
            "copy t to stdout (format binary, header)",
            "0A000",
            "cannot specify HEADER in BINARY mode",
        ),
        (
            "copy t to stdout (format 'CSV')",
            "22023",
            "COPY format \"CSV\" not recognized",
        ),
        ("copy t to stdout csv csv", "42601", "conflicting or redundant options"),
        ("copy t to stdout (foo)", "42601", "option \"foo\" not recognized"),
        (
            "copy t to stdout (header 3)",
            "42601",
            "header requires a Boolean value or \"match\"",
        ),
        (
            "copy t to stdout (header match)",
            "0A000",
            "cannot use \"match\" with HEADER in COPY TO",
        ),
        (
            "copy t to stdout (quote '\"')",
            "0A000",
            "COPY quote available only in CSV mode",
        ),
        (
            "copy t to stdout (escape 'a')",
            "0A000",
            "COPY escape available only in CSV mode",
        ),
        (
            "copy t to stdout (format csv, escape 'ab')",
            "0A000",
            "COPY escape must be a single one-byte character",
        ),
        (
            "copy t to stdout (force_quote *)",
            "0A000",
            "COPY force quote available only in CSV mode",
        ),
        (
            "copy t to stdout (format csv, force_quote i)",
            "22023",
            "argument to option \"force_quote\" must be a list of column names",
        ),
        (
            "copy t to stdout csv force not null i",
            "0A000",
            "COPY force not null only available using COPY FROM",
        ),
        (
            "copy t to stdout (encoding 'foo')",
            "22023",
            "argument to option \"encoding\" must be a valid encoding name",
        ),
        (
            "copy t to stdout (encoding 'latin1')",
            "0A000",
            "conversion between LATIN1 and UTF8 is not supported",
        ),
        (
            "copy t to stdout (null 'a,b', format csv)",
            "0A000",
            "COPY delimiter must not appear in the NULL specification",
        ),
        (
            "copy t to stdout (null '\"', format csv)",
            "0A000",
            "CSV quote character must not appear in the NULL specification",
        ),
        (
            "copy t to stdout (delimiter)",
            "42601",
            "delimiter requires a parameter",
        ),
        ("copy t to stdout (format)", "42601", "format requires a parameter"),
    ]);
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

/// So many CTEs, each over the one before.
fn ctes(count: usize, query: &str) -> String {
    let ctes = (1..=count).map(|at| format!("c{at} as ({})", query.replace("{}", &(at - 1).to_string())));
    let ctes = std::iter::once("c0 as (select * from t)".to_owned())
        .chain(ctes)
        .collect::<Vec<_>>();
    format!("with {} select count(*) from c{count}", ctes.join(", "))
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
