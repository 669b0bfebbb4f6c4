//! What a subquery takes from outside, and how it gets it: in its plan these become values, which each run sets.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::{
    common::{
        Column, ScalarValue,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{
        ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Subquery, TypeSignature, Volatility,
        expr::{Placeholder, ScalarFunction},
    },
};

use crate::query::walk::plan::{Walk, WalkPlan};

/// What a plan takes from outside: columns of the queries around it, and parameters, whose values come only when the
/// statement is run. Most subqueries within are functions by now, and theirs are arguments; what the others take from this
/// plan does not come from outside.
pub(super) fn outer(plan: &LogicalPlan) -> EngineResult<Outer> {
    let mut found: Outer = Vec::new();
    plan.walk(&mut |plan| {
        let inputs = plan.inputs();
        let is_own = |column: &Column| inputs.iter().any(|input| input.schema().has_column(column));
        plan.walk_all_expressions(&mut |expr| {
            let taken = match expr {
                Expr::OuterReferenceColumn(field, _) => vec![(Arc::clone(field), expr.clone())],
                Expr::Placeholder(Placeholder { field: Some(field), .. }) => {
                    vec![(Arc::clone(field), expr.clone())]
                }
                Expr::ScalarSubquery(subquery) => within(subquery, &is_own)?,
                Expr::Exists(exists) => within(&exists.subquery, &is_own)?,
                Expr::InSubquery(test) => within(&test.subquery, &is_own)?,
                _ => Vec::new(),
            };
            for (field, expr) in taken {
                if !found.iter().any(|(_, other)| same(other, &expr)) {
                    found.push((field, expr));
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

/// What a subquery takes from beyond the query right around it.
fn within(subquery: &Subquery, is_own: &dyn Fn(&Column) -> bool) -> EngineResult<Outer> {
    let mut taken = outer(&subquery.subquery)?;
    taken.retain(|(_, expr)| !matches!(expr, Expr::OuterReferenceColumn(_, column) if is_own(column)));
    Ok(taken)
}

/// What a subquery takes from outside, with its type.
pub(super) type Outer = Vec<(FieldRef, Expr)>;

/// Whether two outer expressions are one, whatever their metadata.
fn same(one: &Expr, other: &Expr) -> bool {
    match (one, other) {
        (Expr::OuterReferenceColumn(_, one), Expr::OuterReferenceColumn(_, other)) => one == other,
        (Expr::Placeholder(one), Expr::Placeholder(other)) => one.id == other.id,
        _ => false,
    }
}

/// The plan with what it takes from outside replaced by the values of the run.
pub(super) fn bind(plan: LogicalPlan, outer: &Outer, values: &Values) -> EngineResult<LogicalPlan> {
    plan.rewrite_up_with_subqueries(&mut |plan| {
        plan.rewrite_expressions(&mut |expr| {
            expr.rewrite_up(&mut |expr| {
                let found = outer.iter().enumerate().find(|(_, (_, other))| same(other, &expr));
                let Some((index, (field, _))) = found else {
                    return Ok(Transformed::no(expr));
                };
                let value = OuterValue {
                    index,
                    field: Arc::clone(field),
                    values: Arc::clone(values),
                    signature: nullary(),
                };
                let udf = ScalarUDF::new_from_impl(value);
                Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(
                    Arc::new(udf),
                    Vec::new(),
                ))))
            })
        })
    })
    .map(|transformed| transformed.data)
}

fn nullary() -> Signature {
    Signature::new(TypeSignature::Nullary, Volatility::Volatile)
}

/// The values of the outer columns in the current run.
pub(super) type Values = Arc<Mutex<Vec<ScalarValue>>>;

/// One outer column within a subquery's plan.
#[derive(Clone)]
struct OuterValue {
    index: usize,
    field: FieldRef,
    values: Values,
    signature: Signature,
}

impl fmt::Debug for OuterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "outer {}", self.field.name())
    }
}

impl PartialEq for OuterValue {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && Arc::ptr_eq(&self.values, &other.values)
    }
}

impl Eq for OuterValue {}

impl Hash for OuterValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
        Arc::as_ptr(&self.values).hash(state);
    }
}

impl ScalarUDFImpl for OuterValue {
    fn name(&self) -> &str {
        "outer_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(self.field.data_type().clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(self.field.as_ref().clone().with_nullable(true)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match values.get(self.index) {
            Some(value) => Ok(ColumnarValue::Scalar(value.clone())),
            None => Err(DataFusionError::Internal(
                "a subquery ran without its outer values".into(),
            )),
        }
    }
}
