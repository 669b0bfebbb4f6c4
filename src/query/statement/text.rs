//! A query's text → its statements, and which of their faults come first. What a short text said is kept: pools, dashboards and drivers
//! send the same ones over and over.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Statement, split};
use crate::{
    Error, Result, SqlState,
    limits::{KEPT_TEXT_SIZE_MAX, KEPT_TEXT_UNIT, KEPT_TEXTS_MAX},
    recent::Recent,
};

/// A statement, or what is wrong with it, and the bytes of its text.
pub type Parsed = (Result<Arc<Statement>>, usize);

/// The texts that one cluster's sessions sent most recently, those of one statement each that may run.
pub struct Texts(Mutex<Recent<String, Arc<Statement>>>);

impl Texts {
    /// The statements of a text, as [`parse_text`] says.
    pub fn parsed(&self, sql: String) -> Result<Vec<Parsed>> {
        if sql.len() > KEPT_TEXT_SIZE_MAX {
            return parse_text(&sql);
        }
        if let Some(statement) = self.recent(|recent| recent.get(&sql).cloned()) {
            return Ok(vec![(Ok(statement), sql.len())]);
        }
        let parsed = parse_text(&sql)?;
        if let [(Ok(statement), _)] = parsed.as_slice() {
            let weight = sql.len().div_ceil(KEPT_TEXT_UNIT).max(1);
            self.recent(|recent| recent.insert_weighing(sql, Arc::clone(statement), weight));
        }
        Ok(parsed)
    }

    pub fn clear(&self) {
        self.recent(|recent| *recent = Recent::new(KEPT_TEXTS_MAX));
    }

    fn recent<T>(&self, use_of: impl FnOnce(&mut Recent<String, Arc<Statement>>) -> T) -> T {
        // Whole at every step: a panic elsewhere leaves nothing half done.
        use_of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Texts {
    fn default() -> Self {
        Texts(Mutex::new(Recent::new(KEPT_TEXTS_MAX)))
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Statements may hold what must not be logged.
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

/// The statements of a text, parsed before any of them runs, as in PostgreSQL: what its grammar refuses fails the whole text. Any other
/// fault (a statement that writes, an unknown option) is told when its statement's turn comes.
pub fn parse_text(sql: &str) -> Result<Vec<Parsed>> {
    let parsed = split(sql)?.into_iter().map(|piece| {
        let size = piece.text.len();
        (Statement::parse(piece).map(Arc::new), size)
    });
    parsed
        .map(|(statement, size)| match statement {
            Err(error) if is_of_the_grammar(&error) => Err(error),
            statement => Ok((statement, size)),
        })
        .collect()
}

fn is_of_the_grammar(error: &Error) -> bool {
    let of_the_grammar = [
        SqlState::SYNTAX_ERROR,
        SqlState::INVALID_ESCAPE_SEQUENCE,
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        // Ours: texts that are not parsed at all.
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        SqlState::STATEMENT_TOO_COMPLEX,
    ];
    of_the_grammar.contains(&error.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(texts: &Texts, sql: &str) -> Arc<Statement> {
        let mut parsed = texts.parsed(sql.to_owned()).unwrap();
        let (statement, _) = parsed.pop().unwrap();
        assert!(parsed.is_empty());
        statement.unwrap()
    }

    #[test]
    fn a_short_text_of_one_statement_is_parsed_once() {
        let texts = Texts::default();
        let statement = one(&texts, "select 1 ;");
        assert!(Arc::ptr_eq(&statement, &one(&texts, "select 1 ;")));
        assert_eq!(statement, one(&texts, "select 1"), "another text of the same meaning");
        let long = format!("select '{}'", "x".repeat(KEPT_TEXT_SIZE_MAX));
        assert!(!Arc::ptr_eq(&one(&texts, &long), &one(&texts, &long)));
    }

    #[test]
    fn a_fault_and_several_statements_are_told_each_time() {
        let texts = Texts::default();
        for _ in 0..2 {
            assert!(texts.parsed("selec 1".to_owned()).is_err());
            assert!(texts.parsed("drop table t".to_owned()).unwrap()[0].0.is_err());
            assert_eq!(texts.parsed("select 1; select 2".to_owned()).unwrap().len(), 2);
            assert!(texts.parsed(String::new()).unwrap().is_empty());
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let texts = Texts::default();
        let first = one(&texts, "select 0");
        for number in 1..=KEPT_TEXTS_MAX {
            one(&texts, &format!("select {number}"));
        }
        assert!(!Arc::ptr_eq(&first, &one(&texts, "select 0")));
    }

    #[test]
    fn a_longer_text_counts_as_several() {
        let texts = Texts::default();
        let long = |number: usize| format!("select {number}, '{}'", "x".repeat(KEPT_TEXT_SIZE_MAX - 100));
        let first = one(&texts, &long(0));
        assert!(Arc::ptr_eq(&first, &one(&texts, &long(0))));
        for number in 1..=KEPT_TEXTS_MAX / 8 {
            one(&texts, &long(number));
        }
        assert!(!Arc::ptr_eq(&first, &one(&texts, &long(0))));
    }
}
