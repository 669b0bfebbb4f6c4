//! The engine's errors → errors that a PostgreSQL client knows.
//!
//! Sources pass [`Error`]s of their own through the engine as `DataFusionError::External`; they come out as they went in.

mod words;

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};

use self::words::{classified, in_postgres_words, shortened};
use crate::{Error, SqlState};

/// An error of the engine as a client may read it.
pub fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => match source.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => match source.downcast::<DataFusionError>() {
                Ok(error) => from_datafusion(*error),
                Err(source) => classified(&source.to_string(), SqlState::INTERNAL_ERROR),
            },
        },
        DataFusionError::Context(_, inner) => from_datafusion(*inner),
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let error = from_datafusion(*inner);
            // The statement parser puts the character's position in the client's text where a column is expected.
            match diagnostic
                .span
                .and_then(|span| usize::try_from(span.start.column).ok())
                .filter(|at| *at > 0)
            {
                Some(position) if error.position().is_none() => error.with_position(position),
                _ => error,
            }
        }
        DataFusionError::Shared(inner) => from_shared(&inner),
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => from_datafusion(first),
            None => Error::internal("an empty collection of errors"),
        },
        DataFusionError::ArrowError(error, _) => from_arrow(*error),
        DataFusionError::SchemaError(error, _) => from_schema(&error),
        DataFusionError::SQL(error, _) => Error::new(SqlState::SYNTAX_ERROR, shortened(&error.to_string())),
        DataFusionError::NotImplemented(text) if text.contains("OuterReferenceColumn") => Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "a subquery that refers to the query around it cannot be used here",
        )
        .with_hint("Join what it reads instead.")
        .with_log(text),
        DataFusionError::NotImplemented(text) => in_postgres_words(&text, SqlState::FEATURE_NOT_SUPPORTED)
            .unwrap_or_else(|| Error::new(SqlState::FEATURE_NOT_SUPPORTED, shortened(&text))),
        DataFusionError::Plan(text) => classified(&text, SqlState::SYNTAX_ERROR),
        DataFusionError::Execution(text) => classified(&text, SqlState::INVALID_PARAMETER_VALUE),
        DataFusionError::ResourcesExhausted(text) => Error::new(SqlState::OUT_OF_MEMORY, "out of memory")
            .with_detail("The statement needs more memory than its cluster may use.")
            .with_log(text),
        other => Error::internal(other),
    }
}

/// A shared error cannot be taken apart; what matters of it can be read.
fn from_shared(error: &DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::External(source) => match source.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => classified(&source.to_string(), SqlState::INTERNAL_ERROR),
        },
        DataFusionError::SchemaError(error, _) => from_schema(error),
        DataFusionError::Plan(text) => classified(text, SqlState::SYNTAX_ERROR),
        DataFusionError::Execution(text) => classified(text, SqlState::INVALID_PARAMETER_VALUE),
        DataFusionError::ResourcesExhausted(text) => {
            Error::new(SqlState::OUT_OF_MEMORY, "out of memory").with_log(text.clone())
        }
        other => classified(&other.to_string(), SqlState::INTERNAL_ERROR),
    }
}

fn from_arrow(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(source) => match source.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => match source.downcast::<DataFusionError>() {
                Ok(error) => from_datafusion(*error),
                Err(source) => classified(&source.to_string(), SqlState::INTERNAL_ERROR),
            },
        },
        ArrowError::DivideByZero => Error::new(SqlState::DIVISION_BY_ZERO, "division by zero"),
        ArrowError::ArithmeticOverflow(text) => {
            Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range").with_detail(shortened(&text))
        }
        error => classified(&error.to_string(), SqlState::INVALID_PARAMETER_VALUE),
    }
}

fn from_schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let error = Error::new(
                SqlState::UNDEFINED_COLUMN,
                match &field.relation {
                    Some(relation) => format!("column {}.{} does not exist", relation.table(), field.name),
                    None => format!("column \"{}\" does not exist", field.name),
                },
            );
            let near = valid_fields
                .iter()
                .find(|valid| valid.name.eq_ignore_ascii_case(&field.name));
            match near {
                Some(near) => error.with_hint(format!(
                    "Perhaps you meant to reference the column \"{}\".",
                    near.flat_name()
                )),
                None => error,
            }
        }
        SchemaError::AmbiguousReference { field } => Error::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("column reference \"{}\" is ambiguous", field.name),
        ),
        SchemaError::DuplicateQualifiedField { qualifier, name } => Error::new(
            SqlState::DUPLICATE_ALIAS,
            format!("column \"{name}\" of \"{qualifier}\" is specified more than once"),
        ),
        SchemaError::DuplicateUnqualifiedField { name } => Error::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("column \"{name}\" is specified more than once"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::common::Column;

    use super::*;

    #[test]
    fn an_error_of_a_source_comes_out_as_it_went_in() {
        let error = || {
            let source = Error::new(SqlState::CONNECTION_FAILURE, "cluster is not reachable");
            DataFusionError::External(Box::new(source)).context("while scanning")
        };
        for wrapped in [
            error(),
            DataFusionError::Shared(Arc::new(error())),
            DataFusionError::ArrowError(Box::new(ArrowError::ExternalError(Box::new(error()))), None),
            DataFusionError::Collection(vec![error()]),
        ] {
            assert_eq!(from_datafusion(wrapped).code(), SqlState::CONNECTION_FAILURE);
        }
    }

    #[test]
    fn a_subquery_that_cannot_be_untangled_is_told_without_the_engine_s_words() {
        let text = "Physical plan does not support logical expression OuterReferenceColumn(Field { name: \"id\" })";
        let error = from_datafusion(DataFusionError::NotImplemented(text.to_owned()));
        assert_eq!(error.code(), SqlState::FEATURE_NOT_SUPPORTED);
        assert!(!error.message().contains("OuterReferenceColumn"), "{}", error.message());
        assert_eq!(error.hint(), Some("Join what it reads instead."));
    }

    #[test]
    fn operators_functions_and_casts_are_told_in_postgres_names() {
        for (text, words) in [
            ("Unsupported binary operator: PGOverlap", "operator does not exist"),
            (
                "Cannot infer common type for bitwise operation Utf8 >> Utf8",
                "operator does not exist: text >> text",
            ),
            (
                "Cannot infer common argument type for operation List(Utf8) @> Utf8",
                "operator does not exist: text[] @> text",
            ),
            (
                "Cannot coerce arithmetic expression Utf8 % Int64 to valid types",
                "operator does not exist: text % bigint",
            ),
            (
                "Function 'strpos' requires String, but received Binary (DataType: Binary).",
                "function strpos does not exist for arguments of these types",
            ),
            (
                "Internal error: Function 'sum' failed to match any signature, errors: Error during planning",
                "function sum does not exist for arguments of these types",
            ),
            (
                "Failed to coerce arguments to satisfy a call to 'var' function: coercion from",
                "function var does not exist for arguments of these types",
            ),
            (
                "Unsupported CAST from Interval(MonthDayNano) to Int32",
                "cannot cast type interval to integer",
            ),
        ] {
            for error in [
                DataFusionError::Plan(text.to_owned()),
                DataFusionError::NotImplemented(text.to_owned()),
            ] {
                let error = from_datafusion(error);
                assert_eq!(error.message(), words, "{text}");
                assert_ne!(error.code(), SqlState::INTERNAL_ERROR);
            }
        }
    }

    #[test]
    fn faults_of_a_statement_get_postgres_codes_and_words() {
        let missing = SchemaError::FieldNotFound {
            field: Box::new(Column::new(Some("inv"), "ID")),
            valid_fields: vec![Column::new(Some("inv"), "id")],
        };
        let error = from_datafusion(DataFusionError::SchemaError(Box::new(missing), Box::new(None)));
        assert_eq!(
            (error.code(), error.message()),
            (SqlState::UNDEFINED_COLUMN, "column inv.ID does not exist")
        );
        assert_eq!(
            error.hint(),
            Some("Perhaps you meant to reference the column \"inv.id\".")
        );
        let error = from_datafusion(DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None));
        assert_eq!(
            (error.code(), error.message()),
            (SqlState::DIVISION_BY_ZERO, "division by zero")
        );
        let error = from_datafusion(DataFusionError::Internal("a secret plan".into()));
        assert_eq!(
            (error.code(), error.message()),
            (SqlState::INTERNAL_ERROR, "internal error")
        );
        assert!(error.log().unwrap().contains("a secret plan"));
    }
}
