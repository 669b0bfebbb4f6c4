//! A connection until it is logged in: accept, TLS, startup, password, cancel requests. Runs no SQL.
