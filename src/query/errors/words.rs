//! Errors that the engine tells apart by their words alone.

use crate::{Error, SqlState};

/// Texts of the engine that mean one certain thing to PostgreSQL, in the order in which they are looked for.
const MEANINGS: &[(&str, SqlState, Option<&str>)] = &[
    ("Divide by zero", SqlState::DIVISION_BY_ZERO, Some("division by zero")),
    ("DivideByZero", SqlState::DIVISION_BY_ZERO, Some("division by zero")),
    (
        "exceeds the representable",
        SqlState::DATETIME_FIELD_OVERFLOW,
        Some("timestamp out of range"),
    ),
    (
        "cannot take square root of a negative number",
        SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
        Some("cannot take square root of a negative number"),
    ),
    (
        "LIMIT must be >=",
        SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE,
        Some("LIMIT must not be negative"),
    ),
    (
        "OFFSET must be >=",
        SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE,
        Some("OFFSET must not be negative"),
    ),
    (
        "Order by column out of bounds",
        SqlState::INVALID_COLUMN_REFERENCE,
        Some("ORDER BY position is not in select list"),
    ),
    (
        "Aggregate functions are not allowed in the WHERE clause",
        SqlState::GROUPING_ERROR,
        Some("aggregate functions are not allowed in WHERE"),
    ),
    (
        "Aggregate function calls cannot be nested",
        SqlState::GROUPING_ERROR,
        Some("aggregate function calls cannot be nested"),
    ),
    ("Invalid window frame", SqlState::WINDOWING_ERROR, None),
    (
        "Incompatible inputs for Union",
        SqlState::DATATYPE_MISMATCH,
        Some("UNION types cannot be matched"),
    ),
    (
        "Cannot create filter with non-boolean predicate",
        SqlState::DATATYPE_MISMATCH,
        Some("argument of WHERE must be type boolean"),
    ),
    (
        "Unary operator 'NOT' requires a boolean",
        SqlState::DATATYPE_MISMATCH,
        Some("argument of NOT must be type boolean"),
    ),
    (
        "negative count not allowed",
        SqlState::SUBSTRING_ERROR,
        Some("negative substring length not allowed"),
    ),
    (
        "Date arithmetic overflow",
        SqlState::DATETIME_FIELD_OVERFLOW,
        Some("date out of range"),
    ),
    (
        "Cannot cast to Interval",
        SqlState::DATETIME_FIELD_OVERFLOW,
        Some("date out of range"),
    ),
    (
        "Timestamp out of range",
        SqlState::DATETIME_FIELD_OVERFLOW,
        Some("timestamp out of range"),
    ),
    ("verflow", SqlState::NUMERIC_VALUE_OUT_OF_RANGE, None),
    ("out of range", SqlState::NUMERIC_VALUE_OUT_OF_RANGE, None),
    ("Parsing timestamp", SqlState::INVALID_DATETIME_FORMAT, None),
    ("Error parsing timestamp", SqlState::INVALID_DATETIME_FORMAT, None),
    ("Cannot cast string", SqlState::INVALID_TEXT_REPRESENTATION, None),
    ("Cast error", SqlState::INVALID_TEXT_REPRESENTATION, None),
    (
        "Regular expression did not compile",
        SqlState::INVALID_PARAMETER_VALUE,
        None,
    ),
    ("regex parse error", SqlState::INVALID_REGULAR_EXPRESSION, None),
    (
        "negative substring length not allowed",
        SqlState::SUBSTRING_ERROR,
        Some("negative substring length not allowed"),
    ),
    ("must appear in the GROUP BY clause", SqlState::GROUPING_ERROR, None),
    (
        "could not be resolved from available columns",
        SqlState::GROUPING_ERROR,
        None,
    ),
    ("Invalid function", SqlState::UNDEFINED_FUNCTION, None),
    ("No function matches", SqlState::UNDEFINED_FUNCTION, None),
    ("does not support", SqlState::FEATURE_NOT_SUPPORTED, None),
    ("not supported", SqlState::FEATURE_NOT_SUPPORTED, None),
    ("not implemented", SqlState::FEATURE_NOT_SUPPORTED, None),
    (
        "must produce at most one row",
        SqlState::CARDINALITY_VIOLATION,
        Some("more than one row returned by a subquery used as an expression"),
    ),
    (
        "ScalarSubquery returned more than one row",
        SqlState::CARDINALITY_VIOLATION,
        Some("more than one row returned by a subquery used as an expression"),
    ),
    (
        "Too many columns! The subquery should only return one column",
        SqlState::SYNTAX_ERROR,
        Some("subquery must return only one column"),
    ),
    ("coerce", SqlState::DATATYPE_MISMATCH, None),
    ("coercion", SqlState::DATATYPE_MISMATCH, None),
    ("Unsupported CAST", SqlState::CANNOT_COERCE, None),
];

/// The longest text of the engine that a client is shown.
const TEXT_SIZE_MAX: usize = 500;

/// The error that `text` means, else one of `default`. An internal error keeps its text for the log.
pub(super) fn classified(text: &str, default: SqlState) -> Error {
    if let Some(error) = bad_text(text) {
        return error;
    }
    match MEANINGS.iter().find(|(known, ..)| text.contains(known)) {
        Some((_, code, Some(words))) => Error::new(*code, *words).with_log(text),
        Some((_, code, None)) => in_postgres_words(text, *code).unwrap_or_else(|| Error::new(*code, shortened(text))),
        None if default == SqlState::INTERNAL_ERROR => Error::internal(text),
        None => in_postgres_words(text, default).unwrap_or_else(|| Error::new(default, shortened(text))),
    }
}

/// What PostgreSQL would say of arguments that an operator, a function or a cast is not for, where the engine's text is in its own names of
/// operators and types.
pub(super) fn in_postgres_words(text: &str, code: SqlState) -> Option<Error> {
    const CASTS: &str = "You might need to add explicit type casts.";
    let between = |start: &str, end: &str| {
        let (_, rest) = text.split_once(start)?;
        Some(rest.split_once(end)?.0)
    };
    let operator = |operation: Option<&str>| {
        let parts: Vec<&str> = operation.unwrap_or_default().split(' ').collect();
        let words = match parts.as_slice() {
            [left, name, right] => match (type_name(left), type_name(right)) {
                (Some(left), Some(right)) => format!("operator does not exist: {left} {name} {right}"),
                _ => format!("operator does not exist: {name}"),
            },
            _ => "operator does not exist".to_owned(),
        };
        if let [_, name @ ("AND" | "OR"), _] = parts.as_slice() {
            let words = format!("argument of {name} must be type boolean");
            return Error::new(SqlState::DATATYPE_MISMATCH, words);
        }
        let hint = format!("No operator matches the given name and argument types. {CASTS}");
        Error::new(SqlState::UNDEFINED_FUNCTION, words).with_hint(hint)
    };
    let error = if text.contains("Unsupported binary operator: ") {
        operator(None)
    } else if text.contains("Cannot infer common") || text.contains("Cannot coerce arithmetic expression ") {
        let words = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_end_matches(" to valid types");
        let start = ["operation ", "expression "]
            .into_iter()
            .find_map(|start| words.split_once(start));
        operator(start.map(|(_, operation)| operation))
    } else if let Some(name) = between("Function '", "' requires ")
        .or_else(|| between("Function '", "' failed to match any signature"))
        .or_else(|| between("satisfy a call to '", "' function"))
    {
        let hint = format!("No function matches the given name and argument types. {CASTS}");
        Error::new(
            code,
            format!("function {name} does not exist for arguments of these types"),
        )
        .with_hint(hint)
    } else if let Some((from, to)) = text
        .split_once("Unsupported CAST from ")
        .and_then(|(_, types)| types.lines().next()?.split_once(" to "))
    {
        Error::new(
            SqlState::CANNOT_COERCE,
            match (type_name(from), type_name(to)) {
                (Some(from), Some(to)) => format!("cannot cast type {from} to {to}"),
                _ => "cannot cast between these types".to_owned(),
            },
        )
    } else {
        return None;
    };
    Some(error.with_log(text))
}

/// PostgreSQL's name of one of the engine's types.
fn type_name(engine: &str) -> Option<String> {
    if let Some(item) = engine.strip_prefix("List(").and_then(|item| item.strip_suffix(')')) {
        return type_name(item).map(|item| format!("{item}[]"));
    }
    let name = match engine.split_once('(').map_or(engine, |(name, _)| name) {
        "Utf8" | "LargeUtf8" | "Utf8View" => "text",
        "Binary" | "LargeBinary" | "BinaryView" => "bytea",
        "Boolean" => "boolean",
        "Int8" | "Int16" => "smallint",
        "Int32" => "integer",
        "Int64" | "UInt64" | "UInt32" => "bigint",
        "Float32" => "real",
        "Float64" => "double precision",
        "Decimal128" | "Decimal256" => "numeric",
        "Date32" | "Date64" => "date",
        "Time32" | "Time64" => "time without time zone",
        "Timestamp" if engine.contains("None") || !engine.contains(',') => "timestamp without time zone",
        "Timestamp" => "timestamp with time zone",
        "Interval" => "interval",
        _ => return None,
    };
    Some(name.to_owned())
}

/// PostgreSQL's error for a text that is no value of a type, where that is what the engine means.
fn bad_text(text: &str) -> Option<Error> {
    let bad = |code, type_name: &str, value: &str| {
        let value = value.get(..value.floor_char_boundary(TEXT_SIZE_MAX)).unwrap_or(value);
        Error::new(code, format!("invalid input syntax for type {type_name}: \"{value}\""))
    };
    if let Some((_, rest)) = text.split_once("Cannot cast string '") {
        let (value, rest) = rest.rsplit_once("' to value of ")?;
        let type_name = match rest.trim_end_matches('.').trim_end_matches(" type") {
            "Int16" | "Int8" => "smallint",
            "Int32" => "integer",
            "Int64" | "UInt64" | "UInt32" => "bigint",
            "Float32" => "real",
            "Float64" => "double precision",
            "Boolean" => "boolean",
            "Date32" | "Date64" => "date",
            other if other.starts_with("Decimal") => "numeric",
            other if other.starts_with("Time") => "time",
            _ => return None,
        };
        let code = match type_name {
            "date" | "time" => SqlState::INVALID_DATETIME_FORMAT,
            _ => SqlState::INVALID_TEXT_REPRESENTATION,
        };
        return Some(bad(code, type_name, value));
    }
    let (_, rest) = text.split_once("rror parsing timestamp from '")?;
    let (value, _) = rest.rsplit_once("': ")?;
    Some(bad(SqlState::INVALID_DATETIME_FORMAT, "timestamp", value))
}

/// The first line of an engine's text, without its own prefixes, bounded.
pub(super) fn shortened(text: &str) -> String {
    const PREFIXES: [&str; 6] = [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "Cast error: ",
        "sql parser error: ",
        "Invalid argument error: ",
    ];
    let mut text = text.lines().next().unwrap_or_default();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    text.get(..text.floor_char_boundary(TEXT_SIZE_MAX))
        .unwrap_or(text)
        .to_owned()
}
