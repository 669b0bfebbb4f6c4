//! A connection until it is logged in: accept, TLS, startup, password, cancel requests; and what keeps the many from one another.
//! Runs no SQL.

pub mod cancel;
pub mod certificate;
pub mod login;
pub mod places;
mod proxy;
pub mod server;
pub mod socket;
pub mod throttle;
pub mod tls;
