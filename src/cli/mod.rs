//! The subcommands. Each returns what to tell a person when it fails.

mod check;
mod demo;
mod serve;
mod snapshot;
mod token;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// The Postgres door to Restate clusters.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a demo cluster on 127.0.0.1, and prints how to reach it.
    Demo(demo::Demo),
    /// Serves the clusters of a configuration file.
    Serve {
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Reports every fault of a configuration file, then reaches each cluster and says what it found.
    Check {
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Prints a token: the password for a cluster.
    Token(token::Token),
    /// Writes a new Ed25519 key to sign tokens with, and its public part for the server.
    Keygen {
        /// Gets `private.pem` and `keys.jwks.json`.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Captures every introspection table of a running cluster to Parquet files, which `serve` can answer from.
    Snapshot(snapshot::Snapshot),
}

pub async fn run(arguments: Arguments) -> Result<(), String> {
    match arguments.command {
        Command::Demo(demo) => demo::run(demo).await,
        Command::Serve { config } => serve::run(&config).await,
        Command::Check { config } => check::run(&config).await,
        Command::Token(token) => token::run(token),
        Command::Keygen { out } => token::keygen(&out),
        Command::Snapshot(snapshot) => snapshot::run(snapshot).await,
    }
}

/// Logs go to standard error, what was asked for to standard output. `RUST_LOG` says how much.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,restate_pg=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
