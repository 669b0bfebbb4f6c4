//! What clients ask of the catalogue when they connect and browse: psql, SQLAlchemy and pgjdbc, statement by statement, beside a
//! PostgreSQL 15 with the same tables.

use std::{fs, path::Path, time::Instant};

use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::{Bed, DEMO, ms};
use crate::{
    measure::{Better, Sample, Table},
    support::{ROOT, postgres},
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

/// Milliseconds of each set: the sum of its statements' times.
pub fn catalogue(bed: &Bed, table: &mut Table) {
    let Some(postgres) = postgres::start() else {
        return table.skipped("the catalogue", "no PostgreSQL");
    };
    let runtime = Runtime::new().expect("a runtime");
    let sides = runtime.block_on(async {
        let clients = [bed.door.connect(DEMO).await, postgres.connect().await];
        let oids = [oid(&clients[0]).await, oid(&clients[1]).await];
        clients.into_iter().zip(oids).collect::<Vec<_>>()
    });
    for (name, file, heading) in SETS {
        let statements = statements(file, heading);
        let mut times: [Vec<f64>; 2] = Default::default();
        for round in 0..=ROUNDS {
            for ((client, oid), times) in sides.iter().zip(&mut times) {
                let mut whole = 0.0;
                for sql in &statements {
                    let sql = sql.replace("{sys_invocation}", oid);
                    let begun = Instant::now();
                    let answer = runtime.block_on(client.simple_query(&sql));
                    whole += ms(begun.elapsed());
                    answer.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                }
                if round > 0 {
                    times.push(whole);
                }
            }
        }
        let [ours, peer] = times.map(Sample::new);
        let name = format!("{name}, {} statements", statements.len());
        table.pair(&name, "ms", Better::Less, (ours, peer));
    }
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
