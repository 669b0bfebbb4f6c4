//! What the planner asks on its way from syntax to plan: PostgreSQL's type names, and operators whose meaning depends on
//! the types of what they stand between.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::{
    common::{DFSchema, ScalarValue},
    error::Result as EngineResult,
    logical_expr::{
        Expr, ExprSchemable, GetFieldAccess, ScalarUDF,
        expr::ScalarFunction,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr, TypePlanner},
    },
    sql::sqlparser::ast::{BinaryOperator, DataType as SqlType},
};

use crate::catalog::{names, types};

/// Types that PostgreSQL has and the engine does not know by name.
#[derive(Debug)]
pub struct PostgresTypes;

impl TypePlanner for PostgresTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> EngineResult<Option<FieldRef>> {
        let spelled = match sql_type {
            SqlType::Custom(..) | SqlType::JSON | SqlType::JSONB | SqlType::Uuid => sql_type.to_string(),
            _ => return Ok(None),
        };
        let Some((oid, _)) = names::parse_type(&spelled) else { return Ok(None) };
        let Some(name) = canonical(oid) else { return Ok(None) };
        Ok(Some(Arc::new(types::field("", &name, true))))
    }
}

/// How `format_type` spells a builtin type; of a domain its base type.
fn canonical(oid: u32) -> Option<String> {
    let system = crate::catalog::seed::types().get(&oid)?;
    names::builtin(if system.kind == "d" { system.base } else { oid }, None)
}

/// Operators over catalogue columns.
#[derive(Debug)]
pub struct PostgresOperators {
    subscript: Arc<ScalarUDF>,
}

impl PostgresOperators {
    /// `functions` are those of the session, by name.
    pub fn new(function: impl Fn(&str) -> Option<Arc<ScalarUDF>>) -> Option<PostgresOperators> {
        Some(PostgresOperators { subscript: function("pg_subscript")? })
    }
}

impl ExprPlanner for PostgresOperators {
    /// `indisprimary = 't'`: the literal takes the column's type.
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> EngineResult<PlannerResult<RawBinaryExpr>> {
        let comparison = matches!(
            expr.op,
            BinaryOperator::Eq | BinaryOperator::NotEq | BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq
        );
        if comparison {
            if is_boolean(&expr.left, schema) {
                to_boolean(&mut expr.right);
            } else if is_boolean(&expr.right, schema) {
                to_boolean(&mut expr.left);
            }
        }
        Ok(PlannerResult::Original(expr))
    }

    /// `indkey[0]`: vectors count from 0.
    fn plan_field_access(&self, expr: RawFieldAccessExpr, schema: &DFSchema) -> EngineResult<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::ListIndex { key } = &expr.field_access else { return Ok(PlannerResult::Original(expr)) };
        let (_, field) = expr.expr.to_field(schema)?;
        if !matches!(types::pg_type_of(&field), Some("int2vector" | "oidvector")) {
            return Ok(PlannerResult::Original(expr));
        }
        let args = vec![expr.expr.clone(), key.as_ref().clone()];
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&self.subscript), args))))
    }
}

fn is_boolean(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|data_type| data_type == DataType::Boolean)
}

fn to_boolean(expr: &mut Expr) {
    let text = match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)), _) => text,
        _ => return,
    };
    // What boolin reads.
    let value = match text.trim().to_ascii_lowercase().as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => true,
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => false,
        _ => return,
    };
    *expr = Expr::Literal(ScalarValue::Boolean(Some(value)), None);
}
