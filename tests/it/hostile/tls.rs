//! TLS as clients meet it: resumption, names, and a certificate that is replaced (rows B2 to B6).

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    sync::Arc,
    time::Duration,
};

use rcgen::CertifiedKey;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::Witness;
use crate::support::{
    raw::{self, Raw, SSL_REQUEST, V3_0, request, startup},
    server::{BINARY, Server, demo_data},
    wait_for,
};

const USER: &[(&str, &str)] = &[("user", "demo"), ("database", "demo")];

#[test]
fn the_name_that_a_client_asks_for_decides_nothing() {
    let server = Server::shared();
    let token = server.token("demo");
    // Another cluster's name, and an address, for which a client sends none.
    for name in ["localhost", "other.example.com", "127.0.0.1"] {
        let raw = Raw::plain(server).into_tls(server, name).expect("a TLS handshake");
        assert_eq!(raw::status(&raw.log_in(V3_0, USER, &token).1), 'I', "{name}");
    }
    let raw = Raw::plain(server)
        .into_tls(server, "other.example.com")
        .expect("a TLS handshake");
    let other = [("user", "other"), ("database", "other")];
    assert_eq!(
        raw::errors(&raw.log_in(V3_0, &other, &token).1),
        ["FATAL 28P01: password authentication failed for user \"other\""],
        "nor does it open anything"
    );
}

/// A handshake behind SSLRequest, and as much of a login as makes the server send its tickets.
fn handshake(server: &Server, config: &Arc<ClientConfig>) -> (Option<HandshakeKind>, bool) {
    let mut socket = TcpStream::connect(server.address()).expect("connect");
    socket.write_all(&request(SSL_REQUEST, &[])).expect("send");
    let mut answer = [0];
    socket.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, *b"S");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = ClientConnection::new(Arc::clone(config), name).expect("a TLS client");
    let early = connection.early_data().is_some();
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(&startup(V3_0, USER)).expect("send");
    stream.read_exact(&mut [0; 9]).expect("a request for the password");
    (stream.conn.handshake_kind(), early)
}

#[test]
fn sessions_are_resumed_without_early_data() {
    let server = Server::shared();
    let mut config = server.tls();
    config.enable_early_data = true;
    let config = Arc::new(config);
    assert_eq!(handshake(server, &config), (Some(HandshakeKind::Full), false));
    assert_eq!(handshake(server, &config), (Some(HandshakeKind::Resumed), false));
}

/// Whether a client that trusts `certificate` alone is served.
fn shows(server: &Server, certificate: &CertificateDer<'static>) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a usable certificate");
    let mut config = server.tls();
    config = ClientConfig::builder_with_provider(Arc::clone(config.crypto_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut socket = TcpStream::connect(server.address()).expect("connect");
    socket.write_all(&request(SSL_REQUEST, &[])).expect("send");
    socket.read_exact(&mut [0]).expect("an answer");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
    while connection.is_handshaking() {
        if connection.complete_io(&mut socket).is_err() {
            return false;
        }
    }
    true
}

#[test]
fn a_new_certificate_is_taken_without_a_restart_and_a_broken_one_is_not() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let old = CertificateDer::from_pem_file(server.certificate()).expect("the server's certificate");
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let new = cert.der().clone();
    assert!(shows(&server, &old) && !shows(&server, &new));

    let write = |name: &str, text: &str| fs::write(server.directory().join(name), text).expect("write a file");
    let complaints = || {
        server
            .process
            .stderr()
            .matches("the certificate: cannot be read")
            .count()
    };
    write("server.crt", &cert.pem());
    wait_for(
        "a complaint about the key of another certificate",
        Duration::from_secs(20),
        || (complaints() == 1).then_some(()),
    );
    assert!(shows(&server, &old), "the old one stays");
    write("server.key", &signing_key.serialize_pem());
    wait_for("the new certificate", Duration::from_secs(20), || {
        shows(&server, &new).then_some(())
    });
    assert!(!shows(&server, &old));
    fs::remove_file(server.directory().join("server.key")).expect("remove a file");
    wait_for("a complaint about no key", Duration::from_secs(20), || {
        (complaints() == 2).then_some(())
    });
    assert!(shows(&server, &new), "it stays without its files");
    witness.is_well();
}

#[test]
fn nothing_is_served_without_a_certificate() {
    let server = Server::serve(&[("demo", demo_data())]);
    fs::write(server.directory().join("server.key"), "").expect("write a file");
    let mut command = Command::new(BINARY);
    command
        .args(["serve", "--config", "restate-pg.toml"])
        .env("RESTATE_PG__LISTEN__POSTGRES", "127.0.0.1:0")
        .current_dir(server.directory());
    let output = command.output().expect("run the binary");
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("server.key"),
        "{output:?}"
    );
}
