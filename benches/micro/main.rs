//! Parts of the server by themselves, by criterion: framing, the encoding of each type, tokens, plans and the catalogue.
//!
//!     cargo bench --bench micro [-- NAME]       those whose name contains this, such as `encoding/rows, binary`
//!
//! Nothing here asserts a time. What a client feels is in `peers`.

mod catalogue;
mod cluster;
mod encoding;
mod framing;
mod planning;
mod tokens;

use std::{panic, thread, time::Duration};

use criterion::Criterion;
use restate_pg::limits::THREAD_STACK_SIZE;

fn main() {
    // Planning is deep: in a thread as the server's are.
    let measured = thread::Builder::new().stack_size(THREAD_STACK_SIZE).spawn(measure);
    if let Err(panicked) = measured.expect("start a thread").join() {
        panic::resume_unwind(panicked);
    }
}

fn measure() {
    // Some seventy of them: a few seconds each.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    framing::framing(&mut criterion);
    encoding::rows(&mut criterion);
    encoding::copy(&mut criterion);
    tokens::tokens(&mut criterion);
    planning::planning(&mut criterion);
    catalogue::catalogue(&mut criterion);
    criterion.final_summary();
}
