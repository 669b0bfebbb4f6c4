//! A client that is logged in and takes what it can: statements, portals, pipelines, memory (rows A14, D4, D5, D8, D20).

use std::time::Duration;

use super::{MIB, Witness};
use crate::support::{
    raw::{self, Raw, bind, execute, parse, query, sync, tagged},
    server::{Server, demo_data},
};

/// What may be held for one greedy session besides what it is allowed to keep: far below what it asks for.
const SLACK: u64 = 64 * MIB;

#[test]
fn prepared_statements_and_portals_have_their_limits() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let mut raw = Raw::login(&server, "demo");
    let mut errors = vec![];
    for start in (0..11_000).step_by(1_000) {
        let messages: Vec<u8> = (start..start + 1_000)
            .flat_map(|number| [parse(&format!("s{number}"), ""), sync()].concat())
            .collect();
        raw.send(&messages);
        for _ in 0..1_000 {
            errors.extend(raw::errors(&raw.until_ready()));
        }
    }
    assert_eq!(errors.len(), 1_000);
    assert!(errors[0].starts_with("ERROR 53400: "), "{}", errors[0]);

    raw.send(&[query("begin"), parse("one", "select 1"), sync()].concat());
    assert_eq!(raw::errors(&raw.until_ready()), [""; 0]);
    raw.until_ready();
    let mut raw = Raw::login(&server, "demo");
    raw.query("begin");
    raw.send(&parse("one", "select 1"));
    for number in 0..1_001 {
        raw.send(&bind(&format!("p{number}"), "one", &[]));
    }
    raw.send(&sync());
    let answer = raw.until_ready();
    let errors = raw::errors(&answer);
    assert!(
        errors.len() == 1 && errors[0].starts_with("ERROR 53400: "),
        "{errors:?}"
    );
    assert_eq!(answer.iter().filter(|message| message.tag == '2').count(), 1_000);
    witness.is_well();
}

#[test]
fn a_pipeline_that_is_never_read_is_not_taken_in() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let mut raw = Raw::login(&server, "demo");
    raw.query("select repeat('x', 10000) from generate_series(1, 10000)");
    let resident = server.process.resident();
    let part = [
        parse("", "select repeat('x', 1000) from generate_series(1, 100)"),
        bind("", "", &[]),
        execute("", 0),
    ]
    .concat();
    let sender = std::thread::spawn(move || {
        for _ in 0..100_000 {
            // Once nothing is taken any more, this ends with the client's own patience.
            if raw.try_send_within(&part, Duration::from_secs(5)).is_err() {
                return true;
            }
        }
        false
    });
    let mut most = resident;
    while !sender.is_finished() {
        most = most.max(server.process.resident());
        witness.is_well();
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(sender.join().expect("the sender"), "all 100,000 parts were taken");
    assert!(most - resident < SLACK, "grew by {} bytes", most - resident);
}

#[test]
fn bombs_end_in_an_error_and_others_do_not_feel_them() {
    let server = Server::serve(&[("demo", demo_data()), ("other", demo_data())]);
    let mut neighbour = Witness::of_cluster(&server, "other");
    for sql in [
        "select array_agg(a.n) from generate_series(1, 1000000000) as a(n)",
        "select * from generate_series(1, 1000000000000) as a(n) order by n desc",
        "select count(*) from generate_series(1, 1000000) a(n) cross join generate_series(1, 1000000) b(n)",
        "select count(distinct a.n) from generate_series(1, 100000000000) as a(n)",
        "select count(*) from generate_series(1, 1000000) a(n) join generate_series(1, 1000000) b(n) on a.n % 2 = b.n % 2",
        "select count(*) from generate_series(1, 1000000) a(n) join generate_series(1, 1000000) b(n) on a.n + b.n > 5",
        "select length(repeat('x', 1000000000))",
        "select count(*) from generate_series(1, 10000) a(n) where repeat('x', 1000000 + n) ~ 'y'",
        // Exponential where an engine goes back and tries again.
        "select count(*) from generate_series(1, 100000000) a(n) where repeat('a', 40 + n % 2) || '!' ~ '^(a+)+$'",
    ] {
        let mut raw = Raw::login(&server, "demo");
        raw.query("set statement_timeout = '5s'");
        let bomb = std::thread::spawn(move || (raw::errors(&raw.query(sql)), raw));
        while !bomb.is_finished() {
            neighbour.is_well();
            std::thread::sleep(Duration::from_millis(100));
        }
        let (errors, mut raw) = bomb.join().expect("the bomb");
        let resident = server.process.resident();
        assert_eq!(errors.len(), 1, "{sql}: {errors:?}");
        let code = &errors[0][6..11];
        assert!(
            ["53200", "57014", "54000", "22023"].contains(&code),
            "{sql}: {errors:?}"
        );
        assert!(resident < 1536 * MIB, "{sql}: {resident} bytes");
        assert_eq!(raw::tags(&raw.query("select 1")), "TDCZ", "{sql}");
    }
}

#[test]
fn a_name_of_the_application_is_cut_and_kept_on_its_line() {
    let server = Server::serve_logging("trace", &[("demo", demo_data())]);
    let name = format!("a\nINFO forged\u{1b}[31m{}", "x".repeat(5_000));
    let user = [
        ("user", "demo"),
        ("database", "demo"),
        ("application_name", name.as_str()),
    ];
    let (mut raw, messages) = Raw::login_with(&server, raw::V3_0, &user, &server.token("demo"));
    assert_eq!(raw::status(&messages), 'I');
    let shown = raw.query("show application_name");
    let value = shown[1].values()[0].clone().expect("a value");
    assert!(
        value.len() <= 63 && value.iter().all(|byte| (32..127).contains(byte)),
        "{value:?}"
    );
    assert!(
        !server
            .process
            .stderr()
            .lines()
            .any(|line| line.starts_with("INFO forged"))
    );
}

#[test]
fn no_cancel_key_is_logged() {
    let server = Server::serve_logging("trace", &[("demo", demo_data())]);
    for version in [raw::V3_0, raw::V3_2] {
        let (_, messages) = Raw::login_with(&server, version, &[("user", "demo")], &server.token("demo"));
        let key = messages
            .iter()
            .find(|message| message.tag == 'K')
            .expect("BackendKeyData");
        let secret = &key.body[4..];
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![hex, format!("{secret:?}")];
        if let Ok(secret) = <[u8; 4]>::try_from(secret) {
            forms.push(i32::from_be_bytes(secret).to_string());
        }
        let log = server.process.stderr();
        assert!(forms.iter().all(|form| !log.contains(form)), "{version:x}");
    }
}

#[test]
fn cancel_keys_are_neither_zero_nor_guessed_from_one_another() {
    let server = Server::serve(&[("demo", demo_data())]);
    let token = server.token("demo");
    for (version, size) in [(raw::V3_0, 4), (raw::V3_2, 32)] {
        let keys: Vec<(u32, Vec<u8>)> = (0..50)
            .map(|_| {
                let (_, messages) = Raw::login_with(&server, version, &[("user", "demo")], &token);
                let key = messages.iter().find(|message| message.tag == 'K');
                let (pid, secret) = key.expect("BackendKeyData").body.split_at(4);
                (u32::from_be_bytes(pid.try_into().expect("four bytes")), secret.to_vec())
            })
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        for (pid, secret) in &keys {
            assert!(*pid != 0 && secret.len() == size && secret.iter().any(|byte| *byte != 0));
            assert!(seen.insert(secret), "a secret twice");
        }
        let follows = |pair: &[(u32, Vec<u8>)]| pair[1].0.wrapping_sub(pair[0].0) < 16;
        assert!(!keys.windows(2).any(follows), "process ids that are counted: {keys:?}");
    }
}

#[test]
fn a_flood_of_cancel_requests_ends_nothing_and_costs_no_memory() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let mut busy = Raw::login(&server, "demo");
    busy.query("set statement_timeout = '20s'");
    let descriptors = server.process.descriptors();
    busy.send(&query("select count(*) from generate_series(1, 1000000000000) as t(n)"));
    let round = |start: u32| {
        for guess in start..start + 2_000 {
            let mut raw = Raw::plain(&server);
            let key = [guess.to_be_bytes(), guess.reverse_bits().to_be_bytes()].concat();
            raw.send(&raw::request(raw::CANCEL_REQUEST, &key));
            assert!(raw.at_end(), "not answered");
        }
        server.process.resident()
    };
    round(1);
    let (before, after) = (round(10_000), round(20_000));
    assert!(after.saturating_sub(before) <= MIB, "{before} → {after} bytes");
    witness.is_well();
    crate::support::wait_for("the end of every request", Duration::from_secs(10), || {
        (server.process.descriptors() <= descriptors).then_some(())
    });
    // What ran has run into its own time limit.
    assert_eq!(
        raw::errors(&busy.until_ready()),
        ["ERROR 57014: canceling statement due to statement timeout"]
    );
}

#[test]
fn a_terminate_in_the_middle_of_a_result_ends_what_runs() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let descriptors = server.process.descriptors();
    for _ in 0..20 {
        let mut raw = Raw::login(&server, "demo");
        raw.send(
            &[
                query("select n, repeat('x', 1000) from generate_series(1, 10000000) as t(n)"),
                tagged('X', b""),
            ]
            .concat(),
        );
        assert_eq!(raw.message().map(|message| message.tag), Some('T'));
    }
    crate::support::wait_for("the end of every session", Duration::from_secs(20), || {
        (server.process.descriptors() <= descriptors).then_some(())
    });
    witness.is_well();
}

#[test]
fn wide_rows_are_made_a_few_at_a_time() {
    let server = Server::serve(&[("demo", demo_data()), ("other", demo_data())]);
    let mut neighbour = Witness::of_cluster(&server, "other");
    let list =
        |column: &dyn Fn(usize) -> String, columns: usize| (0..columns).map(column).collect::<Vec<_>>().join(", ");
    let wide = "(select repeat(chr((97 + n % 2)::int), 60000) as x from generate_series(1, 2048) as t(n)) as s";
    // Each would be gigabytes if it were made of a whole batch.
    for sql in [
        format!(
            "select {} from generate_series(1, 2048) as t(n)",
            list(
                &|column| format!("repeat(chr((97 + n % 2)::int), {})", 60_000 + column),
                40
            )
        ),
        format!("select {} from {wide}", list(&|column| format!("x || '{column}'"), 40)),
        format!("select {} from {wide}", vec!["x"; 40].join(" || ")),
        format!("select concat({}) from {wide}", vec!["x"; 40].join(", ")),
        "select a.x, n from (select repeat(chr(97), 5000000) as x) as a cross join generate_series(1, 2048) as t(n)"
            .to_owned(),
    ] {
        let mut raw = Raw::login(&server, "demo");
        raw.send(&query(&sql));
        let mut most = 0;
        // A few rows, or an error that says why there are none.
        let told = (0..4).find_map(|_| {
            let message = raw.message().expect("an answer");
            most = most.max(server.process.resident());
            (message.tag == 'E').then(|| message.error())
        });
        if let Some(told) = told {
            assert!(told.starts_with("ERROR 53200: "), "{sql:.60}: {told}");
        }
        neighbour.is_well();
        drop(raw);
        assert!(most < 1024 * MIB, "{sql:.60}: {most} bytes");
    }
}
