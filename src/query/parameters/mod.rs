//! What a statement's parameters are: the types that its client declared, and of those that it left open what the text around them says.

mod beside;
mod said;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::{
    common::tree_node::TreeNodeRecursion,
    logical_expr::{Expr, LogicalPlan, expr::Placeholder},
    sql::sqlparser::ast,
};
use postgres_types::Type;

use super::errors::from_datafusion;
use crate::{
    Error, Result, SqlState,
    query::walk::plan::WalkPlan,
    wire::types::{PG_TYPE, array_type, arrow_type, pg_type},
};
use beside::{beside, elementwise};
use said::Placeholders;

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

/// `$7` → 6. The protocol counts parameters in 16 bits.
fn index(placeholder: &str) -> Option<usize> {
    let number: u16 = placeholder.strip_prefix('$')?.parse().ok()?;
    usize::from(number).checked_sub(1)
}

/// What the engine inferred for parameters, by index: the first type that is known.
fn inferred_fields(plan: &LogicalPlan) -> Result<BTreeMap<usize, FieldRef>> {
    let mut fields = BTreeMap::new();
    plan.walk_with_subqueries(&mut |plan| {
        plan.walk_all_expressions(&mut |expr| {
            if let Expr::Placeholder(Placeholder { id, field: Some(field) }) = expr
                && let Some(index) = index(id)
            {
                fields.entry(index).or_insert_with(|| Arc::clone(field));
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })
    .map_err(from_datafusion)?;
    Ok(fields)
}
