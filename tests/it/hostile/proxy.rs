//! The PROXY protocol, version 2, where the configuration asks for it (row B7).

use super::{MIB, Witness, proxied};
use crate::support::{
    raw::{self, Raw, V3_0},
    server::{Server, demo_data},
};

const USER: &[(&str, &str)] = &[("user", "demo"), ("database", "demo")];

fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("a short header").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
}

/// A connection from 192.0.2.`host`.
fn from(host: u8) -> Vec<u8> {
    header(0x21, 0x11, &[192, 0, 2, host, 192, 0, 2, 254, 0xc3, 0x50, 0x15, 0x38])
}

fn server() -> Server {
    Server::serve_edited("info", &[("demo", demo_data())], |_, text| proxied(text))
}

/// What a login behind `header` ends in.
fn login(server: &Server, header: &[u8], password: &str) -> Vec<String> {
    let mut raw = Raw::plain(server);
    raw.send(header);
    let raw = raw.into_tls(server, "localhost").expect("a TLS handshake");
    raw::errors(&raw.log_in(V3_0, USER, password).1)
}

#[test]
fn a_login_goes_on_behind_a_header() {
    let server = server();
    let token = server.token("demo");
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    for (header, what) in [
        (from(1), "a source"),
        (header(0x21, 0x21, &v6), "a source of IPv6"),
        (header(0x20, 0, &[]), "LOCAL"),
        (header(0x21, 0, &[]), "UNSPEC"),
        (header(0x21, 0, &[9; 30]), "UNSPEC with something behind it"),
        (
            header(0x21, 0x11, &[&from(1)[16..], &[0xea, 0, 2, 1, 2, 0x20, 0, 0]].concat()),
            "further fields, one of them empty",
        ),
    ] {
        assert_eq!(login(&server, &header, &token), [""; 0], "{what}");
    }
    let mut raw = Raw::plain(&server);
    for byte in from(1) {
        raw.send(&[byte]);
    }
    let raw = raw.into_tls(&server, "localhost").expect("a TLS handshake");
    assert_eq!(raw::status(&raw.log_in(V3_0, USER, &token).1), 'I', "byte by byte");
}

#[test]
fn what_is_no_header_is_closed_without_a_word() {
    let server = server();
    let token = server.token("demo");
    let with = |fields: &[u8]| header(0x21, 0x11, &[&from(1)[16..], fields].concat());
    let mut resident = 0;
    for round in 0..3 {
        for (bytes, what) in [
            (raw::request(raw::SSL_REQUEST, &[0; 8]), "none"),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 5432\r\n".to_vec(), "version 1"),
            (
                b"PROXY UNKNOWN\r\n\0\0\0\0\0\0".to_vec(),
                "version 1 of an unknown family",
            ),
            (header(0x21, 0x11, &[1; 11]), "an address cut short"),
            (header(0x21, 0x51, &[1; 12]), "an unknown family"),
            (header(0x2f, 0x11, &[1; 12]), "an unknown command"),
            (with(&[0xea, 0, 9, 1]), "a field past the end"),
            (with(&[0xea]), "half a field"),
            (with(&[3, 0, 4, 1, 2, 3, 4]), "a wrong checksum"),
            (with(&[3, 0, 0]), "an empty checksum"),
            (header(0x21, 0, &[0; 60_000]), "60 kB"),
        ] {
            let mut raw = Raw::plain(&server);
            let _ = raw.try_send(&bytes);
            assert_eq!(raw.rest(), b"", "{what}");
        }
        match round {
            1 => resident = server.process.resident(),
            2 => assert!(server.process.resident().saturating_sub(resident) <= MIB),
            _ => {}
        }
    }
    assert_eq!(login(&server, &from(1), &token), [""; 0]);
}

#[test]
fn the_backoff_is_for_the_source_that_the_header_names() {
    let server = server();
    let refused = |host: u8| login(&server, &from(host), "secret")[0].contains("28000: too many failed");
    assert!((0..20).any(|_| refused(1)), "from one source, a backoff begins");
    assert!(!refused(2), "from another it has not");
    assert_eq!(
        login(&server, &from(1), &server.token("demo")),
        [""; 0],
        "a good token passes"
    );
}

#[test]
fn a_header_is_not_believed_where_it_is_not_expected() {
    let server = Server::shared();
    let mut raw = Raw::plain(server);
    raw.send(&from(1));
    assert_eq!(
        raw.message().expect("a refusal").error(),
        "FATAL 08P01: invalid length of startup packet"
    );
    assert!(raw.at_end());
    Witness::of(server).is_well();
}
