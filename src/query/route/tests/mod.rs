//! A runtime of the engine's own kind stands in for the real one: it runs what it is sent over tables in memory. Every statement must
//! give, by way of it, the rows that it gives when only scans go there.

mod bounds;
mod meaning;
mod sent;
mod shapes;
mod stand_in;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::{
    common::tree_node::TreeNodeRecursion,
    physical_plan::{ExecutionPlan, collect},
    sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser},
};
use stand_in::serve;

use super::Route;
use crate::{
    catalog::facts::SessionFacts,
    query::{Engine, Plan, Scope, optimize::Purpose, views::NoSettings, walk::plan::Walk},
    source::runtime::RuntimeExec,
};

struct Routes {
    auto: Scope,
    local: Scope,
}

impl Routes {
    async fn over(version: &'static str) -> Self {
        let engine = Engine::new("demo".parse().unwrap(), Arc::new(serve(version).await)).unwrap();
        let catalog = engine.catalog("demo").await.unwrap();
        let facts = SessionFacts {
            backend_pid: 1,
            start_time_us: 0,
            settings: Arc::new(NoSettings),
            catalog,
        };
        Routes {
            auto: engine.scope(facts.clone(), "UTC", Route::Auto),
            local: engine.scope(facts, "UTC", Route::Local),
        }
    }

    async fn plan(&self, scope: &Scope, sql: &str) -> Arc<dyn ExecutionPlan> {
        let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
        let plan = Plan::new(scope, statement, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        plan.physical(scope, Vec::new(), Purpose::Run)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// What is sent to the runtime for a statement, in the order of the plan.
    async fn sent(&self, sql: &str) -> Vec<String> {
        let mut sent = Vec::new();
        self.plan(&self.auto, sql)
            .await
            .walk(&mut |step| {
                sent.extend(step.downcast_ref::<RuntimeExec>().map(|exec| exec.sql().to_owned()));
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
        sent
    }

    async fn rows(&self, scope: &Scope, sql: &str) -> Vec<String> {
        let plan = self.plan(scope, sql).await;
        let schema = plan.schema();
        let batches = collect(plan, scope.task())
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut rows = vec![format!(
            "{:?}",
            schema
                .fields()
                .iter()
                .map(|field| (
                    field.name(),
                    field.data_type(),
                    field.metadata().iter().collect::<BTreeMap<_, _>>()
                ))
                .collect::<Vec<_>>()
        )];
        let options = FormatOptions::default().with_null("NULL");
        for batch in batches {
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                let mut text = String::new();
                for column in &columns {
                    write!(text, "{}|", column.value(row)).unwrap();
                }
                rows.push(text);
            }
        }
        rows
    }

    /// Both routes give the same rows; in the same order where the statement asks for one.
    async fn same(&self, sql: &str) {
        let (mut auto, mut local) = (self.rows(&self.auto, sql).await, self.rows(&self.local, sql).await);
        if !sql.contains("ORDERED") {
            auto[1..].sort();
            local[1..].sort();
        }
        assert_eq!(auto, local, "{sql}\nsent: {:#?}", self.sent(sql).await);
    }
}
