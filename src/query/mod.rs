//! One statement: parse, guard, plan, bind parameters, run, cancel. Knows nothing of the wire.

pub mod engine;
pub mod errors;
pub mod explain;
mod names;
pub mod plan;
pub mod rewrite;
pub mod route;
mod sound;
pub mod statement;
mod types;
mod unknown;

pub use engine::{Engine, Scope};
pub use plan::Plan;
pub use types::by_name as type_by_name;
