//! Functions that give one of their arguments: a quoted literal among them takes the type of the others, as PostgreSQL has it.
//! What they do is the engine's, once the types are told.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::{
    common::ScalarValue,
    error::Result as EngineResult,
    logical_expr::{
        Cast, Expr, ExprSchemable, ScalarUDF, binary::type_union_resolution, expr::ScalarFunction,
        simplify::SimplifyContext,
    },
};

use super::{
    cast_to,
    native::engine_error,
    typed::{Inputs, Row, Typed, plain, type_name},
    value::Value,
};
use crate::{Error, Result, SqlState, catalog::types::pg_type_of, query::unknown::format_type, wire::types::PG_TYPE};

pub const FUNCTIONS: &[Typed] = &[
    // What the cells of VALUES hide behind until the type that they have in common is known.
    Typed::new("pg_cell", uncovered, unsaid).lenient(),
    Typed::new("coalesce", chosen, first)
        .lenient()
        .simplified(|args, info| said(args, info, "COALESCE", datafusion::functions::core::coalesce())),
    Typed::new("greatest", chosen, unsaid)
        .lenient()
        .simplified(|args, info| said(args, info, "GREATEST", datafusion::functions::core::greatest())),
    Typed::new("least", chosen, unsaid)
        .lenient()
        .simplified(|args, info| said(args, info, "LEAST", datafusion::functions::core::least())),
];

fn chosen(inputs: &Inputs<'_>) -> Result<Field> {
    if inputs.fields.is_empty() {
        return Err(inputs.no_function());
    }
    let open = |index: &usize| {
        let constant = inputs.constants.get(*index).copied().flatten();
        !constant.is_some_and(is_quoted)
    };
    let typed = (0..inputs.fields.len())
        .filter(open)
        .filter_map(|index| inputs.fields.get(index));
    common(&inputs.name.to_uppercase(), typed)
}

/// The type alone, none of a quoted literal: the engine then finds what the columns of VALUES have in common.
fn uncovered(inputs: &Inputs<'_>) -> Result<Field> {
    let constant = inputs.constants.first().copied().flatten();
    let data_type = match constant.is_some_and(is_quoted) {
        true => &DataType::Null,
        false => inputs.data_type(0),
    };
    Ok(Field::new("", data_type.clone(), true))
}

/// Whether a constant is a quoted literal or NULL: of no type yet.
pub fn is_quoted(value: &ScalarValue) -> bool {
    matches!(
        value,
        ScalarValue::Null | ScalarValue::Utf8(_) | ScalarValue::Utf8View(_)
    )
}

/// The type that all of them go to; text where there is none.
pub fn common<'a>(name: &str, fields: impl Iterator<Item = &'a FieldRef>) -> Result<Field> {
    let fields: Vec<&FieldRef> = fields.filter(|field| !field.data_type().is_null()).collect();
    let Some(first) = fields.first() else {
        return Ok(plain("text"));
    };
    let same = fields.iter().all(|field| field.data_type() == first.data_type());
    let data_type = match same {
        true => first.data_type().clone(),
        false => {
            let types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
            type_union_resolution(&types).ok_or_else(|| mismatch(name, &fields))?
        }
    };
    let field = Field::new("", data_type, true);
    // Of different types the plan's own annotation tells which it is.
    let named = pg_type_of(first).filter(|name| fields.iter().all(|field| pg_type_of(field) == Some(name)));
    Ok(match named {
        Some(named) => field.with_metadata([(PG_TYPE.to_owned(), named.to_owned())].into()),
        None => field,
    })
}

fn mismatch(name: &str, fields: &[&FieldRef]) -> Error {
    let mut types: Vec<String> = fields.iter().map(|field| format_type(&type_name(field))).collect();
    types.dedup();
    let words = format!("{name} types {} cannot be matched", types.join(" and "));
    Error::new(SqlState::DATATYPE_MISMATCH, words)
}

/// The engine's function over arguments of one type.
fn said(
    args: &[Expr],
    info: &SimplifyContext,
    name: &str,
    function: std::sync::Arc<ScalarUDF>,
) -> EngineResult<Option<Expr>> {
    let fields = args
        .iter()
        .map(|arg| arg.to_field(info.schema().as_ref()).map(|(_, field)| field))
        .collect::<EngineResult<Vec<_>>>()?;
    let is_open = |arg: &Expr| matches!(arg, Expr::Literal(value, _) if is_quoted(value));
    let typed = args
        .iter()
        .zip(&fields)
        .filter(|(arg, _)| !is_open(arg))
        .map(|(_, field)| field);
    let to: FieldRef = common(name, typed).map_err(engine_error)?.into();
    let args = args.iter().zip(&fields).map(|(arg, field)| {
        if field.data_type() == to.data_type() {
            return arg.clone();
        }
        match is_open(arg) {
            true => Expr::ScalarFunction(ScalarFunction::new_udf(cast_to(to.clone()), vec![arg.clone()])),
            false => Expr::Cast(Cast::new(Box::new(arg.clone()), to.data_type().clone())),
        }
    });
    Ok(Some(Expr::ScalarFunction(ScalarFunction::new_udf(
        function,
        args.collect(),
    ))))
}

/// The first that is not NULL.
fn first(row: &Row<'_>) -> Result<Value> {
    let found = row.values.iter().find(|value| !matches!(value, Value::Null));
    Ok(found.cloned().unwrap_or(Value::Null))
}

fn unsaid(_: &Row<'_>) -> Result<Value> {
    Err(Error::internal("a choice was not said in the engine's functions"))
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_literal_takes_the_others_type() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select coalesce(null::interval, '1 day')::text", "1 day"),
            (
                "select coalesce(null::timestamptz, '2024-01-01Z') = timestamptz '2024-01-01Z'",
                "true",
            ),
            ("select coalesce(null::int, '7') + 1", "8"),
            ("select coalesce(null, 'a'), coalesce(1, 2.5) > 0", "a|true"),
            (
                "select greatest(1, '3'), least(interval '1 day', '2 hours')::text",
                "3|02:00:00",
            ),
            ("select coalesce(indisprimary, 'f') from pg_index limit 1", "true"),
            (
                "select coalesce(relname, 'x') from pg_class where oid = 1259",
                "pg_class",
            ),
            ("select count(*) from pg_class where coalesce(oid, '0') = 1259", "1"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
        let error = engine.error("select coalesce(null::int, 'x')").await;
        assert!(error.contains("22P02"), "{error}");
    }
}
