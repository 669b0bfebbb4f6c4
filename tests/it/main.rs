//! What a user meets: the built binary, asked by real clients, over snapshots and real Restate runtimes.
//!
//! One crate, so that a run starts each runtime once. `support` starts and talks to things; every other module holds
//! tests and is named by what they are about. A test whose part (a runtime, psql, Java) cannot be had on this machine
//! says `SKIPPED: …` on standard error and passes; with `CI=true` a missing part is a failure.

mod support;

mod cancel;
mod catalogue;
mod check;
mod clients;
mod corpus;
mod demo;
mod differential;
mod driver;
mod dump;
mod equality;
mod expressions;
mod extended;
mod hostile;
mod jdbc;
mod login;
mod memory;
mod refusals;
mod rewrites;
mod shield;
mod simple;
mod snapshot;
mod startup;
mod workload;
