//! psql's backslash commands and tab completion: no error, and printed as over PostgreSQL 15 with the same tables.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{ROOT, postgres::Postgres, psql, server::Server};

/// Every command that lists something, one a line.
fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(format!("{ROOT}/fixtures/psql/commands.txt")).expect("the commands");
    text.lines().map(str::to_owned).collect()
}

/// What psql prints for each command, some in one session; on standard error only what was not found may stand.
fn outputs(commands: &[String], run: impl Fn(&str) -> Option<psql::Answer>) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for some in commands.chunks(10) {
        all.extend(session(some, &run)?);
    }
    Some(all)
}

fn session(commands: &[String], run: impl Fn(&str) -> Option<psql::Answer>) -> Option<Vec<String>> {
    const MARK: &str = "== command ==";
    let input: String = commands
        .iter()
        .map(|command| format!("{command}\n\\echo {MARK}\n"))
        .collect();
    let answer = run(&input)?;
    let complaints: Vec<&str> = answer
        .stderr
        .lines()
        .filter(|line| !line.contains("Did not find any"))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let mut outputs: Vec<String> = answer.stdout.split(&format!("{MARK}\n")).map(str::to_owned).collect();
    assert_eq!(outputs.pop().as_deref(), Some(""), "behind the last mark");
    assert_eq!(outputs.len(), commands.len());
    Some(outputs)
}

/// The title and the column names of what was printed, without the widths.
fn shape(output: &str) -> Vec<String> {
    let cells = |line: &str| {
        line.split('|')
            .map(|cell| cell.trim().to_owned())
            .collect::<Vec<_>>()
            .join("|")
    };
    let head = output.lines().take_while(|line| !line.starts_with("--"));
    head.map(cells).collect()
}

#[test]
fn every_command_that_lists_something_prints_what_postgresql_15_prints() {
    let Some(postgres) = Postgres::documented() else { return };
    let commands = commands();
    assert!(commands.len() > 70, "{}", commands.len());
    let ours = outputs(&commands, |input| psql::run(Server::shared(), "demo", &[], input));
    let Some(ours) = ours else { return };
    let theirs = outputs(&commands, |input| Some(postgres.psql(&[], input))).expect("PostgreSQL's psql");
    for ((command, ours), theirs) in commands.iter().zip(&ours).zip(&theirs) {
        // What psql says where it finds nothing has no columns: no such object need be here.
        if ours.is_empty() || theirs.is_empty() || command.starts_with("\\sf") {
            continue;
        }
        assert_eq!(shape(ours), shape(theirs), "{command}");
    }
}

#[test]
fn a_relation_is_described_as_postgresql_15_describes_it() {
    let Some(postgres) = Postgres::documented() else { return };
    let names =
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') order by 1";
    let Some(relations) = psql::run(Server::shared(), "demo", &["-A", "-t"], names) else {
        return;
    };
    let relations: BTreeSet<&str> = relations.stdout.lines().collect();
    assert!(relations.len() > 20, "{relations:?}");
    let commands: Vec<String> = relations.iter().map(|name| format!("\\d+ {name}")).collect();
    let ours = outputs(&commands, |input| psql::run(Server::shared(), "demo", &[], input)).expect("psql, as above");
    let theirs = outputs(&commands, |input| Some(postgres.psql(&[], input))).expect("PostgreSQL's psql");
    for ((command, ours), theirs) in commands.iter().zip(&ours).zip(&theirs) {
        // A view's text is laid out by whoever wrote it; what it does is in the columns.
        let [(ours, definition), (theirs, _)] =
            [ours, theirs].map(|text| text.split_once("View definition:\n").unwrap_or((text, "")));
        assert_eq!(described(ours, &relations), described(theirs, &relations), "{command}");
        assert_eq!(definition.is_empty(), !ours.contains("View \""), "{command}");
    }
}

/// The lines of a description without those of keys to tables that this cluster's version lacks, nor the widths.
fn described(text: &str, relations: &BTreeSet<&str>) -> BTreeMap<String, Vec<String>> {
    let mut parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut part = String::new();
    for line in text.lines().filter(|line| !line.starts_with("--")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if !line.starts_with(' ') && line.ends_with(':') {
            part = line.to_owned();
            continue;
        }
        // Which tables there are depends on the runtime's version.
        let names = ["REFERENCES ", "    TABLE \""]
            .into_iter()
            .filter_map(|word| line.split_once(word));
        let mut names = names.map(|(_, rest)| rest.split(['(', '"']).next().unwrap_or_default());
        if names.any(|name| !relations.contains(name)) {
            continue;
        }
        parts.entry(part.clone()).or_default().push(cells.join("|"));
    }
    // A part of which every line was left out is none; the order of keys is by name on both sides.
    parts.retain(|_, lines| !lines.is_empty());
    parts
}

#[test]
fn what_tab_completion_asks_is_answered() {
    // Recorded from psql 15 over PostgreSQL 15, a tab behind each beginning of a statement or command.
    let statements = std::fs::read_to_string(format!("{ROOT}/fixtures/psql/completions.sql")).expect("the statements");
    let Some(answer) = psql::run(Server::shared(), "demo", &["-A", "-t"], &statements) else {
        return;
    };
    assert!(answer.success && answer.stderr.is_empty(), "{}", answer.stderr);
    for name in [
        "sys_invocation",
        "stuck_invocations",
        "information_schema",
        "created_at",
        "TimeZone",
    ] {
        let found = answer
            .stdout
            .lines()
            .any(|line| line.split('|').any(|cell| cell.eq_ignore_ascii_case(name)));
        assert!(found, "{name}");
    }
}
