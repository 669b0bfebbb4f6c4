//! What a plan gives, gathered while it is read, to be kept once it was read to its end: what fails, or is left unread, is not.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::{
    common::ScalarValue,
    execution::memory_pool::{MemoryConsumer, MemoryReservation},
};

use super::{Plan, Scope, cache::values_size};

/// The rows of one run of a plan that always gives the same, as far as they have come.
pub(super) struct Answer {
    plan: Plan,
    values: Vec<ScalarValue>,
    scope: Arc<Scope>,
    batches: Vec<RecordBatch>,
    /// Bytes of the values and rows, of the cluster's memory until they are kept.
    size: MemoryReservation,
}

impl Answer {
    /// Nothing yet of a run with `values`; `None` where nothing is to be kept.
    pub(super) fn of(plan: &Plan, values: &[ScalarValue], scope: &Arc<Scope>) -> Option<Box<Self>> {
        plan.constant()?;
        let mut answer = Box::new(Answer {
            plan: plan.clone(),
            values: Vec::new(),
            scope: Arc::clone(scope),
            batches: Vec::new(),
            size: MemoryConsumer::new("answer").register(scope.memory_pool()),
        });
        answer.grow(values_size(values))?;
        answer.values = values.to_vec();
        Some(answer)
    }

    /// With one more batch of rows; `None` where it is more than is kept.
    pub(super) fn with(mut self: Box<Self>, batch: &RecordBatch) -> Option<Box<Self>> {
        self.grow(batch.get_array_memory_size())?;
        self.batches.push(batch.clone());
        Some(self)
    }

    fn grow(&mut self, by: usize) -> Option<()> {
        let is_little = self.size.size().saturating_add(by) <= self.scope.shared_plans.answer_size_max();
        (is_little && self.size.try_grow(by).is_ok()).then_some(())
    }

    /// Keeps it: there are no more rows.
    pub(super) fn keep(self) {
        let size = self.size.size();
        let plans = &self.scope.shared_plans;
        plans.keep(&self.plan, self.values, &self.scope, self.batches, size);
    }
}
