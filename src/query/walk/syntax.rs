//! Walks over syntax trees, for the parser's visitors and for what looks at expressions alone.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Query, Select, Statement, TableFactor, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

/// `$method`s are all that the trait has: one that is left out would never be called.
macro_rules! walk {
    ($(#[$doc:meta])* $name:ident($tree:ty, $visitor:ident): $($method:ident($node:ty))*) => {
        $(#[$doc])*
        pub fn $name<V: $visitor>(tree: $tree, visitor: &mut V) -> ControlFlow<V::Break> {
            /// Holds what the visitor breaks with, so that all visitors break with the same.
            struct Held<'a, V: $visitor> {
                visitor: &'a mut V,
                broken: Option<V::Break>,
            }

            impl<V: $visitor> $visitor for Held<'_, V> {
                type Break = ();
                $(fn $method(&mut self, node: $node) -> ControlFlow<()> {
                    self.visitor.$method(node).map_break(|value| self.broken = Some(value))
                })*
            }

            struct Any<'a>(&'a mut dyn $visitor<Break = ()>);

            impl $visitor for Any<'_> {
                type Break = ();
                $(fn $method(&mut self, node: $node) -> ControlFlow<()> {
                    self.0.$method(node)
                })*
            }

            let mut held = Held { visitor, broken: None };
            let _ = tree.visit(&mut Any(&mut held));
            held.broken.map_or(ControlFlow::Continue(()), ControlFlow::Break)
        }
    };
}

walk! {
    /// Has `visitor` visit all of `tree`, until it breaks.
    walk(&impl Visit, Visitor):
    pre_visit_query(&Query)
    post_visit_query(&Query)
    pre_visit_select(&Select)
    post_visit_select(&Select)
    pre_visit_relation(&ObjectName)
    post_visit_relation(&ObjectName)
    pre_visit_table_factor(&TableFactor)
    post_visit_table_factor(&TableFactor)
    pre_visit_expr(&Expr)
    post_visit_expr(&Expr)
    pre_visit_statement(&Statement)
    post_visit_statement(&Statement)
    pre_visit_value(&ValueWithSpan)
    post_visit_value(&ValueWithSpan)
}

walk! {
    /// The same, where the visitor may change what it visits.
    walk_mut(&mut impl VisitMut, VisitorMut):
    pre_visit_query(&mut Query)
    post_visit_query(&mut Query)
    pre_visit_select(&mut Select)
    post_visit_select(&mut Select)
    pre_visit_relation(&mut ObjectName)
    post_visit_relation(&mut ObjectName)
    pre_visit_table_factor(&mut TableFactor)
    post_visit_table_factor(&mut TableFactor)
    pre_visit_expr(&mut Expr)
    post_visit_expr(&mut Expr)
    pre_visit_statement(&mut Statement)
    post_visit_statement(&mut Statement)
    pre_visit_value(&mut ValueWithSpan)
    post_visit_value(&mut ValueWithSpan)
}

/// A visitor of expressions: what is around one before what is in it.
struct Before<F>(F);

impl<E, F: FnMut(&Expr) -> ControlFlow<E>> Visitor for Before<F> {
    type Break = E;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<E> {
        self.0(expr)
    }
}

/// A visitor of expressions: what is in one before what is around it.
struct After<F>(F);

impl<E, F: FnMut(&mut Expr) -> ControlFlow<E>> VisitorMut for After<F> {
    type Break = E;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<E> {
        self.0(expr)
    }
}

/// Calls `visit` with all expressions of `tree`, until it breaks; with what is around one before what is in it.
pub fn expressions<E>(tree: &impl Visit, visit: impl FnMut(&Expr) -> ControlFlow<E>) -> ControlFlow<E> {
    walk(tree, &mut Before(visit))
}

/// The same, where expressions may be changed; with what is in one before what is around it.
pub fn expressions_mut<E>(tree: &mut impl VisitMut, visit: impl FnMut(&mut Expr) -> ControlFlow<E>) -> ControlFlow<E> {
    walk_mut(tree, &mut After(visit))
}
