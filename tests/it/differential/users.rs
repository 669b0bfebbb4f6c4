//! The statements of `user-queries.sql`, with invocations, services and keys that are there.

use std::path::Path;

use super::generate::{Shape, Statement};
use crate::support::{ROOT, http};

pub fn statements(url: &str) -> Vec<Statement> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("tests/it/user-queries.sql")).expect("the queries");
    let first = |sql: &str| -> String {
        let rows = http::query(url, sql).expect("the runtime's answer");
        let row = rows.first().unwrap_or_else(|| panic!("nothing of {sql}"));
        row["x"].as_str().expect("text").to_owned()
    };
    let completed = first(
        "select id as x from sys_invocation_status where target_handler_name = 'orchestrate' order by created_at limit 1",
    );
    let open = first("select id as x from sys_invocation where status = 'paused' order by created_at limit 1");
    let mut statements = Vec::new();
    // What describes a table does so in PostgreSQL's words: `equality` compares the names in it.
    let is_query = |line: &&str| {
        !["", "--", "describe ", "show "].iter().any(|start| match *start {
            "" => line.is_empty(),
            start => line.starts_with(start),
        })
    };
    for query in text.lines().filter(is_query) {
        let query = query
            .trim_end_matches(';')
            .replace("$SERVICE", "Counter")
            .replace("$KEY", "ada");
        let ids: &[&str] = if query.contains("$ID") {
            &[&completed, &open]
        } else {
            &[""]
        };
        for id in ids {
            // The order that some of them ask for leaves a choice.
            statements.push(Statement::new(&query.replace("$ID", id), false, Shape::Rows));
        }
    }
    statements
}
