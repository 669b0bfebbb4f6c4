//! What a statement's parameters are: the types that its client declared, and of those that it left open what the text around them says.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::ControlFlow,
    sync::Arc,
};

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    logical_expr::{Expr, LogicalPlan, expr::Placeholder},
    sql::sqlparser::ast::{self, Visit, Visitor},
};
use postgres_types::Type;

use super::{errors::from_datafusion, signatures, types::by_name as type_by_name};
use crate::{
    Error, Result, SqlState,
    catalog::types::REG_TYPES,
    wire::types::{PG_TYPE, array_type, arrow_type, pg_type},
};

/// The fields that stand for the parameters of `query`, `$1` first. `plan` plans a statement with what is known of its parameters.
pub(super) fn fields(
    query: &ast::Statement,
    declared: &[Option<Type>],
    plan: impl Fn(ast::Statement, Vec<Option<FieldRef>>) -> Result<LogicalPlan>,
) -> Result<Vec<FieldRef>> {
    let Placeholders {
        count,
        known,
        names,
        arrays,
    } = Placeholders::of(query)?;
    let count = count.max(declared.len());
    let mut types: Vec<Option<FieldRef>> = Vec::with_capacity(count);
    for index in 0..count {
        let declared = declared
            .get(index)
            .and_then(Option::as_ref)
            .filter(|ty| !matches!(**ty, Type::UNKNOWN | Type::VOID));
        let field = match declared {
            Some(ty) if names.contains_key(&index) => name_field(ty),
            Some(ty) => parameter_field(ty)?,
            None => match names.get(&index) {
                Some(ty) => name_field(ty),
                None => {
                    types.push(None);
                    continue;
                }
            },
        };
        types.push(Some(field));
    }
    if types.iter().any(Option::is_none) {
        // A first plan, whose only purpose is to see what the open parameters are compared with.
        let open = types
            .iter()
            .enumerate()
            .map(|(index, ty)| ty.clone().or_else(|| known.get(&index).cloned()));
        let open: Vec<_> = open.collect();
        let elementwise = elementwise(query.clone());
        let compared = beside(&elementwise).and_then(|compared| plan(compared, open.clone()).ok());
        let first = match compared {
            Some(plan) => plan,
            None => plan(elementwise, open)?,
        };
        let inferred = inferred_fields(&first)?;
        for (index, ty) in types.iter_mut().enumerate().filter(|(_, ty)| ty.is_none()) {
            let inferred = inferred
                .get(&index)
                .map(|field| pg_type(field).ty)
                .unwrap_or(Type::TEXT);
            // A varchar is compared as text: it has no operators of its own.
            let inferred = match inferred {
                Type::VARCHAR if !known.contains_key(&index) => Type::TEXT,
                other => other,
            };
            let inferred = match arrays.contains(&index) {
                true => array_type(&inferred).unwrap_or(Type::TEXT_ARRAY),
                false => inferred,
            };
            *ty = Some(parameter_field(&inferred).or_else(|_| parameter_field(&Type::TEXT))?);
        }
    }
    Ok(types.into_iter().flatten().collect())
}

/// The field that stands for a parameter of type `ty`.
fn parameter_field(ty: &Type) -> Result<FieldRef> {
    let data_type = arrow_type(ty).ok_or_else(|| {
        Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("parameters of type {} are not supported", ty.name()),
        )
    })?;
    let metadata = HashMap::from([(PG_TYPE.to_owned(), ty.name().to_owned())]);
    Ok(Arc::new(Field::new("", data_type, true).with_metadata(metadata)))
}

/// The field of a parameter that is cast to a `reg*` type: its text may be a name, which the cast looks up.
fn name_field(ty: &Type) -> FieldRef {
    let metadata = HashMap::from([(PG_TYPE.to_owned(), ty.name().to_owned())]);
    Arc::new(Field::new("", DataType::Utf8, true).with_metadata(metadata))
}

/// What a statement's text says of its parameters.
#[derive(Default)]
struct Placeholders {
    /// How many there are: the highest `$n`.
    count: usize,
    /// Types that are plain to see: of those that are cast, and of LIMIT and OFFSET.
    known: HashMap<usize, FieldRef>,
    /// The `reg*` types of those that are cast to one.
    names: HashMap<usize, Type>,
    /// Those that are arrays of what they are compared with: `x = ANY ($1)`.
    arrays: HashSet<usize>,
}

impl Placeholders {
    fn of(query: &ast::Statement) -> Result<Self> {
        let mut found = Placeholders::default();
        match query.visit(&mut found) {
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

/// The parameter that an expression is, by index; parentheses do not count.
pub(super) fn placeholder(expr: &ast::Expr) -> Option<usize> {
    match expr {
        ast::Expr::Nested(inner) => placeholder(inner),
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Placeholder(name) => index(name),
            _ => None,
        },
        _ => None,
    }
}

/// The statement with `x = $1` for `x = ANY ($1)`: so the element's type can be inferred.
fn elementwise(mut query: ast::Statement) -> ast::Statement {
    let _ = ast::visit_expressions_mut(&mut query, |expr| {
        if let ast::Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        }
        | ast::Expr::AllOp {
            left,
            compare_op,
            right,
        } = expr
            && placeholder(right).is_some()
        {
            *expr = ast::Expr::BinaryOp {
                left: left.clone(),
                op: compare_op.clone(),
                right: right.clone(),
            };
        }
        ControlFlow::<()>::Continue(())
    });
    query
}

/// The statement with comparisons where a parameter is only beside others, in `coalesce` and kin or as a result of CASE: so its type can
/// be inferred. `None` where there is no such parameter.
fn beside(query: &ast::Statement) -> Option<ast::Statement> {
    let mut query = query.clone();
    let (mut changed, mut left) = (false, COMPARED_SIZE_MAX);
    let _ = ast::visit_expressions_mut(&mut query, |expr| {
        if let Some(case) = compared(expr, &mut left) {
            *expr = case;
            changed = true;
        }
        ControlFlow::<()>::Continue(())
    });
    changed.then_some(query)
}

/// Characters that comparisons may add to a statement: what a parameter is beside is said again for each, and choices may lie within
/// one another, each twice as long as the one in it. Parameters beyond that are text.
const COMPARED_SIZE_MAX: usize = 64 * 1024;

/// `CASE WHEN x = $1 THEN x …` for a choice among `x` and `$1`. Takes the characters that it adds from those that are `left`; `None` where
/// they are not enough.
fn compared(expr: &ast::Expr, left: &mut usize) -> Option<ast::Expr> {
    let equal = |left: &ast::Expr, right: &ast::Expr| ast::Expr::BinaryOp {
        left: Box::new(left.clone()),
        op: ast::BinaryOperator::Eq,
        right: Box::new(right.clone()),
    };
    let (mut conditions, choices) = match expr {
        ast::Expr::Function(function) => {
            let ast::FunctionArguments::List(list) = &function.args else {
                return None;
            };
            let name = function.name.to_string().to_lowercase();
            if !["coalesce", "greatest", "least", "nullif"].contains(&name.as_str()) {
                return None;
            }
            let arguments = list.args.iter().filter_map(|arg| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            });
            (Vec::new(), arguments.collect::<Vec<_>>())
        }
        ast::Expr::Case {
            operand,
            conditions,
            else_result,
            ..
        } => {
            if let Some(operand) = operand {
                let added = operand.to_string().len().saturating_mul(conditions.len());
                *left = left.checked_sub(added)?;
            }
            let choices = conditions.iter().map(|when| &when.result).chain(else_result.as_deref());
            let conditions = conditions.iter().map(|when| ast::CaseWhen {
                condition: match operand {
                    Some(operand) => equal(operand, &when.condition),
                    None => when.condition.clone(),
                },
                result: when.result.clone(),
            });
            let choices: Vec<_> = choices.collect();
            let is_asked = |when: &ast::CaseWhen| matches!(&when.condition, ast::Expr::BinaryOp { right, .. } if placeholder(right).is_some());
            let conditions: Vec<_> = conditions.collect();
            if !choices.iter().any(|choice| placeholder(choice).is_some()) && !conditions.iter().any(is_asked) {
                return None;
            }
            (conditions, choices)
        }
        _ => return None,
    };
    let (open, typed): (Vec<&ast::Expr>, Vec<&ast::Expr>) =
        choices.into_iter().partition(|choice| placeholder(choice).is_some());
    let is_literal = |expr: &ast::Expr| match expr {
        ast::Expr::Value(value) => !matches!(value.value, ast::Value::Boolean(_)),
        _ => false,
    };
    let otherwise = match expr {
        ast::Expr::Case { else_result, .. } => else_result.clone(),
        _ => None,
    };
    let typed = typed.into_iter().find(|choice| !is_literal(choice));
    if open.is_empty() && conditions.is_empty() || typed.is_none() && conditions.is_empty() {
        return None;
    }
    if let Some(typed) = typed {
        let copies = 2 * open.len() + conditions.len() + 1;
        *left = left.checked_sub(typed.to_string().len().saturating_mul(copies))?;
        for when in conditions.iter_mut().filter(|when| placeholder(&when.result).is_some()) {
            when.result = typed.clone();
        }
        conditions.extend(open.into_iter().map(|open| ast::CaseWhen {
            condition: equal(typed, open),
            result: typed.clone(),
        }));
    }
    Some(ast::Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: typed.map(|typed| Box::new(typed.clone())).or(otherwise),
    })
}

/// `$7` → 6. The protocol counts parameters in 16 bits.
fn index(placeholder: &str) -> Option<usize> {
    let number: u16 = placeholder.strip_prefix('$')?.parse().ok()?;
    usize::from(number).checked_sub(1)
}

/// What the engine inferred for parameters, by index: the first type that is known.
fn inferred_fields(plan: &LogicalPlan) -> Result<BTreeMap<usize, FieldRef>> {
    let mut fields = BTreeMap::new();
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Placeholder(Placeholder { id, field: Some(field) }) = expr
                    && let Some(index) = index(id)
                {
                    fields.entry(index).or_insert_with(|| Arc::clone(field));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

    use super::*;

    #[test]
    fn what_is_compared_is_not_said_again_without_end() {
        let within = (0..13).fold("relname".to_owned(), |within, _| format!("coalesce({within}, $1)"));
        let beside_each_other = format!("coalesce('{}' || relname{})", "x".repeat(10_000), ", $1".repeat(1_000));
        let wide_operand = format!(
            "case '{}' || relname {} end",
            "x".repeat(10_000),
            "when $1 then 1 ".repeat(1_000)
        );
        for choice in [within, beside_each_other, wide_operand] {
            let sql = format!("select {choice} from pg_class");
            let statement = Parser::parse_sql(&PostgreSqlDialect {}, &sql).unwrap().remove(0);
            let size = beside(&statement).map_or(0, |statement| statement.to_string().len());
            assert!(size < sql.len() + 4 * COMPARED_SIZE_MAX, "{size}");
        }
    }
}
