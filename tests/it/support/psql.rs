//! The real psql.

use std::{io::Write, process::Command, process::Stdio};

use super::{lab, server::Server};

/// What psql printed, and how it ended.
#[derive(Debug)]
pub struct Answer {
    pub stdout: String,
    pub stderr: String,
    pub success: bool,
}

/// A psql that trusts `server`'s certificate and logs in to `cluster` with `password`. `None` where there is no psql.
pub fn command(server: &Server, cluster: &str, database: &str, password: &str) -> Option<Command> {
    let conninfo = format!(
        "host=127.0.0.1 port={} user={cluster} dbname={database} sslmode=verify-full sslrootcert={}",
        server.port,
        server.certificate().display()
    );
    // Nothing here takes a minute: what hangs is ended, and fails.
    let mut command = Command::new("timeout");
    command.arg("60").arg(lab::psql()?).args(["-X", &conninfo]);
    // psql would read a user's own settings and files.
    command
        .env("PGPASSWORD", password)
        .env("PGTZ", "UTC")
        .env("HOME", "/nonexistent");
    Some(command)
}

/// Runs `sql` (backslash commands too) from standard input, with `options` on the command line.
pub fn run(server: &Server, cluster: &str, options: &[&str], sql: &str) -> Option<Answer> {
    let mut command = command(server, cluster, cluster, &server.token(cluster))?;
    Some(answer(command.args(options), sql))
}

/// Runs a prepared command with `input` on its standard input.
pub fn answer(command: &mut Command, input: &str) -> Answer {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("a piped standard input");
    // A program that ends early closes it: its status says why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("wait for a program");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Answer {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        success: output.status.success(),
    }
}

/// Rows of a `--csv` answer; the first is the header. psql quotes every value that holds a comma, a quote or a line
/// break, and an empty string is told from NULL by `\pset null`.
pub fn csv(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![];
    let mut row = vec![];
    let mut cell = String::new();
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "not a whole CSV answer");
    rows
}
