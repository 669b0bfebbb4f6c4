//! Who gets in, what everybody else reads, and what the log keeps of it.

use serde_json::{Value, json};

use crate::support::{
    psql,
    raw::{self, Raw, V3_0},
    server::{Server, demo_data},
    token::{Keys, claims, unsigned},
};

/// What a login as `user` ends in: the FATAL error, or `ReadyForQuery`.
fn login(server: &Server, user: &str, database: &str, password: &str) -> String {
    let (mut raw, messages) = Raw::login_with(server, V3_0, &[("user", user), ("database", database)], password);
    match raw::errors(&messages).as_slice() {
        [] if raw::status(&messages) == 'I' => "ReadyForQuery".to_owned(),
        [error] => {
            assert_eq!(
                messages.last().map(|message| message.tag),
                Some('E'),
                "nothing behind a FATAL: {messages:?}"
            );
            assert!(raw.at_end(), "closed behind a FATAL");
            error.clone()
        }
        _ => panic!("{messages:?}"),
    }
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().expect("claims").remove(name);
    claims
}

const REFUSED: &str = "FATAL 28P01: password authentication failed for user \"demo\"";

#[test]
fn a_good_token_opens_its_own_cluster() {
    let server = Server::shared();
    assert_eq!(login(server, "demo", "demo", &server.token("demo")), "ReadyForQuery");
    assert_eq!(
        login(server, "demo", "demo", &server.keys.sign(&claims("demo", 60))),
        "ReadyForQuery"
    );
}

#[test]
fn a_list_of_clusters_opens_each_of_them() {
    let server = Server::shared();
    let token = server
        .keys
        .sign(&with(claims("demo", 60), "sub", json!(["demo", "other"])));
    assert_eq!(login(server, "demo", "demo", &token), "ReadyForQuery");
    assert_eq!(login(server, "other", "other", &token), "ReadyForQuery");
}

#[test]
fn another_clusters_token_is_refused_as_an_unknown_user_is() {
    let server = Server::shared();
    let token = server.token("demo");
    for user in ["other", "nobody", "Demo", "demo ", "dem"] {
        let refused = format!("FATAL 28P01: password authentication failed for user \"{user}\"");
        assert_eq!(login(server, user, "demo", &token), refused);
    }
}

#[test]
fn an_expired_token_says_when_it_expired() {
    let server = Server::shared();
    // Well past any leeway for clocks.
    let refused = login(server, "demo", "demo", &server.keys.sign(&claims("demo", -3600)));
    let hint = refused.strip_prefix(REFUSED).unwrap_or_else(|| panic!("{refused}"));
    assert!(
        hint.starts_with(" HINT: The token expired at 20") && hint.ends_with('.'),
        "{hint}"
    );
}

#[test]
fn the_expiry_is_told_to_nobody_else() {
    let server = Server::shared();
    let expired = claims("demo", -3600);
    assert_eq!(
        login(server, "demo", "demo", &Keys::generate().sign(&expired)),
        REFUSED,
        "wrong key"
    );
    assert_eq!(login(server, "demo", "demo", &unsigned(&expired)), REFUSED, "unsigned");
    let other = server.keys.sign(&claims("other", -3600));
    assert_eq!(login(server, "demo", "demo", &other), REFUSED, "another cluster's");
}

#[test]
fn every_fault_of_a_token_is_refused_with_the_same_words() {
    let server = Server::shared();
    let good = || claims("demo", 60);
    let faults = [
        ("wrong key", Keys::generate().sign(&good())),
        ("unsigned", unsigned(&good())),
        (
            "wrong audience",
            server.keys.sign(&with(good(), "aud", json!("another"))),
        ),
        ("no audience", server.keys.sign(&without(good(), "aud"))),
        (
            "an issuer with a slash too many",
            server
                .keys
                .sign(&with(good(), "iss", json!("https://auth.example.com/"))),
        ),
        ("no issuer", server.keys.sign(&without(good(), "iss"))),
        ("no expiry", server.keys.sign(&without(good(), "exp"))),
        (
            "expiry as a string",
            server.keys.sign(&with(good(), "exp", json!("9999999999"))),
        ),
        ("no cluster", server.keys.sign(&without(good(), "sub"))),
        ("cluster as a number", server.keys.sign(&with(good(), "sub", json!(1)))),
        (
            "not yet valid",
            server.keys.sign(&with(good(), "nbf", json!(9_999_999_999_u64))),
        ),
        ("a newline behind it", server.token("demo") + "\n"),
        (
            "its first half",
            server.token("demo").split('.').take(2).collect::<Vec<_>>().join("."),
        ),
        ("no token at all", "secret".to_owned()),
        ("empty", String::new()),
    ];
    for (fault, token) in faults {
        assert_eq!(login(server, "demo", "demo", &token), REFUSED, "{fault}");
    }
}

#[test]
fn the_database_is_the_cluster_or_a_customary_name() {
    let server = Server::shared();
    let token = server.token("demo");
    for database in ["demo", "restate", "postgres"] {
        assert_eq!(login(server, "demo", database, &token), "ReadyForQuery", "{database}");
    }
    let missing = "FATAL 3D000: database \"nope\" does not exist";
    assert_eq!(login(server, "demo", "nope", &token), missing);
    assert_eq!(
        login(server, "demo", "other", &token),
        "FATAL 3D000: database \"other\" does not exist"
    );
    // Only who is let in learns which databases there are.
    assert_eq!(login(server, "demo", "nope", "secret"), REFUSED);
}

#[test]
fn psql_shows_the_refusals() {
    let server = Server::shared();
    let Some(mut command) = psql::command(server, "other", "other", &server.token("demo")) else {
        return;
    };
    let answer = psql::answer(command.args(["-c", "select 1"]), "");
    assert!(!answer.success);
    assert!(
        answer
            .stderr
            .contains("FATAL:  password authentication failed for user \"other\""),
        "{answer:?}"
    );

    let expired = server.keys.sign(&claims("demo", -3600));
    let mut command = psql::command(server, "demo", "demo", &expired).expect("psql, as above");
    let answer = psql::answer(command.args(["-c", "select 1"]), "");
    assert!(answer.stderr.contains("HINT:  The token expired at "), "{answer:?}");
}

#[test]
fn no_part_of_a_token_is_logged() {
    let server = Server::serve_logging("trace", &[("demo", demo_data()), ("other", demo_data())]);
    let good = server.token("demo");
    let tokens = [
        good.clone(),
        server.keys.sign(&claims("demo", -3600)),
        server.keys.sign(&claims("other", 60)),
        Keys::generate().sign(&claims("demo", 60)),
        unsigned(&claims("demo", 60)),
    ];
    for token in &tokens {
        login(&server, "demo", "demo", token);
    }
    // Some put it in the user's place.
    login(&server, &good, "demo", &good);
    let mut raw = Raw::login(&server, "demo");
    assert_eq!(raw::errors(&raw.query("select nonsense")).len(), 1);

    let log = server.process.stdout() + &server.process.stderr();
    assert!(!log.is_empty(), "a log to look into");
    for token in &tokens {
        // The header is the same in all of them and no secret; the claims and the signature are.
        for part in token.split('.').skip(1).filter(|part| !part.is_empty()) {
            assert!(!log.contains(part), "a token's part is in the log");
        }
    }
    let as_user = good.get(..30).expect("a longer token");
    assert!(!log.contains(as_user), "a user that is a token is in the log");
    let private = std::fs::read_to_string(server.keys.path().join("private.pem")).expect("the private key");
    let secret = private.lines().nth(1).expect("a line of the key");
    assert!(!log.contains(secret), "the private key is in the log");
}

#[test]
fn a_name_cannot_forge_a_line_of_the_log() {
    let server = Server::serve(&[("demo", demo_data())]);
    let refused = login(&server, "x\nINFO forged\u{1b}[31m", "demo", "secret");
    assert!(
        refused.starts_with("FATAL 28P01: password authentication failed for user \"x"),
        "{refused}"
    );
    assert!(!refused.contains('\n') && !refused.contains('\u{1b}'), "{refused:?}");
    let log = server.process.stdout() + &server.process.stderr();
    assert!(!log.lines().any(|line| line.starts_with("INFO forged")), "{log}");
}
