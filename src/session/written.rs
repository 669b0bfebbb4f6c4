//! Columns of the `reg*` types in text: the engine keeps their OIDs, clients read the names of what these stand for.

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema, SchemaRef},
};

use crate::{
    Error, Result,
    catalog::{functions::reg, model::Model, types::REG_TYPES},
    query::errors::from_datafusion,
    wire::{encode::Format, types::PG_TYPE},
};

/// How a result's batches become what is sent.
pub struct Written {
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Written {
    /// For a result of `schema` that is sent in `formats` (none is text for all, one is for all).
    pub fn new(schema: &SchemaRef, formats: &[Format]) -> Self {
        let is_text = |index: usize| match formats {
            [one] => *one == Format::Text,
            several => several.get(index).is_none_or(|format| *format == Format::Text),
        };
        let columns: Vec<usize> = schema
            .fields()
            .iter()
            .enumerate()
            .filter(|(index, field)| is_reg(field) && is_text(*index))
            .map(|(index, _)| index)
            .collect();
        if columns.is_empty() {
            return Written {
                columns,
                schema: Arc::clone(schema),
            };
        }
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| match columns.contains(&index) {
                true => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
                false => Arc::clone(field),
            })
            .collect();
        Written {
            columns,
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// The schema of what is sent.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The batch as it is sent; `model` knows the names.
    pub fn batch(&self, model: Option<&Model>, batch: RecordBatch) -> Result<RecordBatch> {
        let Some(model) = model.filter(|_| !self.columns.is_empty()) else {
            return Ok(batch);
        };
        let mut arrays = batch.columns().to_vec();
        for &index in &self.columns {
            if let (Some(array), Some(field)) = (arrays.get_mut(index), self.schema.fields().get(index))
                && let Some(names) = reg::written(model, field, array).map_err(from_datafusion)?
            {
                *array = names;
            }
        }
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(Error::internal)
    }
}

fn is_reg(field: &Field) -> bool {
    let name = field.metadata().get(PG_TYPE).map_or("", String::as_str);
    REG_TYPES.contains(&name) && field.data_type().is_integer()
}
