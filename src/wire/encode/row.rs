//! `DataRow` messages from record batches.

use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::BytesMut;
use postgres_types::Type;

use super::Format;
use super::messages::{Message, put_rows};
use super::style::Style;
use super::window::Window;
use crate::wire::types::{PgType, pg_type};
use crate::{Error, Result};

/// A column as RowDescription names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDescription {
    pub name: String,
    pub ty: PgType,
    pub format: Format,
}

impl FieldDescription {
    /// The columns of a schema. `formats` as Bind has them: none is text for all, one is for all, else one for each.
    pub fn of(schema: &Schema, formats: &[Format], style: &Style) -> Vec<FieldDescription> {
        let format = |index: usize| match formats {
            [format] => *format,
            formats => formats.get(index).copied().unwrap_or_default(),
        };
        let describe = |(index, field): (usize, &std::sync::Arc<Field>)| FieldDescription {
            name: field.name().clone(),
            ty: styled_type(field, style),
            format: format(index),
        };
        schema.fields().iter().enumerate().map(describe).collect()
    }
}

/// The type that a column leaves as under a session's settings.
pub(super) fn styled_type(field: &Field, style: &Style) -> PgType {
    let ty = pg_type(field);
    let is_duration = matches!(field.data_type(), DataType::Duration(_));
    if is_duration && style.durations_as_interval {
        PgType::new(Type::INTERVAL)
    } else {
        ty
    }
}

/// The first byte of a DataRow message.
const DATA_ROW: u8 = b'D';

/// PostgreSQL's MaxTupleAttributeNumber; the count of cells is a 16-bit number on the wire.
const COLUMNS_MAX: usize = 1664;

/// Encodes the rows of one result.
pub struct RowEncoder {
    window: Window,
    row_lens: Vec<usize>,
}

impl RowEncoder {
    /// `formats` as Bind has them: none is text for all, one is for all, else one for each column.
    ///
    /// # Errors
    /// 0A000 for a type that has no form in the asked format, 54000 for more columns than PostgreSQL sends.
    pub fn new(schema: &Schema, formats: &[Format], style: &Style) -> Result<RowEncoder> {
        if schema.fields().len() > COLUMNS_MAX {
            let words = format!("target lists can have at most {COLUMNS_MAX} entries");
            return Err(Error::new(crate::SqlState::PROGRAM_LIMIT_EXCEEDED, words));
        }
        Ok(RowEncoder {
            window: Window::new(schema, formats, style)?,
            row_lens: Vec::new(),
        })
    }

    /// Appends a DataRow message for each of `rows`. On an error the rows before the faulty window remain in `out`.
    pub fn encode(&mut self, batch: &RecordBatch, rows: Range<usize>, out: &mut BytesMut) -> Result<()> {
        self.encode_until(batch, rows, usize::MAX, out).map(|_| ())
    }

    /// Appends DataRow messages until `out` holds `size` bytes or more, at least one; returns the first row that is left
    /// (`rows.end` if none is).
    pub fn encode_until(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        size: usize,
        out: &mut BytesMut,
    ) -> Result<usize> {
        let lens = &mut self.row_lens;
        self.window.encode_until(batch, rows, size, out, |columns, count, out| {
            put_rows(Message::of(DATA_ROW), columns, count, lens, size, out)
        })
    }
}
