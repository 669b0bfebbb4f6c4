//! One statement: parse, guard, plan, bind parameters, run, cancel. Knows nothing of the wire.

pub mod rewrite;
pub mod statement;
