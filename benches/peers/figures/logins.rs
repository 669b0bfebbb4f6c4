//! Login, `select 1` and close a second, one after the other over TLS: ours with a token, PostgreSQL's with SCRAM.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Runtime;
use tokio_postgres::{Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Bed, SNAPSHOT};
use crate::{
    measure::{Better, Table, pair},
    postgres::PASSWORD,
    stream::trusting,
    support::token::claims,
};

const RUN: Duration = Duration::from_secs(2);

/// The same token each time, and one that was never seen before.
pub fn logins(bed: &Bed, table: &mut Table) {
    let Some(postgres) = &bed.postgres else {
        return table.skipped("logins", "no PostgreSQL");
    };
    let runtime = Runtime::new().expect("a runtime");
    let tls = MakeRustlsConnect::new(trusting());
    let rate = |config: &mut Config, passwords: &mut dyn FnMut() -> String| {
        let begun = Instant::now();
        let mut logins = 0;
        while begun.elapsed() < RUN {
            config.password(passwords());
            runtime.block_on(async {
                let (client, connection) = config.connect(tls.clone()).await.expect("log in");
                let connection = tokio::spawn(connection);
                client.simple_query("select 1").await.expect("select 1");
                drop(client);
                connection.await.expect("a task").expect("a clean end");
            });
            logins += 1;
        }
        f64::from(logins) / begun.elapsed().as_secs_f64()
    };
    let config = |port, user: &str, database: &str| {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(port)
            .user(user)
            .dbname(database)
            .ssl_mode(SslMode::Require);
        config
    };
    let mut ours = config(bed.door.port, SNAPSHOT, SNAPSHOT);
    let mut peer = config(postgres.port(), "scram", "demo");
    let both = pair(
        || rate(&mut ours, &mut || bed.token.clone()),
        || rate(&mut peer, &mut || PASSWORD.to_owned()),
    );
    table.pair(
        "login + select 1 + close, TLS, the same token",
        "a second",
        Better::More,
        both,
    );

    // Signed beforehand: the client's signing is not the server's cost.
    let mut id = 0;
    let mut tokens: Vec<String> = vec![];
    let both = pair(
        || {
            tokens.extend((0..4_000).map(|_| {
                id += 1;
                let mut claims = claims(SNAPSHOT, 3600);
                claims["jti"] = json!(format!("bench-{id}"));
                bed.door.keys.sign(&claims)
            }));
            rate(&mut ours, &mut || tokens.pop().expect("tokens enough"))
        },
        || rate(&mut peer, &mut || PASSWORD.to_owned()),
    );
    table.pair(
        "login + select 1 + close, TLS, a new token each",
        "a second",
        Better::More,
        both,
    );
}
