//! What Postgres SQL over the catalogue needs and the engine lacks, said in SQL that it has. Each rule is a file with its
//! own tests: rules over the syntax tree here ([`rewrite`]), [`planners`] that the planner asks for types and operators,
//! [`annotate`] and [`apply`] over the plan, for types that it forgets and subqueries and lateral joins that it cannot untangle.

pub mod annotate;
pub mod apply;
mod arrays;
mod build;
mod calls;
mod casts;
pub mod conversions;
mod fields;
mod first_row;
mod grouping;
mod growth;
mod keywords;
mod labels;
mod literals;
mod modifiers;
mod named_arguments;
pub mod operators;
mod ordered;
mod patterns;
pub mod planners;
mod quantified;
mod relations;
mod rows;
mod scope;
mod slices;
mod sort_names;
mod subquery_columns;
mod syntax;
mod system_columns;
#[cfg(test)]
mod tests;
mod tuples;
mod using;
mod values;
pub mod void;
mod whole_rows;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart, Query, Select,
    SetExpr, Statement, TableFactor, Value, Visitor, VisitorMut,
};

use crate::{
    Error, Result,
    catalog::{Catalog, model},
    query::walk::syntax::{walk, walk_mut},
};

use build::{call, cast, number, text};
use growth::Growth;
pub use labels::output_name;

/// Rewrites a statement before it is planned: names in it mean what `catalog` says.
pub fn rewrite(statement: &mut Statement, catalog: &Catalog) -> Result<()> {
    let over_catalogue = reads_catalogue(statement, catalog);
    let mut rules = Rules {
        catalog,
        over_catalogue,
        depth: 0,
        branched: Vec::new(),
        named: vec![Vec::new()],
        scopes: Vec::new(),
        growth: Growth::default(),
        quantified: 0,
    };
    match walk_mut(statement, &mut rules) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// All rules, run in one walk: labels before anything below them is touched, everything else from the leaves up.
struct Rules<'a> {
    catalog: &'a Catalog,
    /// The statement reads relations of `pg_catalog` or `information_schema`: `::text` then means what it means there.
    over_catalogue: bool,
    /// How many queries lie around the one being visited.
    depth: usize,
    /// Whether each of them, innermost last, is a UNION or the like: its SELECTs are branches.
    branched: Vec<bool>,
    /// The common table expressions that each query around sees, innermost last.
    named: Vec<scope::Named>,
    /// What names mean in the SELECTs around, innermost last.
    scopes: Vec<scope::Scope>,
    growth: Growth,
    /// How many ANY and ALL lie around the expression being visited.
    quantified: u32,
}

impl VisitorMut for Rules<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.depth += 1;
        self.branched.push(matches!(*query.body, SetExpr::SetOperation { .. }));
        let around = self.named.last().cloned().unwrap_or_default();
        let mut inner = around.clone();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            sort_names::aliased(&mut cte.query, &mut cte.alias, self.catalog, &inner);
            inner.push(scope::cte(cte, self.catalog, &inner));
        }
        let named = scope::named(query, self.catalog, &around);
        sort_names::query(query, self.catalog, &named);
        if self.depth == 1 {
            sort_names::outputs(query, self.catalog, &named);
        }
        self.named.push(named);
        syntax::query(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.depth -= 1;
        self.branched.pop();
        self.named.pop();
        literals::query(query);
        grouping::query(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        rows::from(select);
        grouping::select(select);
        scope::complete_wildcards(select);
        let named = self.named.last().cloned().unwrap_or_default();
        let mut scope = scope::of(select, self.catalog, &named);
        scope::complete_aliases(select, &scope);
        whole_rows::hide_grouped(select, &mut scope);
        ordered::select(select);
        // Tables tell columns apart only where nobody asks for a column by its name: a UNION's have none.
        let top = match (self.depth, self.branched.last()) {
            (0 | 1, Some(true)) => labels::Place::Branch,
            (0 | 1, _) => labels::Place::Top,
            _ => labels::Place::Below,
        };
        labels::select(select, &scope, top);
        using::select(select, &scope);
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        self.scopes.pop();
        literals::select(select);
        tuples::select(select);
        ordered::distinct(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        if let TableFactor::Derived {
            subquery,
            alias: Some(alias),
            ..
        } = factor
        {
            let named = self.named.last().cloned().unwrap_or_default();
            sort_names::aliased(subquery, alias, self.catalog, &named);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        literals::table_factor(factor);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if self.quantified > 1 {
            self.growth.add(QUANTIFIED_COPIES.saturating_pow(self.quantified));
            self.growth.check()?;
        }
        self.quantified += u32::from(is_quantified(expr));
        fields::expr(expr);
        tuples::operands(expr);
        if let Err(error) = subquery_columns::check(expr) {
            return ControlFlow::Break(error);
        }
        if let Expr::Subquery(query) = expr {
            let named = self.named.last().cloned().unwrap_or_default();
            let named = scope::named(query, self.catalog, &named);
            sort_names::outputs(query, self.catalog, &named);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        self.quantified = self.quantified.saturating_sub(u32::from(is_quantified(expr)));
        system_columns::expr(expr, &self.scopes);
        whole_rows::expr(expr, &self.scopes);
        keywords::expr(expr);
        syntax::expr(expr, &self.growth);
        quantified::expr(expr, &self.growth);
        slices::expr(expr);
        casts::expr(expr, self.over_catalogue);
        if !self.over_catalogue {
            first_row::expr(expr);
        }
        tuples::expr(expr, &self.growth);
        patterns::expr(expr);
        modifiers::expr(expr);
        literals::expr(expr);
        calls::expr(expr);
        named_arguments::expr(expr);
        self.growth.check()
    }
}

/// How often the planner writes what ANY and ALL compare.
const QUANTIFIED_COPIES: u64 = 6;

fn is_quantified(expr: &Expr) -> bool {
    matches!(expr, Expr::AnyOp { .. } | Expr::AllOp { .. })
}

/// Whether the statement names a relation of the system's schemas.
fn reads_catalogue(statement: &Statement, catalog: &Catalog) -> bool {
    struct Finder<'a>(&'a Catalog);
    impl Visitor for Finder<'_> {
        type Break = ();
        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            if is_system_relation(relation, self.0) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }
    walk(statement, &mut Finder(catalog)).is_break()
}

fn is_system_relation(name: &ObjectName, catalog: &Catalog) -> bool {
    match parts(name).as_slice() {
        [.., schema, _] => matches!(schema.as_str(), "pg_catalog" | "information_schema"),
        [table] => catalog.model.relation(model::PG_CATALOG, table).is_some(),
        [] => false,
    }
}

/// The parts of a name, folded as SQL folds them.
fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(folded).collect()
}

fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    }
}

/// A name that stands for itself whatever its case.
fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// The last part of a function's name, without the schema that it may carry.
fn function_name(function: &Function) -> String {
    parts(&function.name).pop().unwrap_or_default()
}

/// Takes an expression out, to be put back changed.
fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

/// The argument expressions of a call; `None` where an argument is none (`*`, a name with a value).
fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    match &function.args {
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect(),
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::Subquery(_) => None,
    }
}
