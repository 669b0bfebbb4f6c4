//! Walks over trees. Those of the parser and of the engine are generic over what they call, which is hundreds of functions that the compiler
//! makes for each caller, and together more code than all else here. These are made once, and call by reference.

pub mod plan;
pub mod syntax;
