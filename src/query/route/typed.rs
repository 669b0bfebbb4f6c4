//! `restate.route = runtime`: a statement goes to the runtime as it was typed, if nothing in it could harm the runtime and everything in it
//! is there: one query, over tables of the cluster, with functions that the runtime has. What its words mean is then the runtime's
//! business; names and types of the result are those that were planned here, and rows are cast to them.
//!
//! What is sent is the syntax tree that was checked, written out again: no text that only looked like it. Whatever cannot go is answered
//! as with `auto`.

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion::{
    common::{NullEquality, tree_node::TreeNodeRecursion},
    error::Result,
    execution::SessionState,
    logical_expr::LogicalPlan,
    physical_plan::ExecutionPlan,
    sql::sqlparser::ast::{
        BinaryOperator, Expr, Function, Ident, ObjectName, Query, Statement, TableFactor, Value, Visitor,
    },
};

use super::{Route, source, with_table};
use crate::{
    limits,
    query::{
        growing::GROWING,
        walk::{plan::WalkPlan, syntax::walk},
    },
    source::{
        Introspection, Source,
        runtime::{Load, RowShape, RuntimeExec},
    },
};

/// Functions that are not sent beside those that are [`GROWING`]: more results as large as a number or a constant says, which a runtime
/// makes until its memory ends, and one whose result is of a type that no column here has.
const NOT_SENT: [&str; 6] = [
    "generate_series",
    "json_get",
    "overlay",
    "range",
    "regexp_replace",
    "string_agg",
];

/// What may be asked of arrays, after `array_` or `list_`: most of the rest makes larger ones.
const OF_ARRAYS: [&str; 13] = [
    "contains", "dims", "element", "empty", "extract", "has", "has_all", "has_any", "length", "max", "min", "ndims",
    "position",
];

fn is_sent(function: &str) -> bool {
    let of_arrays = function
        .strip_prefix("array_")
        .or_else(|| function.strip_prefix("list_"));
    match of_arrays {
        Some("agg") => true,
        Some(rest) => OF_ARRAYS.contains(&rest),
        None => !NOT_SENT.contains(&function) && !GROWING.contains(&function),
    }
}

/// A statement that may go as it was typed, with what it needs there.
#[derive(Debug)]
pub struct Typed {
    sql: String,
    tables: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl Typed {
    /// The statement, before anything was rewritten in it; `None` where it must not go, or nobody asked for it.
    pub fn of(statement: &Statement, session: &SessionState) -> Option<Typed> {
        let route = session.config().get_extension::<Route>()?;
        if *route != Route::Runtime {
            return None;
        }
        let mut needs = Needs::default();
        if walk(statement, &mut needs).is_break() {
            return None;
        }
        let sql = statement.to_string();
        (sql.len() <= limits::TYPED_SIZE_MAX).then_some(Typed {
            sql,
            tables: needs.tables,
            functions: needs.functions,
        })
    }

    /// The step that sends it, for rows of `schema`. `plan` is what it means here, optimized: by it joins are found that must not go.
    pub async fn exec(&self, plan: &LogicalPlan, schema: &SchemaRef) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(source) = source(plan)? else {
            return Ok(None);
        };
        let Ok(has) = source.introspect().await else {
            return Ok(None);
        };
        if !self.is_there(&has) {
            return Ok(None);
        }
        Ok(load(plan)?.map(|load| {
            let exec = RuntimeExec::new(source, self.sql.clone(), Arc::clone(schema), RowShape::Columns).typed();
            Arc::new(exec.with_load(load)) as Arc<dyn ExecutionPlan>
        }))
    }

    fn is_there(&self, has: &Introspection) -> bool {
        self.tables.iter().all(|table| has.tables.contains_key(table)) && self.functions.is_subset(&has.functions)
    }
}

/// What the statement costs the runtime; `None` where it compares every row with every other, which nothing there would end.
fn load(plan: &LogicalPlan) -> Result<Option<Load>> {
    let mut load = Some(Load::Lookup);
    plan.walk_with_subqueries(&mut |plan| {
        match plan {
            LogicalPlan::Join(join) if join.on.is_empty() || join.null_equality == NullEquality::NullEqualsNull => {
                load = None;
                return Ok(TreeNodeRecursion::Stop);
            }
            LogicalPlan::TableScan(scan)
                if with_table(scan, |table| table.load(&scan.filters)) != Some(Load::Lookup) =>
            {
                load = load.and(Some(Load::Scan));
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(load)
}

/// What a statement needs of its runtime. Visiting ends at what must not go.
#[derive(Default)]
struct Needs {
    tables: BTreeSet<String>,
    functions: BTreeSet<String>,
    /// Names of CTEs, in the queries around.
    ctes: Vec<Vec<String>>,
}

impl Visitor for Needs {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        // A recursive query need not have an end.
        if query.with.as_ref().is_some_and(|with| with.recursive) || query.fetch.is_some() {
            return ControlFlow::Break(());
        }
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.push(ctes.map(|cte| folded(&cte.alias.name)).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.ctes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { lateral: false, .. }
            | TableFactor::NestedJoin { .. } => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let parts: Option<Vec<String>> = relation.0.iter().map(|part| part.as_ident().map(folded)).collect();
        match parts.as_deref() {
            Some([name]) if self.ctes.iter().flatten().any(|cte| cte == name) => {}
            Some([name]) => {
                self.tables.insert(name.clone());
            }
            Some([schema, name]) if schema == "public" => {
                self.tables.insert(name.clone());
            }
            _ => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(Function { name, .. }) => match name.0.as_slice() {
                [name] => {
                    let Some(name) = name.as_ident().map(folded) else {
                        return ControlFlow::Break(());
                    };
                    if !is_sent(&name) {
                        return ControlFlow::Break(());
                    }
                    self.functions.insert(name);
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            },
            // Of no type that a column here has, as json_get.
            Expr::BinaryOp {
                op: BinaryOperator::Arrow,
                ..
            } => ControlFlow::Break(()),
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::query::statement::{self, Piece};

    fn typed(sql: &str, route: Route) -> Option<Typed> {
        let config = SessionConfig::new().with_extension(Arc::new(route));
        let session = SessionStateBuilder::new().with_config(config).build();
        match statement::Statement::parse(Piece::whole(sql)).unwrap() {
            statement::Statement::Query(query) => Typed::of(&query, &session),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_goes_is_what_was_typed() {
        for (sql, sent) in [
            (
                "select /* ; set x = 1 */ id from  sys_invocation where status == 'it''s' -- end",
                "SELECT id FROM sys_invocation WHERE status = 'it''s'",
            ),
            (
                "with a as (select * from state) select count(*), to_char(now(), '%Y') from a",
                "WITH a AS (SELECT * FROM state) SELECT count(*), to_char(now(), '%Y') FROM a",
            ),
            ("values (1), (2)", "VALUES (1), (2)"),
        ] {
            assert_eq!(typed(sql, Route::Runtime).unwrap().sql, sent);
            assert!(typed(sql, Route::Auto).is_none());
        }
    }

    #[test]
    fn what_could_harm_or_is_not_there_does_not_go() {
        for sql in [
            "select repeat(id, 1000000000) from state",
            "select lpad('x', 5)",
            "select list_repeat(id, 5) from state",
            "select * from pg_catalog.pg_class",
            "select * from information_schema.tables",
            "select * from generate_series(1, 1000000000000)",
            "with recursive a as (select 1 as x union all select x from a) select * from a",
            "select * from state where key = $1",
            "select entry_json -> 'a' from sys_journal",
            "select x.y.z(1)",
        ] {
            assert!(typed(sql, Route::Runtime).is_none(), "{sql}");
        }
        let has = Introspection {
            version: "1.7.12".to_owned(),
            tables: [("state".to_owned(), Arc::new(arrow::datatypes::Schema::empty()))].into(),
            functions: ["count".to_owned()].into(),
        };
        let there = |sql| typed(sql, Route::Runtime).unwrap().is_there(&has);
        assert!(there("select COUNT(*) from public.State"));
        assert!(!there("select count(*) from pg_class"));
        assert!(!there("select age(now()) from state"));
    }
}
