//! Bytes ⇄ messages, Arrow → rows. No I/O and nothing async: bytes in, bytes out; this is what the fuzzers drive.

pub mod encode;
pub mod params;
pub mod types;
