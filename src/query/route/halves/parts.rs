//! One aggregate as an aggregate of aggregates: what is sent, how the parts come together, and what is made of the result.
//!
//! A time that has passed is a number of whole units. Its seconds (`extract(epoch from …)`), which no runtime has as PostgreSQL's exact
//! numbers, are added up as such units; none of it is rounded.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::{
    common::{DFSchema, ScalarValue},
    error::Result,
    functions_aggregate::sum::sum_udaf,
    logical_expr::{
        AggregateUDF, BinaryExpr, Cast, Expr, ExprSchemable, Operator, ScalarUDF,
        expr::{AggregateFunction, AggregateFunctionParams},
        lit, when,
    },
};

use super::super::{expr::unaliased, meaning::is_duration};

/// Aggregates of aggregates that are those of all rows.
const OF_THEMSELVES: [&str; 5] = ["bool_and", "bool_or", "max", "min", "sum"];

/// What holds any number of 64 bits.
const UNITS: DataType = DataType::Decimal128(20, 0);

/// How one call is computed in two steps.
pub(super) struct Parts {
    /// Computed by the runtime.
    sent: AggregateFunction,
    /// What its column is called.
    name: String,
    /// Computed here of that column.
    together: Arc<AggregateUDF>,
    made: Made,
}

/// What the two steps come to.
enum Made {
    /// The call's result.
    Result,
    /// A sum of counts: it is never NULL.
    Count,
    /// A number of units, of which a duration is so many.
    Duration(DataType),
    /// A number of units, of which `10 ^ scale` are a second.
    Seconds { scale: i8 },
    /// A duration of which the seconds are taken.
    SecondsOf { extract: Arc<ScalarUDF>, epoch: Expr },
}

impl Parts {
    /// `None` of an aggregate that is none of its parts'.
    pub(super) fn of(call: &Expr, schema: &DFSchema, name: String) -> Result<Option<Parts>> {
        let Expr::AggregateFunction(function) = unaliased(call) else {
            return Ok(None);
        };
        let params = &function.params;
        if params.distinct || !params.order_by.is_empty() || params.null_treatment.is_some() {
            return Ok(None);
        }
        let aggregate = function.func.name();
        let of = |args: Vec<Expr>| AggregateFunction {
            func: Arc::clone(&function.func),
            params: AggregateFunctionParams { args, ..params.clone() },
        };
        let own = || Arc::clone(&function.func);
        let (sent, together, made) = match (aggregate, seconds_of(&params.args, schema)?) {
            // NULL where the duration is.
            ("count", Some(seconds)) => (of(vec![seconds.duration]), sum_udaf(), Made::Count),
            ("count", None) => (function.clone(), sum_udaf(), Made::Count),
            ("max" | "min", Some(seconds)) => {
                let made = Made::SecondsOf {
                    extract: seconds.extract,
                    epoch: seconds.epoch,
                };
                (of(vec![seconds.duration]), own(), made)
            }
            ("sum", Some(seconds)) => {
                let units = cast(cast(seconds.duration, DataType::Int64), UNITS);
                (of(vec![units]), own(), Made::Seconds { scale: seconds.scale })
            }
            ("sum", None) => match params.args.as_slice() {
                [of_one] if is_duration(&of_one.get_type(schema)?) => {
                    let units = cast(of_one.clone(), DataType::Int64);
                    (of(vec![units]), own(), Made::Duration(of_one.get_type(schema)?))
                }
                // A sum of floats depends on its order.
                _ if unaliased(call).get_type(schema)?.is_floating() => return Ok(None),
                _ => (function.clone(), own(), Made::Result),
            },
            _ if OF_THEMSELVES.contains(&aggregate) && !unaliased(call).get_type(schema)?.is_floating() => {
                (function.clone(), own(), Made::Result)
            }
            _ => return Ok(None),
        };
        Ok(Some(Parts {
            sent,
            name,
            together,
            made,
        }))
    }

    /// The aggregate for the runtime.
    pub(super) fn sent(&self) -> Expr {
        Expr::AggregateFunction(self.sent.clone()).alias(&self.name)
    }

    /// The one of what it gave.
    pub(super) fn together(&self) -> Expr {
        let params = AggregateFunctionParams {
            args: vec![Expr::Column(self.name.as_str().into())],
            distinct: false,
            filter: None,
            order_by: Vec::new(),
            null_treatment: None,
        };
        let func = Arc::clone(&self.together);
        Expr::AggregateFunction(AggregateFunction { func, params })
    }

    /// What the call gives, of what [`Parts::together`] does; of a type that is cast to the call's.
    pub(super) fn whole(&self, value: Expr) -> Result<Expr> {
        Ok(match &self.made {
            Made::Result => value,
            Made::Count => when(value.clone().is_null(), lit(0_i64)).otherwise(value)?,
            Made::Duration(ty) => cast(value, ty.clone()),
            Made::Seconds { scale } => {
                let unit = ScalarValue::Decimal128(Some(1), scale.unsigned_abs() + 1, *scale);
                let unit = Box::new(lit(unit));
                Expr::BinaryExpr(BinaryExpr::new(Box::new(value), Operator::Multiply, unit))
            }
            Made::SecondsOf { extract, epoch } => extract.call(vec![epoch.clone(), value]),
        })
    }
}

/// `extract(epoch from duration)`.
struct Seconds {
    extract: Arc<ScalarUDF>,
    epoch: Expr,
    duration: Expr,
    /// Of which `10 ^ scale` units are a second: at most the digits that the number of seconds has.
    scale: i8,
}

fn seconds_of(args: &[Expr], schema: &DFSchema) -> Result<Option<Seconds>> {
    let [of] = args else { return Ok(None) };
    let Expr::ScalarFunction(function) = unaliased(of) else {
        return Ok(None);
    };
    let [epoch @ Expr::Literal(field, _), duration] = function.args.as_slice() else {
        return Ok(None);
    };
    let is_epoch = field
        .try_as_str()
        .flatten()
        .is_some_and(|field| field.eq_ignore_ascii_case("epoch"));
    if function.func.name() != "pg_extract" || !is_epoch {
        return Ok(None);
    }
    let scale = match duration.get_type(schema)? {
        DataType::Duration(TimeUnit::Second) => 0,
        DataType::Duration(TimeUnit::Millisecond) => 3,
        DataType::Duration(TimeUnit::Microsecond) => 6,
        _ => return Ok(None),
    };
    Ok(Some(Seconds {
        extract: Arc::clone(&function.func),
        epoch: epoch.clone(),
        duration: duration.clone(),
        scale,
    }))
}

fn cast(expr: Expr, ty: DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), ty))
}
