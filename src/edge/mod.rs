//! A connection until it is logged in: accept, TLS, startup, password, cancel requests. Runs no SQL.

pub mod cancel;
pub mod login;
pub mod server;
pub mod tls;
