//! Ordered-set aggregates as functions of the ordered list of a group's values: `mode`, `percentile_disc`, and `percentile_cont`
//! of several fractions or over intervals.

use arrow::datatypes::{DataType, Field};

use super::{
    typed::{Inputs, Row, Typed, plain},
    value::{self, Value},
};
use crate::{Error, Result, SqlState};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("pg_mode", element, |row| {
        let values = values(row);
        let mut best: (usize, &Value) = (0, &Value::Null);
        let mut run = 0;
        for (index, value) in values.iter().enumerate() {
            run = if index > 0 && values.get(index - 1) == Some(value) {
                run + 1
            } else {
                1
            };
            if run > best.0 {
                best = (run, value);
            }
        }
        Ok(best.1.clone())
    }),
    Typed::new("pg_percentile_disc", element, |row| {
        let values = values(row);
        let fraction = fraction(row.get(1))?;
        let place = (fraction * as_float(values.len())).ceil();
        Ok(values.get(index(place - 1.0)).cloned().unwrap_or(Value::Null))
    }),
    Typed::new(
        "pg_percentile_cont",
        |_| Ok(plain("double precision[]")),
        |row| {
            let values = values(row);
            let Value::List(fractions) = row.get(1) else {
                return Ok(Value::Null);
            };
            let at = |place: f64| values.get(index(place)).and_then(Value::float).unwrap_or(f64::NAN);
            let found = fractions.iter().map(|wanted| {
                let place = fraction(wanted)? * (as_float(values.len()) - 1.0);
                let (low, high) = (at(place.floor()), at(place.ceil()));
                Ok(match values.is_empty() {
                    true => Value::Null,
                    false => Value::Float(low + (high - low) * (place - place.floor())),
                })
            });
            Ok(Value::List(found.collect::<Result<_>>()?))
        },
    ),
];

fn element(inputs: &Inputs<'_>) -> Result<Field> {
    match inputs.data_type(0) {
        DataType::List(item) => Ok(item.as_ref().clone().with_nullable(true)),
        _ => Err(inputs.no_function()),
    }
}

/// The values that count: those that are not NULL.
fn values(row: &Row<'_>) -> Vec<Value> {
    match row.get(0) {
        Value::List(values) => values.iter().filter(|value| **value != Value::Null).cloned().collect(),
        _ => Vec::new(),
    }
}

fn fraction(value: &Value) -> Result<f64> {
    let fraction = value.float().unwrap_or(f64::NAN);
    if !(0.0..=1.0).contains(&fraction) {
        let words = format!("percentile value {fraction} is not between 0 and 1");
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, words));
    }
    Ok(fraction)
}

fn as_float(count: usize) -> f64 {
    i64::try_from(count).map_or(f64::MAX, value::as_float)
}

fn index(place: f64) -> usize {
    value::rounded(place.max(0.0))
        .and_then(|place| usize::try_from(place).ok())
        .unwrap_or(0)
}
