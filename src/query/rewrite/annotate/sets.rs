//! UNION, recursion and VALUES: one type for each column, whatever each side calls it. The engine takes one side's word for
//! all, and refuses a recursion whose sides differ.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, FieldRef},
    common::{DFSchema, metadata::FieldMetadata},
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{
        Cast, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, Union, Values, expr::ScalarFunction,
        logical_plan::RecursiveQuery,
    },
    optimizer::analyzer::type_coercion::coerce_union_schema,
};

use super::derive::{common_column, derive_column};
use crate::{
    catalog::{
        functions::{cast_to, choices},
        types,
    },
    query::rewrite::values::CELL,
    wire::types::{Origin, PG_ORIGIN, PG_TYPE},
};

/// A UNION whose sides agree.
pub(super) fn union(union: Union) -> EngineResult<LogicalPlan> {
    let union = with_literals(union)?;
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

/// A quoted literal that is a side's column takes the type of the other sides.
fn with_literals(union: Union) -> EngineResult<Union> {
    let Union { mut inputs, schema } = union;
    let mut changed = false;
    for index in 0..schema.fields().len() {
        let (open, typed): (Vec<_>, Vec<_>) = inputs.iter().partition(|input| is_open(input, index));
        let fields: Vec<&FieldRef> = typed
            .iter()
            .filter_map(|input| input.schema().fields().get(index))
            .collect();
        if open.is_empty() || fields.iter().all(|field| !takes_literals(field.data_type())) {
            continue;
        }
        let common = choices::common("UNION", fields.into_iter());
        let to = Arc::new(common.map_err(|error| DataFusionError::External(Box::new(error)))?);
        for input in inputs.iter_mut().filter(|input| is_open(input, index)) {
            *input = Arc::new(read(input.as_ref().clone(), index, &to)?);
            changed = true;
        }
    }
    match changed {
        true => Union::try_new_with_loose_types(inputs),
        false => Ok(Union { inputs, schema }),
    }
}

/// Whether a literal beside a type is not simply text.
fn takes_literals(data_type: &DataType) -> bool {
    !matches!(
        data_type,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Struct(_)
    )
}

/// Whether a column is a quoted literal wherever its rows come from.
fn is_open(plan: &LogicalPlan, index: usize) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => projection.expr.get(index).is_some_and(is_open_literal),
        LogicalPlan::Union(union) => union.inputs.iter().all(|input| is_open(input, index)),
        _ => false,
    }
}

fn is_open_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_open_literal(&alias.expr),
        Expr::Literal(value, None) => value.try_as_str().flatten().is_some(),
        _ => false,
    }
}

/// `plan` with the literal of a column read as a value of a type.
fn read(plan: LogicalPlan, index: usize, to: &FieldRef) -> EngineResult<LogicalPlan> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let name = projection.schema.field(index).name().clone();
            let mut exprs = projection.expr;
            if let Some(expr) = exprs.get_mut(index) {
                let literal = std::mem::take(expr).unalias();
                let call = ScalarFunction::new_udf(cast_to(Arc::clone(to)), vec![literal]);
                *expr = Expr::ScalarFunction(call).alias(name);
            }
            Projection::try_new(exprs, projection.input).map(LogicalPlan::Projection)
        }
        LogicalPlan::Union(union) => {
            let inputs = union.inputs.into_iter();
            let inputs = inputs.map(|input| read(input.as_ref().clone(), index, to).map(Arc::new));
            Union::try_new_with_loose_types(inputs.collect::<EngineResult<_>>()?).map(LogicalPlan::Union)
        }
        other => Ok(other),
    }
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
    let Values { schema, values } = values;
    let metadata = schema.metadata().clone();
    let (qualifiers, mut fields): (Vec<_>, Vec<FieldRef>) = schema
        .iter()
        .map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)))
        .unzip();
    let mut rows = values;
    for (index, field) in fields.iter_mut().enumerate() {
        let mut cells: Vec<&mut Expr> = rows.iter_mut().filter_map(|row| row.get_mut(index)).collect();
        if cells.iter().any(|cell| hidden(cell).is_some()) {
            *field = uncovered(&mut cells, field.name())?;
        }
    }
    let named = |fields: Vec<FieldRef>| {
        let fields = qualifiers.iter().cloned().zip(fields).collect();
        DFSchema::new_with_metadata(fields, metadata.clone()).map(Arc::new)
    };
    let plan = LogicalPlan::Values(Values {
        schema: named(fields)?,
        values: rows,
    });
    let columns = plan.schema().columns();
    let fields = columns
        .iter()
        .zip(plan.schema().fields())
        .map(|(column, field)| match derive_column(column, &plan) {
            Some(name) if super::compatible(&types::arrow_type(&name), field.data_type()) => {
                Arc::new(types::tagged(field.as_ref().clone(), &name))
            }
            _ => Arc::clone(field),
        });
    let schema = named(fields.collect())?;
    match plan {
        LogicalPlan::Values(Values { values, .. }) if values.iter().flatten().any(Expr::contains_outer) => {
            of_rows(values, &schema)
        }
        LogicalPlan::Values(Values { values, .. }) => Ok(LogicalPlan::Values(Values { schema, values })),
        other => Ok(other),
    }
}

/// Rows that depend on what is around them, each as a query of its own: the engine takes those of VALUES for constants.
fn of_rows(rows: Vec<Vec<Expr>>, schema: &DFSchema) -> EngineResult<LogicalPlan> {
    let row = |row: Vec<Expr>| {
        let cells = row.into_iter().zip(schema.fields()).map(|(cell, field)| {
            let named = types::pg_type_of(field).unwrap_or("").to_owned();
            let metadata = [
                (PG_TYPE.to_owned(), named),
                (PG_ORIGIN.to_owned(), Origin::default().to_metadata()),
            ];
            cell.alias_with_metadata(field.name(), Some(FieldMetadata::new(metadata.into())))
        });
        LogicalPlanBuilder::empty(true).project(cells)?.build()
    };
    let mut rows = rows.into_iter().map(row).collect::<EngineResult<Vec<_>>>()?;
    match rows.len() {
        1 => Ok(rows.remove(0)),
        _ => Union::try_new_with_loose_types(rows.into_iter().map(Arc::new).collect()).map(LogicalPlan::Union),
    }
}

/// What [`CELL`] hides, whatever casts the engine has laid over it.
fn hidden(cell: &Expr) -> Option<&Expr> {
    match cell {
        Expr::Cast(cast) => hidden(&cast.expr),
        Expr::ScalarFunction(function) if function.name() == CELL => function.args.first(),
        _ => None,
    }
}

/// The cells of a column as they are, cast to the type that they have in common; the column's field.
fn uncovered(cells: &mut [&mut Expr], name: &str) -> EngineResult<FieldRef> {
    let schema = DFSchema::empty();
    for cell in cells.iter_mut() {
        if let Some(inner) = hidden(cell) {
            **cell = inner.clone();
        }
    }
    let fields = cells
        .iter()
        .map(|cell| cell.to_field(&schema).map(|(_, field)| field))
        .collect::<EngineResult<Vec<_>>>()?;
    let is_open = |cell: &Expr| matches!(cell, Expr::Literal(value, _) if choices::is_quoted(value));
    let typed = cells.iter().zip(&fields).filter(|(cell, _)| !is_open(cell));
    let common = choices::common("VALUES", typed.map(|(_, field)| field));
    let common = common.map_err(|error| DataFusionError::External(Box::new(error)))?;
    let to: FieldRef = Arc::new(common.with_name(name));
    // The engine compares what is said of the cells whenever it puts values for parameters.
    let named = types::pg_type_of(&to).unwrap_or("").to_owned();
    let metadata = FieldMetadata::new([(PG_TYPE.to_owned(), named)].into());
    for (cell, field) in cells.iter_mut().zip(&fields) {
        let value = std::mem::take(*cell);
        let value = match is_open(&value) {
            true => Expr::ScalarFunction(ScalarFunction::new_udf(cast_to(Arc::clone(&to)), vec![value])),
            false if field.data_type() != to.data_type() => {
                Expr::Cast(Cast::new(Box::new(value), to.data_type().clone()))
            }
            false => value,
        };
        **cell = value.alias_with_metadata(name, Some(metadata.clone()));
    }
    Ok(to)
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
