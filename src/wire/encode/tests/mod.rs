//! Cells and messages against what PostgreSQL 15 itself sends for the same values.

mod copy;
mod nested;
mod rows;
mod scalars;
mod temporal;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use bytes::BytesMut;

use super::{FieldDescription, Format, RowEncoder, Style};
use crate::wire::types::PG_TYPE;
use crate::{Error, Result};

/// A batch of one column; `ty` is the column's PostgreSQL type in its metadata, or empty for none.
fn batch(array: ArrayRef, ty: &str) -> RecordBatch {
    let metadata = if ty.is_empty() {
        [].into()
    } else {
        [(PG_TYPE.to_string(), ty.to_string())].into()
    };
    let field = Field::new("c", array.data_type().clone(), true).with_metadata(metadata);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap()
}

/// Takes DataRow messages apart.
fn parse_rows(mut bytes: &[u8]) -> Vec<Vec<Option<Vec<u8>>>> {
    fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
        bytes.split_off(..len).unwrap()
    }
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        assert_eq!(take(&mut bytes, 1), b"D");
        let len = i32::from_be_bytes(take(&mut bytes, 4).try_into().unwrap()) as usize;
        let mut body = take(&mut bytes, len - 4);
        let count = u16::from_be_bytes(take(&mut body, 2).try_into().unwrap());
        let mut row = Vec::new();
        for _ in 0..count {
            let len = i32::from_be_bytes(take(&mut body, 4).try_into().unwrap());
            row.push((len >= 0).then(|| take(&mut body, len as usize).to_vec()));
        }
        assert!(body.is_empty());
        rows.push(row);
    }
    rows
}

fn try_cells(array: ArrayRef, ty: &str, format: Format, style: &Style) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let batch = batch(array, ty);
    let mut encoder = RowEncoder::new(&batch.schema(), &[format], style)?;
    let mut out = BytesMut::new();
    encoder.encode(&batch, 0..batch.num_rows(), &mut out)?;
    Ok(parse_rows(&out).into_iter().map(|mut row| row.remove(0)).collect())
}

/// The cells as text; NULL is `∅`.
fn texts(array: ArrayRef, ty: &str, style: &Style) -> Vec<String> {
    let cells = try_cells(array, ty, Format::Text, style).unwrap();
    cells
        .into_iter()
        .map(|cell| cell.map_or("∅".into(), |cell| String::from_utf8(cell).unwrap()))
        .collect()
}

/// The cells in binary, as hex digits; NULL is `∅`.
fn binaries(array: ArrayRef, ty: &str) -> Vec<String> {
    let hex = |cell: Vec<u8>| cell.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let cells = try_cells(array, ty, Format::Binary, &Style::default()).unwrap();
    cells.into_iter().map(|cell| cell.map_or("∅".into(), hex)).collect()
}

/// Holds both formats of a column, sliced out of a longer one as well: each row is a text and its bytes in hex.
fn assert_golden(array: ArrayRef, ty: &str, golden: &[(&str, &str)]) {
    let (text, binary): (Vec<_>, Vec<_>) = golden
        .iter()
        .map(|(text, hex)| (text.to_string(), hex.to_string()))
        .unzip();
    assert_eq!(texts(array.clone(), ty, &Style::default()), text);
    assert_eq!(binaries(array.clone(), ty), binary);
    let tail = array.slice(1, array.len() - 1);
    assert_eq!(texts(tail.clone(), ty, &Style::default()), &text[1..]);
    assert_eq!(binaries(tail, ty), &binary[1..]);
}

/// The SQLSTATE and the words of an encoding that must fail.
fn refusal(array: ArrayRef, ty: &str, format: Format) -> (&'static str, String) {
    let error = try_cells(array, ty, format, &Style::default()).unwrap_err();
    (error.code().code(), error.message().to_string())
}
