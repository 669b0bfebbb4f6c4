//! Bytes before login: TLS, startup packet, password. What is wrong there is refused early, in PostgreSQL's words, and
//! never harms the next client.

use std::time::{Duration, Instant};

use crate::support::{
    raw::{self, CANCEL_REQUEST, GSSENC_REQUEST, Message, Raw, SSL_REQUEST, V3_0, V3_2, request, startup, tagged},
    server::Server,
};

const USER: &[(&str, &str)] = &[("user", "demo"), ("database", "demo")];

/// Everything the server says before it closes.
fn last_words(raw: &mut Raw) -> Vec<Message> {
    let mut messages = vec![];
    while let Some(message) = raw.message() {
        messages.push(message);
    }
    messages
}

/// Sends `bytes` inside TLS in place of a startup packet: the one error that comes back.
fn refused_startup(server: &Server, bytes: &[u8]) -> String {
    let mut raw = Raw::tls(server);
    raw.send(bytes);
    only_error(&mut raw)
}

fn only_error(raw: &mut Raw) -> String {
    let words = last_words(raw);
    assert_eq!(raw::tags(&words), "E", "{words:?}");
    words[0].error()
}

/// Up to the request for the password.
fn asked_for_password(server: &Server) -> Raw {
    let mut raw = Raw::tls(server);
    raw.send(&startup(V3_0, USER));
    let asked = raw.message().expect("a request for the password");
    assert_eq!((asked.tag, asked.body.as_slice()), ('R', &[0, 0, 0, 3][..]));
    raw
}

/// A good client gets in and is answered.
fn is_well(server: &Server) {
    let answer = Raw::login(server, "demo").query("select 1");
    assert_eq!(raw::tags(&answer), "TDCZ", "{answer:?}");
}

#[test]
fn bytes_behind_the_ssl_request_are_never_believed() {
    let server = Server::shared();
    let smuggled = [startup(V3_0, &[("user", "mallory")]), tagged('p', b"secret\0")].concat();
    for behind in [&smuggled[..], &[0x16, 0x03, 0x01], &[0]] {
        for (code, name) in [(SSL_REQUEST, "SSL"), (GSSENC_REQUEST, "GSSAPI encryption")] {
            let mut raw = Raw::plain(server);
            raw.send(&[&request(code, &[]), behind].concat());
            assert_eq!(
                only_error(&mut raw),
                format!(
                    "FATAL 08P01: received unencrypted data after {name} request DETAIL: This could be either a \
                     client-software bug or evidence of an attempted man-in-the-middle attack."
                )
            );
        }
    }
    is_well(server);
}

#[test]
fn a_plain_connection_is_refused_before_its_password_is_asked_for() {
    let mut raw = Raw::plain(Server::shared());
    raw.send(&startup(V3_0, USER));
    let refused = "FATAL 28000: connection requires TLS HINT: Use sslmode=require or stronger.";
    assert_eq!(only_error(&mut raw), refused);
}

#[test]
fn encryption_by_gssapi_is_declined_and_tls_taken() {
    let server = Server::shared();
    let mut raw = Raw::plain(server);
    raw.send(&request(GSSENC_REQUEST, &[]));
    assert_eq!(raw.byte(), Some(b'N'));
    raw.send(&request(SSL_REQUEST, &[]));
    assert_eq!(raw.byte(), Some(b'S'));
}

#[test]
fn a_second_request_of_a_kind_is_an_error() {
    let server = Server::shared();
    assert!(
        refused_startup(server, &request(SSL_REQUEST, &[])).starts_with("FATAL 08P01: "),
        "TLS inside TLS"
    );

    let mut raw = Raw::plain(server);
    raw.send(&request(GSSENC_REQUEST, &[]));
    assert_eq!(raw.byte(), Some(b'N'));
    raw.send(&request(GSSENC_REQUEST, &[]));
    assert!(only_error(&mut raw).starts_with("FATAL 08P01: "), "GSSAPI twice");
}

#[test]
fn direct_tls_needs_the_protocols_name() {
    let server = Server::shared();
    let mut raw = Raw::direct_tls(server, &["postgresql"]).expect("a handshake with ALPN");
    raw.send(&startup(V3_0, USER));
    assert_eq!(raw.message().map(|message| message.tag), Some('R'));

    for protocols in [&[][..], &["h2"]] {
        // Refused in the handshake, or right behind it: TLS 1.3 lets a client finish first.
        if let Ok(mut raw) = Raw::direct_tls(server, protocols) {
            let _ = raw.try_send(&startup(V3_0, USER));
            assert!(
                last_words(&mut raw).iter().all(|message| message.tag == 'E'),
                "{protocols:?} was let in"
            );
        }
    }
    is_well(server);
}

#[test]
fn a_startup_packet_has_a_sound_length() {
    let server = Server::shared();
    for length in [0_u32, 3, 4, 7, 10_001, 0x7fff_ffff, u32::MAX] {
        let bytes = [length.to_be_bytes(), V3_0.to_be_bytes()].concat();
        assert_eq!(
            refused_startup(server, &bytes),
            "FATAL 08P01: invalid length of startup packet",
            "{length}"
        );
    }
    is_well(server);
}

#[test]
fn other_protocols_are_refused_by_number() {
    let server = Server::shared();
    for (version, name) in [(0x0002_0000, "2.0"), (0x0004_0000, "4.0"), (u32::MAX, "65535.65535")] {
        let refused = format!("FATAL 0A000: unsupported frontend protocol {name}: server supports 3.0 to 3.2");
        assert_eq!(refused_startup(server, &startup(version, USER)), refused);
    }
}

#[test]
fn a_newer_minor_version_is_negotiated_down() {
    let server = Server::shared();
    let (_, messages) = Raw::login_with(server, 0x0003_270f, USER, &server.token("demo"));
    assert_eq!(messages[0].tag, 'v', "{messages:?}");
    assert_eq!(messages[0].body, [V3_2.to_be_bytes(), 0_u32.to_be_bytes()].concat());
    assert_eq!(raw::status(&messages), 'I');
}

#[test]
fn protocol_3_2_needs_no_negotiation_and_has_a_longer_cancel_key() {
    let server = Server::shared();
    let key_size = |version| {
        let (_, messages) = Raw::login_with(server, version, USER, &server.token("demo"));
        assert!(!raw::tags(&messages).contains('v'), "{messages:?}");
        messages
            .iter()
            .find(|message| message.tag == 'K')
            .expect("BackendKeyData")
            .body
            .len()
            - 4
    };
    assert_eq!(key_size(V3_0), 4);
    let long = key_size(V3_2);
    assert!((5..=256).contains(&long), "{long} bytes");
}

#[test]
fn protocol_options_that_are_not_known_are_named() {
    let server = Server::shared();
    let options = [USER, &[("_pq_.foo", "1"), ("_pq_.bar", "2")]].concat();
    for version in [V3_0, V3_2] {
        let (_, messages) = Raw::login_with(server, version, &options, &server.token("demo"));
        assert_eq!(messages[0].tag, 'v', "{messages:?}");
        assert_eq!(
            messages[0].body[4..],
            [&2_u32.to_be_bytes()[..], b"_pq_.foo\0_pq_.bar\0"].concat()
        );
        assert_eq!(raw::status(&messages), 'I');
    }
}

#[test]
fn a_startup_packet_is_made_of_terminated_pairs() {
    let server = Server::shared();
    for (rest, what) in [
        (&b"user\0demo"[..], "no terminator"),
        (b"user\0\0", "a name without a value"),
        (b"user\0demo\0database\0\0more", "bytes behind the end"),
        (b"user\0\xff\xfe\0\0", "no UTF-8"),
    ] {
        let refused = refused_startup(server, &request(V3_0, rest));
        assert!(
            refused.starts_with("FATAL 08P01: ") || refused.starts_with("FATAL 28000: "),
            "{what}: {refused}"
        );
    }
    let nobody = refused_startup(server, &startup(V3_0, &[("database", "demo")]));
    assert_eq!(
        nobody,
        "FATAL 28000: no PostgreSQL user name specified in startup packet"
    );
}

#[test]
fn only_a_password_is_read_before_login() {
    let server = Server::shared();
    for tag in ['Q', 'P', 'X', 'd'] {
        let mut raw = asked_for_password(server);
        // A body is announced and never sent: the head must be enough to refuse it.
        raw.send(&[&[tag as u8][..], &0x3fff_ffff_u32.to_be_bytes()].concat());
        let expected = format!("FATAL 08P01: expected password response, got message type \"{tag}\"");
        assert_eq!(only_error(&mut raw), expected);
    }
    is_well(server);
}

#[test]
fn a_password_message_has_a_sound_length() {
    let server = Server::shared();
    for length in [0_u32, 3, 64 * 1024 + 6, 0x4000_0000, u32::MAX] {
        let mut raw = asked_for_password(server);
        raw.send(&[&b"p"[..], &length.to_be_bytes()].concat());
        assert!(only_error(&mut raw).starts_with("FATAL 08P01: "), "{length}");
    }
    for (body, what) in [
        (&b"secret"[..], "no NUL"),
        (b"sec\0ret\0", "a NUL inside"),
        (b"secret\0more", "bytes behind"),
    ] {
        let mut raw = asked_for_password(server);
        raw.send(&tagged('p', body));
        assert!(only_error(&mut raw).starts_with("FATAL 08P01: "), "{what}");
    }
    let mut raw = asked_for_password(server);
    raw.send(&tagged('p', &[&[b'a'; 60_000][..], b"\0"].concat()));
    let refused = only_error(&mut raw);
    assert_eq!(
        refused, "FATAL 28P01: password authentication failed for user \"demo\"",
        "a long one is judged"
    );
    is_well(server);
}

#[test]
fn a_cancel_request_that_fits_nobody_is_not_answered() {
    let server = Server::shared();
    for rest in [&[0; 8][..], &[0x7f; 8], &[0; 4], &[0; 300]] {
        let mut raw = Raw::plain(server);
        raw.send(&request(CANCEL_REQUEST, rest));
        assert_eq!(raw.message(), None, "{} bytes of key", rest.len());
    }
    is_well(server);
}

#[test]
fn other_protocols_bytes_end_the_connection() {
    let server = Server::shared();
    let noise: Vec<u8> = (0..65_536_u32)
        .map(|byte| (byte.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &noise,
    ] {
        let mut raw = Raw::plain(server);
        // The server may have closed before all of it is sent.
        let _ = raw.try_send(bytes);
        let words = last_words(&mut raw);
        assert!(words.iter().all(|message| message.tag == 'E'), "{words:?}");
    }
    is_well(server);
}

#[test]
fn a_client_that_leaves_in_the_middle_is_let_go() {
    let server = Server::shared();
    for part in [0, 1, 4, 8, 12] {
        let mut raw = Raw::plain(server);
        raw.send(&startup(V3_0, USER)[..part]);
        raw.half_close();
        let began = Instant::now();
        let words = last_words(&mut raw);
        assert!(words.iter().all(|message| message.tag == 'E'), "{words:?}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "closed at once, {part} bytes in"
        );
    }
    let raw = asked_for_password(server);
    raw.half_close();
    is_well(server);
}

#[test]
fn login_reports_what_drivers_read() {
    let server = Server::shared();
    let (_, messages) = Raw::login_with(server, V3_0, USER, &server.token("demo"));
    let statuses: Vec<(String, String)> = messages
        .iter()
        .filter(|message| message.tag == 'S')
        .map(|message| {
            let text = String::from_utf8_lossy(&message.body);
            let mut parts = text.split('\0').map(str::to_owned);
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        })
        .collect();
    let value = |name: &str| {
        let found = statuses.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .unwrap_or_else(|| panic!("{name} in {statuses:?}"))
    };
    assert!(value("server_version").starts_with("15."), "{statuses:?}");
    for (name, expected) in [
        ("server_encoding", "UTF8"),
        ("client_encoding", "UTF8"),
        ("is_superuser", "off"),
        ("session_authorization", "demo"),
        ("DateStyle", "ISO, MDY"),
        ("IntervalStyle", "postgres"),
        ("integer_datetimes", "on"),
        ("standard_conforming_strings", "on"),
        ("default_transaction_read_only", "on"),
        ("in_hot_standby", "off"),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
}
