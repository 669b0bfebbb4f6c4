//! `restate-pg check`: every fault of a configuration at once, and what each cluster is.

use std::{fs, process::Command};

use crate::support::{
    free_port,
    lab::{self, Version},
    psql::{self, Answer},
    server::{BINARY, Data, Server, demo_data},
};

fn run(subcommand: &str, configuration: &std::path::Path) -> Answer {
    let directory = configuration.parent().expect("a directory");
    let mut command = Command::new("timeout");
    command
        .arg("60")
        .arg(BINARY)
        .args([subcommand, "--config"])
        .arg(configuration)
        .current_dir(directory);
    psql::answer(&mut command, "")
}

#[test]
fn every_fault_is_reported_at_once_with_its_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("restate-pg.toml");
    let text = r#"[listen]
postgres = "nowhere"

[tls]
certificate = "missing.crt"
key = "missing.key"

[[issuer]]
issuer = "https://auth.example.com"
audience = "restate-pg"
keys = "missing.jwks.json"
algorithms = ["EdDSA", "HS256"]
cluster_claim = "sub"

[[cluster]]
name = "yourcluster"
runtime = "not a url"

[[cluster]]
name = "yourcluster"
snapshot = "missing"

[nonsense]
"#;
    fs::write(&file, text).expect("write a file");
    for subcommand in ["check", "serve"] {
        let answer = run(subcommand, &file);
        assert!(!answer.success, "{answer:?}");
        let said = answer.stdout + &answer.stderr;
        for (line, word) in [
            (2, "nowhere"),
            (5, "missing.crt"),
            (6, "missing.key"),
            (11, "missing.jwks.json"),
            (12, "HS256"),
            (17, "runtime"),
            (20, "yourcluster"),
            (21, "missing"),
            (23, "nonsense"),
        ] {
            let told = said
                .lines()
                .any(|told| told.contains(word) && told.contains(&format!(".toml:{line}: ")));
            assert!(told, "{subcommand}: line {line} ({word}) is not told of: {said}");
        }
    }
}

#[test]
fn what_each_cluster_is_stands_in_the_report() {
    let Some(runtime) = lab::runtime(Version::V1_7_12) else {
        return;
    };
    let unreachable = format!("http://127.0.0.1:{}", free_port());
    let clusters = [("live", Data::Runtime(runtime.admin.clone())), ("archive", demo_data())];
    let server = Server::serve(&clusters);
    let answer = run("check", &server.configuration());
    assert!(answer.success, "{answer:?}");
    for word in ["live", "1.7.12", "archive"] {
        assert!(answer.stdout.contains(word), "{word}: {answer:?}");
    }

    let server = Server::serve(&[("gone", Data::Runtime(unreachable))]);
    let answer = run("check", &server.configuration());
    assert!(!answer.success, "{answer:?}");
    assert!((answer.stdout + &answer.stderr).contains("gone"));
}
