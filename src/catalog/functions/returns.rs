//! Result types that no argument changes, for the tables of typed functions that name one often. Those that depend on
//! arguments stand with their functions.

use arrow::datatypes::Field;

use super::typed::{Inputs, plain};
use crate::Result;

pub fn text(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("text"))
}

pub fn texts(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("text[]"))
}

pub fn json(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("json"))
}

pub fn jsonb(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("jsonb"))
}

pub fn boolean(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("boolean"))
}

pub fn integer(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("integer"))
}

pub fn interval(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("interval"))
}

pub fn timestamptz(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("timestamp with time zone"))
}

pub fn bytea(_: &Inputs<'_>) -> Result<Field> {
    Ok(plain("bytea"))
}
