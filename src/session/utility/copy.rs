//! COPY's options, as the encoder takes them.

use arrow::datatypes::Schema;

use crate::{
    Error, Result, SqlState,
    query::statement::{self, CopyFormat, ForceQuote},
    wire::encode::{CopyForm, CopyOptions, CsvOptions},
};

/// COPY's options for the encoder: names become columns.
pub(super) fn copy_options(options: &statement::CopyOptions, schema: &Schema) -> Result<CopyOptions> {
    let form = match options.format {
        CopyFormat::Text => CopyForm::Text {
            delimiter: options.delimiter,
            null: options.null.clone(),
        },
        CopyFormat::Binary => CopyForm::Binary,
        CopyFormat::Csv => CopyForm::Csv(CsvOptions {
            delimiter: options.delimiter,
            null: options.null.clone(),
            quote: options.quote,
            escape: options.escape,
            force_quote: force_quote(&options.force_quote, schema)?,
        }),
    };
    Ok(CopyOptions {
        form,
        header: options.header,
    })
}

fn force_quote(columns: &ForceQuote, schema: &Schema) -> Result<Vec<bool>> {
    let names = match columns {
        ForceQuote::None => return Ok(Vec::new()),
        ForceQuote::All => return Ok(vec![true; schema.fields().len()]),
        ForceQuote::Columns(names) => names,
    };
    if let Some(missing) = names.iter().find(|name| schema.index_of(name).is_err()) {
        let words = format!("column \"{missing}\" does not exist");
        return Err(Error::new(SqlState::UNDEFINED_COLUMN, words));
    }
    Ok(schema
        .fields()
        .iter()
        .map(|field| names.contains(field.name()))
        .collect())
}
