//! What becomes of the rows of a subquery's runs: one value, a truth, or a list of rows.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, ListArray, RecordBatch, StructArray},
    buffer::OffsetBuffer,
    datatypes::{DataType, Field, Fields, SchemaRef},
};
use datafusion::{
    common::ScalarValue,
    error::{DataFusionError, Result as EngineResult},
};

use super::run::Runs;
use crate::{Error, SqlState};

/// What becomes of a subquery's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The one value, NULL where there is no row.
    Scalar,
    Exists {
        negated: bool,
    },
    In {
        negated: bool,
    },
    /// All rows, as a list.
    Rows {
        null_when_empty: bool,
    },
}

/// Struct fields by position, for a subquery's columns may share a name.
pub(super) fn numbered(schema: &SchemaRef) -> Fields {
    schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            field
                .as_ref()
                .clone()
                .with_name(format!("c{index}"))
                .with_nullable(true)
        })
        .collect()
}

impl Runs {
    /// `value IN (rows)` as a batch of one boolean, unknown as SQL has it.
    pub(super) fn test(
        &self,
        value: Option<&ScalarValue>,
        batch: &RecordBatch,
        negated: bool,
    ) -> EngineResult<RecordBatch> {
        let mut found = Some(false);
        if batch.num_rows() > 0 {
            let column = batch.column(0);
            let value = value
                .map(|value| value.cast_to(column.data_type()))
                .transpose()?
                .filter(|value| !value.is_null());
            found = match value {
                None => None,
                Some(value) => {
                    let mut found = Some(false);
                    for row in 0..batch.num_rows() {
                        if column.is_null(row) {
                            found = None;
                        } else if ScalarValue::try_from_array(column, row)? == value {
                            found = Some(true);
                            break;
                        }
                    }
                    found
                }
            };
        }
        let array = ScalarValue::Boolean(found.map(|found| found != negated)).to_array()?;
        Ok(RecordBatch::try_from_iter([("in", array)])?)
    }

    pub(super) fn gather(&self, results: &[RecordBatch], set_of_row: &[usize]) -> EngineResult<ArrayRef> {
        if let Shape::Rows { null_when_empty } = self.subquery.shape {
            return self.lists(results, set_of_row, null_when_empty);
        }
        if set_of_row.is_empty() {
            return Ok(arrow::array::new_empty_array(self.subquery.result.data_type()));
        }
        let values = results
            .iter()
            .map(|batch| self.value(batch))
            .collect::<EngineResult<Vec<_>>>()?;
        let of_rows: Vec<ScalarValue> = set_of_row.iter().filter_map(|set| values.get(*set).cloned()).collect();
        ScalarValue::iter_to_array(of_rows)
    }

    fn value(&self, batch: &RecordBatch) -> EngineResult<ScalarValue> {
        match self.subquery.shape {
            Shape::Exists { negated } => Ok(ScalarValue::Boolean(Some((batch.num_rows() > 0) != negated))),
            _ if batch.num_rows() == 0 => ScalarValue::try_from(self.subquery.result.data_type()),
            Shape::Scalar if batch.num_rows() > 1 => {
                let message = "more than one row returned by a subquery used as an expression";
                Err(DataFusionError::External(Box::new(Error::new(
                    SqlState::CARDINALITY_VIOLATION,
                    message,
                ))))
            }
            _ => ScalarValue::try_from_array(batch.column(0), 0)?.cast_to(self.subquery.result.data_type()),
        }
    }

    fn lists(&self, results: &[RecordBatch], set_of_row: &[usize], null_when_empty: bool) -> EngineResult<ArrayRef> {
        let fields = numbered(&self.subquery.schema);
        let item = Arc::new(Field::new_list_field(DataType::Struct(fields.clone()), true));
        let chosen: Vec<&RecordBatch> = set_of_row.iter().filter_map(|set| results.get(*set)).collect();
        let lengths: Vec<usize> = chosen.iter().map(|batch| batch.num_rows()).collect();
        let nulls = null_when_empty.then(|| lengths.iter().map(|length| *length > 0).collect());
        let total = lengths.iter().sum();
        let columns = fields
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let parts: Vec<ArrayRef> = chosen
                    .iter()
                    .map(|batch| arrow::compute::cast(batch.column(index), field.data_type()))
                    .collect::<Result<_, _>>()?;
                let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                match parts.is_empty() {
                    true => Ok(arrow::array::new_empty_array(field.data_type())),
                    false => arrow::compute::concat(&parts),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let rows = match columns.is_empty() {
            true => StructArray::new_empty_fields(total, None),
            false => StructArray::try_new(fields, columns, None)?,
        };
        Ok(Arc::new(ListArray::try_new(
            item,
            OffsetBuffer::from_lengths(lengths),
            Arc::new(rows),
            nulls,
        )?))
    }
}
