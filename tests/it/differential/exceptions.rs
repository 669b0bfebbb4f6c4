//! Where PostgreSQL's meaning wins over the runtime's: each line of `src/query/route/exceptions.md`, with the answers that stand there.

use super::{
    Target,
    answer::{Format, Session, theirs},
    value::Value,
};
use crate::support::{
    http,
    server::{Data, Server},
};

struct Exception {
    sql: &'static str,
    here: &'static str,
    runtime: &'static str,
    versions: &'static str,
}

impl Exception {
    fn concerns(&self, target: &Target) -> bool {
        let edge = |text: &str| -> [u32; 3] {
            let mut parts = text.split('.').map(|part| part.parse().expect("a version"));
            [(); 3].map(|()| parts.next().unwrap_or(0))
        };
        match self.versions.split_once(' ') {
            Some(("before", version)) => target.version < edge(version),
            Some(("since", version)) => target.version >= edge(version),
            _ => self.versions == "all",
        }
    }
}

/// The lines of the table.
fn exceptions() -> Vec<Exception> {
    let lines = include_str!("../../../src/query/route/exceptions.md").lines();
    let rows = lines.filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, sql, here, runtime, versions, _, _] = cells.as_slice() else {
            panic!("a line of another form: {line}");
        };
        Exception {
            sql,
            here,
            runtime,
            versions,
        }
    })
    .collect()
}

/// Each on all routes and over a snapshot, beside what the runtime says.
pub fn check(target: &Target) -> Result<(), String> {
    let directory = tempfile::tempdir().expect("a directory");
    super::run::capture(target, directory.path());
    let clusters = [
        ("live", Data::Runtime(target.url.clone())),
        ("archive", Data::Snapshot(directory.path().to_owned())),
    ];
    let server = Server::serve(&clusters);
    let mut sessions = [("live", "auto"), ("live", "local"), ("archive", "auto")]
        .map(|(cluster, route)| (cluster, route, Session::new(&server, cluster, route, Format::Binary)));
    let exceptions = exceptions();
    assert!(exceptions.len() >= 10, "the table was not found");
    let mut wrong = Vec::new();
    for exception in exceptions.iter().filter(|exception| exception.concerns(target)) {
        let mut types = Vec::new();
        for (cluster, route, session) in &mut sessions {
            // Once in each format.
            for answer in [(); 2].map(|()| session.ask(exception.sql, &[])) {
                let answer = match answer {
                    Ok(Ok(ours)) => {
                        types = ours.types;
                        shown(&ours.rows)
                    }
                    Ok(Err(error)) | Err(error) => error,
                };
                if answer != exception.here {
                    wrong.push(format!(
                        "{} {cluster} {route}: {}\n  {answer}",
                        target.name, exception.sql
                    ));
                }
            }
        }
        let runtime = match http::arrow(&target.url, exception.sql) {
            Ok(batches) => shown(&theirs(&batches, &types)?),
            Err(_) => "fails".to_owned(),
        };
        // Some faults show only where the rows come in a certain order.
        let at_times = exception.runtime == "fails at times" && (runtime == "fails" || runtime == exception.here);
        if runtime != exception.runtime && !at_times {
            wrong.push(format!("{} itself: {}\n  {runtime}", target.name, exception.sql));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

fn shown(rows: &[Vec<Value>]) -> String {
    let row = |row: &Vec<Value>| row.iter().map(Value::shown).collect::<Vec<_>>().join(", ");
    rows.iter().map(row).collect::<Vec<_>>().join("; ")
}
