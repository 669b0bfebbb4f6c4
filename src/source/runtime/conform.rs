//! Batches in exactly the schema that the engine was promised. Runtime versions infer other units or string types for the same text,
//! and a runtime may be upgraded between planning and running.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions},
    compute::{CastOptions, cast_with_options},
    datatypes::{FieldRef, SchemaRef},
};

use crate::{Error, Result, SqlState};

/// The same rows under `schema`: columns matched by position, cast where their type differs. Fails where one cannot be cast without
/// losing a value, or where the number of columns differs.
pub(super) fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.num_columns() != schema.fields().len() {
        return Err(changed(format!(
            "{} columns where {} were planned",
            batch.num_columns(),
            schema.fields().len()
        )));
    }
    let rows = batch.num_rows();
    let strict = CastOptions {
        safe: false,
        ..Default::default()
    };
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                return Ok(column.clone());
            }
            cast_with_options(column, field.data_type(), &strict).map_err(|_| {
                changed(format!(
                    "column \"{}\" is {} where {} was planned",
                    field.name(),
                    column.data_type(),
                    field.data_type()
                ))
            })
        })
        .collect::<Result<Vec<ArrayRef>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|error| changed(error.to_string()))
}

/// The batch's columns that `schema` names, in its order. Fails where one is not there.
pub(super) fn named(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let there = batch.schema();
    let same = |(there, field): (&FieldRef, &FieldRef)| there.name() == field.name();
    if there.fields().len() == schema.fields().len() && there.fields().iter().zip(schema.fields()).all(same) {
        return Ok(batch);
    }
    let index = |field: &FieldRef| {
        let index = there.index_of(field.name());
        index.map_err(|_| changed(format!("column \"{}\" is gone", field.name())))
    };
    let indices = schema.fields().iter().map(index).collect::<Result<Vec<_>>>()?;
    batch.project(&indices).map_err(|error| changed(error.to_string()))
}

/// PostgreSQL's words for a plan that no longer fits.
fn changed(detail: String) -> Error {
    Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "cached plan must not change result type",
    )
    .with_detail(detail)
}
