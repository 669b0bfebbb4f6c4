//! Prepared statements, portals, and results on their way to the client.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::{common::ScalarValue, sql::sqlparser::ast};
use postgres_types::Type;

use super::{
    cursor::{Cursor, Seen},
    kept::Share,
    rows::Rows,
};
use crate::{
    limits,
    query::{
        Plan,
        statement::{Scroll, Statement},
    },
    wire::{encode::Format, types::pg_type},
};

/// Bytes of a syntax tree for a token, and for a byte of text: a number and a comma may be all that makes an expression.
const TOKEN_SIZE: usize = 300;
const TREE_GROWTH: usize = TOKEN_SIZE / 2;

/// A parameter's type, as the client and as the engine know it.
const PARAMETER_SIZE: usize = 400;

/// A parsed statement, and the plan of the query that it is or has.
#[derive(Debug)]
pub struct Prepared {
    /// `None` for an empty query.
    pub statement: Option<Arc<Statement>>,
    pub plan: Option<Plan>,
    /// The parameter types that the client named at Parse.
    pub declared: Vec<Option<Type>>,
    /// The scope that the plan was made in: in a newer one it is made anew.
    pub generation: u64,
    /// Bytes of its text.
    pub text_size: usize,
}

impl Prepared {
    /// An empty query: it can be prepared and run, and answers nothing.
    pub fn empty() -> Self {
        Prepared {
            statement: None,
            plan: None,
            declared: Vec::new(),
            generation: 0,
            text_size: 0,
        }
    }

    /// Bytes that it takes, roughly. A plan's size is that of the tree beside it as well.
    pub fn size(&self) -> usize {
        let tree = match &self.plan {
            Some(plan) => plan.size() + PARAMETER_SIZE * plan.parameter_types().len(),
            None => (TREE_GROWTH * self.text_size).min(TOKEN_SIZE * limits::STATEMENT_TOKENS_MAX),
        };
        self.text_size + tree
    }

    pub fn is_query(&self) -> bool {
        matches!(self.statement.as_deref(), Some(Statement::Query(_)))
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

/// The query whose parameters are a statement's, and whose plan is made as it is prepared: its own, or a cursor's, or the one
/// that is explained.
pub fn query_of(statement: &Statement) -> Option<&ast::Statement> {
    match statement {
        Statement::Query(query) | Statement::Declare { query, .. } => Some(query),
        Statement::Explain { statement, .. } => match statement.as_ref() {
            Statement::Query(query) => Some(query),
            _ => None,
        },
        _ => None,
    }
}

/// A statement with its parameters bound, and its rows as far as they were taken. Bind makes one, and so does DECLARE: whoever
/// made it, Execute, Describe and Close know it as well as FETCH, MOVE and CLOSE do.
pub struct Portal {
    /// What it runs; for a cursor, its DECLARE.
    pub prepared: Arc<Prepared>,
    /// What its rows look like; `None` for a statement that gives none.
    pub schema: Option<SchemaRef>,
    pub formats: Vec<Format>,
    pub state: State,
    /// Savepoints that were open when it was made: it goes when one of them is rolled back to.
    pub level: usize,
    pub cursor: CursorOptions,
    /// Of what its session keeps.
    pub _share: Share,
}

/// What DECLARE says, apart from SCROLL.
#[derive(Clone, Copy, Debug, Default)]
pub struct CursorOptions {
    pub binary: bool,
    pub hold: bool,
    /// The transaction that declared it WITH HOLD has committed: it lives as long as the session.
    pub kept: bool,
}

/// How far a portal has come.
pub enum State {
    Bound(Vec<ScalarValue>),
    /// It gives rows, or has given all.
    Open(ResultSet),
    /// It has run and gives no rows, or it failed: it cannot be run.
    Spent,
}

/// A result on its way to the client.
pub struct ResultSet {
    pub source: Source,
    pub kind: Kind,
}

/// Where a result's rows come from.
pub enum Source {
    Rows(Box<Cursor>),
    /// The next `left` rows of the portal of that name.
    Portal {
        name: String,
        schema: SchemaRef,
        left: u64,
    },
}

impl ResultSet {
    pub fn new(kind: Kind, rows: Rows) -> Self {
        ResultSet::of_cursor(kind, Cursor::new(rows, None))
    }

    /// Rows that can be gone back to, as DECLARE says; `share` is of what the session keeps.
    pub fn scrolled(kind: Kind, rows: Rows, scroll: Scroll, share: Share) -> Self {
        ResultSet::of_cursor(kind, Cursor::new(rows, Seen::new(scroll, share)))
    }

    fn of_cursor(kind: Kind, cursor: Cursor) -> Self {
        ResultSet {
            source: Source::Rows(Box::new(cursor)),
            kind,
        }
    }

    /// The next `left` rows of another portal.
    pub fn of_portal(kind: Kind, name: String, schema: SchemaRef, left: u64) -> Self {
        ResultSet {
            source: Source::Portal { name, schema, left },
            kind,
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        match &self.source {
            Source::Rows(cursor) => cursor.schema(),
            Source::Portal { schema, .. } => schema,
        }
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
