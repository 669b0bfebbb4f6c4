//! Rows of a catalogue relation as they are put together: cells in PostgreSQL's text form by column name, turned into one
//! Arrow batch. What a row does not name is NULL, or the type's zero where the column is NOT NULL.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions},
    datatypes::{Schema, SchemaRef},
};

use super::{model::Relation, types};
use crate::{Error, Result};

/// One row: column name and text form.
pub type Row = Vec<(&'static str, Option<String>)>;

/// What may stand in a cell.
pub trait Cell {
    fn text(self) -> Option<String>;
}

impl Cell for bool {
    fn text(self) -> Option<String> {
        Some(if self { "t" } else { "f" }.to_owned())
    }
}

impl Cell for &str {
    fn text(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl Cell for &String {
    fn text(self) -> Option<String> {
        Some(self.clone())
    }
}

impl Cell for String {
    fn text(self) -> Option<String> {
        Some(self)
    }
}

macro_rules! number_cells {
    ($($number:ty),*) => {
        $(impl Cell for $number {
            fn text(self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

number_cells!(i16, i32, i64, u32, usize);

impl<T: Cell> Cell for Option<T> {
    fn text(self) -> Option<String> {
        self.and_then(Cell::text)
    }
}

/// Numbers as an array literal (`{1,2}`).
pub fn array<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    format!("{{{}}}", join(items, ","))
}

/// Numbers as a vector (`1 2`).
pub fn vector<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    join(items, " ")
}

fn join<T: ToString>(items: impl IntoIterator<Item = T>, separator: &str) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(separator)
}

/// A row of `"column" => value` pairs.
macro_rules! row {
    ($($column:literal => $value:expr),* $(,)?) => {
        vec![$(($column, $crate::catalog::rows::Cell::text($value))),*]
    };
}
pub(crate) use row;

/// The Arrow schema of a catalogue relation.
pub fn schema(relation: &Relation) -> SchemaRef {
    let fields: Vec<_> = relation
        .numbered()
        .map(|(number, column)| {
            let field = types::field(&column.name, &column.pg_type, !column.not_null);
            types::placed(field, relation.oid, number)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// `rows` as one batch of the relation's schema.
pub fn batch(relation: &Relation, schema: SchemaRef, rows: &[Row]) -> Result<RecordBatch> {
    let arrays = relation
        .columns
        .iter()
        .map(|column| {
            let cells: Vec<Option<String>> = rows
                .iter()
                .map(|row| match row.iter().find(|(name, _)| *name == column.name) {
                    Some((_, Some(text))) => Some(text.clone()),
                    _ => column.not_null.then(|| types::zero(&column.pg_type).to_owned()),
                })
                .collect();
            types::array(&column.pg_type, &cells)
        })
        .collect::<Result<Vec<ArrayRef>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema, arrays, &options).map_err(Error::internal)
}
