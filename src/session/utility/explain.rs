//! EXPLAIN.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::{common::ScalarValue, sql::sqlparser::ast};

use super::text_batch;
use crate::{
    Result,
    catalog::types,
    query::{
        Plan,
        explain::{Explain, explain},
        statement::{ExplainFormat, ExplainOptions},
    },
    session::{
        portal::{Kind, ResultSet},
        rows::Rows,
        state::{Answer, Backend},
    },
};

impl Backend {
    /// EXPLAIN of the query that `plan` is the plan of.
    pub async fn explain(&mut self, options: &ExplainOptions, plan: &Plan, values: Vec<ScalarValue>) -> Result<Answer> {
        let scope = self.scope().await?;
        let how = Explain {
            analyze: options.analyze,
            json: options.format == ExplainFormat::Json,
        };
        explained(explain(&scope, plan, values, how).await?, options)
    }

    /// EXPLAIN EXECUTE.
    pub(super) async fn explain_named(
        &mut self,
        options: &ExplainOptions,
        name: &str,
        arguments: &[ast::Expr],
    ) -> Result<Answer> {
        let prepared = self.statement(name)?;
        let prepared = self.refresh(&prepared).await?;
        let values = self.arguments(name, arguments, &prepared.parameter_types()).await?;
        match &prepared.plan {
            Some(plan) if prepared.is_query() => self.explain(options, plan, values).await,
            _ => explained(vec!["Utility Statement".to_owned()], options),
        }
    }
}

/// The one column: of type `json` where that is the format.
pub(super) fn schema(options: &ExplainOptions) -> SchemaRef {
    let pg_type = match options.format {
        ExplainFormat::Json => "json",
        ExplainFormat::Text => "text",
    };
    Arc::new(Schema::new(vec![types::field("QUERY PLAN", pg_type, true)]))
}

fn explained(lines: Vec<String>, options: &ExplainOptions) -> Result<Answer> {
    let batch = text_batch(schema(options), vec![lines])?;
    Ok(Answer::Rows(ResultSet::new(Kind::Explain, Rows::of(batch))))
}
