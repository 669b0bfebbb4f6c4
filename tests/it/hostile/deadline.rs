//! Clients that take their time: one deadline, from accept to a verified password, whatever they send meanwhile.

use std::{thread, time::Duration};

use super::{Witness, proxied};
use crate::support::{
    raw::{Raw, SSL_REQUEST, V3_0, request, startup},
    server::{Server, demo_data},
    wait_for,
};

fn hasty(proxy: bool) -> Server {
    Server::serve_edited("debug", &[("demo", demo_data())], |_, text| {
        let text = if proxy { proxied(text) } else { text };
        text.replace("[tls]", "[limits]\nlogin_timeout = \"2s\"\n\n[tls]")
    })
}

/// Sends `bytes` one by one; whether the server closed before their end, and without a word.
fn is_let_go(mut raw: Raw, bytes: &[u8]) -> bool {
    for byte in bytes {
        if raw.try_send(&[*byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    raw.at_end()
}

#[test]
fn a_byte_at_a_time_ends_at_the_deadline_in_every_phase() {
    let (server, behind_proxy) = (hasty(false), hasty(true));
    let mut witness = Witness::of(&server);
    let descriptors = server.process.descriptors();
    // Each is longer than the deadline gives time for: at five bytes a second it would take more than a minute.
    let long = startup(V3_0, &[("user", "demo"), ("application_name", &"x".repeat(400))]);
    let hello = [&[0x16, 3, 1, 0x08, 0, 1, 0, 0x07, 0xfc, 3, 3][..], &[7; 400]].concat();
    let password = [&b"p"[..], &500_u32.to_be_bytes(), &[b'a'; 400]].concat();
    let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x01\x90"[..], &[0; 400]].concat();
    thread::scope(|scope| {
        let slow = |name: &'static str, raw: Raw, bytes: &[u8]| {
            let bytes = bytes.to_vec();
            scope.spawn(move || assert!(is_let_go(raw, &bytes), "{name}"));
        };
        slow("nothing at all", Raw::plain(&server), &[]);
        slow("a startup packet", Raw::plain(&server), &long);
        slow("a TLS handshake", Raw::plain(&server), &hello);
        let mut asked = Raw::plain(&server);
        asked.send(&request(SSL_REQUEST, &[]));
        assert_eq!(asked.byte(), Some(b'S'));
        slow("a TLS handshake that was asked for", asked, &hello);
        slow("nothing inside TLS", Raw::tls(&server), &[]);
        slow("a startup packet inside TLS", Raw::tls(&server), &long);
        let mut asked = Raw::tls(&server);
        asked.send(&startup(V3_0, &[("user", "demo")]));
        assert_eq!(asked.message().map(|message| message.tag), Some('R'));
        slow("a password", asked, &password);
        slow("nothing where a PROXY header is due", Raw::plain(&behind_proxy), &[]);
        slow("a PROXY header", Raw::plain(&behind_proxy), &header);
    });
    witness.is_well();
    wait_for("the end of every connection", Duration::from_secs(10), || {
        (server.process.descriptors() <= descriptors).then_some(())
    });
}

#[test]
fn more_silent_clients_than_there_are_places_shut_nobody_out() {
    // With the usual deadline none of them is let go by time.
    let server = Server::serve(&[("demo", demo_data())]);
    let mut silent: Vec<Raw> = (0..1_100).map(|_| Raw::plain(&server)).collect();
    let mut witness = Witness::of(&server);
    witness.is_well();
    for first in silent.iter_mut().take(50) {
        assert!(first.at_end(), "the oldest have given way");
    }
}
