//! The extended protocol message by message. Expectations are PostgreSQL 15's.

use crate::support::{
    raw::{self, Message, Raw, bind, close, describe, execute, flush, parse, sync, tagged},
    server::Server,
};

fn session() -> Raw {
    Raw::login(Server::shared(), "demo")
}

/// Sends `messages` and a Sync: all that comes back.
fn exchange(raw: &mut Raw, messages: &[Vec<u8>]) -> Vec<Message> {
    raw.send(&[messages.concat(), sync()].concat());
    raw.until_ready()
}

/// The first column of every row, as text.
fn column(messages: &[Message]) -> Vec<String> {
    let rows = messages.iter().filter(|message| message.tag == 'D');
    rows.map(|row| String::from_utf8(row.values()[0].clone().expect("not NULL")).expect("UTF-8"))
        .collect()
}

fn tag_of(messages: &[Message]) -> String {
    messages
        .iter()
        .find(|message| message.tag == 'C')
        .expect("CommandComplete")
        .text()
}

const FIVE: &str = "select * from generate_series(1, 5)";

#[test]
fn a_statement_is_parsed_described_bound_and_executed() {
    let mut raw = session();
    let answer = exchange(
        &mut raw,
        &[
            parse("s", "select $1::text as a, $2::bigint + 1 as b"),
            describe('S', "s"),
            bind("p", "s", &[Some("x"), Some("41")]),
            describe('P', "p"),
            execute("p", 0),
            close('P', "p"),
            close('S', "s"),
        ],
    );
    assert_eq!(raw::tags(&answer), "1tT2TDC33Z");
    // Two parameters: text and bigint.
    assert_eq!(
        answer[1].body,
        [&2_u16.to_be_bytes()[..], &25_u32.to_be_bytes(), &20_u32.to_be_bytes()].concat()
    );
    assert_eq!(answer[5].values(), [Some(b"x".to_vec()), Some(b"42".to_vec())]);
    assert_eq!(answer[6].text(), "SELECT 1");
}

#[test]
fn a_row_limit_suspends_the_portal() {
    let mut raw = session();
    let answer = exchange(
        &mut raw,
        &[
            parse("", FIVE),
            bind("", "", &[]),
            execute("", 2),
            execute("", 2),
            execute("", 2),
            execute("", 2),
        ],
    );
    // A finished portal stays finished.
    assert_eq!(raw::tags(&answer), "12DDsDDsDCCZ");
    assert_eq!(column(&answer), ["1", "2", "3", "4", "5"]);
    let tags: Vec<String> = answer
        .iter()
        .filter(|message| message.tag == 'C')
        .map(Message::text)
        .collect();
    assert_eq!(tags, ["SELECT 1", "SELECT 0"]);
}

#[test]
fn a_limit_that_the_rows_just_fill_suspends_too() {
    let answer = exchange(
        &mut session(),
        &[parse("", FIVE), bind("", "", &[]), execute("", 5), execute("", 1)],
    );
    assert_eq!(raw::tags(&answer), "12DDDDDsCZ");
}

#[test]
fn extreme_row_limits_mean_all_rows() {
    let mut raw = session();
    for limit in [0, -1, i32::MIN, i32::MAX] {
        let answer = exchange(&mut raw, &[parse("", FIVE), bind("", "", &[]), execute("", limit)]);
        assert_eq!(raw::tags(&answer), "12DDDDDCZ", "{limit}");
        assert_eq!(tag_of(&answer), "SELECT 5");
    }
}

#[test]
fn a_portal_lives_as_long_as_its_transaction() {
    let mut raw = session();
    raw.query("begin");
    let answer = exchange(&mut raw, &[parse("s", FIVE), bind("p", "s", &[]), execute("p", 2)]);
    assert_eq!((raw::tags(&answer).as_str(), raw::status(&answer)), ("12DDsZ", 'T'));
    let answer = exchange(&mut raw, &[execute("p", 2)]);
    assert_eq!(column(&answer), ["3", "4"]);
    raw.query("commit");
    let answer = exchange(&mut raw, &[execute("p", 2)]);
    assert_eq!(raw::errors(&answer), ["ERROR 34000: portal \"p\" does not exist"]);
    // The statement outlives it.
    let answer = exchange(&mut raw, &[bind("", "s", &[]), execute("", 0)]);
    assert_eq!(tag_of(&answer), "SELECT 5");
}

#[test]
fn behind_an_error_all_is_skipped_up_to_sync() {
    let mut raw = session();
    let bad = parse("", "select nonsense");
    let answer = exchange(
        &mut raw,
        &[bad, parse("s", "select 1"), bind("", "s", &[]), execute("", 0), flush()],
    );
    assert_eq!(raw::tags(&answer), "EZ");
    assert!(
        raw::errors(&answer)[0].starts_with("ERROR 42703: column \"nonsense\" does not exist"),
        "{answer:?}"
    );
    assert_eq!(raw::status(&answer), 'I');
    let answer = exchange(&mut raw, &[bind("", "s", &[])]);
    let missing = ["ERROR 26000: prepared statement \"s\" does not exist"];
    assert_eq!(raw::errors(&answer), missing, "it was skipped");
}

#[test]
fn names_are_taken_once() {
    let mut raw = session();
    let answer = exchange(&mut raw, &[parse("s", "select 1"), parse("s", "select 2")]);
    assert_eq!(raw::tags(&answer), "1EZ");
    assert_eq!(
        raw::errors(&answer),
        ["ERROR 42P05: prepared statement \"s\" already exists"]
    );

    let answer = exchange(&mut raw, &[bind("p", "s", &[]), bind("p", "s", &[])]);
    assert_eq!(raw::tags(&answer), "2EZ");
    assert_eq!(raw::errors(&answer), ["ERROR 42P03: cursor \"p\" already exists"]);

    // The unnamed ones are replaced.
    let twice = [
        parse("", "select 1"),
        parse("", "select 2"),
        bind("", "", &[]),
        bind("", "", &[]),
        execute("", 0),
    ];
    let answer = exchange(&mut raw, &twice);
    assert_eq!(
        (raw::tags(&answer).as_str(), column(&answer)),
        ("1122DCZ", vec!["2".to_owned()])
    );
}

#[test]
fn what_does_not_exist_is_named() {
    let mut raw = session();
    for (message, error) in [
        (
            bind("", "nope", &[]),
            "ERROR 26000: prepared statement \"nope\" does not exist",
        ),
        (
            describe('S', "nope"),
            "ERROR 26000: prepared statement \"nope\" does not exist",
        ),
        (describe('P', "nope"), "ERROR 34000: portal \"nope\" does not exist"),
        (execute("nope", 0), "ERROR 34000: portal \"nope\" does not exist"),
        (
            bind("", "", &[]),
            "ERROR 26000: unnamed prepared statement does not exist",
        ),
    ] {
        assert_eq!(raw::errors(&exchange(&mut raw, &[message])), [error]);
    }
    // Closing what is not there is no error.
    assert_eq!(
        raw::tags(&exchange(&mut raw, &[close('S', "nope"), close('P', "nope")])),
        "33Z"
    );
}

#[test]
fn bind_supplies_what_the_statement_requires() {
    let mut raw = session();
    let answer = exchange(&mut raw, &[parse("s", "select $1::text"), bind("", "s", &[])]);
    let short = "ERROR 08P01: bind message supplies 0 parameters, but prepared statement \"s\" requires 1";
    assert_eq!(raw::errors(&answer), [short]);
    let answer = exchange(
        &mut raw,
        &[
            parse("", "select $1::bigint"),
            bind("", "", &[Some("x")]),
            execute("", 0),
        ],
    );
    let errors = raw::errors(&answer);
    assert!(
        errors[0].starts_with("ERROR 22P02: invalid input syntax for type bigint: \"x\""),
        "{errors:?}"
    );
}

#[test]
fn flush_sends_what_is_there() {
    let mut raw = session();
    raw.send(&[parse("", "select 1"), flush()].concat());
    assert_eq!(raw.message().map(|message| message.tag), Some('1'));
    raw.send(&[bind("", "", &[]), describe('P', ""), execute("", 0), flush()].concat());
    let tags: String = (0..4).map(|_| raw.message().expect("a message").tag).collect();
    assert_eq!(tags, "2TDC");
    raw.send(&sync());
    assert_eq!(raw::tags(&raw.until_ready()), "Z");
}

#[test]
fn statements_are_answered_in_the_order_in_which_they_are_sent() {
    let mut raw = session();
    let mut bytes = vec![];
    for number in 0..200 {
        bytes.extend(
            [
                parse("", &format!("select {number}")),
                bind("", "", &[]),
                execute("", 0),
                sync(),
            ]
            .concat(),
        );
    }
    raw.send(&bytes);
    for number in 0..200 {
        assert_eq!(column(&raw.until_ready()), [number.to_string()]);
    }
}

#[test]
fn an_error_ends_its_own_part_of_a_pipeline_only() {
    let mut raw = session();
    let part = |sql: &str| [parse("", sql), bind("", "", &[]), execute("", 0), sync()].concat();
    raw.send(&[part("select 1"), part("select nonsense"), part("select 3")].concat());
    let parts: Vec<String> = (0..3).map(|_| raw::tags(&raw.until_ready())).collect();
    assert_eq!(parts, ["12DCZ", "EZ", "12DCZ"]);
}

#[test]
fn an_empty_statement_is_answered_as_one() {
    let answer = exchange(
        &mut session(),
        &[parse("", ""), describe('S', ""), bind("", "", &[]), execute("", 0)],
    );
    assert_eq!(raw::tags(&answer), "1tn2IZ");
}

#[test]
fn one_parse_takes_one_statement() {
    let answer = exchange(&mut session(), &[parse("", "select 1; select 2")]);
    assert_eq!(
        raw::errors(&answer),
        ["ERROR 42601: cannot insert multiple commands into a prepared statement"]
    );
}

#[test]
fn transactions_are_told_by_the_status_byte() {
    let mut raw = session();
    let run = |raw: &mut Raw, sql: &str| exchange(raw, &[parse("", sql), bind("", "", &[]), execute("", 0)]);
    assert_eq!(raw::status(&run(&mut raw, "begin")), 'T');
    assert_eq!(raw::status(&run(&mut raw, "select nonsense")), 'E');
    let refused = run(&mut raw, "select 1");
    let aborted = "ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block";
    assert_eq!(
        (raw::errors(&refused), raw::status(&refused)),
        (vec![aborted.to_owned()], 'E')
    );
    let ended = run(&mut raw, "commit");
    assert_eq!((tag_of(&ended), raw::status(&ended)), ("ROLLBACK".to_owned(), 'I'));
}

#[test]
fn a_malformed_message_is_an_error_and_no_more() {
    let mut raw = session();
    for (message, what) in [
        (tagged('P', b"s\0select 1"), "a statement without its NUL"),
        (
            tagged('P', b"\0select 1\0\xff\xff"),
            "65,535 parameter types announced and none there",
        ),
        (
            tagged('B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"),
            "a value of length -2",
        ),
        (
            tagged('B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0"),
            "a value beyond the message's end",
        ),
        (tagged('D', b"Z\0"), "Describe of neither a statement nor a portal"),
        (tagged('E', b"\0\0"), "Execute without its limit"),
        (tagged('C', b""), "an empty Close"),
    ] {
        let answer = exchange(&mut raw, &[parse("", "select $1::text"), message]);
        assert!(
            raw::errors(&answer)[0].starts_with("ERROR 08P01: "),
            "{what}: {answer:?}"
        );
        assert_eq!(raw::tags(&answer), "1EZ", "{what}");
        assert_eq!(raw::tags(&raw.query("select 1")), "TDCZ", "{what}");
    }
}

#[test]
fn a_message_too_large_is_refused_by_its_head() {
    let mut raw = session();
    raw.send(&[&b"Q"[..], &0x3fff_ffff_u32.to_be_bytes(), b"select"].concat());
    let words = raw.until_ready();
    assert!(
        raw::errors(&words)[0].contains(" 54000: ") || raw::errors(&words)[0].contains(" 08P01: "),
        "{words:?}"
    );
    assert_eq!(
        raw::tags(&Raw::login(Server::shared(), "demo").query("select 1")),
        "TDCZ"
    );
}

#[test]
fn an_error_undoes_what_was_set_since_the_last_sync() {
    const ERROR: &str = "select 1/0";
    let (one, two, show) = ("set work_mem = '1MB'", "set work_mem = '2MB'", "show work_mem");
    let local = "select set_config('work_mem', '1MB', true)";
    let cases: [(&[&str], &str, &str); 8] = [
        (&[one, ERROR], "", "4MB"),
        (&[one, "selec"], "", "4MB"),
        (&[one, "commit", ERROR], "", "1MB"),
        (&[one, "rollback", show], "4MB", "4MB"),
        (&[one, "begin", two, "rollback", show], "4MB", "4MB"),
        (&["begin", one, "commit", two, ERROR], "", "1MB"),
        (&["set local work_mem = '1MB'", show], "1MB", "4MB"),
        (&[local, show], "1MB", "4MB"),
    ];
    for (statements, inside, behind) in cases {
        let mut raw = session();
        let run = |sql: &&str| [parse("", sql), bind("", "", &[]), execute("", 0)].concat();
        let messages: Vec<_> = statements.iter().map(run).collect();
        let answer = exchange(&mut raw, &messages);
        let shown = match statements.last() {
            Some(last) if *last == show => column(&answer).pop().expect("a row"),
            _ => String::new(),
        };
        assert_eq!(shown, inside, "{statements:?}");
        assert_eq!(raw::status(&answer), 'I', "{statements:?}");
        assert_eq!(column(&raw.query(show)), [behind], "{statements:?}");
    }
}
