//! What an OID is: types, definitions, comments, sizes, visibility.

mod comments;
mod definitions;
mod properties;
mod sizes;
mod types;
mod visibility;

use super::native::Native;

pub const FUNCTIONS: [&[Native]; 6] = [
    comments::FUNCTIONS,
    definitions::FUNCTIONS,
    properties::FUNCTIONS,
    sizes::FUNCTIONS,
    types::FUNCTIONS,
    visibility::FUNCTIONS,
];
