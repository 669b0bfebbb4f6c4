//! CopyData messages (`COPY … TO STDOUT`) from record batches: text, CSV and binary.

use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use bytes::{BufMut, BytesMut};

use super::Format;
use super::messages::{Message, put_rows};
use super::style::Style;
use super::window::{Column, Window, row_lens};
use crate::Result;

/// What `COPY … WITH (…)` asks for. Each is a single byte where PostgreSQL says "a single one-byte character".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    pub form: CopyForm,
    /// A first line with the columns' names (text and CSV).
    pub header: bool,
}

/// The data format, with the options of that format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyForm {
    Text { delimiter: u8, null: String },
    Csv(CsvOptions),
    Binary,
}

/// Options of `FORMAT csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    pub delimiter: u8,
    pub null: String,
    pub quote: u8,
    pub escape: u8,
    /// Whether a column's values that are not NULL are always quoted; columns beyond its end are not.
    pub force_quote: Vec<bool>,
}

impl Default for CopyOptions {
    fn default() -> Self {
        CopyOptions {
            form: CopyForm::Text {
                delimiter: b'\t',
                null: "\\N".into(),
            },
            header: false,
        }
    }
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions {
            delimiter: b',',
            null: String::new(),
            quote: b'"',
            escape: b'"',
            force_quote: Vec::new(),
        }
    }
}

/// The first byte of a CopyData message.
const COPY_DATA: u8 = b'd';

/// Signature, flags and the length of the header extension that binary COPY starts with.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What binary COPY ends with: a field count of -1.
const BINARY_TRAILER: &[u8] = &[0xff, 0xff];

/// Encodes the rows of one COPY, a CopyData message for each row.
pub struct CopyEncoder {
    options: CopyOptions,
    names: Vec<String>,
    window: Window,
    row_lens: Vec<usize>,
    /// What comes before the next row within its message: the binary header, before the first. PostgreSQL sends both in
    /// one, and drivers look for a row behind the header.
    before_row: &'static [u8],
}

impl CopyEncoder {
    /// # Errors
    /// 0A000 for a type without a binary form.
    pub fn new(schema: &Schema, options: CopyOptions, style: &Style) -> Result<CopyEncoder> {
        let format = if options.form == CopyForm::Binary {
            Format::Binary
        } else {
            Format::Text
        };
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(CopyEncoder {
            options,
            names,
            window: Window::new(schema, &[format], style)?,
            row_lens: Vec::new(),
            before_row: if format == Format::Binary { BINARY_HEADER } else { &[] },
        })
    }

    /// The format that CopyOutResponse names, overall and for each column.
    pub fn format(&self) -> Format {
        if self.options.form == CopyForm::Binary {
            Format::Binary
        } else {
            Format::Text
        }
    }

    /// The column count that CopyOutResponse names.
    pub fn width(&self) -> usize {
        self.window.width()
    }

    /// Appends what comes before the rows: the line of names.
    pub fn start(&self, out: &mut BytesMut) -> Result<()> {
        match &self.options.form {
            CopyForm::Binary => Ok(()),
            _ if !self.options.header => Ok(()),
            CopyForm::Text { delimiter, .. } => message(out, |out| {
                for (index, name) in self.names.iter().enumerate() {
                    put_delimiter(index, *delimiter, out);
                    put_escaped(name.as_bytes(), *delimiter, out);
                }
                out.put_u8(b'\n');
                Ok(())
            }),
            CopyForm::Csv(csv) => message(out, |out| {
                for (index, name) in self.names.iter().enumerate() {
                    put_delimiter(index, csv.delimiter, out);
                    put_csv(name.as_bytes(), csv, false, self.names.len() == 1, out);
                }
                out.put_u8(b'\n');
                Ok(())
            }),
        }
    }

    /// Appends a CopyData message for each of `rows`.
    pub fn encode(&mut self, batch: &RecordBatch, rows: Range<usize>, out: &mut BytesMut) -> Result<()> {
        self.encode_until(batch, rows, usize::MAX, out).map(|_| ())
    }

    /// Appends CopyData messages until `out` holds `size` bytes or more, at least one; returns the first row that is left.
    pub fn encode_until(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        size: usize,
        out: &mut BytesMut,
    ) -> Result<usize> {
        let (form, lens, before_row) = (&self.options.form, &mut self.row_lens, &mut self.before_row);
        self.window
            .encode_until(batch, rows, size, out, |columns, count, out| match form {
                CopyForm::Binary => {
                    let message = Message {
                        tag: COPY_DATA,
                        before: std::mem::take(before_row),
                    };
                    put_rows(message, columns, count, lens, size, out)
                }
                CopyForm::Text { delimiter, null } => put_lines(columns, count, lens, size, out, |index, cell, out| {
                    put_delimiter(index, *delimiter, out);
                    match cell {
                        Some(cell) => put_escaped(cell, *delimiter, out),
                        None => out.extend_from_slice(null.as_bytes()),
                    }
                }),
                CopyForm::Csv(csv) => {
                    let is_single = columns.len() == 1;
                    put_lines(columns, count, lens, size, out, |index, cell, out| {
                        put_delimiter(index, csv.delimiter, out);
                        let force = csv.force_quote.get(index).copied().unwrap_or(false);
                        match cell {
                            Some(cell) => put_csv(cell, csv, force, is_single, out),
                            None => out.extend_from_slice(csv.null.as_bytes()),
                        }
                    })
                }
            })
    }

    /// Appends what comes after the rows: the binary trailer.
    pub fn finish(&self, out: &mut BytesMut) -> Result<()> {
        match self.options.form {
            CopyForm::Binary => message(out, |out| {
                out.extend_from_slice(self.before_row);
                out.extend_from_slice(BINARY_TRAILER);
                Ok(())
            }),
            _ => Ok(()),
        }
    }
}

/// Frames what `write` appends as one CopyData message; where that fails, nothing of it stays.
fn message(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
    let start = out.len();
    out.put_u8(COPY_DATA);
    out.put_u32(0);
    let len = write(out).and_then(|()| super::cells::cell_len(out.len() - start - 1));
    let len = len.inspect_err(|_| out.truncate(start))?;
    if let Some(slot) = out.get_mut(start + 1..start + 5) {
        slot.copy_from_slice(&len.to_be_bytes());
    }
    Ok(())
}

/// Writes rows as lines, each a message, until `out` holds `size` bytes; returns how many were written. `put` writes a cell of the column
/// of that number, and what is before it; `lens` is scratch.
fn put_lines(
    columns: &mut [Column<'_>],
    rows: usize,
    lens: &mut Vec<usize>,
    size: usize,
    out: &mut BytesMut,
    put: impl Fn(usize, Option<&[u8]>, &mut BytesMut),
) -> Result<usize> {
    // An escape at most doubles a cell, so this is a fair reserve; it also refuses rows beyond 2 GiB.
    row_lens(columns, rows, 8, 4, lens)?;
    out.reserve(lens.iter().sum::<usize>().min(size.saturating_sub(out.len())));
    for row in 0..rows {
        message(out, |out| {
            for (index, column) in columns.iter_mut().enumerate() {
                let len = column.lens.get(row).copied().unwrap_or(-1);
                let cell = match usize::try_from(len) {
                    Ok(len) => Some(column.take(len)?),
                    Err(_) => None,
                };
                put(index, cell, out);
            }
            out.put_u8(b'\n');
            Ok(())
        })?;
        if out.len() >= size {
            return Ok(row + 1);
        }
    }
    Ok(rows)
}

fn put_delimiter(index: usize, delimiter: u8, out: &mut BytesMut) {
    if index > 0 {
        out.put_u8(delimiter);
    }
}

/// CopyAttributeOutText: control characters that have a letter get it, backslash and delimiter get a backslash.
fn put_escaped(cell: &[u8], delimiter: u8, out: &mut BytesMut) {
    let mut rest = cell;
    while let Some((plain, [byte, after @ ..])) = special(rest, delimiter).and_then(|at| rest.split_at_checked(at)) {
        let escape = match byte {
            8 => b'b',
            9 => b't',
            10 => b'n',
            11 => b'v',
            12 => b'f',
            13 => b'r',
            // A backslash, or the delimiter.
            byte => *byte,
        };
        out.extend_from_slice(plain);
        out.extend_from_slice(&[b'\\', escape]);
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// Where the first byte is that cannot stand for itself.
fn special(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let is_special = |byte: u8| (8..=13).contains(&byte) | (byte == b'\\') | (byte == delimiter);
    // Piece by piece, without a branch for each byte: most have none.
    let is_plain = |piece: &&[u8]| !piece.iter().fold(false, |found, &byte| found | is_special(byte));
    let plain: usize = bytes.chunks(64).take_while(is_plain).map(<[u8]>::len).sum();
    let at = bytes.get(plain..)?.iter().position(|&byte| is_special(byte))?;
    Some(plain + at)
}

/// CopyAttributeOutCSV.
fn put_csv(cell: &[u8], csv: &CsvOptions, force: bool, is_single: bool, out: &mut BytesMut) {
    let special = |byte: &u8| *byte == csv.delimiter || *byte == csv.quote || matches!(byte, b'\n' | b'\r');
    // `\.` alone on a line would end the data.
    let quoted = force || cell == csv.null.as_bytes() || (is_single && cell == b"\\.") || cell.iter().any(special);
    if !quoted {
        return out.extend_from_slice(cell);
    }
    out.put_u8(csv.quote);
    for &byte in cell {
        if byte == csv.quote || byte == csv.escape {
            out.put_u8(csv.escape);
        }
        out.put_u8(byte);
    }
    out.put_u8(csv.quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn what_cannot_stand_for_itself_is_escaped_wherever_it_stands() {
        let escaped = |cell: &[u8], delimiter| {
            let mut out = BytesMut::new();
            put_escaped(cell, delimiter, &mut out);
            out.to_vec()
        };
        assert_eq!(
            escaped(b"\x08\t\n\x0b\x0c\r\\|,\x07\x0e", b'|'),
            b"\\b\\t\\n\\v\\f\\r\\\\\\|,\x07\x0e"
        );
        // Around the ends of the pieces in which it is looked for.
        for length in [0, 1, 62, 63, 64, 65, 127, 128, 200] {
            let cell = vec![b'x'; length];
            assert_eq!(escaped(&cell, b'\t'), cell);
            for at in 0..length {
                let mut cell = cell.clone();
                cell[at] = b'\\';
                let mut expected = cell.clone();
                expected.insert(at, b'\\');
                assert_eq!(escaped(&cell, b'\t'), expected, "{at} of {length}");
            }
        }
    }

    #[test]
    fn a_message_that_fails_half_way_leaves_only_whole_ones() {
        let mut out = BytesMut::new();
        let put = |out: &mut BytesMut| {
            out.extend_from_slice(b"1\n");
            Ok(())
        };
        message(&mut out, put).unwrap();
        let failed = message(&mut out, |out| {
            out.extend_from_slice(b"2\t");
            Err(Error::internal("no second cell"))
        });
        assert!(failed.is_err());
        assert_eq!(out.as_ref(), b"d\0\0\0\x061\n");
        message(&mut out, put).unwrap();
        assert_eq!(out.as_ref(), b"d\0\0\0\x061\nd\0\0\0\x061\n");
    }
}
