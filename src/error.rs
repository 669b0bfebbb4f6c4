//! The one error type. It has three faces: the SQLSTATE, what the client may read, and what only the log may say.

use std::fmt;

/// A five-character SQLSTATE, from PostgreSQL's appendix A ("Error Codes").
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(&'static str);

impl SqlState {
    /// The five characters.
    pub const fn code(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! sqlstates {
    ($($name:ident = $code:literal),* $(,)?) => {
        impl SqlState {
            $(pub const $name: SqlState = SqlState($code);)*
        }
    };
}

sqlstates! {
    CONNECTION_FAILURE = "08006",
    PROTOCOL_VIOLATION = "08P01",
    FEATURE_NOT_SUPPORTED = "0A000",
    ARRAY_SUBSCRIPT_ERROR = "2202E",
    CARDINALITY_VIOLATION = "21000",
    STRING_DATA_RIGHT_TRUNCATION = "22001",
    NUMERIC_VALUE_OUT_OF_RANGE = "22003",
    INVALID_DATETIME_FORMAT = "22007",
    DATETIME_FIELD_OVERFLOW = "22008",
    DIVISION_BY_ZERO = "22012",
    CHARACTER_NOT_IN_REPERTOIRE = "22021",
    SUBSTRING_ERROR = "22011",
    INVALID_ARGUMENT_FOR_LOGARITHM = "2201E",
    INVALID_ARGUMENT_FOR_POWER_FUNCTION = "2201F",
    INVALID_ARGUMENT_FOR_WIDTH_BUCKET = "2201G",
    INVALID_ROW_COUNT_IN_LIMIT_CLAUSE = "2201W",
    INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE = "2201X",
    INVALID_REGULAR_EXPRESSION = "2201B",
    INVALID_PARAMETER_VALUE = "22023",
    STRING_DATA_LENGTH_MISMATCH = "22026",
    INVALID_ESCAPE_SEQUENCE = "22025",
    INVALID_TEXT_REPRESENTATION = "22P02",
    INVALID_BINARY_REPRESENTATION = "22P03",
    ACTIVE_SQL_TRANSACTION = "25001",
    READ_ONLY_SQL_TRANSACTION = "25006",
    NO_ACTIVE_SQL_TRANSACTION = "25P01",
    IN_FAILED_SQL_TRANSACTION = "25P02",
    IDLE_IN_TRANSACTION_SESSION_TIMEOUT = "25P03",
    INVALID_SQL_STATEMENT_NAME = "26000",
    INVALID_AUTHORIZATION = "28000",
    INVALID_PASSWORD = "28P01",
    INVALID_CURSOR_NAME = "34000",
    INVALID_SAVEPOINT = "3B001",
    INVALID_CATALOG_NAME = "3D000",
    WRONG_OBJECT_TYPE = "42809",
    INVALID_SCHEMA_NAME = "3F000",
    INSUFFICIENT_PRIVILEGE = "42501",
    SYNTAX_ERROR = "42601",
    INVALID_NAME = "42602",
    DUPLICATE_ALIAS = "42712",
    AMBIGUOUS_COLUMN = "42702",
    UNDEFINED_COLUMN = "42703",
    UNDEFINED_OBJECT = "42704",
    GROUPING_ERROR = "42803",
    INVALID_COLUMN_REFERENCE = "42P10",
    WINDOWING_ERROR = "42P20",
    DATATYPE_MISMATCH = "42804",
    CANNOT_COERCE = "42846",
    AMBIGUOUS_FUNCTION = "42725",
    UNDEFINED_FUNCTION = "42883",
    UNDEFINED_TABLE = "42P01",
    UNDEFINED_PARAMETER = "42P02",
    DUPLICATE_CURSOR = "42P03",
    INVALID_CURSOR_DEFINITION = "42P11",
    DUPLICATE_PREPARED_STATEMENT = "42P05",
    INDETERMINATE_DATATYPE = "42P18",
    DISK_FULL = "53100",
    OUT_OF_MEMORY = "53200",
    TOO_MANY_CONNECTIONS = "53300",
    CONFIGURATION_LIMIT_EXCEEDED = "53400",
    PROGRAM_LIMIT_EXCEEDED = "54000",
    STATEMENT_TOO_COMPLEX = "54001",
    TOO_MANY_COLUMNS = "54011",
    OBJECT_NOT_IN_PREREQUISITE_STATE = "55000",
    CANT_CHANGE_RUNTIME_PARAM = "55P02",
    QUERY_CANCELED = "57014",
    ADMIN_SHUTDOWN = "57P01",
    CANNOT_CONNECT_NOW = "57P03",
    IDLE_SESSION_TIMEOUT = "57P05",
    IO_ERROR = "58030",
    INTERNAL_ERROR = "XX000",
}

/// How far an error reaches: an `Error` ends the statement, a `Fatal` the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Fatal,
}

impl Severity {
    /// PostgreSQL's word for it, as it stands in an ErrorResponse.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
        }
    }
}

/// An error as a client reads it, plus what only the log may say.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    severity: Severity,
    code: SqlState,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<usize>,
    log: Option<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(code: SqlState, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            severity: Severity::Error,
            code,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            log: None,
        }))
    }

    /// An error that ends the connection.
    pub fn fatal(code: SqlState, message: impl Into<String>) -> Self {
        let mut error = Error::new(code, message);
        error.0.severity = Severity::Fatal;
        error
    }

    /// A fault of this program: the client reads `internal error`, the log reads `cause`.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Error::new(SqlState::INTERNAL_ERROR, "internal error").with_log(cause.to_string())
    }

    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Where in the statement's text the fault lies: characters, counted from 1.
    pub fn with_position(mut self, position: usize) -> Self {
        self.0.position = Some(position);
        self
    }

    /// What the log may say and the client may not.
    pub fn with_log(mut self, log: impl Into<String>) -> Self {
        self.0.log = Some(log.into());
        self
    }

    /// The same error, ending the connection.
    pub fn into_fatal(mut self) -> Self {
        self.0.severity = Severity::Fatal;
        self
    }

    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    pub fn is_fatal(&self) -> bool {
        self.0.severity == Severity::Fatal
    }

    pub fn code(&self) -> SqlState {
        self.0.code
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    pub fn position(&self) -> Option<usize> {
        self.0.position
    }

    /// The log's own text, where there is one.
    pub fn log(&self) -> Option<&str> {
        self.0.log.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({})",
            self.0.severity.as_str(),
            self.0.message,
            self.0.code.0
        )
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        match &self.0.log {
            Some(log) => write!(f, " [{log}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// An error and what lies under it, in one line: hyper-util's own text is only "client error (Connect)".
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
