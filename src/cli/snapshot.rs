//! `restate-pg snapshot`: a running cluster's tables to Parquet files.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
};

use restate_pg::source::{RuntimeSource, capture};

#[derive(Debug, clap::Args)]
pub struct Snapshot {
    /// The runtime's admin address, such as `http://127.0.0.1:9070`.
    #[arg(long, value_name = "URL")]
    runtime: String,
    /// A new directory, or one that holds a snapshot: that is replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub async fn run(arguments: Snapshot) -> Result<(), String> {
    let readable = |error: restate_pg::Error| match error.log() {
        Some(log) => format!("{} ({log})", error.message()),
        None => error.message().to_owned(),
    };
    let source = RuntimeSource::new(&arguments.runtime).map_err(readable)?;
    let terminal = std::io::stdout().is_terminal();
    let mut stdout = std::io::stdout();
    let manifest = capture::capture(&source, &arguments.out, |progress| {
        let place = format!("{}/{}", progress.tables_done, progress.tables_total);
        let _ = match progress.bytes {
            Some(bytes) => {
                let clear = if terminal { "\r\x1b[K" } else { "" };
                writeln!(
                    stdout,
                    "{clear}{place} {}: {} rows, {bytes} bytes",
                    progress.table, progress.rows
                )
            }
            // A line that is written over again is only good on a terminal.
            None if terminal => write!(stdout, "\r\x1b[K{place} {}: {} rows", progress.table, progress.rows),
            None => Ok(()),
        };
        let _ = stdout.flush();
    })
    .await
    .map_err(readable)?;
    println!(
        "captured {} tables of Restate {} to {}",
        manifest.tables.len(),
        manifest.runtime_version,
        arguments.out.display()
    );
    Ok(())
}
