//! A column's values as text: what `::text` gives is what a client is sent.

use arrow::array::ArrayRef;
use arrow::datatypes::Field;

use super::cells::Cells;
use super::codec::Codec;
use super::{Format, Style};
use crate::Result;
use crate::wire::types::pg_type;

/// The text form of each value, as PostgreSQL's output functions write it; `None` is NULL.
pub fn texts(array: &ArrayRef, field: &Field, style: &Style) -> Result<Vec<Option<String>>> {
    // A field may already be that of the text.
    let field = field.clone().with_data_type(array.data_type().clone());
    let mut codec = Codec::new(&field, &pg_type(&field).ty, Format::Text, style)?;
    let array = codec.plain(array)?;
    let mut cells = Cells::default();
    codec.fill(&array, &mut cells)?;
    Ok(cells
        .iter()
        .map(|cell| cell.map(|cell| String::from_utf8_lossy(cell).into_owned()))
        .collect())
}
