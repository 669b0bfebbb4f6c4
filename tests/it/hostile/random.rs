//! A client that sends whatever comes into its head, message by message, for as long as it is let: every answer is well-formed, the
//! connection is never out of step, nothing is an internal error, and a good client beside it is answered all the while.
//!
//! `RESTATE_PG_RANDOM_SECONDS=3600 cargo test --test it hostile::random -- --nocapture` is a long run, and says how much it sent;
//! `RESTATE_PG_RANDOM_SEED` takes up another.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    time::{Duration, Instant},
};

use super::Witness;
use crate::support::{
    raw::{self, CANCEL_REQUEST, Message, Raw, V3_0, V3_2},
    server::{Server, demo_data},
};

/// What every test run takes of it.
const SHORT: Duration = Duration::from_secs(10);

/// Types of messages that a server may send.
const TAGS: &str = "123CDEGHINSTVWZKRcdnstv";

/// Names of statements and portals; the last is there seldom.
const NAMES: [&str; 4] = ["", "a", "b", "nobody"];

const VALUES: [Option<&str>; 8] = [
    None,
    Some(""),
    Some("1"),
    Some("-9223372036854775808"),
    Some("demo"),
    Some("1e400"),
    Some("{1,2"),
    Some("infinity"),
];

const SQL: &[&str] = &[
    "",
    ";",
    "select 1",
    "select $1",
    "select $1::int + $2::int",
    "select * from sys_invocation where id = $1",
    "select status, count(*) from sys_invocation group by 1 order by 2 desc",
    "select * from state limit 3",
    "select i.id, j.index from sys_invocation i join sys_journal j on i.id = j.id order by 1, 2 limit 5",
    "select * from pg_class c join pg_attribute a on a.attrelid = c.oid where c.relname ~ $1",
    "select n, repeat('x', 100) from generate_series(1, 1000) as t(n)",
    "select count(*) from generate_series(1, 100000000) as t(n)",
    "select n / (n - 3) from generate_series(1, 5) as t(n)",
    "select (select count(*) from pg_attribute a where a.attrelid = c.oid) from pg_class c limit 20",
    "select array_agg(relname) from pg_class",
    "select json_build_object('a', $1::text)",
    "select interval '1 day' * 1e300",
    "select timestamp 'infinity' - timestamp '-infinity'",
    "select date '2024-02-30'",
    "select power(10::numeric, 1000)",
    "select substring('abc' from -2147483648 for 2147483647)",
    "select to_char(now(), 'YYYY-MM-DD HH24:MI:SS.US TZ')",
    "select format('%1$s %99999999999999999999$s', 1)",
    "select '\\x' || chr(0)",
    "select set_config('statement_timeout', '1s', false)",
    "select current_setting('nothing', true), current_schemas(true)",
    "select * from pg_settings",
    "begin",
    "begin isolation level serializable",
    "commit",
    "rollback",
    "savepoint s",
    "rollback to s",
    "release s",
    "declare c scroll cursor with hold for select n from generate_series(1, 10) as t(n)",
    "declare c cursor for select id from sys_invocation",
    "fetch 2 from c",
    "fetch backward 1 from c",
    "fetch absolute -1 from c",
    "move all from c",
    "close c",
    "close all",
    "prepare a as select $1::text",
    "execute a('x')",
    "deallocate all",
    "discard all",
    "set time zone 'Asia/Kathmandu'",
    "set restate.route = 'nowhere'",
    "set datestyle = 'SQL, DMY'; select now()",
    "show all",
    "explain select * from sys_invocation",
    "explain (analyze, format json) select 1",
    "copy (select * from state) to stdout",
    "copy (select 1, null, 'a,b') to stdout with (format csv, header)",
    "copy (select 1) to stdout (format binary)",
    "copy state from stdin",
    "insert into state values (1)",
    "listen x; notify x; unlisten *",
    "select pg_sleep(0.01)",
    "select pg_cancel_backend(pg_backend_pid())",
    "with recursive r as (select 1 as n union all select n + 1 from r where n < 50) select sum(n) from r",
    "select sum(x) over (partition by x % 2 order by x rows between 1 preceding and current row) from generate_series(1, 9) t(x)",
    "select * from (values (1, 'a'), (2, null)) as t(a, b) full join (values (2)) as u(a) using (a)",
    "select relname, relname collate \"C\" from pg_class order by 2 desc limit 2",
];

/// Numbers that look random, the same for each seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A statement, or the beginning of one with the end of another.
    fn sql(&mut self) -> String {
        let sql = *self.of(SQL);
        if !self.one_in(4) {
            return sql.to_owned();
        }
        let other = *self.of(SQL);
        let (cut, from) = (self.below(sql.len() + 1), self.below(other.len() + 1));
        format!("{}{}", &sql[..cut], &other[from..])
    }

    fn message(&mut self) -> Vec<u8> {
        let (name, other) = (*self.of(&NAMES), *self.of(&NAMES));
        let kind = *self.of(&['S', 'P']);
        match self.below(20) {
            0..4 => raw::query(&self.sql()),
            4..8 => raw::parse(name, &self.sql()),
            8..11 => {
                let values: Vec<_> = (0..self.below(3)).map(|_| *self.of(&VALUES)).collect();
                raw::bind(name, other, &values)
            }
            11..13 => raw::describe(kind, name),
            13..16 => raw::execute(name, *self.of(&[0, 1, 2, -1, i32::MAX, i32::MIN])),
            16 => raw::close(kind, name),
            17 => raw::flush(),
            18 => raw::sync(),
            _ => self.odd(),
        }
    }

    /// A message of the wrong kind or shape. Its length is that of its bytes: anything else ends the connection, which `frames` is about.
    fn odd(&mut self) -> Vec<u8> {
        let tag = *self.of(&['B', 'C', 'D', 'E', 'P', 'Q', 'S', 'H', 'd', 'c', 'f', 'F', 'p']);
        let body: Vec<u8> = (0..self.below(12))
            .map(|_| *self.of(&[0, 1, 255, b'a', b'S']))
            .collect();
        raw::tagged(tag, &body)
    }
}

/// What was seen of all answers.
#[derive(Default)]
struct Seen {
    rounds: u64,
    messages: u64,
    logins: u64,
    /// Errors by their codes.
    codes: BTreeMap<String, u64>,
}

impl Seen {
    fn of(&mut self, message: &Message, sent: &dyn Debug) {
        assert!(TAGS.contains(message.tag), "{message:?} after {sent:?}");
        if message.tag == 'E' {
            let code = message.field('C').expect("a code");
            assert_ne!(code, "XX000", "{} after {sent:?}", message.error());
            *self.codes.entry(code).or_default() += 1;
        }
    }
}

#[test]
fn random_messages_get_well_formed_answers_in_step() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let length = number("RESTATE_PG_RANDOM_SECONDS").map_or(SHORT, Duration::from_secs);
    let seed = number("RESTATE_PG_RANDOM_SEED").unwrap_or(1);
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut seen = Seen::default();
    let start = Instant::now();
    while start.elapsed() < length {
        connection(&server, &mut dice, &mut seen);
        witness.is_well();
    }
    println!(
        "seed {seed}: {} logins, {} rounds, {} messages in {:.0?}; errors by code: {:?}",
        seen.logins,
        seen.rounds,
        seen.messages,
        start.elapsed(),
        seen.codes
    );
    let log = server.process.stderr();
    assert!(!log.contains("panic") && !log.contains("a statement failed"), "{log}");
}

/// Some rounds on one connection, to its end.
fn connection(server: &Server, dice: &mut Dice, seen: &mut Seen) {
    let version = *dice.of(&[V3_0, V3_2]);
    let user = [
        ("user", "demo"),
        ("database", "demo"),
        ("options", "-c statement_timeout=2s"),
    ];
    let (mut raw, messages) = Raw::login_with(server, version, &user, &server.token("demo"));
    let key = messages
        .iter()
        .find(|message| message.tag == 'K')
        .expect("a cancel key");
    let key = key.body.clone();
    seen.logins += 1;
    for round in 0..50 {
        let messages: Vec<_> = (0..=dice.below(8)).map(|_| dice.message()).collect();
        seen.rounds += 1;
        seen.messages += messages.len() as u64;
        let marker = format!("marker {round}");
        let end = [
            raw::sync(),
            raw::query("rollback"),
            raw::query(&format!("select '{marker}'")),
        ];
        if raw.try_send(&[messages.concat(), end.concat()].concat()).is_err() {
            return;
        }
        if dice.one_in(8) {
            let mut cancel = Raw::plain(server);
            cancel.send(&raw::request(CANCEL_REQUEST, &key));
        }
        let shown: Vec<_> = messages
            .iter()
            .map(|message| String::from_utf8_lossy(message))
            .collect();
        let mut cancelled = false;
        loop {
            let Some(message) = raw.message() else {
                panic!("the connection ended after {shown:?}");
            };
            seen.of(&message, &shown);
            match message.tag {
                'E' if message.field('S').as_deref() == Some("FATAL") => return assert!(raw.at_end(), "{shown:?}"),
                // It may have been the marker's own statement that was cancelled.
                'E' => cancelled |= message.field('C').as_deref() == Some("57014"),
                'D' if message.values().first() == Some(&Some(marker.clone().into_bytes())) => break,
                _ => {}
            }
            if cancelled && message.tag == 'Z' && raw.try_send(&raw::query(&format!("select '{marker}'"))).is_err() {
                return;
            }
            cancelled &= message.tag != 'Z';
        }
        while seen_until_ready(&mut raw, seen, &shown) {}
    }
}

/// Takes what may still come of a marker that was sent twice.
fn seen_until_ready(raw: &mut Raw, seen: &mut Seen, sent: &dyn Debug) -> bool {
    let message = raw.message().expect("the end of an answer");
    seen.of(&message, sent);
    message.tag != 'Z'
}
