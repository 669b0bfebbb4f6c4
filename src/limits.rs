//! Every limit in one place, each with its reason. Sizes are bytes, times are `Duration`s.

use std::time::Duration;

/// From accept to a verified password, over TLS and startup: PostgreSQL's `authentication_timeout` is 60 s, but nothing
/// that is asked of a human lies in between here.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A startup packet: PostgreSQL's own MAX_STARTUP_PACKET_LENGTH.
pub const STARTUP_PACKET_SIZE_MAX: usize = 10_000;

/// A password message: a JWT is rarely above 4 KiB; 64 KiB leaves room for large claim sets.
pub const PASSWORD_SIZE_MAX: usize = 64 * 1024;

/// A frontend message after login. Statements beyond it could not be sent to a runtime (2 MiB body) and bound
/// parameters beyond it are no introspection query.
pub const MESSAGE_SIZE_MAX: usize = 16 * 1024 * 1024;

/// The text of one statement: a runtime takes a request body of 2 MiB at most, JSON escapes included.
pub const STATEMENT_SIZE_MAX: usize = 1024 * 1024;

/// Statements in one simple query message.
pub const STATEMENTS_PER_QUERY_MAX: usize = 10_000;

/// Prepared statements and portals of one session.
pub const PREPARED_STATEMENTS_MAX: usize = 10_000;
pub const PORTALS_MAX: usize = 1_000;

/// What a session gathers before it writes to the socket: large enough that a system call costs nothing beside the
/// encoding, small enough that thousands of streams fit.
pub const WRITE_BUFFER_SIZE: usize = 128 * 1024;

/// What the engine may hold in memory for all statements of one cluster that run at once; sorts and aggregates beyond it
/// spill to disk.
pub const CLUSTER_MEMORY_MAX: usize = 512 * 1024 * 1024;

/// What a scrollable cursor may keep of the rows that it has given.
pub const SCROLL_MEMORY_MAX: usize = 64 * 1024 * 1024;
