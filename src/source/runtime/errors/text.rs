//! What the text of a runtime's error means: which of PostgreSQL's errors it is, and whether the same request may succeed a moment later.

use super::{Failure, Retry};
use crate::{Error, SqlState};

/// The longest message or detail that is passed on; some list every field of a query.
const TEXT_LENGTH_MAX: usize = 1000;

/// The engine's text, without the names of the layers that it went through.
fn innermost(message: &str) -> &str {
    const LAYERS: [&str; 9] = [
        "Datafusion error: ",
        "DataFusion error: ",
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "Execution error: ",
        "External error: ",
        "Arrow error: ",
        "This feature is not implemented: ",
    ];
    let mut text = message.rsplit("\ncaused by\n").next().unwrap_or(message).trim();
    while let Some(rest) = LAYERS.iter().find_map(|layer| text.strip_prefix(layer)) {
        text = rest.trim_start();
    }
    text
}

/// What stands between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

/// Cuts a text at a character boundary.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(TEXT_LENGTH_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Texts of a cluster that is starting or where a node has just gone.
fn is_transient(message: &str) -> bool {
    (message.contains("node lookup for partition") && message.contains("failed"))
        || (message.contains("partition") && message.contains("doesn't exist on this node"))
        || message.contains("connection closed")
        || message.contains("connect throttled")
        || message.contains("handshake failed")
        || message.contains("No such scanner")
}

/// The failure that a runtime's text tells of.
pub fn failure(message: &str, log: String) -> Failure {
    let text = innermost(message);
    if is_transient(text) {
        let error = Error::new(SqlState::CANNOT_CONNECT_NOW, "cluster is not ready")
            .with_detail(bounded(text))
            .with_log(log);
        return Failure {
            error,
            retry: Retry::Backoff,
        };
    }
    Failure::lasting(error(message, text).with_log(log))
}

fn error(message: &str, text: &str) -> Error {
    if let Some(column) = between(text, "No field named ", ".") {
        // The name may be qualified: `table.column`, each part quoted where it must be.
        let rest = text.split_once("No field named ").map_or("", |(_, rest)| rest);
        let name = rest
            .split_once(". ")
            .map_or(rest.strip_suffix('.').unwrap_or(column), |(name, _)| name);
        let error = Error::new(
            SqlState::UNDEFINED_COLUMN,
            bounded(&format!("column {} does not exist", quoted(name))),
        );
        return match text.split_once("Valid fields are ") {
            Some((_, fields)) => error.with_detail(bounded(&format!("Valid columns are {fields}"))),
            None => error,
        };
    }
    if let Some(table) = between(text, "table '", "' not found") {
        let name = table.strip_prefix("restate.public.").unwrap_or(table);
        return Error::new(
            SqlState::UNDEFINED_TABLE,
            bounded(&format!("relation \"{name}\" does not exist")),
        );
    }
    if let Some(function) = between(text, "Invalid function '", "'") {
        let error = Error::new(
            SqlState::UNDEFINED_FUNCTION,
            bounded(&format!("function {function} does not exist")),
        );
        return match text.split_once("Did you mean ") {
            Some((_, other)) => error.with_hint(bounded(&format!("Did you mean {other}"))),
            None => error,
        };
    }
    if text.contains("RecursionLimitExceeded") {
        return Error::new(SqlState::STATEMENT_TOO_COMPLEX, "statement is nested too deeply");
    }
    if let Some((_, rest)) = text.split_once("ParserError(\"") {
        let why = rest.strip_suffix("\")").unwrap_or(rest);
        // The place is one in the text that was sent, which is not the client's.
        let why = why.split(" at Line: ").next().unwrap_or(why);
        return Error::new(SqlState::SYNTAX_ERROR, bounded(&format!("syntax error: {why}")));
    }
    if text.contains("Divide by zero") {
        return Error::new(SqlState::DIVISION_BY_ZERO, "division by zero");
    }
    // `non valid invocation id`, `non valid VQueue`: what a column of ids is compared with is none.
    if text.contains("non valid ") {
        return Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid identifier");
    }
    if text.contains("Resources exhausted") || text.contains("Not enough memory") {
        return Error::new(SqlState::OUT_OF_MEMORY, "cluster has not enough memory for this query")
            .with_detail(bounded(text));
    }
    // What follows is a dump of the engine's own structures.
    let shown = text.split(": [").next().unwrap_or(text);
    Error::new(class_of(message, text), bounded(shown))
}

/// Of texts that are passed on as they are.
fn class_of(message: &str, text: &str) -> SqlState {
    let has = |part: &str| text.contains(part);
    if has("Cast error") && (has("Overflow") || has("overflow") || has("Can't cast value"))
        || has("Arithmetic overflow")
    {
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE
    } else if has("Parser error") && (has("timestamp") || has("date")) {
        SqlState::INVALID_DATETIME_FORMAT
    } else if has("Cast error") || has("Parser error") {
        SqlState::INVALID_TEXT_REPRESENTATION
    } else if has("Ambiguous reference") {
        SqlState::AMBIGUOUS_COLUMN
    } else if has("more than one row") {
        SqlState::CARDINALITY_VIOLATION
    } else if has("GROUP BY") {
        SqlState::GROUPING_ERROR
    } else if has("coerc") || has("incompatible") {
        SqlState::DATATYPE_MISMATCH
    } else if message.contains("This feature is not implemented") || has("not supported") {
        SqlState::FEATURE_NOT_SUPPORTED
    } else if message.contains("Error during planning") || message.contains("Schema error") {
        SqlState::SYNTAX_ERROR
    } else {
        SqlState::INTERNAL_ERROR
    }
}

/// PostgreSQL quotes a bare name and leaves a qualified one as it is.
fn quoted(name: &str) -> String {
    if name.contains('.') || name.starts_with('"') {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Failure {
        failure(message, String::new())
    }

    /// Messages as runtimes 1.6.1 and 1.7.12 sent them.
    #[test]
    fn what_a_runtime_says_becomes_what_postgresql_would_say() {
        for (message, code, expected) in [
            (
                "Datafusion error: Schema error: No field named nope. Valid fields are sys_deployment.id, sys_deployment.ty.",
                SqlState::UNDEFINED_COLUMN,
                "column \"nope\" does not exist",
            ),
            (
                "Datafusion error: Schema error: No field named case.",
                SqlState::UNDEFINED_COLUMN,
                "column \"case\" does not exist",
            ),
            (
                "Datafusion error: Schema error: No field named s.nope. Valid fields are s.id.",
                SqlState::UNDEFINED_COLUMN,
                "column s.nope does not exist",
            ),
            (
                "Datafusion error: Error during planning: table 'restate.public.nope' not found",
                SqlState::UNDEFINED_TABLE,
                "relation \"nope\" does not exist",
            ),
            (
                "Datafusion error: Error during planning: Invalid function 'foo'.\nDid you mean 'log'?",
                SqlState::UNDEFINED_FUNCTION,
                "function foo does not exist",
            ),
            (
                "Datafusion error: SQL error: ParserError(\"Expected: an SQL statement, found: selec at Line: 1, Column: 1\")",
                SqlState::SYNTAX_ERROR,
                "syntax error: Expected: an SQL statement, found: selec",
            ),
            (
                "Datafusion error: This feature is not implemented: Extract not supported by ExprPlanner: [Literal(Utf8(\"YEAR\"), None)]",
                SqlState::FEATURE_NOT_SUPPORTED,
                "Extract not supported by ExprPlanner",
            ),
            (
                "Datafusion error: SQL error: RecursionLimitExceeded",
                SqlState::STATEMENT_TOO_COMPLEX,
                "statement is nested too deeply",
            ),
            (
                "Datafusion error: Arrow error: Divide by zero error",
                SqlState::DIVISION_BY_ZERO,
                "division by zero",
            ),
            (
                "Datafusion error: Optimizer rule 'simplify_expressions' failed\ncaused by\nArrow error: Cast error: Cannot cast string 'x' to value of Int32 type",
                SqlState::INVALID_TEXT_REPRESENTATION,
                "Cast error: Cannot cast string 'x' to value of Int32 type",
            ),
            (
                "Datafusion error: External error: non valid invocation id",
                SqlState::INVALID_TEXT_REPRESENTATION,
                "invalid identifier",
            ),
            (
                "Datafusion error: This feature is not implemented: The context currently only supports a single SQL statement",
                SqlState::FEATURE_NOT_SUPPORTED,
                "The context currently only supports a single SQL statement",
            ),
            (
                "Datafusion error: Error during planning: Inconsistent data length across values list: got 1 values in row 0 but expected 9",
                SqlState::SYNTAX_ERROR,
                "Inconsistent data length across values list: got 1 values in row 0 but expected 9",
            ),
            (
                "Datafusion error: Resources exhausted: Additional allocation failed for ExternalSorter",
                SqlState::OUT_OF_MEMORY,
                "cluster has not enough memory for this query",
            ),
            (
                "Datafusion error: Internal error: Only intervals with the same data type are intersectable, lhs:Null, rhs:UInt64.",
                SqlState::INTERNAL_ERROR,
                "Internal error: Only intervals with the same data type are intersectable, lhs:Null, rhs:UInt64.",
            ),
        ] {
            let failure = of(message);
            assert_eq!((failure.error.code(), failure.error.message()), (code, expected));
            assert_eq!(failure.retry, Retry::No, "{message}");
        }
        assert_eq!(
            of("Invalid function 'foo'.\nDid you mean 'log'?").error.hint(),
            Some("Did you mean 'log'?")
        );
    }

    #[test]
    fn texts_of_a_starting_cluster_are_worth_another_try() {
        for message in [
            "Datafusion error: External error: node lookup for partition 7 failed",
            "Datafusion error: External error: partition 3 doesn't exist on this node, this is benign and can be retried",
            "Datafusion error: External error: connection closed",
            "Datafusion error: External error: connect throttled; 3.68769489s left in throttling window",
            "Datafusion error: External error: handshake failed: tcp connect error",
            "Datafusion error: Internal error: No such scanner. It could have expired due to a long period of inactivity..\nThis issue \
             was likely caused by a bug in DataFusion's code.",
        ] {
            let failure = of(message);
            assert_eq!(
                (failure.error.code(), failure.retry),
                (SqlState::CANNOT_CONNECT_NOW, Retry::Backoff),
                "{message}"
            );
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let fields = "ü.".repeat(100_000);
        let error = of(&format!(
            "Datafusion error: Schema error: No field named x. Valid fields are {fields}"
        ))
        .error;
        assert!(
            error
                .detail()
                .is_some_and(|detail| detail.len() < 4 * TEXT_LENGTH_MAX && detail.ends_with("..."))
        );
        assert!(of(&fields).error.message().len() < 4 * TEXT_LENGTH_MAX);
    }
}
