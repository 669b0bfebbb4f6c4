//! Random SELECT statements that mean the same to PostgreSQL and to a runtime: what is written by design in two ways (durations beside
//! numbers, arithmetic that wraps, `to_char`) is not generated, it has tests of its own beside the table of exceptions.

mod apart;
mod correlated;
mod expr;
mod group;
mod set;
mod source;
mod statement;
mod window;

use std::{fmt, rc::Rc};

use super::{
    answer::{Ours, Session},
    random::Random,
    schema::{Kind, Schema},
};

pub use statement::Shape;

/// A statement and what is known of its answer.
#[derive(Clone, Debug)]
pub struct Statement {
    /// As the runtime is asked.
    pub sql: String,
    /// As we are: with parameters in place of some of its literals, and their values, and in PostgreSQL's words.
    prepared: String,
    parameters: Vec<String>,
    /// Its rows come in the order that it asks for, which leaves no choice.
    pub ordered: bool,
    pub shape: Shape,
}

impl Statement {
    /// `sql` may have marks of what is sent [`apart`].
    pub fn new(sql: &str, ordered: bool, shape: Shape) -> Statement {
        let (prepared, parameters) = apart::parameters(sql);
        Statement {
            sql: apart::unmarked(sql),
            prepared,
            parameters,
            ordered,
            shape,
        }
    }

    /// Our answer.
    pub fn ask(&self, session: &mut Session) -> Result<Result<Ours, String>, String> {
        session.ask(&self.prepared, &self.parameters)
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.parameters.is_empty() {
            true => f.write_str(&self.prepared),
            false => write!(f, "{} with {:?}", self.prepared, self.parameters),
        }
    }
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
    /// Some literals of the statement are marked to be sent apart.
    apart: bool,
}

impl<'a> Generator<'a> {
    pub fn new(schema: &'a Schema, seed: u64) -> Self {
        Generator {
            schema,
            random: Random::new(seed),
            aliases: 0,
            apart: false,
        }
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }
}
