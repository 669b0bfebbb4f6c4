//! The server beside its peers, in one run: PostgreSQL 15 with the same rows on this machine (PgBouncer before it, where it is
//! installed), and a runtime's own `POST /query`. Each figure is taken in turns, ours and the peer's, and printed as medians with their
//! spread and a ratio. Nothing here asserts a time.
//!
//!     cargo bench --bench peers [-- NAME…]       figures whose name begins with one of the names
//!
//! `RESTATE_PG_BINARY` names another binary than the one that is built for it. `RESTATE_PG_BENCH_RUNTIME` is the admin address of a running Restate server with invocations and a journal; without it, the
//! figures that need one say so. `RESTATE_PG_BENCH_ROWS` changes the number of rows from 1,000,000.

mod direct;
mod figures;
mod measure;
mod pgbouncer;
mod postgres;
mod rows;
mod stream;
#[path = "../../tests/it/support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::env;

use measure::Table;

fn main() {
    // Cargo passes `--bench` of its own accord.
    let wanted: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let bed = figures::Bed::start();
    let mut table = Table::default();
    for (name, figure) in figures::ALL {
        if wanted.is_empty() || wanted.iter().any(|prefix| name.starts_with(prefix)) {
            eprintln!("{name} …");
            figure(&bed, &mut table);
        }
    }
    println!("{table}");
}
