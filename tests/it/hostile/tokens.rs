//! What a token would have the server do: nothing is fetched for it, and nobody's cluster is asked before it is believed (rows C6, C13).

use std::net::TcpListener;

use jsonwebtoken::{Algorithm, Header};

use super::Witness;
use crate::support::{
    raw::{self, Raw, V3_0},
    server::{Data, Server, demo_data},
    token::{Keys, claims},
};

/// A port where nobody may call, and its URL.
fn forbidden() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("no blocking");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

fn login(server: &Server, user: &str, token: &str) -> Vec<String> {
    let user = [("user", user), ("database", user)];
    raw::errors(&Raw::login_with(server, V3_0, &user, token).1)
}

#[test]
fn no_key_is_fetched_from_where_a_token_says() {
    let server = Server::serve(&[("demo", demo_data())]);
    let (listener, url) = forbidden();
    let mut header = Header::new(Algorithm::EdDSA);
    header.jku = Some(format!("{url}/keys.jwks.json"));
    header.x5u = Some(format!("{url}/key.pem"));
    let claims = claims("demo", 60);
    // Signed by a stranger whose keys lie there, and by the issuer himself.
    let strangers = Keys::generate().sign_under(header.clone(), &claims);
    let refused = ["FATAL 28P01: password authentication failed for user \"demo\""];
    assert_eq!(login(&server, "demo", &strangers), refused);
    assert_eq!(
        login(&server, "demo", &server.keys.sign_under(header, &claims)),
        [""; 0]
    );
    assert!(listener.accept().is_err(), "somebody called");
}

#[test]
fn a_refused_login_is_not_felt_by_the_cluster_that_it_names() {
    let (listener, url) = forbidden();
    let server = Server::serve(&[("demo", demo_data()), ("other", Data::Runtime(url))]);
    let mut witness = Witness::of(&server);
    // What is asked when the server starts is not theirs.
    while listener.accept().is_ok() {}
    for token in [server.token("demo"), "secret".to_owned()] {
        for _ in 0..20 {
            assert_eq!(login(&server, "other", &token).len(), 1);
        }
    }
    witness.is_well();
    assert!(listener.accept().is_err(), "the other cluster was asked");
}
