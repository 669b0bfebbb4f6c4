//! Command line of `restate-pg`.

fn main() {}
