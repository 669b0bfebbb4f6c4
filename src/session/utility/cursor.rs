//! DECLARE, FETCH and MOVE.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::common::ScalarValue;

use crate::{
    Error, Result, SqlState, limits,
    query::{
        Plan,
        statement::{Direction, Statement},
    },
    session::{
        portal::{CursorOptions, Kind, Portal, Prepared, ResultSet, State},
        rows::Rows,
        state::{Answer, Backend},
        take::{cannot_be_run, runs_alone},
        transaction,
    },
};

impl Backend {
    /// DECLARE, with `plan` the plan of its query.
    pub async fn declare(&mut self, prepared: &Arc<Prepared>, plan: &Plan, values: Vec<ScalarValue>) -> Result<Answer> {
        let Some(Statement::Declare {
            name,
            binary,
            scroll,
            hold,
            ..
        }) = prepared.statement.as_deref()
        else {
            return Err(Error::internal("not a DECLARE"));
        };
        if !hold && !self.transaction.in_block() && !self.implicit_block {
            return Err(transaction::only_in_block("DECLARE CURSOR"));
        }
        self.check_portal_name(name)?;
        let share = self.portal_share(name, prepared, &values)?;
        let rows = self.rows(plan, values).await?;
        let rows = ResultSet::scrolled(Kind::Select, rows, *scroll, self.kept.share(0)?);
        let portal = Portal {
            schema: Some(Arc::clone(rows.schema())),
            cursor: CursorOptions {
                binary: *binary,
                hold: *hold,
                kept: false,
            },
            ..self.portal(prepared, State::Open(rows), share)
        };
        self.portals.insert(name.clone(), portal);
        Ok(Answer::Done("DECLARE CURSOR".to_owned()))
    }

    /// Refuses the name of a portal that there is, and one portal too many.
    pub fn check_portal_name(&self, name: &str) -> Result<()> {
        if self.portals.contains_key(name) {
            let words = format!("cursor \"{name}\" already exists");
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, words));
        }
        if self.portals.len() >= limits::PORTALS_MAX {
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "too many cursors")
                .with_detail(format!("A session can have {}.", limits::PORTALS_MAX)));
        }
        Ok(())
    }

    pub(super) async fn fetch(&mut self, name: &str, direction: Direction) -> Result<Answer> {
        let schema = self.open_cursor(name).await?;
        if let Direction::Forward(count) = direction
            && count > 0
        {
            let left = u64::try_from(count).unwrap_or(u64::MAX);
            let rows = ResultSet::of_portal(Kind::Fetch, name.to_owned(), schema, left);
            return Ok(Answer::Rows(rows));
        }
        let fetched = self.cursor(name)?.fetch(direction).await?;
        let batch = fetched.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(&schema)));
        let rows = Rows::of(batch.with_schema(schema).map_err(Error::internal)?);
        Ok(Answer::Rows(ResultSet::new(Kind::Fetch, rows)))
    }

    pub(super) async fn move_cursor(&mut self, name: &str, direction: Direction) -> Result<Answer> {
        self.open_cursor(name).await?;
        let cursor = self.cursor(name)?;
        let moved = match direction {
            // It says whether there is a current row, and need not go back to it.
            Direction::Forward(0) | Direction::Backward(0) | Direction::Relative(0) => u64::from(cursor.is_on_row()),
            Direction::Forward(count) => cursor.skip(u64::try_from(count).unwrap_or(0)).await?,
            other => cursor.fetch(other).await?.map_or(0, |batch| batch.num_rows() as u64),
        };
        Ok(Answer::Done(format!("MOVE {moved}")))
    }

    /// What the rows of a portal look like, which runs from here on.
    async fn open_cursor(&mut self, name: &str) -> Result<SchemaRef> {
        let portal = self.portals.get(name).ok_or_else(|| no_cursor(name))?;
        if matches!(portal.state, State::Bound(_)) && !runs_alone(&portal.prepared) {
            return Err(cannot_be_run(name));
        }
        match Box::pin(self.open(name)).await? {
            Answer::Rows(result) => Ok(Arc::clone(result.schema())),
            _ => Err(cannot_be_run(name)),
        }
    }
}

pub fn no_cursor(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_CURSOR_NAME,
        format!("cursor \"{name}\" does not exist"),
    )
}
