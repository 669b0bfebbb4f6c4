//! One statement: parse, guard, plan, bind parameters, run, cancel. Knows nothing of the wire.

mod answer;
mod append;
mod away;
mod by_length;
mod cache;
mod checked;
mod computed;
pub mod engine;
pub mod errors;
mod execution;
mod expansion;
pub mod explain;
mod growing;
mod guarded;
pub mod join_keys;
mod lateral;
mod names;
mod nature;
mod nested_loop;
mod optimize;
mod over;
mod parameters;
mod pieces;
mod placed;
pub mod plan;
mod resorted;
pub mod rewrite;
pub mod route;
pub(crate) mod signatures;
mod sound;
pub mod statement;
mod turns;
mod types;
mod unambiguous;
pub(crate) mod unknown;
mod views;
mod walk;
mod yielding;

pub use engine::{Engine, Scope};
pub use execution::Execution;
pub use plan::Plan;
pub use types::by_name as type_by_name;
#[cfg(test)]
pub(crate) use views::NoSettings;
