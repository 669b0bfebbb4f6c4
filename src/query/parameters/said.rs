//! What a statement's text says of its parameters: where they are cast, bound rows, are conditions, patterns, or a function's arguments.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};

use arrow::datatypes::FieldRef;
use datafusion::sql::sqlparser::ast::{self, Visitor};
use postgres_types::Type;

use super::{
    super::{signatures, types::by_name as type_by_name},
    index, parameter_field, placeholder,
};
use crate::{Error, Result, SqlState, catalog::types::REG_TYPES, query::walk::syntax::walk};

/// What a statement's text says of its parameters.
#[derive(Default)]
pub struct Placeholders {
    /// How many there are: the highest `$n`.
    pub count: usize,
    /// Types that are plain to see: of those that are cast, and of LIMIT and OFFSET.
    pub known: HashMap<usize, FieldRef>,
    /// The `reg*` types of those that are cast to one.
    pub names: HashMap<usize, Type>,
    /// Those that are arrays of what they are compared with: `x = ANY ($1)`.
    pub arrays: HashSet<usize>,
}

impl Placeholders {
    pub fn of(query: &ast::Statement) -> Result<Self> {
        let mut found = Placeholders::default();
        match walk(query, &mut found) {
            ControlFlow::Continue(()) => Ok(found),
            ControlFlow::Break(error) => Err(error),
        }
    }
}

impl Visitor for Placeholders {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<Error> {
        if let Some(ast::LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause {
            let bounds = limit.iter().chain(offset.iter().map(|offset| &offset.value));
            for index in bounds.filter_map(placeholder) {
                self.known
                    .extend(parameter_field(&Type::INT8).map(|field| (index, field)));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<Error> {
        self.boolean(select.selection.iter().chain(&select.having));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<Error> {
        match expr {
            ast::Expr::Value(value) => {
                if let ast::Value::Placeholder(name) = &value.value {
                    let Some(index) = index(name) else {
                        let words = format!("there is no parameter {name}");
                        return ControlFlow::Break(Error::new(SqlState::UNDEFINED_PARAMETER, words));
                    };
                    self.count = self.count.max(index + 1);
                }
            }
            ast::Expr::Cast { expr, data_type, .. } => {
                if let Some(index) = placeholder(expr)
                    && let Some(field) = type_by_name(data_type).and_then(|ty| parameter_field(&ty).ok())
                {
                    self.known.entry(index).or_insert(field);
                }
            }
            ast::Expr::Function(function) => self.arguments(function),
            // Patterns are text, whatever they are held against.
            ast::Expr::Like { expr, pattern, .. } | ast::Expr::ILike { expr, pattern, .. } => {
                self.text(&[expr, pattern]);
            }
            ast::Expr::BinaryOp {
                left,
                op:
                    ast::BinaryOperator::PGRegexMatch
                    | ast::BinaryOperator::PGRegexIMatch
                    | ast::BinaryOperator::PGRegexNotMatch
                    | ast::BinaryOperator::PGRegexNotIMatch
                    | ast::BinaryOperator::PGLikeMatch
                    | ast::BinaryOperator::PGILikeMatch
                    | ast::BinaryOperator::PGNotLikeMatch
                    | ast::BinaryOperator::PGNotILikeMatch
                    | ast::BinaryOperator::StringConcat,
                right,
            } => self.text(&[left, right]),
            ast::Expr::BinaryOp {
                left,
                op: ast::BinaryOperator::And | ast::BinaryOperator::Or,
                right,
            } => self.boolean([left.as_ref(), right]),
            ast::Expr::UnaryOp {
                op: ast::UnaryOperator::Not,
                expr,
            } => self.boolean([expr.as_ref()]),
            ast::Expr::IsTrue(expr)
            | ast::Expr::IsNotTrue(expr)
            | ast::Expr::IsFalse(expr)
            | ast::Expr::IsNotFalse(expr)
            | ast::Expr::IsUnknown(expr)
            | ast::Expr::IsNotUnknown(expr) => self.boolean([expr.as_ref()]),
            ast::Expr::Case {
                operand: None,
                conditions,
                ..
            } => self.boolean(conditions.iter().map(|when| &when.condition)),
            ast::Expr::AnyOp { right, .. } | ast::Expr::AllOp { right, .. } => self.arrays.extend(placeholder(right)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Placeholders {
    /// What the parameters of a function say of those of the statement that are its arguments.
    fn arguments(&mut self, function: &ast::Function) {
        let ast::FunctionArguments::List(list) = &function.args else {
            return;
        };
        let given = list.args.iter().map(|arg| match arg {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => placeholder(expr),
            _ => None,
        });
        let given: Vec<Option<usize>> = given.collect();
        if given.iter().all(Option::is_none) {
            return;
        }
        let name = function.name.to_string().to_lowercase();
        for (position, index) in given.iter().enumerate() {
            let Some(index) = *index else { continue };
            // `$1::regclass` and `$1::oid` are calls of functions by now.
            if REG_TYPES.contains(&name.as_str()) {
                self.names.extend(type_by_name(&name_of(&name)).map(|ty| (index, ty)));
            } else if let Some(field) =
                signatures::parameter(&name, given.len(), position).and_then(|ty| parameter_field(&ty).ok())
            {
                self.known.entry(index).or_insert(field);
            }
        }
    }

    fn boolean<'a>(&mut self, conditions: impl IntoIterator<Item = &'a ast::Expr>) {
        for index in conditions.into_iter().filter_map(placeholder) {
            if let Ok(field) = parameter_field(&Type::BOOL) {
                self.known.entry(index).or_insert(field);
            }
        }
    }

    fn text(&mut self, sides: &[&ast::Expr]) {
        for index in sides.iter().filter_map(|side| placeholder(side)) {
            if let Ok(field) = parameter_field(&Type::TEXT) {
                self.known.entry(index).or_insert(field);
            }
        }
    }
}

/// A type by its name alone.
fn name_of(name: &str) -> ast::DataType {
    ast::DataType::Custom(vec![ast::Ident::new(name)].into(), Vec::new())
}
