//! Bad logins in numbers, tokens that are taken back or run out, and places that are taken (rows C19, C21, C22, D19).

use std::{fs, net::Ipv4Addr, process::Command, time::Duration};

use serde_json::json;

use super::{MIB, Witness};
use crate::support::{
    raw::{self, Raw, V3_0},
    server::{Server, demo_data},
    token::claims,
    wait_for,
};

/// What a login as `cluster` from this address ends in: an error, or nothing.
fn login_from(server: &Server, address: Ipv4Addr, cluster: &str, password: &str) -> Option<String> {
    let raw = Raw::plain_from(server, address)
        .into_tls(server, "localhost")
        .expect("a TLS handshake");
    let (_, messages) = raw.log_in(V3_0, &[("user", cluster), ("database", cluster)], password);
    raw::errors(&messages).pop()
}

const NAT: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
const REFUSED: &str = "FATAL 28P01: password authentication failed for user \"demo\"";

#[test]
fn bad_logins_are_told_to_wait_and_good_ones_never_are() {
    let server = Server::serve(&[("demo", demo_data()), ("other", demo_data())]);
    let mut witness = Witness::of(&server);
    let token = server.keys.sign(&claims("demo", 600));
    let bad = || login_from(&server, NAT, "demo", "secret").expect("a refusal");
    for _ in 0..5 {
        assert_eq!(bad(), REFUSED);
    }
    // From here on each look at the password is followed by a backoff that is twice as long.
    let mut waits = 0;
    for _ in 0..200 {
        let refused = bad();
        if refused != REFUSED {
            let hint = refused.strip_prefix("FATAL 28000: too many failed authentication attempts HINT: Try again in ");
            assert!(hint.is_some_and(|hint| hint.ends_with(" s.")), "{refused}");
            waits += 1;
        }
    }
    assert!(waits > 150, "{waits} of 200");
    assert_eq!(
        login_from(&server, Ipv4Addr::new(127, 1, 0, 2), "demo", "secret").as_deref(),
        Some(REFUSED)
    );
    assert!(
        !login_from(&server, NAT, "other", "secret")
            .expect("a refusal")
            .contains("28000")
    );
    assert_eq!(
        login_from(&server, NAT, "demo", &token),
        None,
        "a good token passes, from the same address too"
    );
    assert_eq!(bad(), REFUSED, "and what was before is forgiven");
    witness.is_well();
}

#[test]
fn an_expired_token_is_told_so_however_often_it_comes() {
    let server = Server::serve(&[("demo", demo_data())]);
    let expired = server.keys.sign(&claims("demo", -3600));
    for _ in 0..20 {
        let refused = login_from(&server, NAT, "demo", &expired).expect("a refusal");
        assert!(refused.contains("HINT: The token expired at "), "{refused}");
    }
}

#[test]
fn bad_logins_from_everywhere_cost_no_memory() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let round = || {
        for host in 0..500_u16 {
            let [high, low] = host.to_be_bytes();
            login_from(&server, Ipv4Addr::new(127, 2, high, low), "demo", "secret");
        }
    };
    round();
    let resident = server.process.resident();
    round();
    let grown = server.process.resident().saturating_sub(resident);
    assert!(grown <= MIB, "grew by {grown} bytes");
    witness.is_well();
}

#[test]
fn a_revoked_token_ends_its_sessions_and_opens_no_more() {
    let server = Server::serve_edited("info", &[("demo", demo_data())], |directory, text| {
        fs::write(directory.join("revoked.txt"), "# none yet\n").expect("write a file");
        text.replace("[[cluster]]", "revoked = \"revoked.txt\"\n\n[[cluster]]")
    });
    let token = |id: &str| {
        let mut claims = claims("demo", 600);
        claims["jti"] = json!(id);
        server.keys.sign(&claims)
    };
    let session = |id: &str| {
        let (raw, messages) = Raw::login_with(&server, V3_0, &[("user", "demo")], &token(id));
        assert_eq!(raw::status(&messages), 'I');
        raw
    };
    let (mut idle, mut busy, mut other) = (session("taken back"), session("taken back"), session("good"));
    busy.send(&raw::query(
        "select count(*) from generate_series(1, 1000000000000) as t(n)",
    ));
    // The mount of the certificate's key hangs: a pipe that nobody writes to does the same.
    let pipe = server.directory().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("run mkfifo");
    assert!(made.success());
    fs::rename(pipe, server.directory().join("server.key")).expect("replace a file");
    fs::write(server.directory().join("new"), "taken back\n").expect("write a file");
    let list = server.directory().join("revoked.txt");
    fs::rename(server.directory().join("new"), list).expect("replace a file");

    let revoked = "FATAL 28000: authentication revoked";
    assert_eq!(idle.message().expect("a reason").error(), revoked);
    assert!(idle.at_end());
    let words = raw::errors(&busy.until_ready());
    let last = match words.as_slice() {
        [one] => one.clone(),
        _ => raw::errors(&busy.until_ready())[0].clone(),
    };
    assert!(
        last == revoked || raw::errors(&busy.until_ready()) == [revoked],
        "what it ran has ended: {words:?}"
    );
    assert_eq!(
        login_from(&server, NAT, "demo", &token("taken back")).as_deref(),
        Some(REFUSED)
    );
    assert_eq!(raw::tags(&other.query("select 1")), "TDCZ");
    let log = server.process.stderr();
    for line in [
        "logged in peer=127.",
        "refused a login peer=127.1.0.1 cluster=demo reason=revoked",
    ] {
        assert!(log.contains(line), "{log}");
    }
}

#[test]
fn a_session_ends_with_its_token_idle_and_in_a_pipeline() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let token = server.keys.sign(&claims("demo", 4));
    let session = || Raw::login_with(&server, V3_0, &[("user", "demo")], &token).0;
    let expired = "FATAL 28000: authentication expired HINT: Reconnect with a new token.";
    let (mut idle, mut piped, mut fetching) = (session(), session(), session());
    fetching.query("begin");
    fetching.query("declare c cursor for select * from generate_series(1, 1000000)");
    assert_eq!(raw::tags(&fetching.query("fetch 1 from c")), "TDCZ");
    piped.send(&[raw::parse("", "select 1"), raw::flush()].concat());
    assert_eq!(piped.message().map(|message| message.tag), Some('1'));
    for (name, raw) in [
        ("idle", &mut idle),
        ("in a pipeline", &mut piped),
        ("between fetches", &mut fetching),
    ] {
        let last = raw.message().unwrap_or_else(|| panic!("{name}: a reason"));
        assert_eq!(last.error(), expired, "{name}");
        assert!(raw.at_end(), "{name}");
    }
    witness.is_well();
}

#[test]
fn sessions_beyond_the_limits_are_told_so() {
    let server = Server::serve_edited("info", &[("demo", demo_data()), ("other", demo_data())], |_, text| {
        text.replace("[tls]", "[limits]\nsessions = 3\nsessions_per_cluster = 2\n\n[tls]")
    });
    let login = |cluster: &str| {
        Raw::login_with(
            &server,
            V3_0,
            &[("user", cluster), ("database", cluster)],
            &server.token(cluster),
        )
    };
    let mut open: Vec<_> = (0..2).map(|_| login("demo").0).collect();
    assert_eq!(
        raw::errors(&login("demo").1),
        ["FATAL 53300: too many connections for cluster"]
    );
    let other = login("other").0;
    assert_eq!(
        raw::errors(&login("other").1),
        ["FATAL 53300: sorry, too many clients already"]
    );
    // Whoever is not let in is told nothing of it.
    let (_, refused) = Raw::login_with(&server, V3_0, &[("user", "demo"), ("database", "demo")], "secret");
    assert_eq!(raw::errors(&refused), [REFUSED]);
    drop((open.pop(), other));
    for cluster in ["demo", "other"] {
        wait_for("a place", Duration::from_secs(10), || {
            raw::errors(&login(cluster).1).is_empty().then_some(())
        });
    }
}

#[test]
fn connections_that_are_reset_leave_nothing() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let descriptors = server.process.descriptors();
    let token = server.token("demo");
    let round = || {
        for number in 0..1_000 {
            let mut raw = Raw::plain(&server);
            match number % 100 {
                0 => raw = raw.into_tls(&server, "localhost").expect("a TLS handshake"),
                1 => raw.send(&[0, 0]),
                // In the middle of a result.
                2 => {
                    raw = Raw::login_with(&server, V3_0, &[("user", "demo")], &token).0;
                    raw.send(&raw::query(
                        "select n, repeat('x', 1000) from generate_series(1, 100000) as t(n)",
                    ));
                    assert_eq!(raw.message().map(|message| message.tag), Some('T'));
                }
                _ => {}
            }
            raw.reset();
        }
        wait_for("the end of every connection", Duration::from_secs(20), || {
            (server.process.descriptors() <= descriptors).then_some(())
        });
        server.process.resident()
    };
    round();
    round();
    let (before, after) = (round(), round());
    assert!(after.saturating_sub(before) <= 4 * MIB, "{before} → {after} bytes");
    witness.is_well();
}
