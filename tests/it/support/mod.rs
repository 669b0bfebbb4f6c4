//! Starts servers, runtimes and clients for the tests, and ends them.

pub mod http;
pub mod lab;
pub mod postgres;
pub mod process;
pub mod psql;
pub mod raw;
pub mod rows;
pub mod server;
pub mod stall;
pub mod token;

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

/// The repository's root.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A free loopback port. Below 32768, where the kernel takes ports for outgoing connections from; each call returns
/// another one, and test processes that run side by side start apart.
pub fn free_port() -> u16 {
    const FIRST: u16 = 28_000;
    const COUNT: u16 = 4_700;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 47).unwrap() * 100;
    for _ in 0..COUNT {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

/// Waits until `ready` returns something, for `limit` at most; `what` is what failed to come.
pub fn wait_for<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
