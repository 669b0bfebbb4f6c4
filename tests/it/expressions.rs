//! A thousand expressions and what PostgreSQL 15 makes of them: value, type and SQLSTATE. `fixtures/expressions/*.tsv` hold
//! what it said (`generate.py` asks it); `different/` beside them holds, for those that are known to differ, what is said here.

use std::{collections::BTreeMap, fs, path::Path};

use tokio_postgres::types::Type;

use crate::support::{
    ROOT,
    raw::{Message, Raw},
    server::Server,
};

/// What was said of one expression: types and rows, or `!` and a SQLSTATE.
fn said(messages: &[Message]) -> String {
    if let Some(error) = messages.iter().find(|message| message.tag == 'E') {
        return format!("!\t{}", error.field('C').expect("a code"));
    }
    let description = messages
        .iter()
        .find(|message| message.tag == 'T')
        .expect("a description");
    let types: Vec<String> = type_oids(&description.body)
        .into_iter()
        .map(|oid| Type::from_oid(oid).map_or(oid.to_string(), |ty| ty.name().to_owned()))
        .collect();
    let cell = |value: Option<Vec<u8>>| match value {
        Some(text) => String::from_utf8(text).expect("UTF-8").replace('\n', "\\n"),
        None => "\\N".to_owned(),
    };
    let rows: Vec<String> = messages
        .iter()
        .filter(|message| message.tag == 'D')
        .map(|row| row.values().into_iter().map(cell).collect::<Vec<_>>().join(" | "))
        .collect();
    format!("{}\t{}", types.join(","), rows.join("; "))
}

fn type_oids(body: &[u8]) -> Vec<u32> {
    let mut rest = &body[2..];
    let mut oids = vec![];
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let fields = &rest[end + 1..];
        oids.push(u32::from_be_bytes(fields[6..10].try_into().expect("four bytes")));
        rest = &fields[18..];
    }
    oids
}

/// Lines of a file: an expression, and what was said of it.
fn lines(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter(|line| !line.starts_with("# "))
        .map(|line| match line.split_once('\t') {
            Some((expression, said)) => (expression.to_owned(), said.to_owned()),
            None => (line.to_owned(), String::new()),
        })
        .collect()
}

/// Asks for every expression of a file, each answer as PostgreSQL's but for those that are known to differ.
fn compare(theme: &str) {
    let folder = Path::new(ROOT).join("fixtures/expressions");
    let known: BTreeMap<String, String> = lines(&folder.join(format!("different/{theme}.tsv")))
        .into_iter()
        .collect();
    let mut session = Raw::login(Server::shared(), "demo");
    session.query("set timezone = 'UTC'");
    let mut faults = Vec::new();
    for (expression, expected) in lines(&folder.join(format!("{theme}.tsv"))) {
        if expected.is_empty() {
            session.query(&expression);
            continue;
        }
        let given = said(&session.query(&format!("select {expression}")));
        match known.get(&expression) {
            None if given != expected => faults.push(format!("{expression}\n  wanted {expected}\n  given  {given}")),
            // Something that has become right must leave the list.
            Some(known) if given != *known => faults.push(format!(
                "{expression}\n  known  {known}\n  given  {given}\n  wanted {expected}"
            )),
            _ => {}
        }
    }
    assert!(
        faults.is_empty(),
        "{} expressions:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn numbers() {
    compare("numbers");
}

#[test]
fn text() {
    compare("text");
}

#[test]
fn dates_and_times() {
    compare("datetime");
}

#[test]
fn json() {
    compare("json");
}

#[test]
fn arrays() {
    compare("arrays");
}

/// Values at the edges of their types, and what is there only because of its neighbours.
#[test]
fn edges() {
    compare("edges");
}

/// Columns that count are kept without a sign; to a client they are bigint.
#[test]
fn counts_may_be_less_than_others() {
    let mut session = Raw::login(Server::shared(), "demo");
    for (expression, expected) in [
        (
            "min(a.index - b.index) < 0, pg_typeof(min(a.index - b.index)) from sys_journal a join sys_journal b on a.id = b.id",
            "bool,regtype\tt | bigint",
        ),
        (
            "index - lag(index) over (order by index desc) < 1 from sys_journal order by index desc offset 1 limit 1",
            "bool\tt",
        ),
        ("min(-index) < 0, min(index - 1) from sys_journal", "bool,int8\tt | -1"),
        (
            "retry_count - 1000000 < 0 from sys_invocation where retry_count is not null limit 1",
            "bool\tt",
        ),
        (
            "sum(partition_key - partition_key), sum(-partition_key) < 0 from sys_journal",
            "numeric,bool\t0 | t",
        ),
    ] {
        assert_eq!(
            said(&session.query(&format!("select {expression}"))),
            expected,
            "{expression}"
        );
    }
}
