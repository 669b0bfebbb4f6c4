//! One statement, many answers: the runtime's own (`POST /query`), ours with the work done there (`auto`) and here (`local`), and ours
//! over a snapshot of the same cluster. All of them are the same rows with the same values, in the same order where there is one.
//!
//!     RESTATE_PG_DIFFERENTIAL_STATEMENTS=2000 cargo test --test it differential -- --nocapture
//!
//! `RESTATE_PG_DIFFERENTIAL_SEED` names another run than the usual one, `RESTATE_PG_DIFFERENTIAL_RUNTIMES` the admin URLs of other
//! runtimes than the lab's (separated by commas): a large one, or one that is not yet released. `RESTATE_PG_DIFFERENTIAL_REFUSALS` has
//! what was refused told, by the words.

mod answer;
mod exceptions;
mod generate;
mod random;
mod run;
mod schema;
mod users;
mod value;

use crate::support::{
    http,
    lab::{self, Version},
};

/// A runtime that statements are asked of.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    pub url: String,
    /// Major, minor, patch.
    pub version: [u32; 3],
}

impl Target {
    fn new(name: &str, url: &str) -> Target {
        let version = http::version(url);
        let mut parts = version.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
        Target {
            name: format!("{version}{name}"),
            url: url.to_owned(),
            version: [(); 3].map(|()| parts.next().unwrap_or(0)),
        }
    }
}

/// The runtimes that were named, or the lab's.
fn targets() -> Vec<Target> {
    if let Ok(urls) = std::env::var("RESTATE_PG_DIFFERENTIAL_RUNTIMES") {
        return urls
            .split(',')
            .map(|url| Target::new(&format!(" at {url}"), url))
            .collect();
    }
    let lab = Version::WITH_QUEUES.into_iter().filter_map(|version| {
        let name = if matches!(version, Version::Queues) {
            " with queues"
        } else {
            ""
        };
        lab::runtime(version).map(|runtime| Target::new(name, &runtime.admin))
    });
    lab.collect()
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

/// Each runtime in a thread of its own; a failure of one does not hide what another found.
fn each_target(test: fn(&Target) -> Result<(), String>) {
    let targets = targets();
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = targets.iter().map(|target| scope.spawn(move || test(target))).collect();
        let results = threads
            .into_iter()
            .map(|thread| thread.join().expect("a runtime's thread"));
        results.filter_map(Result::err).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn random_statements_answer_as_the_runtime_does() {
    each_target(|target| {
        let count = number("RESTATE_PG_DIFFERENTIAL_STATEMENTS", 150);
        let seed = number("RESTATE_PG_DIFFERENTIAL_SEED", 1);
        let schema = schema::Schema::discover(&target.url);
        let mut generator = generate::Generator::new(&schema, seed);
        let statements: Vec<_> = (0..count).map(|_| generator.statement()).collect();
        run::run(target, &statements, &format!("seed {seed}"))
    });
}

#[test]
fn the_queries_of_users_answer_as_the_runtime_does() {
    each_target(|target| run::run(target, &users::statements(&target.url), "tests/it/user-queries.sql"));
}

#[test]
fn exceptions_are_those_of_the_table() {
    each_target(exceptions::check);
}
