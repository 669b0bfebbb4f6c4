//! `to_char`, `to_timestamp`, `to_date`, `to_number`: values by a template.

use arrow::datatypes::{DataType, Field};

use super::{
    datetime::{self, DAY},
    picture, returns,
    template::{self, Moment},
    typed::{Row, Typed, plain},
    value::Value,
};
use crate::{
    Error, Result,
    wire::{
        encode::{Zone, timestamp_out_of_range},
        types::NUMERIC_ANY,
    },
};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new(
        "to_char",
        |inputs| match inputs.data_type(0) {
            DataType::Boolean | DataType::Binary => Err(inputs.no_function()),
            _ => Ok(plain("text")),
        },
        to_char,
    ),
    Typed::new("to_timestamp", returns::timestamptz, |row| {
        match (row.get(0), row.get(1)) {
            // As on a runtime, whose documentation has users write it: a time is its own.
            (Value::Timestamptz(micros) | Value::Timestamp(micros), Value::Null) => Ok(Value::Timestamptz(*micros)),
            (_, Value::Null) => datetime::seconds_to_micros(row.get(0))
                .map(Value::Timestamptz)
                .ok_or_else(timestamp_out_of_range),
            _ => {
                let (local, offset) = template::read(row.text(0), row.text(1))?;
                let zone = offset.map_or(row.zone, Zone::Fixed);
                datetime::to_utc(local, &zone).map(Value::Timestamptz)
            }
        }
    }),
    Typed::new(
        "to_date",
        |_| Ok(plain("date")),
        |row| {
            let (local, _) = template::read(row.text(0), row.text(1))?;
            Ok(Value::Date(local.div_euclid(DAY)))
        },
    ),
    Typed::new(
        "to_number",
        |_| Ok(Field::new("", NUMERIC_ANY, true)),
        |row| {
            let (value, scale) = picture::read(row.text(0), row.text(1))?;
            Ok(Value::Numeric(value, scale))
        },
    ),
];

fn to_char(row: &Row<'_>) -> Result<Value> {
    let template = row.text(1);
    let moment = match row.get(0) {
        Value::Date(days) => Moment::of_instant(datetime::to_utc(datetime::midnight(*days)?, &row.zone)?, &row.zone),
        Value::Timestamp(local) => Moment::of_local(*local),
        Value::Timestamptz(utc) => Moment::of_instant(*utc, &row.zone),
        Value::Interval(interval) => Moment::of_interval(*interval),
        Value::Time(_) => Moment::of_interval(datetime::interval(row.get(0))?),
        number => {
            let (value, scale) = match number {
                // Fifteen digits, as PostgreSQL takes of a float.
                Value::Float(value) => match super::cast::of_float(*value)? {
                    Value::Numeric(value, scale) => (value, scale),
                    other => other
                        .numeric()
                        .ok_or_else(|| Error::internal("a float that is no number"))?,
                },
                other => other.numeric().ok_or_else(|| Error::internal("to_char of no number"))?,
            };
            return picture::write(value, scale, template).map(Value::Text);
        }
    };
    template::write(&moment, template).map(Value::Text)
}
