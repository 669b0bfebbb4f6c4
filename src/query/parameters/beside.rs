//! Statements made to be planned once: with comparisons that show what a parameter's type is.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, helpers::attached_token::AttachedToken};

use super::placeholder;
use crate::query::walk::syntax::expressions_mut;

/// The statement with `x = $1` for `x = ANY ($1)`: so the element's type can be inferred.
pub fn elementwise(mut query: ast::Statement) -> ast::Statement {
    let _ = expressions_mut(&mut query, |expr| {
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
pub fn beside(query: &ast::Statement) -> Option<ast::Statement> {
    let mut query = query.clone();
    let (mut changed, mut left) = (false, COMPARED_SIZE_MAX);
    let _ = expressions_mut(&mut query, |expr| {
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
    let Choice {
        mut conditions,
        results,
        otherwise,
    } = choice(expr, left)?;
    let (open, typed): (Vec<&ast::Expr>, Vec<&ast::Expr>) =
        results.into_iter().partition(|result| placeholder(result).is_some());
    let typed = typed.into_iter().find(|result| !is_open_literal(result));
    if conditions.is_empty() && (open.is_empty() || typed.is_none()) {
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
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: typed.map(|typed| Box::new(typed.clone())).or(otherwise),
    })
}

/// An expression that is one of several.
struct Choice<'a> {
    /// Of a CASE, without an operand.
    conditions: Vec<ast::CaseWhen>,
    /// What it may be.
    results: Vec<&'a ast::Expr>,
    otherwise: Option<Box<ast::Expr>>,
}

/// `coalesce` and kin, and a CASE with a parameter among its results or held against its operand.
fn choice<'a>(expr: &'a ast::Expr, left: &mut usize) -> Option<Choice<'a>> {
    match expr {
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
            Some(Choice {
                conditions: Vec::new(),
                results: arguments.collect(),
                otherwise: None,
            })
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
            let results = conditions.iter().map(|when| &when.result).chain(else_result.as_deref());
            let results: Vec<_> = results.collect();
            let conditions = conditions.iter().map(|when| ast::CaseWhen {
                condition: match operand {
                    Some(operand) => equal(operand, &when.condition),
                    None => when.condition.clone(),
                },
                result: when.result.clone(),
            });
            let conditions: Vec<_> = conditions.collect();
            let asks = |when: &ast::CaseWhen| matches!(&when.condition, ast::Expr::BinaryOp { right, .. } if placeholder(right).is_some());
            let is_open = results.iter().any(|result| placeholder(result).is_some()) || conditions.iter().any(asks);
            is_open.then(|| Choice {
                conditions,
                results,
                otherwise: else_result.clone(),
            })
        }
        _ => None,
    }
}

fn equal(left: &ast::Expr, right: &ast::Expr) -> ast::Expr {
    ast::Expr::BinaryOp {
        left: Box::new(left.clone()),
        op: ast::BinaryOperator::Eq,
        right: Box::new(right.clone()),
    }
}

/// Whether a constant's type is not what is held against it.
fn is_open_literal(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::Value(value) => !matches!(value.value, ast::Value::Boolean(_)),
        _ => false,
    }
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
