//! The rules together, through the engine: statements that real clients send.

use crate::catalog::testing::Engine;

/// What psql 15 sends for its backslash commands, as `psql -E` shows it, one statement for each shape.
const PSQL: &str = include_str!("../../../fixtures/psql/statements.sql");

/// The statements of a file that separates them by a semicolon and an empty line.
fn statements(text: &str) -> impl Iterator<Item = String> {
    text.split(";\n")
        .map(|sql| sql.trim().to_owned())
        .filter(|sql| !sql.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_statements_plan_and_run() {
    let engine = Engine::new();
    let oid = engine
        .catalog
        .relation("public", "sys_invocation")
        .unwrap()
        .oid
        .to_string();
    let mut failed = Vec::new();
    let mut count = 0;
    for sql in statements(PSQL) {
        let sql = sql.replace("{sys_invocation}", &oid);
        count += 1;
        if let Err(error) = engine.run(&sql).await {
            failed.push(format!("{sql}\n--> {error:?}\n"));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {count} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
