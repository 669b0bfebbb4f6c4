//! Command line of `restate-pg`.

mod cli;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

/// How long work that cannot be interrupted (a file on a network that is away, an expression over one huge value) may hold up the end.
const LAST_WORK_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    cli::log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(restate_pg::limits::THREAD_STACK_SIZE)
        .build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(cli::run(arguments));
            runtime.shutdown_timeout(LAST_WORK_TIMEOUT);
            done
        }
        Err(error) => Err(format!("cannot start: {error}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("restate-pg: {words}");
            ExitCode::FAILURE
        }
    }
}
