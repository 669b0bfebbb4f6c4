//! Casts whose meaning depends on what is cast: text is read by PostgreSQL's input functions and written by its output
//! functions, numbers are rounded, times are the session's. The type of an expression never changes here.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::{
    common::{DFSchema, config::ConfigOptions, tree_node::Transformed},
    error::Result as EngineResult,
    logical_expr::{Cast, Expr, ExprSchemable, ScalarUDF, expr::ScalarFunction, expr_rewriter::FunctionRewrite},
};

use crate::{
    catalog::{facts::SessionFacts, functions, types::pg_type_of},
    wire::encode::Zone,
};

/// The rule, run before the engine adds casts of its own.
#[derive(Debug)]
pub struct Conversions;

impl FunctionRewrite for Conversions {
    fn name(&self) -> &str {
        "conversions"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, config: &ConfigOptions) -> EngineResult<Transformed<Expr>> {
        let mut cast = match expr {
            Expr::Cast(cast) => cast,
            Expr::ScalarFunction(call) if WRITING.contains(&call.name()) => return written(call, schema, config),
            other => return Ok(Transformed::no(other)),
        };
        // What a string of bits counts.
        if cast.field.data_type().is_integer()
            && let Ok((_, from)) = cast.expr.to_field(schema)
            && functions::bits::is_bits(&from)
            && let Some(facts) = SessionFacts::of(config)
            && let Some(function) = functions::scalar_function("pg_bit_integer", &Arc::new(facts.clone()))
        {
            let counted = ScalarFunction::new_udf(function, vec![std::mem::take(&mut *cast.expr)]);
            *cast.expr = Expr::ScalarFunction(counted);
        }
        Ok(match function(&cast, schema, config) {
            Some(function) => Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(
                function,
                vec![*cast.expr],
            ))),
            None => Transformed::no(Expr::Cast(cast)),
        })
    }
}

/// Functions that write values of any type.
const WRITING: [&str; 3] = ["concat", "concat_ws", "format"];

/// A call whose arguments are text as PostgreSQL's output functions write them.
fn written(call: ScalarFunction, schema: &DFSchema, config: &ConfigOptions) -> EngineResult<Transformed<Expr>> {
    let Some(facts) = SessionFacts::of(config) else {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    };
    let facts = Arc::new(facts.clone());
    let plain = |data_type: &DataType| is_text(data_type) || data_type.is_null() || data_type.is_integer();
    let mut changed = false;
    let mut args = Vec::with_capacity(call.args.len());
    for arg in call.args {
        let function = match arg.get_type(schema) {
            Ok(data_type) if !plain(&data_type) => functions::scalar_function("pg_output", &facts),
            _ => None,
        };
        changed |= function.is_some();
        args.push(match function {
            Some(function) => Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![arg])),
            None => arg,
        });
    }
    let call = Expr::ScalarFunction(ScalarFunction::new_udf(call.func, args));
    Ok(Transformed::new_transformed(call, changed))
}

fn function(cast: &Cast, schema: &DFSchema, config: &ConfigOptions) -> Option<Arc<ScalarUDF>> {
    let (_, from) = cast.expr.to_field(schema).ok()?;
    let (from_type, to) = (from.data_type(), cast.field.data_type());
    if is_text(to) {
        let is_json = matches!(pg_type_of(&from), Some("jsonb"));
        let literal = matches!(cast.expr.as_ref(), Expr::Literal(..));
        if is_text(from_type) {
            let checked = matches!(pg_type_of(&cast.field), Some("uuid"))
                || literal && matches!(pg_type_of(&cast.field), Some("json" | "jsonb"));
            if checked {
                return Some(functions::cast_to(Arc::clone(&cast.field)));
            }
        }
        let plain = is_text(from_type) && !is_json
            || from_type.is_null()
            || from_type.is_integer() && pg_type_of(&from).is_none_or(|name| !name.starts_with("reg"))
            || *from_type == DataType::Boolean;
        if plain {
            return None;
        }
        let facts = Arc::new(SessionFacts::of(config)?.clone());
        return functions::scalar_function("pg_text", &facts);
    }
    let zone = functions::zone_of(config);
    let special = match from_type {
        text if is_text(text) => true,
        number if number.is_floating() || is_decimal(number) => to.is_integer() || is_decimal(to) && number != to,
        integer if integer.is_integer() => {
            to.is_integer() && to.primitive_width() < integer.primitive_width() || is_decimal(to)
        }
        DataType::Timestamp(_, Some(_)) => {
            zone != Zone::UTC
                && matches!(
                    to,
                    DataType::Timestamp(_, None) | DataType::Date32 | DataType::Time64(_)
                )
        }
        DataType::Timestamp(_, None) | DataType::Date32 => {
            zone != Zone::UTC && matches!(to, DataType::Timestamp(_, Some(_)))
        }
        _ => false,
    };
    special.then(|| functions::cast_to(Arc::clone(&cast.field)))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}
