//! How long the catalogue takes to answer, beside PostgreSQL 15 with the same tables, measured in the same run: what psql,
//! SQLAlchemy and pgjdbc send (`fixtures/catalogue`), and a login. A client alone: it drives the built binary.
//!
//!     cargo bench --bench catalogue [-- ROUNDS]
//!
//! `RESTATE_PG_BINARY` names another binary than the one that is built for it. Prints medians; judges nothing.

#[allow(dead_code, reason = "shared with the integration tests")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use tokio_postgres::{Client, SimpleQueryMessage};

use support::{ROOT, postgres::Postgres, server::Server};

/// Enough for a median that the machine's other work does not move.
const ROUNDS: usize = 30;

const SETS: [&str; 5] = [
    "psql_describe_sys_invocation",
    "psql_describe_state",
    "psql_list_tables",
    "sqlalchemy_reflect",
    "jdbc_metadata",
];

#[tokio::main]
async fn main() {
    let rounds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(ROUNDS);
    let Some(postgres) = Postgres::documented() else { return };
    let server = Server::shared();
    println!("medians of {rounds} rounds, in milliseconds");
    println!("{:32} {:>10} {:>10} {:>6}", "", "PG 15", "restate-pg", "ratio");

    let mut logins = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let start = Instant::now();
        one(&postgres.connect().await).await;
        logins[0].push(start.elapsed());
        let start = Instant::now();
        one(&server.connect("demo").await).await;
        logins[1].push(start.elapsed());
    }
    let [theirs, ours] = logins.map(median);
    print("connect and select 1", theirs, ours);

    let clients = [postgres.connect().await, server.connect("demo").await];
    for set in SETS {
        let statements = statements(set);
        // By statement, then by server.
        let mut times = vec![[const { Vec::new() }; 2]; statements.len()];
        let mut whole = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (side, client) in clients.iter().enumerate() {
                let mut total = Duration::ZERO;
                for (sql, times) in statements.iter().zip(&mut times) {
                    let sql = with_oids(client, sql).await;
                    let start = Instant::now();
                    client
                        .simple_query(&sql)
                        .await
                        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                    times[side].push(start.elapsed());
                    total += start.elapsed();
                }
                whole[side].push(total);
            }
        }
        let [theirs, ours] = whole.map(median);
        print(set, theirs, ours);
        for (sql, times) in statements.iter().zip(times) {
            let [theirs, ours] = times.map(median);
            let words: Vec<&str> = sql.split_whitespace().collect();
            print(&format!("  {:.30}", words.join(" ")), theirs, ours);
        }
    }
}

async fn one(client: &Client) {
    client.simple_query("select 1").await.expect("select 1");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn print(what: &str, theirs: Duration, ours: Duration) {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{what:32} {:10.2} {:10.2} {:6.2}",
        ms(theirs),
        ms(ours),
        ms(ours) / ms(theirs)
    );
}

/// The statements of a file: separated by a semicolon and an empty line, behind a line of comment.
fn statements(set: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("{ROOT}/fixtures/catalogue/{set}.sql")).expect("the statements");
    let (_, text) = text.split_once("\n\n").expect("a comment and statements");
    text.split(";\n")
        .map(|sql| sql.trim().to_owned())
        .filter(|sql| !sql.is_empty())
        .collect()
}

/// The relations whose OIDs stand in the files, in braces.
const NAMED: [&str; 2] = ["sys_invocation", "state"];

async fn with_oids(client: &Client, sql: &str) -> String {
    let mut sql = sql.to_owned();
    for name in NAMED {
        if !sql.contains(&format!("{{{name}}}")) {
            continue;
        }
        let found = client
            .simple_query(&format!("select '{name}'::regclass::oid"))
            .await
            .expect("an OID");
        let oid = found.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        sql = sql.replace(&format!("{{{name}}}"), &oid.expect("an OID"));
    }
    sql
}
