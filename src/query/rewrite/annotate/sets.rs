//! UNION, recursion and VALUES: one type for each column, whatever each side calls it. The engine takes one side's word for
//! all, and refuses a recursion whose sides differ.

use std::sync::Arc;

use datafusion::{
    common::{DFSchema, metadata::FieldMetadata},
    error::Result as EngineResult,
    logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Union, Values, logical_plan::RecursiveQuery},
    optimizer::analyzer::type_coercion::coerce_union_schema,
};

use super::derive::{common_column, derive_column};
use crate::{
    catalog::types,
    wire::types::{Origin, PG_ORIGIN, PG_TYPE},
};

/// A UNION whose sides agree.
pub(super) fn union(union: Union) -> EngineResult<LogicalPlan> {
    let agree = union.inputs.windows(2).all(|pair| match pair {
        [one, other] => one
            .schema()
            .fields()
            .iter()
            .zip(other.schema().fields())
            .all(|(one, other)| {
                one.data_type() == other.data_type() && types::pg_type_of(one) == types::pg_type_of(other)
            }),
        _ => true,
    });
    if agree {
        // The sides may say more of their columns by now than when they were put together.
        return Union::try_new_with_loose_types(union.inputs).map(LogicalPlan::Union);
    }
    let coerced = coerce_union_schema(&union.inputs)?;
    let plan = LogicalPlan::Union(union);
    let names: Vec<_> = (0..coerced.fields().len())
        .map(|index| common_column(&plan, index))
        .collect();
    let LogicalPlan::Union(union) = plan else {
        return Ok(plan);
    };
    let inputs = union
        .inputs
        .iter()
        .map(|input| labelled(input, &coerced, &names).map(Arc::new));
    let inputs = inputs.collect::<EngineResult<Vec<_>>>()?;
    Union::try_new_with_loose_types(inputs).map(LogicalPlan::Union)
}

/// A recursion whose second term says the same of its columns as the first.
pub(super) fn recursive(query: RecursiveQuery) -> EngineResult<LogicalPlan> {
    let schema = query.static_term.schema();
    let names: Vec<_> = schema
        .columns()
        .iter()
        .map(|column| derive_column(column, &query.static_term))
        .collect();
    let first = labelled(&query.static_term, schema, &names)?;
    let second = labelled(&query.recursive_term, schema, &names)?;
    let query = RecursiveQuery::try_new(query.name, Arc::new(first), Arc::new(second), query.is_distinct)?;
    Ok(LogicalPlan::RecursiveQuery(query))
}

/// Rows whose columns say their types.
pub(super) fn values(values: Values) -> EngineResult<LogicalPlan> {
    let metadata = values.schema.metadata().clone();
    let plan = LogicalPlan::Values(values);
    let columns = plan.schema().columns();
    let fields = columns
        .iter()
        .zip(plan.schema().iter())
        .map(|(column, (qualifier, field))| {
            let field = match derive_column(column, &plan) {
                Some(name) if super::compatible(&types::arrow_type(&name), field.data_type()) => {
                    Arc::new(types::tagged(field.as_ref().clone(), &name))
                }
                _ => Arc::clone(field),
            };
            (qualifier.cloned(), field)
        });
    let schema = DFSchema::new_with_metadata(fields.collect(), metadata)?;
    match plan {
        LogicalPlan::Values(Values { values, .. }) => Ok(LogicalPlan::Values(Values {
            schema: Arc::new(schema),
            values,
        })),
        other => Ok(other),
    }
}

/// `plan`'s columns with the types of `schema`, each called what `names` says; they come from no relation any more.
fn labelled(plan: &LogicalPlan, schema: &DFSchema, names: &[Option<String>]) -> EngineResult<LogicalPlan> {
    let own = plan.schema();
    let exprs = own
        .iter()
        .zip(schema.fields())
        .zip(names)
        .map(|(((qualifier, field), target), name)| {
            let column = Expr::Column((qualifier, field).into());
            let name = name
                .as_deref()
                .filter(|name| super::compatible(&types::arrow_type(name), target.data_type()))
                .unwrap_or("");
            let metadata = FieldMetadata::new(
                [
                    (PG_TYPE.to_owned(), name.to_owned()),
                    (PG_ORIGIN.to_owned(), Origin::default().to_metadata()),
                ]
                .into(),
            );
            let value = match field.data_type() == target.data_type() {
                true => column,
                false => column.cast_to(target.data_type(), own.as_ref())?,
            };
            Ok(value.alias_qualified_with_metadata(qualifier.cloned(), field.name(), Some(metadata)))
        });
    LogicalPlanBuilder::from(plan.clone())
        .project(exprs.collect::<EngineResult<Vec<_>>>()?)?
        .build()
}
