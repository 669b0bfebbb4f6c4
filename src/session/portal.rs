//! Prepared statements, portals, and results on their way to the client.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::common::ScalarValue;
use postgres_types::Type;

use super::{cursor::Cursor, rows::Rows};
use crate::{
    Result,
    query::{Plan, statement::Statement},
    wire::{encode::Format, types::pg_type},
};

/// A parsed statement, and its plan where it is a query.
#[derive(Debug)]
pub struct Prepared {
    /// `None` for an empty query.
    pub statement: Option<Statement>,
    pub plan: Option<Plan>,
    /// The parameter types that the client named at Parse.
    pub declared: Vec<Option<Type>>,
    /// The scope that the plan was made in: in a newer one it is made anew.
    pub generation: u64,
}

impl Prepared {
    /// An empty query: it can be prepared and run, and answers nothing.
    pub fn empty() -> Self {
        Prepared {
            statement: None,
            plan: None,
            declared: Vec::new(),
            generation: 0,
        }
    }

    /// Whether both give columns of the same names and types, as PostgreSQL counts them.
    pub fn gives_same_columns(&self, other: &Prepared) -> bool {
        let columns = |prepared: &Prepared| -> Vec<(String, Type)> {
            let fields = prepared.plan.iter().flat_map(|plan| plan.schema().fields());
            fields.map(|field| (field.name().clone(), pg_type(field).ty)).collect()
        };
        columns(self) == columns(other)
    }

    pub fn parameter_types(&self) -> Vec<Type> {
        self.plan
            .as_ref()
            .map(|plan| plan.parameter_types().cloned().collect())
            .unwrap_or_default()
    }
}

/// A statement with its parameters bound, and its rows as far as they were taken.
pub struct Portal {
    pub prepared: Arc<Prepared>,
    pub values: Vec<ScalarValue>,
    pub formats: Vec<Format>,
    pub state: State,
}

/// How far a portal has come.
pub enum State {
    Bound,
    /// Rows were taken and more may follow.
    Open(ResultSet),
    Done,
}

/// A result on its way to the client.
pub struct ResultSet {
    pub source: Source,
    pub kind: Kind,
    /// Rows still to be given, of those that were asked for (FETCH 10).
    pub left: u64,
}

/// Where a result's rows come from.
pub enum Source {
    Rows(Rows),
    /// A cursor, away from its session while a FETCH takes rows from it.
    Cursor(String, Box<Cursor>),
}

impl ResultSet {
    pub fn new(kind: Kind, rows: Rows) -> Self {
        ResultSet {
            source: Source::Rows(rows),
            kind,
            left: u64::MAX,
        }
    }

    /// What FETCH takes from a cursor: its next `left` rows.
    pub fn fetch(name: String, cursor: Cursor, left: u64) -> Self {
        ResultSet {
            source: Source::Cursor(name, Box::new(cursor)),
            kind: Kind::Fetch,
            left,
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        match &self.source {
            Source::Rows(rows) => rows.schema(),
            Source::Cursor(_, cursor) => cursor.schema(),
        }
    }

    /// The formats that a simple query answers in: text, but for a cursor that was declared BINARY.
    pub fn default_format(&self) -> Format {
        match &self.source {
            Source::Cursor(_, cursor) if cursor.binary => Format::Binary,
            _ => Format::Text,
        }
    }

    /// The next rows, at most `rows_max`; `None` once all that were asked for were given.
    pub async fn next(&mut self, rows_max: u64) -> Result<Option<RecordBatch>> {
        let rows_max = rows_max.min(self.left);
        if rows_max == 0 {
            return Ok(None);
        }
        let batch = match &mut self.source {
            Source::Rows(rows) => rows.next(rows_max).await?,
            Source::Cursor(_, cursor) => cursor.forward(rows_max).await?,
        };
        match &batch {
            Some(batch) => self.left -= batch.num_rows() as u64,
            None => self.left = 0,
        }
        Ok(batch)
    }
}

/// What a result is sent as, and what its command tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Select,
    Show,
    Explain,
    Fetch,
}

impl Kind {
    /// The command tag of a result of `rows` rows.
    pub fn tag(self, rows: u64) -> String {
        match self {
            Kind::Select => format!("SELECT {rows}"),
            Kind::Fetch => format!("FETCH {rows}"),
            Kind::Show => "SHOW".to_owned(),
            Kind::Explain => "EXPLAIN".to_owned(),
        }
    }
}
