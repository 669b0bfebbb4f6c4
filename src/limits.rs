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

/// Tokens of one query. An `IN` list of 49,000 values fits, far beyond the 20,000 that are known to run well; a syntax tree is
/// some hundred bytes a token, so this bounds what one statement takes before it runs to some ten megabytes.
pub const STATEMENT_TOKENS_MAX: usize = 100_000;

/// Links in a chain of operators, joins or set operations, each of which is a level of the syntax tree. Runtimes abort
/// (the process, not the query) at 1,500 to 3,000 levels, and planning time is quadratic: 2,000 take seconds.
pub const EXPRESSION_DEPTH_MAX: usize = 1_000;

/// Names and values of one session's parameters together: real ones have a few hundred bytes, and custom ones could have
/// any number of any length.
pub const SETTINGS_SIZE_MAX: usize = 64 * 1024;
