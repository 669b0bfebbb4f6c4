//! Taking rows: from a result on its way to the client, and from portals by their names.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;

use super::{
    cursor::Cursor,
    kept::Share,
    portal::{Portal, Prepared, ResultSet, Source, State},
    state::{Answer, Backend},
    utility::no_cursor,
};
use crate::{Error, Result, SqlState, query::statement::Statement, wire::encode::Format};

impl Backend {
    /// A result's next rows, at most `rows_max`; `None` once all that were asked for were given.
    pub async fn next(&mut self, result: &mut ResultSet, rows_max: u64) -> Result<Option<RecordBatch>> {
        match &mut result.source {
            Source::Rows(cursor) => cursor.forward(rows_max).await,
            Source::Portal { name, left, .. } => {
                let batch = self.forward(name, rows_max.min(*left)).await?;
                *left = batch.as_ref().map_or(0, |batch| *left - batch.num_rows() as u64);
                Ok(batch)
            }
        }
    }

    /// A portal's next rows, at most `rows_max`.
    async fn forward(&mut self, name: &str, rows_max: u64) -> Result<Option<RecordBatch>> {
        // The rows of a FETCH are those of the portal that it names, which stays where it is: other statements move it too.
        let (of, rows_max) = match self.portals.get(name).map(|portal| &portal.state) {
            Some(State::Open(ResultSet {
                source: Source::Portal { name, left, .. },
                ..
            })) => (name.clone(), rows_max.min(*left)),
            _ => (name.to_owned(), rows_max),
        };
        let batch = self.cursor(&of)?.forward(rows_max).await?;
        if let Some(State::Open(result)) = self.portals.get_mut(name).map(|portal| &mut portal.state)
            && let Source::Portal { left, .. } = &mut result.source
        {
            *left = batch.as_ref().map_or(0, |batch| *left - batch.num_rows() as u64);
        }
        Ok(batch)
    }

    /// The cursor of a portal that is open and is about to give rows: it is busy until the client has been sent all of them. What fails
    /// or is cancelled before cannot be run again, as in PostgreSQL; but a held cursor outlives a cancel request, for PostgreSQL has
    /// all its rows by then.
    pub fn cursor(&mut self, name: &str) -> Result<&mut Cursor> {
        let portal = self.portals.get_mut(name).ok_or_else(|| no_cursor(name))?;
        let Portal {
            state:
                State::Open(ResultSet {
                    source: Source::Rows(cursor),
                    ..
                }),
            cursor: options,
            ..
        } = portal
        else {
            return Err(cannot_be_run(name));
        };
        self.busy = (!options.kept).then(|| name.to_owned());
        Ok(cursor)
    }

    /// Runs what a portal was bound to, if it has not run yet. Rows are those of the portal of that name.
    pub async fn open(&mut self, name: &str) -> Result<Answer> {
        let portal = self.portals.get_mut(name).ok_or_else(|| no_cursor(name))?;
        let result = match std::mem::replace(&mut portal.state, State::Spent) {
            State::Spent => return Err(cannot_be_run(name)),
            State::Open(result) => result,
            State::Bound(values) => {
                let prepared = Arc::clone(&portal.prepared);
                match self.answer(&prepared, values).await? {
                    Answer::Rows(result) => result,
                    other => return Ok(other),
                }
            }
        };
        let rows = ResultSet::of_portal(result.kind, name.to_owned(), Arc::clone(result.schema()), u64::MAX);
        if let Some(portal) = self.portals.get_mut(name) {
            portal.state = State::Open(result);
        }
        Ok(Answer::Rows(rows))
    }

    /// The format that a simple query answers in: text, but for what comes from a cursor that was declared BINARY.
    pub fn format_of(&self, result: &ResultSet) -> Format {
        match &result.source {
            Source::Portal { name, .. } if self.portals.get(name).is_some_and(|portal| portal.cursor.binary) => {
                Format::Binary
            }
            _ => Format::Text,
        }
    }

    /// What the portal of that name takes of what the session keeps: what it was bound to, and a plan with that in it.
    pub fn portal_share(&self, name: &str, prepared: &Prepared, values: &[ScalarValue]) -> Result<Share> {
        self.kept.share(match name.is_empty() {
            true => 0,
            false => name.len() + prepared.size() + values.iter().map(ScalarValue::size).sum::<usize>(),
        })
    }

    /// A fresh portal of `prepared`, as things stand.
    pub fn portal(&self, prepared: &Arc<Prepared>, state: State, share: Share) -> Portal {
        Portal {
            prepared: Arc::clone(prepared),
            schema: self.describe(prepared),
            formats: Vec::new(),
            state,
            level: self.transaction.level(),
            cursor: Default::default(),
            _share: share,
        }
    }
}

/// Whether FETCH may be what runs a portal first: its rows are its own, not those of a further portal or statement, which could go
/// on without end.
pub fn runs_alone(prepared: &Prepared) -> bool {
    matches!(
        prepared.statement.as_deref(),
        Some(Statement::Query(_) | Statement::Show(_) | Statement::Explain { .. })
    )
}

/// PostgreSQL's error for a portal that has run and gives no rows, that failed, or that runs now.
pub fn cannot_be_run(name: &str) -> Error {
    Error::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("portal \"{name}\" cannot be run"),
    )
}
