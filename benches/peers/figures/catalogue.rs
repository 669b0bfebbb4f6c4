//! What clients ask of the catalogue when they connect and browse: psql, SQLAlchemy and pgjdbc, statement by statement, beside a
//! PostgreSQL 15 with the same tables.

use std::{fs, path::Path, time::Instant};

use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::{Bed, DEMO, ms};
use crate::{
    measure::{Better, RUNS, Sample, Table},
    support::{
        ROOT, postgres,
        server::{Server, demo_data},
    },
};

/// Enough for a median that the machine's other work does not move.
const ROUNDS: usize = 30;

/// The sets: a name, the file below `fixtures`, and how the line begins that they stand behind there.
const SETS: [(&str, &str, &str); 4] = [
    ("psql \\d", "psql/statements.sql", "-- \\d"),
    (
        "psql \\d sys_invocation",
        "psql/statements.sql",
        "-- \\d sys_invocation",
    ),
    ("SQLAlchemy's reflection", "catalogue/sqlalchemy_reflect.sql", "-- "),
    ("pgjdbc's metadata", "catalogue/jdbc_metadata.sql", "-- "),
];

/// Milliseconds of each set, the sum of its statements' times: asked again and again on one connection, on a new one, and by the first
/// client of a server just started. PostgreSQL, which keeps what it knows of the catalogue for each connection, has a new one there too.
pub fn catalogue(bed: &Bed, table: &mut Table) {
    let Some(postgres) = postgres::start() else {
        return table.skipped("the catalogue", "no PostgreSQL");
    };
    let runtime = Runtime::new().expect("a runtime");
    let ours = |door: &Server| runtime.block_on(door.connect(DEMO));
    let peers = || runtime.block_on(postgres.connect());
    let clients = [ours(&bed.door), peers()];
    let oids = clients.each_ref().map(|client| runtime.block_on(oid(client)));
    for (name, file, heading) in SETS {
        let statements = statements(file, heading);
        let [own, theirs] = oids.each_ref().map(|oid| {
            let of_oid = |sql: &String| sql.replace("{sys_invocation}", oid);
            statements.iter().map(of_oid).collect::<Vec<_>>()
        });
        let time = |client: &Client, statements: &[String]| runtime.block_on(time(client, statements));
        let mut line = |when: &str, rounds: usize, round: &dyn Fn() -> (f64, f64)| {
            let (ours, peer) = (0..rounds).map(|_| round()).unzip();
            let name = format!("{name}, {} statements, {when}", statements.len());
            table.pair(&name, "ms", Better::Less, (Sample::new(ours), Sample::new(peer)));
        };
        let once = || (time(&clients[0], &own), time(&clients[1], &theirs));
        once();
        line("repeated", ROUNDS, &once);
        line("on a new connection", ROUNDS, &|| {
            (time(&ours(&bed.door), &own), time(&peers(), &theirs))
        });
        line("first of a server", RUNS, &|| {
            let door = Server::serve_logging("warn", &[(DEMO, demo_data())]);
            (time(&ours(&door), &own), time(&peers(), &theirs))
        });
    }
}

/// Milliseconds of all statements, one after the other.
async fn time(client: &Client, statements: &[String]) -> f64 {
    let mut whole = 0.0;
    for sql in statements {
        let begun = Instant::now();
        let answer = client.simple_query(sql).await;
        whole += ms(begun.elapsed());
        answer.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    whole
}

/// The statements behind the line that begins with `heading`, up to the next of its kind.
fn statements(file: &str, heading: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join("fixtures").join(file)).expect("the statements");
    let lines = text.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    let set: Vec<&str> = lines.take_while(|line| !line.starts_with("-- ")).collect();
    let statements = set.join("\n");
    let statements = statements.split(";\n").map(str::trim).filter(|sql| !sql.is_empty());
    statements.map(str::to_owned).collect()
}

/// The OID of the relation that psql describes.
async fn oid(client: &Client) -> String {
    let row = client.query_one("select 'sys_invocation'::regclass::oid", &[]).await;
    row.expect("an OID").get::<_, u32>(0).to_string()
}
