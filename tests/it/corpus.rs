//! Sessions of real clients, replayed: `fixtures/sessions/CLIENT.jsonl` holds what each asks of the catalogue and of the
//! demo's tables, one statement a line.
//!
//! `columns` are PostgreSQL 15's, name and type OID, as it described the same statement over the same schema; nothing here
//! writes them. `rows` are this server's own over the demo's snapshot, read by a person; they are left out where they are
//! many or change from session to session. `{oid of table}` stands for that table's OID. With
//! `RECORD_SESSIONS=1` the rows are written anew: after that, read the difference.

use std::{env, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::support::{
    ROOT,
    raw::{self, Message, Raw, bind, describe, execute, parse, sync},
    server::Server,
};

/// Rows that are worth reading: a screen of them.
const ROWS_MAX: usize = 12;

/// And no longer than this, in characters.
const ROWS_SIZE_MAX: usize = 4_000;

type Rows = Vec<Vec<Option<String>>>;

#[derive(Clone, Deserialize, Serialize)]
struct Exchange {
    sql: String,
    /// By the extended protocol, in text; without any the statement is a simple query.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<Option<String>>,
    /// Name and type OID of each column.
    columns: Vec<(String, u32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Rows>,
}

/// What came back for one statement.
struct Answer {
    columns: Vec<(String, u32)>,
    rows: Rows,
}

struct Session {
    raw: Raw,
}

impl Session {
    fn new() -> Session {
        Session {
            raw: Raw::login(Server::shared(), "demo"),
        }
    }

    fn ask(&mut self, exchange: &Exchange) -> Result<Answer, String> {
        let sql = self.with_oids(&exchange.sql);
        let messages = if exchange.parameters.is_empty() {
            self.raw.query(&sql)
        } else {
            let values: Vec<_> = exchange.parameters.iter().map(Option::as_deref).collect();
            let messages = [
                parse("", &sql),
                bind("", "", &values),
                describe('P', ""),
                execute("", 0),
                sync(),
            ];
            self.raw.send(&messages.concat());
            self.raw.until_ready()
        };
        let errors = raw::errors(&messages);
        if !errors.is_empty() {
            return Err(errors.join("\n"));
        }
        let description = messages.iter().find(|message| message.tag == 'T');
        Ok(Answer {
            columns: description.map(columns).unwrap_or_default(),
            rows: messages
                .iter()
                .filter(|message| message.tag == 'D')
                .map(texts)
                .collect(),
        })
    }

    /// The statement with the OIDs that it asks for.
    fn with_oids(&mut self, sql: &str) -> String {
        let mut parts = sql.split("{oid of ");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (table, rest) = part.split_once('}').expect("the end of a table's name");
            let answer = self.raw.query(&format!("select '{table}'::regclass::oid"));
            let row = answer.iter().find(|message| message.tag == 'D').map(texts);
            whole += row
                .and_then(|row| row.into_iter().next().flatten())
                .expect("an OID")
                .as_str();
            whole += rest;
        }
        whole
    }
}

/// Names and type OIDs of a RowDescription.
fn columns(description: &Message) -> Vec<(String, u32)> {
    let mut rest = description.body.get(2..).expect("a count");
    let mut columns = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0).expect("the end of a name");
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        // After the name: table, attribute number, type; then size, modifier and format.
        let fixed = &rest[end + 1..];
        columns.push((name, u32::from_be_bytes(fixed[6..10].try_into().expect("four bytes"))));
        rest = &fixed[18..];
    }
    columns
}

fn texts(row: &Message) -> Vec<Option<String>> {
    let values = row.values().into_iter();
    values
        .map(|value| value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        .collect()
}

/// Replays a client's session; every statement that is answered otherwise is told.
/// Rows come in the order that was recorded where the statement asks for one, and in any other where it does not.
fn same_rows<T: Clone + Ord>(sql: &str, recorded: &[T], given: &[T]) -> bool {
    if sql.to_lowercase().contains("order by") {
        return recorded == given;
    }
    let [mut recorded, mut given] = [recorded, given].map(<[T]>::to_vec);
    recorded.sort();
    given.sort();
    recorded == given
}

fn replay(client: &str) {
    let path = PathBuf::from(ROOT).join(format!("fixtures/sessions/{client}.jsonl"));
    let text = fs::read_to_string(&path).expect("a session");
    let exchanges: Vec<Exchange> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a statement and its answer"))
        .collect();
    assert!(!exchanges.is_empty(), "nothing in {}", path.display());
    let mut session = Session::new();
    let mut differences = Vec::new();
    let mut recorded = String::new();
    let record = env::var_os("RECORD_SESSIONS").is_some();
    for exchange in &exchanges {
        let answer = match session.ask(exchange) {
            Ok(answer) => answer,
            Err(error) => {
                differences.push(format!("{}\n  {error}", exchange.sql));
                continue;
            }
        };
        if answer.columns != exchange.columns {
            let (expected, got) = (&exchange.columns, &answer.columns);
            differences.push(format!("{}\n  columns {expected:?}\n  became  {got:?}", exchange.sql));
        }
        if record {
            let again = Session::new().ask(exchange).expect("the same answer");
            let short = answer.rows.len() <= ROWS_MAX && format!("{:?}", answer.rows).len() <= ROWS_SIZE_MAX;
            let rows = (short && again.rows == answer.rows).then_some(answer.rows);
            let line = Exchange {
                rows,
                ..exchange.clone()
            };
            recorded += &serde_json::to_string(&line).expect("JSON");
            recorded.push('\n');
        } else if let Some(rows) = &exchange.rows
            && !same_rows(&exchange.sql, rows, &answer.rows)
        {
            differences.push(format!(
                "{}\n  rows   {rows:?}\n  became {:?}",
                exchange.sql, answer.rows
            ));
        }
    }
    let count = (differences.len(), exchanges.len());
    assert!(
        differences.is_empty(),
        "{count:?} of {client}:\n{}",
        differences.join("\n")
    );
    if record {
        fs::write(&path, recorded).expect("write the session");
    }
}

/// One test for each session, named by its client.
macro_rules! sessions {
    ($($client:ident),* $(,)?) => {
        $(#[test]
        fn $client() {
            replay(stringify!($client));
        })*

        #[test]
        fn every_session_is_replayed() {
            let mut replayed = vec![$(stringify!($client).to_owned()),*];
            replayed.sort();
            let files = fs::read_dir(PathBuf::from(ROOT).join("fixtures/sessions")).expect("the sessions");
            let mut files: Vec<String> = files
                .map(|file| file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            files.sort();
            assert_eq!(files, replayed);
        }
    };
}

sessions!(
    asyncpg, datagrip, dbeaver, duckdb, grafana, metabase, npgsql, pgadmin, pgjdbc, powerbi, psql, sqlalchemy, tableau,
);
