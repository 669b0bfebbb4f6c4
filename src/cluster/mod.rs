//! What a cluster is called.

mod name;

pub use name::{ClusterName, InvalidClusterName};
