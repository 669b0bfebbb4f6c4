//! A plan that runs. It begins when its first rows are asked for, has a turn for each batch, and what it has handed out counts as its
//! cluster's memory until the next is asked for: whoever reads slowly holds no turn, and as much memory as the pool lets them.

use std::{sync::Arc, vec};

use arrow::array::RecordBatch;
use datafusion::{
    execution::{
        SendableRecordBatchStream, TaskContext,
        memory_pool::{MemoryConsumer, MemoryReservation},
    },
    physical_plan::{ExecutionPlan, execute_stream},
};
use futures::StreamExt;

use super::{
    Scope,
    answer::Answer,
    append::ahead,
    computed::Computed,
    errors::from_datafusion,
    turns::{self, Lane, Turns},
};
use crate::{
    Error, Result,
    apart::{self, Wait},
    threads::Threads,
};

/// A plan that runs, or rows that are at hand.
pub struct Execution {
    state: State,
    lane: Option<Lane>,
    /// It is large and more than read: computed on threads of its own.
    is_apart: bool,
    turns: Arc<Turns>,
    computing: Arc<Threads>,
    /// The last batch that was handed out.
    handed_out: MemoryReservation,
    /// What was handed out so far, where it is to be kept.
    answer: Option<Box<Answer>>,
    /// Small batches that were handed out one after the other.
    small: u32,
}

/// After so many small batches a result is taken to go on: it is made ahead from there on, by a task of its own, while what it gave is
/// written for the client. A short one would only wait for the other task.
const BATCHES_MADE_HERE: u32 = 3;

/// Batches that such a task is ahead, of which nobody counts the memory,
const BATCHES_AHEAD: usize = 2;
/// and bytes of a batch up to which it is a small one.
const SMALL_BATCH_SIZE_MAX: usize = 1024 * 1024;

enum State {
    Bound(Arc<dyn ExecutionPlan>, Arc<TaskContext>),
    Running(SendableRecordBatchStream),
    /// It goes on, and is made ahead of whoever takes its rows.
    Ahead {
        rows: SendableRecordBatchStream,
        _wait: Wait,
    },
    /// It is large, and made on other threads.
    Computed(Computed),
    /// Batches that are at hand, until they are taken.
    Rows(vec::IntoIter<RecordBatch>),
    /// What it held is let go of.
    Failed(Error),
    Ended,
}

impl Execution {
    pub(super) fn new(plan: Arc<dyn ExecutionPlan>, scope: &Scope) -> Self {
        let lane = Lane::of(plan.as_ref());
        let is_apart = lane == Some(Lane::Large) && !turns::streams(plan.as_ref());
        Execution {
            lane,
            is_apart,
            ..Execution::with(State::Bound(plan, scope.task()), scope)
        }
    }

    /// Rows that are at hand.
    pub(super) fn of(batches: Vec<RecordBatch>, scope: &Scope) -> Self {
        Execution::with(State::Rows(batches.into_iter()), scope)
    }

    /// The same, whose rows are to be kept once all were given.
    pub(super) fn keeping(self, answer: Box<Answer>) -> Self {
        Execution {
            answer: Some(answer),
            ..self
        }
    }

    fn with(state: State, scope: &Scope) -> Self {
        let pool = scope.memory_pool();
        Execution {
            state,
            lane: None,
            is_apart: false,
            turns: Arc::clone(&scope.turns),
            computing: Arc::clone(&scope.computing),
            handed_out: MemoryConsumer::new("result").register(pool),
            answer: None,
            small: 0,
        }
    }

    /// The next rows; `None` at the end. What was handed out before is taken for dropped. Whoever stops waiting loses nothing but the
    /// turn.
    ///
    /// # Errors
    /// 53300 where too many statements of the cluster wait to begin, 53200 where its memory is taken; what the plan fails with.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.handed_out.free();
        let computed = self.compute().await;
        // What fails from here on is no answer.
        let answer = self.answer.take();
        let batch = match computed {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                self.state = State::Ended;
                if let Some(answer) = answer {
                    answer.keep();
                }
                return Ok(None);
            }
            Err(error) => return Err(self.fail(error)),
        };
        let size = batch.get_array_memory_size();
        if let Err(error) = self.handed_out.try_grow(size) {
            return Err(self.fail(from_datafusion(error)));
        }
        self.answer = answer.and_then(|answer| answer.with(&batch));
        self.small = match size <= SMALL_BATCH_SIZE_MAX {
            true => self.small.saturating_add(1),
            false => 0,
        };
        Ok(Some(batch))
    }

    /// Rows that are missing are not taken for the end, however often they are asked for.
    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed(error.clone());
        error
    }

    async fn compute(&mut self) -> Result<Option<RecordBatch>> {
        let is_first = matches!(self.state, State::Bound(..));
        // What is computed apart takes its turns there.
        let takes_turns =
            matches!(self.state, State::Bound(..) | State::Running(_) | State::Ahead { .. }) && !self.is_apart;
        let _turn = match self.lane.filter(|_| takes_turns) {
            Some(lane) => Some(self.turns.take(lane, is_first).await?),
            None => None,
        };
        let goes_on = self.small >= BATCHES_MADE_HERE;
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::Bound(plan, context) if self.is_apart => {
                let computed = Computed::begin(plan, context, &self.computing, &self.turns, BATCHES_AHEAD);
                State::Computed(computed.map_err(|error| Error::internal(format!("no threads: {error}")))?)
            }
            State::Bound(plan, context) => State::Running(execute_stream(plan, context).map_err(from_datafusion)?),
            State::Running(stream) if goes_on => {
                let (wait, apart) = apart::wait();
                State::Ahead {
                    rows: apart.sync_scope(|| ahead(stream, BATCHES_AHEAD)),
                    _wait: wait,
                }
            }
            state => state,
        };
        let batch = match &mut self.state {
            State::Running(rows) | State::Ahead { rows, .. } => rows.next().await,
            State::Computed(rows) => rows.next(if goes_on { BATCHES_AHEAD } else { 0 }).await,
            State::Rows(batches) => return Ok(batches.next()),
            State::Failed(error) => return Err(error.clone()),
            State::Bound(..) | State::Ended => None,
        };
        batch.transpose().map_err(from_datafusion)
    }
}
