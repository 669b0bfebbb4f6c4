//! Every limit in one place, each with its reason. Sizes are bytes, times are `Duration`s.

use std::time::Duration;

/// From accept to a verified password, over TLS and startup: PostgreSQL's `authentication_timeout` is 60 s, but nothing
/// that is asked of a human lies in between here.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest that the configuration may ask for. No login takes an hour, and a deadline years away is beyond what a clock can say.
pub const LOGIN_TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// Logins under way at once. Each may hold a TLS handshake and a password, some 100 KiB at most; one beyond them ends the one that
/// has taken longest of the address that has most, so that whoever opens connections and says nothing shuts nobody out: a login takes
/// milliseconds.
pub const LOGINS_MAX: usize = 1_000;

/// Sessions of one process, where the configuration says nothing: below 600 MB while they are idle.
pub const SESSIONS_MAX: usize = 20_000;

/// The same for each cluster: a pool that leaks connections in one place leaves room for the others.
pub const CLUSTER_SESSIONS_MAX: usize = 5_000;

/// A PROXY protocol header: addresses take 216 bytes at most, and what load balancers add to them some hundred.
pub const PROXY_HEADER_SIZE_MAX: usize = 4 * 1024;

/// Bad logins from one address for one cluster that are only refused: people mistype, and pools try several connections at once.
pub const FAILED_LOGINS_FREE: u32 = 5;

/// How long the next one is turned away, twice as long after each failure that follows,
pub const LOGIN_BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// up to this.
pub const LOGIN_BACKOFF_MAX: Duration = Duration::from_secs(5 * 60);

/// When failures are forgotten: after twice the longest backoff without another one.
pub const FAILED_LOGINS_FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);

/// Pairs of address and cluster whose failures are remembered, of some 150 bytes each: whoever has more addresses than this is not
/// held up by a backoff anyway.
pub const FAILED_LOGINS_REMEMBERED_MAX: usize = 65_536;

/// How often the certificate, its key and the lists of revoked tokens are looked at: small files, and whoever replaces one waits for it.
pub const FILES_CHECK_AFTER: Duration = Duration::from_secs(2);

/// How long reading them may take. A mount whose server is away hangs, and must not keep the others from being read.
pub const FILE_READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Readings of one file that have not ended: each that hangs has a thread, and the file may be another by the next.
pub const FILE_READS_MAX: usize = 8;

/// Beyond them one more begins after ever longer pauses, up to this: a mount that stays away for a year costs some hundred threads, and
/// a file that takes its place is found after a day at the latest, after a short time away much sooner.
pub const FILE_READ_AGAIN_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate's or its key's PEM file: chains are some ten kilobytes.
pub const CERTIFICATE_SIZE_MAX: usize = 1024 * 1024;

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

/// The name of a prepared statement or a portal: drivers make names of some ten bytes, the longest hash a statement. With the limits
/// above, names alone take a session to 10 MB.
pub const NAME_SIZE_MAX: usize = 1024;

/// What a session keeps at its client's wish: named statements, portals and cursors with their trees, plans, bound values and the rows that
/// may be gone back to, and the settings that savepoints go back to. A cursor at [`SCROLL_MEMORY_MAX`] beside a thousand statements of some 50 kB fits.
pub const SESSION_SIZE_MAX: usize = 128 * 1024 * 1024;

/// What a session gathers before it writes to the socket: large enough that a system call costs nothing beside the
/// encoding, small enough that thousands of streams fit.
pub const WRITE_BUFFER_SIZE: usize = 128 * 1024;

/// How long a client that takes nothing of what is sent to it keeps its session, statement and all. A person's paging and a tool that
/// works through what it has read take minutes. A reply that waits as long on disk is given up before this; its error cannot be
/// told to such a client either, so this is what frees the connection.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a statement that runs as its session's token expires may still run: nearly all are done by then, and an expired token is
/// good for no more than that.
pub const LAST_STATEMENT_GRACE: Duration = Duration::from_secs(5);

/// Stack of a worker thread. Planning recurses over a statement's tree; the guard keeps that far below this, in a debug
/// build as well. Only what is touched is ever resident.
pub const THREAD_STACK_SIZE: usize = 32 * 1024 * 1024;

/// The priority, of 0 to 99, of threads that compute what takes long; Linux calls it niceness 10. A lookup that comes meanwhile takes the
/// core from them at once, and beside lookups that take all cores they still get a tenth.
pub const COMPUTING_PRIORITY: u8 = 22;

/// How long the threads of a cluster stay that has no session: they start within a millisecond. Connections to its runtime are kept
/// open no longer, nor is what was kept of its statements.
pub const THREADS_IDLE_MAX: Duration = Duration::from_secs(60);

/// What the engine may hold in memory for all statements of one cluster that run at once; sorts and aggregates beyond it
/// spill to disk.
pub const CLUSTER_MEMORY_MAX: usize = 512 * 1024 * 1024;

/// Large statements of one cluster whose rows are computed here at once: each may use all cores, and has a quarter of the memory above.
pub const LARGE_STATEMENTS_MAX: usize = 4;

/// The same for small ones, as drivers and schema browsers send them: each has a core for some milliseconds.
pub const SMALL_STATEMENTS_MAX: usize = 16;

/// Rows that a small statement reads, those of a join without equal columns as often as they are compared: milliseconds of one core. The
/// largest relation of the catalogue has some thousands.
pub const SMALL_STATEMENT_ROWS_MAX: u64 = 100_000;

/// What sorts and aggregates of one cluster may spill to disk together.
pub const CLUSTER_SPILL_SIZE_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// One value that a function makes: PostgreSQL's own bound.
pub const VALUE_SIZE_MAX: u64 = 1024 * 1024 * 1024 - 1;

/// What all functions of one step whose results are as large as their arguments say make of a batch of rows: no pool counts it, and
/// many statements run at once.
pub const STEP_SIZE_MAX: u64 = 128 * 1024 * 1024;

/// What the expressions of one step make of a batch of rows, about: a batch of which they would make more is given to them in pieces.
/// Thousands of rows of ordinary width are far below it.
pub const PIECE_SIZE: u64 = 8 * 1024 * 1024;

/// What a cursor declared SCROLL may keep of the rows that it has given.
pub const SCROLL_MEMORY_MAX: usize = 64 * 1024 * 1024;

/// The same for one that did not say: PostgreSQL lets such a cursor go backwards where that costs nothing, so one that is read through
/// must not cost much here.
pub const UNASKED_SCROLL_MEMORY_MAX: usize = 256 * 1024;

/// Tokens of one query. An `IN` list of 49,000 values fits, far beyond the 20,000 that are known to run well; a syntax tree is
/// some hundred bytes a token, so this bounds what one statement takes before it runs to some ten megabytes.
pub const STATEMENT_TOKENS_MAX: usize = 100_000;

/// Tokens that the parser may read, those within calls as often as it reads them: a million takes a second. Calls may lie some fifteen
/// deep in one another, whatever else there is.
pub const TOKENS_READ_MAX: u64 = 1_000_000;

/// Links in a chain of operators, joins or set operations, each of which is a level of the syntax tree. Runtimes abort
/// (the process, not the query) at 1,500 to 3,000 levels. Planning cannot be cancelled, and its time grows with the square of the
/// links, for some operators with the cube: 300 take some tenths of a second, 1,000 would take many seconds.
pub const EXPRESSION_DEPTH_MAX: usize = 300;

/// Joins in one FROM clause: planning takes time with the cube of them, a second for some 200.
pub const JOINS_MAX: usize = 64;

/// Tables of a statement, counted as often as they are read once CTEs are put in place of their names.
pub const RELATIONS_MAX: usize = 500;

/// Queries within one another, CTEs put in place of their names: each is some levels of the plan. A chain of thirty CTEs is long.
pub const QUERY_DEPTH_MAX: usize = 100;

/// Columns of a result, groups of an aggregate, keys of an order: PostgreSQL's own MaxTupleAttributeNumber. Planning time grows with the
/// square of them.
pub const COLUMNS_MAX: usize = 1_664;

/// Expressions of one value once the columns of derived tables are put in place of their names, as a filter that moves down through
/// them does: thirty derived tables that each say `x || x AS x` are a thousand million. And those that a statement's comparisons of
/// rows, patterns and arrays stand for: ten within one another of four values each are a million.
pub const EXPRESSION_GROWTH_MAX: u64 = 100_000;

/// What a statement may take where the session asks for nothing else (`statement_timeout`). A full scan of a million invocations takes
/// seconds; whatever keeps a cluster busy for longer than this is a mistake more often than a wish.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// What a statement may take at most, `statement_timeout = 0` included, which tools set before a long export: a client that takes its
/// rows slowly holds disk, one that joins without end holds a core.
pub const STATEMENT_TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// Pairs of rows that a join without a pair of equal columns compares in one statement: 100,000 rows with 100,000, or a minute or two of
/// one core.
pub const NESTED_LOOP_PAIRS_MAX: u64 = 10_000_000_000;

/// Pairs that are compared at once. Nothing ends a statement in between, and nothing else runs on its thread: a tenth of a second.
pub const NESTED_LOOP_PAIRS_AT_ONCE: u64 = 10_000_000;

/// A token: as much as a password message may hold.
pub const TOKEN_SIZE_MAX: usize = PASSWORD_SIZE_MAX;

/// Verified tokens that are remembered, at most; the half that was used last for certain: a pool logs in with the same one again and
/// again. What is kept of one are its parsed claims: a few times its own length, and some ten times that of a list of many short texts,
pub const VERIFIED_TOKENS_MAX: usize = 4_096;
/// so a longer one is verified every time.
pub const VERIFIED_TOKEN_SIZE_MAX: usize = 4 * 1024;

/// A list of revoked tokens: 100,000 ids in UUID form. Those that have expired need not stay in it.
pub const REVOKED_SIZE_MAX: usize = 4 * 1024 * 1024;

/// How far ahead a token may expire: a year and a day. Its real purpose is the issuer that writes milliseconds where
/// RFC 7519 has seconds: such a token would be good for 50,000 years.
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How far an issuer's clock may be ahead of this one: `nbf` and `iat` lie in the future by that much on a fresh token.
/// `exp` has no leeway: a clock that is some seconds off takes as much from an hour's token and harms nobody.
pub const TOKEN_CLOCK_LEEWAY: Duration = Duration::from_secs(30);

/// A key id in a token's header: thumbprints are 43 bytes, key URLs some 100. A longer one is no known key and not worth
/// a fetch.
pub const KEY_ID_SIZE_MAX: usize = 256;

/// A JWKS document: an RSA-4096 key with its certificate chain is about 6 KiB, and issuers publish a handful of keys.
pub const JWKS_SIZE_MAX: usize = 64 * 1024;

/// From opening the connection to the last byte of a JWKS: a login may wait for it.
pub const JWKS_FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Age at which a JWKS from a URL is fetched again while logins go on with the one at hand.
pub const JWKS_REFRESH_AFTER: Duration = Duration::from_secs(4 * 60);

/// When nobody asked for this long, the next login waits for the fetch: a key withdrawn by its issuer is refused after
/// five minutes at the latest, as long as the issuer can be reached.
pub const JWKS_AWAIT_AFTER: Duration = Duration::from_secs(5 * 60);

/// The least time between two fetches from one issuer, whatever tokens ask for: anyone can send an unknown key id.
pub const JWKS_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How long the last good set of keys serves when its issuer cannot be reached: an outage of the issuer is no outage here,
/// yet a key withdrawn during it does not live on for days.
pub const JWKS_STALE_MAX: Duration = Duration::from_secs(60 * 60);

/// How often a JWKS file is looked at: soon enough for whoever replaces it, rarely enough under a storm of logins.
pub const JWKS_FILE_CHECK_AFTER: Duration = Duration::from_secs(2);

/// Names and values of one session's parameters together: real ones have a few hundred bytes, and custom ones could have
/// any number of any length.
pub const SETTINGS_SIZE_MAX: usize = 64 * 1024;

/// What a runtime has sent and its client has not yet taken, in memory for each reply. Most answers fit, and a thousand stalled
/// clients hold 2 GiB.
pub const REPLY_MEMORY_MAX: usize = 2 * 1024 * 1024;

/// The same on disk, for each reply: a runtime's reply is read at once even if its client never reads it, for one stalled reader
/// freezes every scan there. 1 GiB is 2.5 million journal rows or 4 million state rows; whoever lets more wait wants an export.
pub const REPLY_SPOOL_SIZE_MAX: u64 = 1024 * 1024 * 1024;

/// The same for all replies of one cluster: as many full ones as scans run at once, and half of the disk that a small container has.
pub const CLUSTER_SPOOL_SIZE_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// The same for all replies of all clusters: the disk is one.
pub const PROCESS_SPOOL_SIZE_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// How long a reply stays on disk while nobody takes any of it (a cursor or a portal that is forgotten, a pager that nobody scrolls):
/// longer than a talk at the coffee machine.
pub const REPLY_IDLE_MAX: Duration = Duration::from_secs(15 * 60);

/// Scans that run at once on one cluster. Each takes a thread for every core of the runtime's low-priority storage pool, which has no
/// more than that: two saturate it, and lookups wait behind what is queued there. Four keep it busy while replies are on their way.
pub const CLUSTER_SCANS_MAX: usize = 4;

/// Lookups that run at once on one cluster: they take some milliseconds each, and beyond eight at once a runtime answers no more of
/// them in a second (measured on two cores).
pub const CLUSTER_LOOKUPS_MAX: usize = 16;

/// Statements that wait for their turn on one cluster. A dashboard opens some twenty panels at once; beyond three of those a refusal
/// helps more than a wait.
pub const CLUSTER_QUEUE_LENGTH_MAX: usize = 64;

/// How long they wait: the longest that a person or a dashboard's own timeout (Grafana's is 30 s) bears.
pub const CLUSTER_QUEUE_WAIT_MAX: Duration = Duration::from_secs(30);

/// A statement that is sent to a runtime as it was typed: the largest that people type or tools generate, and an eighth of what a
/// request may hold.
pub const TYPED_SIZE_MAX: usize = 256 * 1024;

/// Keys in a filter that still make a lookup: 100 ids take 7 ms, 500 take 24, several thousand as long as a scan.
pub const LOOKUP_KEYS_MAX: usize = 100;

/// Keys that a subquery may give to be looked up one by one. Over 120,000 invocations 300 take a third of a scan and 1,000 as long as one:
/// the runtime's planner slows down with the square of them.
pub const INLINED_KEYS_MAX: usize = 300;

/// Texts of which one cluster keeps what they say: some hundred dashboard panels, and what drivers ask,
pub const KEPT_TEXTS_MAX: usize = 200;
/// of so many bytes each: a longer one counts as several. What one says takes 150 times as much at worst: as much as its plan may.
pub const KEPT_TEXT_UNIT: usize = 1024;
/// Bytes of the longest: schema browsers ask their longest questions in three to five thousand.
pub const KEPT_TEXT_SIZE_MAX: usize = 8 * KEPT_TEXT_UNIT;

/// A text that is longer is parsed on a thread of its own: a megabyte takes a tenth of a second, and more where it is all operators.
pub const PARSED_HERE_TEXT_MAX: usize = 16 * 1024;

/// A statement whose text is longer is planned on a thread of its own: of 250 bytes of it, whatever they say, planning makes some
/// milliseconds, and the way to another thread takes a hundredth of one.
pub const PLANNED_HERE_TEXT_MAX: usize = 250;

/// The same for a plan as it is counted for the cache, which is optimized each time that it runs: that of `SELECT *` over the widest table
/// has a third of it.
pub const PLANNED_HERE_SIZE_MAX: usize = 200 * 1024;

/// Plannings of one cluster on such threads at once, those included that nobody waits for any more.
pub const CLUSTER_PLANNINGS_MAX: usize = 8;

/// Plans that are kept for one cluster: some hundred dashboard panels with a handful of statements each,
pub const PLANS_MAX: usize = 1_000;
/// and what they may take together; a plan over a table of fifty columns takes some 50 kB.
pub const PLANS_SIZE_MAX: usize = 32 * 1024 * 1024;

/// What those of them give that read nothing but the catalogue, which gives the same for as long as its schema is the same: all that a
/// schema browser asks for each table is some hundred kilobytes, all columns of all relations one megabyte, which is as much as one
/// answer may take. They go with the plans.
pub const ANSWERS_SIZE_MAX: usize = 8 * 1024 * 1024;

/// Plans of one session that hold something of it. They are those of the statements that a driver asks when it connects, or a schema
/// browser for each table,
pub const SESSION_PLANS_MAX: usize = 50;
/// and there are thousands of sessions.
pub const SESSION_PLANS_SIZE_MAX: usize = 2 * 1024 * 1024;
