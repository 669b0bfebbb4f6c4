//! The simple protocol and the statements that a session answers by itself. Expectations are PostgreSQL 15's.

use crate::support::{
    raw::{self, Message, Raw},
    server::Server,
};

fn session() -> Raw {
    Raw::login(Server::shared(), "demo")
}

/// Every row's values as text, NULL as `NULL`, joined by `|`.
fn rows(messages: &[Message]) -> Vec<String> {
    let text =
        |value: Option<Vec<u8>>| value.map_or("NULL".to_owned(), |value| String::from_utf8(value).expect("UTF-8"));
    let rows = messages.iter().filter(|message| message.tag == 'D');
    rows.map(|row| row.values().into_iter().map(text).collect::<Vec<_>>().join("|"))
        .collect()
}

/// The command tags.
fn done(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .filter(|message| message.tag == 'C')
        .map(Message::text)
        .collect()
}

#[test]
fn several_statements_are_answered_one_after_the_other() {
    let answer = session().query("select 1; select 2, 3 ;; select 4 where false;");
    assert_eq!(raw::tags(&answer), "TDCTDCTCZ");
    assert_eq!(rows(&answer), ["1", "2|3"]);
    assert_eq!(done(&answer), ["SELECT 1", "SELECT 1", "SELECT 0"]);
}

#[test]
fn an_error_ends_the_rest_of_the_query() {
    let mut raw = session();
    let answer = raw.query("select 1; select nonsense; select 3");
    assert_eq!((raw::tags(&answer).as_str(), raw::status(&answer)), ("TDCEZ", 'I'));
    // A syntax error anywhere lets nothing run.
    assert_eq!(raw::tags(&raw.query("select 1; selekt 2")), "EZ");
}

#[test]
fn an_empty_query_is_answered_as_one() {
    let mut raw = session();
    for sql in ["", " ", ";", " ; ;", "-- nothing", "/* nothing */"] {
        assert_eq!(raw::tags(&raw.query(sql)), "IZ", "{sql:?}");
    }
}

#[test]
fn a_failed_transaction_takes_nothing_but_its_end() {
    let mut raw = session();
    assert_eq!(raw::status(&raw.query("begin")), 'T');
    assert_eq!(raw::status(&raw.query("select 1")), 'T');
    assert_eq!(raw::status(&raw.query("select nonsense")), 'E');
    let aborted = "ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block";
    for sql in ["select 1", "show timezone", "begin", "set timezone = 'UTC'"] {
        let answer = raw.query(sql);
        assert_eq!(
            (raw::errors(&answer), raw::status(&answer)),
            (vec![aborted.to_owned()], 'E'),
            "{sql}"
        );
    }
    let answer = raw.query("commit");
    assert_eq!(
        (done(&answer), raw::status(&answer)),
        (vec!["ROLLBACK".to_owned()], 'I')
    );
    assert_eq!(rows(&raw.query("select 1")), ["1"]);
}

#[test]
fn a_savepoint_takes_a_failure_back() {
    let mut raw = session();
    raw.query("begin; savepoint a");
    assert_eq!(raw::status(&raw.query("select nonsense")), 'E');
    let answer = raw.query("rollback to savepoint a");
    assert_eq!(
        (done(&answer), raw::status(&answer)),
        (vec!["ROLLBACK".to_owned()], 'T')
    );
    assert_eq!(
        raw::errors(&raw.query("release b")),
        ["ERROR 3B001: savepoint \"b\" does not exist"]
    );
    assert_eq!(done(&raw.query("rollback")), ["ROLLBACK"]);
}

#[test]
fn transaction_statements_out_of_place_are_warned_of() {
    let mut raw = session();
    let notice = |answer: &[Message]| {
        answer
            .iter()
            .find(|message| message.tag == 'N')
            .expect("a notice")
            .error()
    };
    let answer = raw.query("commit");
    assert_eq!(notice(&answer), "WARNING 25P01: there is no transaction in progress");
    assert_eq!(done(&answer), ["COMMIT"]);
    raw.query("begin");
    let answer = raw.query("begin");
    assert_eq!(
        notice(&answer),
        "WARNING 25001: there is already a transaction in progress"
    );
    assert_eq!((done(&answer), raw::status(&answer)), (vec!["BEGIN".to_owned()], 'T'));
}

#[test]
fn the_ways_to_begin_and_end_are_postgres_own() {
    let mut raw = session();
    for (sql, tags) in [
        (
            "begin isolation level serializable read only deferrable; end",
            ["BEGIN", "COMMIT"],
        ),
        (
            "start transaction isolation level repeatable read; abort",
            ["START TRANSACTION", "ROLLBACK"],
        ),
        ("begin work; commit and no chain", ["BEGIN", "COMMIT"]),
        ("begin transaction read write; rollback work", ["BEGIN", "ROLLBACK"]),
    ] {
        let answer = raw.query(sql);
        assert_eq!(
            (done(&answer), raw::status(&answer)),
            (tags.map(str::to_owned).to_vec(), 'I'),
            "{sql}"
        );
    }
}

#[test]
fn settings_are_set_shown_and_reset() {
    let mut raw = session();
    let answer = raw.query("set application_name = 'me'; show application_name");
    assert_eq!(
        (done(&answer), rows(&answer)),
        (vec!["SET".to_owned(), "SHOW".to_owned()], vec!["me".to_owned()])
    );
    assert!(
        answer
            .iter()
            .any(|message| message.tag == 'S' && message.body == b"application_name\0me\0"),
        "reported"
    );
    assert_eq!(rows(&raw.query("reset application_name; show application_name")), [""]);
    assert_eq!(rows(&raw.query("show transaction_read_only")), ["on"]);
    assert_eq!(rows(&raw.query("show transaction_isolation")), ["read committed"]);
    assert_eq!(rows(&raw.query("show search_path")), ["\"$user\", public"]);
    let unknown = "ERROR 42704: unrecognized configuration parameter \"nonsense\"";
    assert_eq!(raw::errors(&raw.query("show nonsense")), [unknown]);
    assert_eq!(raw::errors(&raw.query("set nonsense = 1")), [unknown]);
}

#[test]
fn a_setting_goes_back_with_its_transaction() {
    let mut raw = session();
    raw.query("set timezone = 'Europe/Berlin'");
    raw.query("begin; set timezone = 'Asia/Tokyo'; rollback");
    assert_eq!(rows(&raw.query("show timezone")), ["Europe/Berlin"]);
    raw.query("begin; set local timezone = 'Asia/Tokyo'; commit");
    assert_eq!(rows(&raw.query("show timezone")), ["Europe/Berlin"]);
    raw.query("begin; set timezone = 'Asia/Tokyo'; commit");
    assert_eq!(rows(&raw.query("show timezone")), ["Asia/Tokyo"]);
}

#[test]
fn the_time_zone_is_heard() {
    let mut raw = session();
    let sql = "select timestamptz '2026-01-15 12:00:00+00'";
    raw.query("set timezone = 'UTC'");
    assert_eq!(rows(&raw.query(sql)), ["2026-01-15 12:00:00+00"]);
    raw.query("set timezone = 'Europe/Berlin'");
    assert_eq!(rows(&raw.query(sql)), ["2026-01-15 13:00:00+01"]);
}

#[test]
fn prepared_statements_live_in_sql_too() {
    let mut raw = session();
    let answer = raw.query("prepare s(bigint) as select $1 + 1; execute s(41); deallocate s");
    assert_eq!(rows(&answer), ["42"]);
    assert_eq!(done(&answer), ["PREPARE", "SELECT 1", "DEALLOCATE"]);
    assert_eq!(
        raw::errors(&raw.query("execute s(1)")),
        ["ERROR 26000: prepared statement \"s\" does not exist"]
    );
    assert_eq!(done(&raw.query("deallocate all")), ["DEALLOCATE ALL"]);
}

#[test]
fn a_cursor_is_fetched_moved_and_closed() {
    let mut raw = session();
    raw.query("begin");
    let answer = raw.query("declare c cursor for select * from generate_series(1, 10)");
    assert_eq!(done(&answer), ["DECLARE CURSOR"]);
    let answer =
        raw.query("fetch 2 from c; fetch c; move 3 from c; fetch forward 2 from c; fetch all from c; fetch 1 from c");
    assert_eq!(rows(&answer), ["1", "2", "3", "7", "8", "9", "10"]);
    assert_eq!(
        done(&answer),
        ["FETCH 2", "FETCH 1", "MOVE 3", "FETCH 2", "FETCH 2", "FETCH 0"]
    );
    assert_eq!(done(&raw.query("close c")), ["CLOSE CURSOR"]);
    assert_eq!(
        raw::errors(&raw.query("fetch c")),
        ["ERROR 34000: cursor \"c\" does not exist"]
    );
    raw.query("rollback");
    let outside = "ERROR 25P01: DECLARE CURSOR can only be used in transaction blocks";
    assert_eq!(raw::errors(&raw.query("declare c cursor for select 1")), [outside]);
}

#[test]
fn what_pools_send_between_users_is_accepted() {
    let mut raw = session();
    let sql = "select pg_advisory_unlock_all(); close all; unlisten *; reset all";
    assert_eq!(
        done(&raw.query(sql)),
        ["SELECT 1", "CLOSE CURSOR ALL", "UNLISTEN", "RESET"]
    );
    assert_eq!(done(&raw.query("discard all")), ["DISCARD ALL"]);
    assert_eq!(done(&raw.query("listen jobs; unlisten jobs")), ["LISTEN", "UNLISTEN"]);
}

#[test]
fn explain_shows_a_plan() {
    let mut raw = session();
    let answer = raw.query("explain select count(*) from sys_invocation where status = 'completed'");
    assert_eq!(done(&answer), ["EXPLAIN"]);
    assert!(
        answer[0].body.windows(10).any(|name| name == b"QUERY PLAN"),
        "{:?}",
        answer[0]
    );
    assert!(
        rows(&answer).iter().any(|line| line.contains("sys_invocation")),
        "{:?}",
        rows(&answer)
    );
}

#[test]
fn copy_streams_a_query_out() {
    let mut raw = session();
    let answer = raw.query("copy (select * from generate_series(1, 3)) to stdout");
    assert_eq!(raw::tags(&answer), "HdddcCZ");
    let data: Vec<u8> = answer
        .iter()
        .filter(|message| message.tag == 'd')
        .flat_map(|message| message.body.clone())
        .collect();
    assert_eq!(
        (data.as_slice(), done(&answer)),
        (&b"1\n2\n3\n"[..], vec!["COPY 3".to_owned()])
    );
}

#[test]
fn labels_and_types_are_postgres_own() {
    let answer = session().query("select 1, 'a', count(*), null, now() is null as n, 1.5 from sys_service");
    let mut body = &answer[0].body[2..];
    let mut columns = vec![];
    while !body.is_empty() {
        let end = body.iter().position(|byte| *byte == 0).expect("a name");
        let kind = u32::from_be_bytes(body[end + 7..end + 11].try_into().expect("four bytes"));
        columns.push((String::from_utf8_lossy(&body[..end]).into_owned(), kind));
        body = &body[end + 19..];
    }
    let named = |name: &str, kind| (name.to_owned(), kind);
    let expected = [
        ("?column?", 23),
        ("?column?", 25),
        ("count", 20),
        ("?column?", 25),
        ("n", 16),
        ("?column?", 1700),
    ];
    assert_eq!(columns, expected.map(|(name, kind)| named(name, kind)));
}
