//! What the planner asks on its way from syntax to plan: PostgreSQL's type names, and operators whose meaning depends on
//! the types of what they stand between.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::{
    common::{DFSchema, ScalarValue, internal_err},
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{
        Expr, ExprSchemable, GetFieldAccess,
        expr::ScalarFunction,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr, TypePlanner},
    },
    sql::sqlparser::ast::{BinaryOperator, DataType as SqlType},
};

use crate::catalog::{facts::SessionFacts, functions, names, types};

/// Types that PostgreSQL has and the engine does not know by name.
#[derive(Debug)]
pub struct PostgresTypes;

impl TypePlanner for PostgresTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> EngineResult<Option<FieldRef>> {
        let spelled = match sql_type {
            SqlType::Custom(..) | SqlType::JSON | SqlType::JSONB | SqlType::Uuid => sql_type.to_string(),
            _ => return Ok(None),
        };
        let Some((oid, _)) = names::parse_type(&spelled) else {
            return Ok(None);
        };
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
    pub facts: Arc<SessionFacts>,
}

impl ExprPlanner for PostgresOperators {
    /// `indisprimary = 't'`: the literal takes the column's type.
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> EngineResult<PlannerResult<RawBinaryExpr>> {
        let comparison = matches!(
            expr.op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        );
        if comparison {
            let RawBinaryExpr { left, right, .. } = &mut expr;
            self.literal(right, left, schema)?;
            self.literal(left, right, schema)?;
        }
        Ok(PlannerResult::Original(expr))
    }

    /// `indkey[0]`: vectors count from 0.
    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> EngineResult<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::ListIndex { key } = &expr.field_access else {
            return Ok(PlannerResult::Original(expr));
        };
        let (_, field) = expr.expr.to_field(schema)?;
        if !matches!(types::pg_type_of(&field), Some("int2vector" | "oidvector")) {
            return Ok(PlannerResult::Original(expr));
        }
        let args = vec![expr.expr.clone(), key.as_ref().clone()];
        self.call("pg_subscript", args).map(PlannerResult::Planned)
    }
}

impl PostgresOperators {
    fn call(&self, name: &str, args: Vec<Expr>) -> EngineResult<Expr> {
        match functions::scalar_function(name, &self.facts) {
            Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args))),
            None => internal_err!("no function {name}"),
        }
    }

    /// Gives a quoted literal the type of what it is compared with, where the engine would not.
    fn literal(&self, literal: &mut Expr, other: &Expr, schema: &DFSchema) -> EngineResult<()> {
        let Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) = literal else {
            return Ok(());
        };
        let Ok((_, field)) = other.to_field(schema) else {
            return Ok(());
        };
        match (field.data_type(), types::pg_type_of(&field)) {
            (DataType::Boolean, _) => to_boolean(literal),
            (list @ DataType::List(_), _) => {
                let array =
                    types::array_of(list, &[Some(text.clone())]).map_err(|e| DataFusionError::External(Box::new(e)))?;
                *literal = Expr::Literal(ScalarValue::try_from_array(&array, 0)?, None);
            }
            (_, Some(reg)) if types::REG_TYPES.contains(&reg) && text.parse::<i64>().is_err() => {
                let name = literal.clone();
                *literal = self.call(reg, vec![name])?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn to_boolean(expr: &mut Expr) {
    let text = match expr {
        Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)),
            _,
        ) => text,
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
