//! The configuration file: read once, every fault reported together, each with its line.
