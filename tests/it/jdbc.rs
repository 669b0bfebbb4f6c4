//! A JDBC program, run from its source with pgjdbc.

use std::path::Path;

use crate::support::{ROOT, lab, psql, server::Server};

#[test]
fn a_jdbc_program_reads_binds_fetches_and_cancels() {
    let server = Server::shared();
    let Some(mut java) = lab::java() else { return };
    let program = Path::new(ROOT).join("tests/lab/jdbc/Door.java");
    let url = format!("jdbc:postgresql://127.0.0.1:{}/demo?sslmode=require", server.port);
    let answer = psql::answer(java.arg(program).args([&url, "demo", &server.token("demo")]), "");
    assert!(answer.success, "{}{}", answer.stdout, answer.stderr);
    assert_eq!(
        answer.stdout.lines().filter(|line| line.starts_with("ok ")).count(),
        11,
        "{}",
        answer.stdout
    );
}
