//! The end of a server: told to stop, told twice, and short of file descriptors (rows E1, E2, E4).

use std::{net::TcpStream, time::Duration};

use super::Witness;
use crate::support::{
    raw::{self, Raw, V3_0, startup},
    server::{Server, demo_data},
    wait_for,
};

const STOPPED: &str = "FATAL 57P01: terminating connection due to administrator command";
const ENDLESS: &str = "select count(*) from generate_series(1, 1000000000000) as t(n)";

fn exit_code(server: &mut Server) -> Option<i32> {
    wait_for("the end of the server", Duration::from_secs(30), || {
        server.process.ended()
    })
    .code()
}

#[test]
fn told_to_stop_idle_sessions_end_at_once_and_busy_ones_finish() {
    let mut server = Server::serve(&[("demo", demo_data())]);
    let (mut idle, mut busy, mut endless) = (
        Raw::login(&server, "demo"),
        Raw::login(&server, "demo"),
        Raw::login(&server, "demo"),
    );
    let mut logging_in = Raw::tls(&server);
    logging_in.send(&startup(V3_0, &[("user", "demo"), ("database", "demo")]));
    assert_eq!(logging_in.message().map(|message| message.tag), Some('R'));
    // A result that is larger than what sockets hold, so that it is under way until it is read.
    busy.send(&raw::query(
        "select n, repeat('x', 1000) from generate_series(1, 10000) as t(n)",
    ));
    assert_eq!(busy.message().map(|message| message.tag), Some('T'));
    endless.send(&raw::query(ENDLESS));
    server.process.signal("TERM");

    assert_eq!(idle.message().expect("a reason").error(), STOPPED);
    assert!(idle.at_end());
    let address = server.address();
    wait_for("a closed port", Duration::from_secs(5), || {
        TcpStream::connect(address).err()
    });
    let rest = busy.until_ready();
    assert_eq!(
        rest.iter().filter(|message| message.tag == 'D').count(),
        10_000,
        "nothing of it is lost"
    );
    assert_eq!(busy.message().expect("a reason").error(), STOPPED);
    // A login that is under way is let in, and told at once.
    logging_in.send(&raw::tagged('p', &[server.token("demo").as_bytes(), b"\0"].concat()));
    assert_eq!(raw::status(&logging_in.until_ready()), 'I');
    assert_eq!(logging_in.message().expect("a reason").error(), STOPPED);
    // What has no end is ended at the deadline, and its client told.
    let ended = endless.until_ready();
    assert_eq!(raw::errors(&ended), [STOPPED]);
    assert!(endless.at_end());
    assert_eq!(exit_code(&mut server), Some(0));
}

#[test]
fn told_twice_to_stop_it_stops() {
    let mut server = Server::serve(&[("demo", demo_data())]);
    let mut endless = Raw::login(&server, "demo");
    // One whose rows come, so that it is seen to be under way: what has not begun ends with its session, at once.
    endless.send(&raw::query(
        "select n, repeat('x', 1000) from generate_series(1, 1000000000000) as t(n)",
    ));
    assert_eq!(endless.message().map(|message| message.tag), Some('T'));
    let address = server.address();
    server.process.signal("TERM");
    wait_for("a closed port", Duration::from_secs(5), || {
        TcpStream::connect(address).err()
    });
    server.process.signal("INT");
    assert_eq!(exit_code(&mut server), Some(0));
    assert!(
        server.process.stderr().contains("told twice to stop"),
        "not by its deadline"
    );
    // Up to the end, which comes.
    endless.rest();
}

#[test]
fn without_descriptors_it_waits_and_recovers() {
    let server = Server::serve_with_descriptors(48, &[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let many: Vec<Raw> = (0..60).map(|_| Raw::plain(&server)).collect();
    let failures = || server.process.stderr().matches("accept failed").count();
    wait_for("an accept that fails", Duration::from_secs(10), || {
        (failures() > 0).then_some(())
    });
    // Who is in is served, though no file can be opened.
    for _ in 0..20 {
        witness.is_well();
        std::thread::sleep(Duration::from_millis(100));
    }
    let failed = failures();
    assert!(failed < 200, "{failed} in about two seconds: it spins");
    drop(many);
    Witness::of(&server).is_well();
    witness.is_well();
}
