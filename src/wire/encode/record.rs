//! Structs as `record`: PostgreSQL's row text and binary form.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Fields;

use super::Format;
use super::cells::{Cells, cell_len};
use super::codec::Codec;
use super::style::Style;
use crate::Result;
use crate::wire::types::pg_type;

/// The way of a struct: that of each of its fields, and their cells while a window is written.
pub(super) struct Record {
    fields: Vec<Field>,
    binary: bool,
}

struct Field {
    oid: u32,
    codec: Codec,
    cells: Cells,
}

impl Record {
    pub fn new(fields: &Fields, format: Format, style: &Style) -> Result<Record> {
        let field = |field: &std::sync::Arc<arrow::datatypes::Field>| {
            let ty = pg_type(field).ty;
            let codec = Codec::new(field, &ty, format, style)?;
            Ok(Field {
                oid: ty.oid(),
                codec,
                cells: Cells::default(),
            })
        };
        let fields = fields.iter().map(field).collect::<Result<_>>()?;
        Ok(Record {
            fields,
            binary: format == Format::Binary,
        })
    }

    pub fn fill(&mut self, array: &dyn Array, out: &mut Cells) -> Result<()> {
        let array = array.as_struct();
        for (field, column) in self.fields.iter_mut().zip(array.columns()) {
            field.cells.clear();
            field.codec.fill(&field.codec.plain(column)?, &mut field.cells)?;
        }
        let count = cell_len(self.fields.len())?;
        let mut columns: Vec<_> = self
            .fields
            .iter()
            .map(|field| (field.oid, field.cells.iter()))
            .collect();
        for row in 0..array.len() {
            let start = out.bytes.len();
            if self.binary {
                out.bytes.extend_from_slice(&count.to_be_bytes());
            }
            for (index, (oid, cells)) in columns.iter_mut().enumerate() {
                let cell = cells.next().flatten();
                if self.binary {
                    out.bytes.extend_from_slice(&oid.to_be_bytes());
                    put_sized(cell, &mut out.bytes)?;
                } else {
                    out.bytes.push(if index == 0 { b'(' } else { b',' });
                    if let Some(cell) = cell {
                        put_quoted(cell, &mut out.bytes);
                    }
                }
            }
            if !self.binary {
                out.bytes
                    .extend_from_slice(if columns.is_empty() { b"()" } else { b")" });
            }
            if array.is_null(row) {
                out.bytes.truncate(start);
                out.push_null();
            } else {
                out.end(start)?;
            }
        }
        Ok(())
    }
}

/// A nested value in binary: its length, -1 for NULL, then its bytes.
pub(super) fn put_sized(cell: Option<&[u8]>, out: &mut Vec<u8>) -> Result<()> {
    match cell {
        Some(cell) => {
            out.extend_from_slice(&cell_len(cell.len())?.to_be_bytes());
            out.extend_from_slice(cell);
        }
        None => out.extend_from_slice(&(-1i32).to_be_bytes()),
    }
    Ok(())
}

/// What C's isspace holds for white space, and PostgreSQL's array and record parsers with it.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// `record_out`'s rule: quotes and backslashes are doubled.
fn put_quoted(cell: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'(' | b')' | b',') || is_space(*byte);
    if !cell.is_empty() && !cell.iter().any(special) {
        return out.extend_from_slice(cell);
    }
    out.push(b'"');
    for &byte in cell {
        if matches!(byte, b'"' | b'\\') {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}
