//! Bytes ⇄ messages, Arrow → rows. No I/O and nothing async: bytes in, bytes out; this is what the fuzzers drive.
//!
//! Message types and the encoding of backend messages are `pgwire`'s. Frames are split here, by limits of our own, and
//! bodies are decoded here: `pgwire`'s decoders read past a short body into the next message, or panic.

pub mod backend;
pub mod encode;
pub mod frame;
pub mod frontend;
pub mod params;
pub mod startup;
pub mod types;
