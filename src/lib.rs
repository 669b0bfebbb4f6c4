//! `restate-pg`: the Postgres door to Restate clusters.
//!
//! Rooms, in the direction in which a statement travels: `edge` (accept, TLS, login) → `session` (protocol, settings,
//! transactions) → `query` (parse, guard, plan, run) → `source` (rows of one cluster). `wire` turns bytes into messages
//! and Arrow into rows and does no I/O; `token` verifies JWTs and knows nothing of Postgres; `cluster` says where a
//! cluster's data is; `catalog` is what clients see of it (`pg_catalog`, `information_schema`, documented tables).
//! A room may call the one to its right, never the one to its left.

mod alarm;
mod apart;
pub mod catalog;
pub mod cluster;
pub mod config;
pub mod edge;
pub mod error;
mod gate;
pub mod limits;
pub mod query;
mod recent;
pub mod session;
pub mod source;
mod threads;
pub mod token;
mod watched;
pub mod wire;

pub use error::{Error, Result, SqlState};
