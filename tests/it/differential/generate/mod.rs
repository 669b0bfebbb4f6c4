//! Random SELECT statements that mean the same to PostgreSQL and to a runtime: what is written by design in two ways (durations beside
//! numbers, arithmetic that wraps, `to_char`) is not generated, it has tests of its own beside the table of exceptions.

mod expr;
mod source;
mod statement;

use std::rc::Rc;

use super::{
    random::Random,
    schema::{Kind, Schema},
};

pub use statement::Shape;

/// A statement and what is known of its answer.
#[derive(Clone, Debug)]
pub struct Statement {
    pub sql: String,
    /// Its rows come in the order that it asks for, which leaves no choice.
    pub ordered: bool,
    pub shape: Shape,
}

/// A column that expressions may use.
#[derive(Clone, Debug)]
pub(in crate::differential) struct Scoped {
    /// As it is written, with its qualifier.
    sql: String,
    kind: Kind,
    samples: Rc<Vec<String>>,
}

/// A FROM clause and its columns.
#[derive(Clone, Debug)]
struct Source {
    from: String,
    /// A WHERE that keeps it small; it is and-ed with any other.
    narrow: Option<String>,
    columns: Vec<Scoped>,
    /// Columns that together tell its rows apart.
    key: Option<String>,
    rows: usize,
}

/// Writes statements over a schema.
pub struct Generator<'a> {
    schema: &'a Schema,
    random: Random,
    /// Names given so far within a statement.
    aliases: usize,
}

impl<'a> Generator<'a> {
    pub fn new(schema: &'a Schema, seed: u64) -> Self {
        Generator {
            schema,
            random: Random::new(seed),
            aliases: 0,
        }
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }
}
