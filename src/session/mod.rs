//! A logged-in connection: simple and extended protocol, prepared statements, portals, cursors, settings, transaction state.

pub mod settings;
