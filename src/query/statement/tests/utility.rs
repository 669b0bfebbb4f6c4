//! Statements that are no queries: transactions, settings, prepared statements, cursors, EXPLAIN.

use super::*;

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
fn maintenance() {
    let named = |sql| match ok(sql) {
        Statement::Maintain { command, tables } => {
            let tables = tables.iter().map(|(table, columns)| (table.to_string(), columns.len()));
            (command.tag(), tables.collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    };
    let table = |name: &str, columns| (name.to_owned(), columns);
    assert_eq!(named("vacuum"), ("VACUUM", vec![]));
    assert_eq!(
        named("VACUUM FULL FREEZE VERBOSE ANALYZE t"),
        ("VACUUM", vec![table("t", 0)])
    );
    assert_eq!(
        named("vacuum (full, analyze, skip_locked off, parallel 2, index_cleanup auto) a.b, \"C\" (x, \"Y\")"),
        ("VACUUM", vec![table("a.b", 0), table("\"C\"", 2)])
    );
    assert_eq!(named("vacuum analyse t (x)"), ("VACUUM", vec![table("t", 1)]));
    assert_eq!(named("analyze"), ("ANALYZE", vec![]));
    assert_eq!(
        named("ANALYSE VERBOSE t (a), u"),
        ("ANALYZE", vec![table("t", 1), table("u", 0)])
    );
    refused(&[
        ("vacuum (foo) t", "42601", "unrecognized VACUUM option \"foo\""),
        ("analyze (full) t", "42601", "unrecognized ANALYZE option \"full\""),
        ("analyze t u", "42601", "syntax error at or near \"u\""),
        ("analyze t,", "42601", "syntax error at end of input"),
        ("vacuum t (", "42601", "syntax error at end of input"),
        (
            "vacuum full t (x)",
            "0A000",
            "ANALYZE option must be specified when a column list is provided",
        ),
        (
            "vacuum (analyze off) t, u (x)",
            "0A000",
            "ANALYZE option must be specified when a column list is provided",
        ),
        ("vacuum (analyze maybe) t", "42601", "analyze requires a Boolean value"),
    ]);
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
