//! Casts to types that are names of something: `'pg_class'::regclass`, `x::oid`; and `::text` of what such a cast gives.
//!
//! A cast becomes the function of the type's name: with a literal the planner folds it to a number, with a column the
//! function does at run time what the column's type asks for.

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, CastKind, DataType, Expr, Value};

use super::{call, parts, take};
use crate::catalog::types::REG_TYPES;

/// The `reg*` type or `oid` that a SQL type names.
fn oid_type(data_type: &DataType) -> Option<&'static str> {
    let name = match data_type {
        DataType::Custom(name, modifiers) if modifiers.is_empty() => parts(name),
        DataType::Regclass => vec!["regclass".to_owned()],
        _ => return None,
    };
    let name = match name.as_slice() {
        [name] => name,
        [schema, name] if schema == "pg_catalog" => name,
        _ => return None,
    };
    REG_TYPES.iter().copied().chain(["oid"]).find(|reg| reg == name)
}

/// Whether a type's values are character strings.
fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Text | DataType::Varchar(None) | DataType::CharacterVarying(None)
    ) || matches!(data_type, DataType::Custom(name, _) if matches!(parts(name).last().map(String::as_str), Some("name" | "text")))
}

/// Whether an expression is a call that gives a value of a `reg*` type.
fn is_reg_call(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => {
            let name = super::function_name(function);
            REG_TYPES.contains(&name.as_str()) || name.starts_with("to_reg") || name == "pg_typeof"
        }
        Expr::Nested(inner) => is_reg_call(inner),
        _ => false,
    }
}

pub fn expr(expr: &mut Expr, over_catalogue: bool) {
    match expr {
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: inner,
            data_type,
            ..
        } => {
            if let Some(reg) = oid_type(data_type) {
                let inner = take(inner);
                *expr = call(reg, vec![inner]);
            } else if is_text(data_type) && (is_reg_call(inner) || over_catalogue && !is_literal(inner)) {
                let inner = take(inner);
                *expr = call("pg_text", vec![inner]);
            } else if let (true, Some(items)) = (is_array(data_type), array_literal(inner)) {
                **inner = items;
            }
        }
        // `regclass 'pg_class'`, `oid '16'`.
        Expr::TypedString(typed) => {
            if let Some(reg) = oid_type(&typed.data_type) {
                *expr = call(reg, vec![Expr::Value(typed.value.clone())]);
            }
        }
        _ => {}
    }
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(_))
}

fn is_array(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Array(ArrayElemTypeDef::SquareBracket(..)))
}

/// `'{a,b}'` as `ARRAY['a','b']`.
pub fn array_literal(expr: &Expr) -> Option<Expr> {
    let Expr::Value(value) = expr else { return None };
    let Value::SingleQuotedString(text) = &value.value else {
        return None;
    };
    let text = text.trim();
    if !(text.starts_with('{') && text.ends_with('}')) {
        return None;
    }
    let mut items = Vec::new();
    crate::catalog::types::elements(text, &mut items);
    let elem = items
        .into_iter()
        .map(|item| Expr::value(item.map_or(Value::Null, Value::SingleQuotedString)))
        .collect();
    Some(Expr::Array(datafusion::sql::sqlparser::ast::Array {
        elem,
        named: true,
    }))
}
