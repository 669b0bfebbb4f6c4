//! EXPLAIN: the plan that a statement runs as, with the SQL that each scan sends to the runtime.

use std::sync::Arc;

use datafusion::{
    common::ScalarValue,
    physical_plan::{ExecutionPlan, displayable},
};
use serde_json::{Value, json};

use super::{Execution, Plan, Scope, optimize::Purpose, pieces::Piecewise};
use crate::Result;

/// How EXPLAIN was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Explain {
    /// Run the statement and show rows, bytes and time of each step.
    pub analyze: bool,
    /// One JSON document instead of indented lines.
    pub json: bool,
}

/// The lines of the answer: one for each step, or one JSON document.
pub async fn explain(scope: &Arc<Scope>, plan: &Plan, values: Vec<ScalarValue>, how: Explain) -> Result<Vec<String>> {
    let purpose = match how.analyze {
        true => Purpose::Run,
        false => Purpose::Show,
    };
    let physical = plan.physical_away(scope, values, purpose).await?;
    if how.analyze {
        let mut rows = Execution::new(Arc::clone(&physical), scope);
        while rows.next().await?.is_some() {}
    }
    if how.json {
        let document = json!([{ "Plan": node(physical.as_ref(), how.analyze) }]);
        return serde_json::to_string_pretty(&document)
            .map(|text| vec![text])
            .map_err(crate::Error::internal);
    }
    let mut lines = Vec::new();
    indented(physical.as_ref(), how.analyze, 0, &mut lines);
    Ok(lines)
}

/// One line of text for a step, without its inputs.
fn line(step: &dyn ExecutionPlan) -> String {
    displayable(step).one_line().to_string().trim_end().to_owned()
}

fn measured(step: &dyn ExecutionPlan) -> Option<String> {
    let metrics = step
        .metrics()?
        .aggregate_by_name()
        .sorted_for_display()
        .timestamps_removed();
    Some(metrics.to_string()).filter(|metrics| !metrics.is_empty())
}

/// Indented as PostgreSQL does: an arrow before each input, six columns further in.
fn indented(step: &dyn ExecutionPlan, analyze: bool, depth: usize, lines: &mut Vec<String>) {
    if let Some(step) = within(step) {
        return indented(step, analyze, depth, lines);
    }
    let mut text = match depth {
        0 => line(step),
        depth => format!("{}->  {}", " ".repeat(6 * depth - 4), line(step)),
    };
    if let Some(metrics) = measured(step).filter(|_| analyze) {
        text.push_str(&format!("  ({metrics})"));
    }
    lines.push(text);
    for input in step.children() {
        indented(input.as_ref(), analyze, depth + 1, lines);
    }
}

/// The step that is meant, of one that only bounds what is handed on.
fn within(step: &dyn ExecutionPlan) -> Option<&dyn ExecutionPlan> {
    let [input] = step.children()[..] else { return None };
    step.is::<Piecewise>().then_some(input.as_ref())
}

fn node(step: &dyn ExecutionPlan, analyze: bool) -> Value {
    if let Some(step) = within(step) {
        return node(step, analyze);
    }
    let mut fields = serde_json::Map::new();
    fields.insert("Node Type".to_owned(), step.name().into());
    fields.insert("Description".to_owned(), line(step).into());
    if let Some(metrics) = measured(step).filter(|_| analyze) {
        fields.insert("Metrics".to_owned(), metrics.into());
    }
    let inputs: Vec<_> = step
        .children()
        .into_iter()
        .map(|input| node(input.as_ref(), analyze))
        .collect();
    if !inputs.is_empty() {
        fields.insert("Plans".to_owned(), inputs.into());
    }
    Value::Object(fields)
}
