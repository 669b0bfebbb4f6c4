//! The directory of clusters: name → where its data is and what it may use. Does not talk to the data.

mod name;

pub use name::{ClusterName, InvalidClusterName};
