//! What a statement must know of the cluster before it can be sent: small questions, asked one after the other while it is planned, whose
//! answers take the place of what asked. Which questions there are, the rules know: [`live`] and [`subquery`].

use std::{collections::HashMap, sync::Arc};

use datafusion::{
    common::{
        ScalarValue,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    error::Result,
    execution::SessionState,
    logical_expr::{Filter, LogicalPlan, LogicalPlanBuilder},
    physical_plan::{ExecutionPlan, execute_stream},
};
use futures::TryStreamExt;

use super::{Purpose, by_rules, live, settled, subquery};
use crate::{
    Error, SqlState, limits,
    query::{route::with_table, walk::plan::WalkPlan},
    source::runtime::to_datafusion,
};

/// An answer may make another question worth asking: so often at most.
const ROUNDS_MAX: usize = 3;

/// A question, and how many rows answer it.
enum Question {
    /// A scalar subquery: at most one row, or it is an error.
    Scalar(LogicalPlan),
    /// Keys: so many that they are looked up one by one, or they are no answer.
    Keys(LogicalPlan),
}

/// The values of what was asked; `None` where it gave too many to be of use.
#[derive(Default)]
pub(super) struct Answers(HashMap<LogicalPlan, Option<Vec<ScalarValue>>>);

impl Answers {
    pub(super) fn values(&self, question: &LogicalPlan) -> Option<&[ScalarValue]> {
        self.0.get(question)?.as_deref()
    }
}

/// The plan with all questions of it answered, and what was run for that.
pub(super) async fn asked(
    mut plan: LogicalPlan,
    state: &SessionState,
) -> Result<(LogicalPlan, Vec<Arc<dyn ExecutionPlan>>)> {
    let mut answers = Answers::default();
    let mut asked = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let before = answers.0.len();
        for question in questions(&plan)? {
            let (Question::Scalar(key) | Question::Keys(key)) = &question;
            if answers.0.contains_key(key) {
                continue;
            }
            let (physical, values) = ask(&question, state).await?;
            asked.push(physical);
            answers.0.insert(key.clone(), values);
        }
        if answers.0.len() == before {
            break;
        }
        plan = by_rules(settled(answered(plan, &answers)?, state)?)?;
    }
    Ok((plan, asked))
}

fn questions(plan: &LogicalPlan) -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    plan.walk_with_subqueries(&mut |plan| {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let ids = with_table(scan, |table| live::question(scan, table)).flatten();
                questions.extend(ids.map(Question::Keys));
            }
            LogicalPlan::Filter(filter) => {
                let scalars = subquery::scalars(&filter.predicate, &filter.input);
                questions.extend(scalars.into_iter().map(Question::Scalar));
            }
            LogicalPlan::Join(join) => questions.extend(subquery::keys(join)?.map(Question::Keys)),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(questions)
}

async fn ask(question: &Question, state: &SessionState) -> Result<(Arc<dyn ExecutionPlan>, Option<Vec<ScalarValue>>)> {
    let (plan, rows_max) = match question {
        Question::Scalar(plan) => (LogicalPlanBuilder::from(plan.clone()).limit(0, Some(2))?.build()?, 1),
        Question::Keys(plan) => (plan.clone(), limits::INLINED_KEYS_MAX),
    };
    let plan = state.optimize(&plan)?;
    let physical = Box::pin(super::physical(plan, state, Purpose::Run)).await?;
    let mut rows = execute_stream(Arc::clone(&physical), state.task_ctx())?;
    let mut values = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        if let Some(column) = batch.columns().first() {
            for row in 0..batch.num_rows() {
                values.push(ScalarValue::try_from_array(column, row)?);
            }
        }
    }
    match question {
        _ if values.len() <= rows_max => Ok((physical, Some(values))),
        Question::Keys(_) => Ok((physical, None)),
        Question::Scalar(_) => {
            let words = "more than one row returned by a subquery used as an expression";
            Err(to_datafusion(Error::new(SqlState::CARDINALITY_VIOLATION, words)))
        }
    }
}

/// The plan with each answer in its place.
fn answered(plan: LogicalPlan, answers: &Answers) -> Result<LogicalPlan> {
    plan.rewrite_up_with_subqueries(&mut |plan| {
        let replaced = match &plan {
            LogicalPlan::TableScan(scan) => with_table(scan, |table| {
                let question = live::question(scan, table)?;
                live::with_ids(scan, answers.values(&question)?)
            })
            .flatten(),
            LogicalPlan::Filter(filter) => match subquery::with_scalars(&filter.predicate, &filter.input, answers) {
                Some(predicate) => Some(LogicalPlan::Filter(Filter::try_new(
                    predicate,
                    Arc::clone(&filter.input),
                )?)),
                None => None,
            },
            LogicalPlan::Join(join) => match subquery::keys(join)? {
                Some(question) => match answers.values(&question) {
                    Some(values) => subquery::with_keys(join, values)?,
                    None => None,
                },
                None => None,
            },
            _ => None,
        };
        Ok(match replaced {
            Some(plan) => Transformed::yes(plan),
            None => Transformed::no(plan),
        })
    })
    .map(|transformed| transformed.data)
}
