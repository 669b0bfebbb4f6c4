//! What the fuzzers drive. Each module is a target: `run` takes any bytes and panics where a promise is broken.
//!
//! `fuzz/run TARGET` fuzzes one with libFuzzer; the test below runs the kept corpus, each input also cut and bent in ways that are the
//! same every time.

pub mod messages;
pub mod parameters;
pub mod session;
pub mod sql;
pub mod startup;
pub mod token;

/// A target, by the name of its corpus.
pub type Target = fn(&[u8]);

/// All of them.
pub const TARGETS: &[(&str, Target)] = &[
    ("startup", startup::run),
    ("messages", messages::run),
    ("parameters", parameters::run),
    ("token", token::run),
    ("session", session::run),
    ("sql", sql::run),
];

/// Bytes as they would arrive: in pieces whose sizes follow from the first byte, which is not one of them.
fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (size, rest) = match data.split_first() {
        Some((first, rest)) => (usize::from(*first).max(1), rest),
        None => (1, data),
    };
    rest.chunks(size)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::Path,
        sync::atomic::{AtomicBool, Ordering},
    };

    use super::*;

    /// Bent inputs for each kept one: a short run for every change; the long ones are libFuzzer's. `RESTATE_PG_FUZZ_BENT` asks for another
    /// number, `RESTATE_PG_FUZZ_TARGET` for one target alone: without the guidance, but wherever the tests run.
    const BENT: u64 = 20;

    /// Set by the first panic, though a session may have caught it: as libFuzzer, which ends there.
    static PANICKED: AtomicBool = AtomicBool::new(false);

    #[test]
    fn the_kept_corpus_breaks_no_promise() {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.store(true, Ordering::Relaxed);
            report(panic);
        }));
        // Planning is deep, as it is in the server's threads.
        let asked = |name: &str| std::env::var(name).ok();
        let bends = asked("RESTATE_PG_FUZZ_BENT")
            .and_then(|text| text.parse().ok())
            .unwrap_or(BENT);
        let only = asked("RESTATE_PG_FUZZ_TARGET");
        let run = move || {
            for (name, target) in TARGETS
                .iter()
                .filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
            {
                let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
                let mut files: Vec<_> = fs::read_dir(&directory)
                    .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
                    .map(|entry| entry.unwrap().path())
                    .collect();
                files.sort();
                assert!(!files.is_empty(), "{name} has no corpus");
                for file in files {
                    let input = fs::read(&file).unwrap();
                    println!("{}", file.display());
                    target(&input);
                    for seed in 0..bends {
                        let mut bent_input = bent(&input, seed);
                        // Each further thousand is bent once more.
                        (0..seed / 1_000 % 8).for_each(|turn| bent_input = bent(&bent_input, seed ^ turn << 32));
                        target(&bent_input);
                        assert!(
                            !PANICKED.load(Ordering::Relaxed),
                            "{}: a panic, seed {seed}",
                            file.display()
                        );
                    }
                    assert!(!PANICKED.load(Ordering::Relaxed), "{}: a panic", file.display());
                }
            }
        };
        std::thread::Builder::new()
            .stack_size(32 << 20)
            .spawn(run)
            .unwrap()
            .join()
            .unwrap();
    }

    /// `input` with a byte changed, some cut out, or some doubled.
    fn bent(input: &[u8], seed: u64) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ input.len() as u64 | 1;
        let mut next = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % below.max(1)
        };
        let mut bent = input.to_vec();
        let (from, to) = (next(bent.len()), next(bent.len()));
        let span = from.min(to)..from.max(to);
        match next(3) {
            0 if !bent.is_empty() => bent[from] = u8::try_from(next(256)).unwrap(),
            1 => drop(bent.drain(span)),
            _ => bent.extend_from_within(span),
        }
        bent
    }
}
