//! JSON out of values: `json_build_object` and kin. The fields' metadata says that their text is JSON; how a value's own
//! text is written is for `wire` to say.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, StructArray},
    compute::cast,
    datatypes::{DataType, Field, FieldRef},
};
use datafusion::{
    common::exec_err,
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};

use super::tree::quote;
use crate::{
    Error, SqlState,
    catalog::{
        functions::native::{check_interrupts, columns, engine_error, result, rows, signature},
        types,
    },
    wire::encode,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shape {
    /// Keys and values in turn.
    Object,
    Array,
    /// One value as it is.
    Value,
    /// A list of items that are JSON already, one after the other.
    Items,
    /// A list of keys with their values, which are JSON already.
    Pairs,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Build {
    name: &'static str,
    returns: &'static str,
    shape: Shape,
}

/// The function of that name.
pub fn function(name: &str) -> Option<ScalarUDF> {
    let functions = [
        ("json_build_object", "json", Shape::Object),
        ("jsonb_build_object", "jsonb", Shape::Object),
        ("json_build_array", "json", Shape::Array),
        ("jsonb_build_array", "jsonb", Shape::Array),
        ("to_json", "json", Shape::Value),
        ("to_jsonb", "jsonb", Shape::Value),
        ("array_to_json", "json", Shape::Value),
        ("row_to_json", "json", Shape::Value),
        ("pg_json_array", "json", Shape::Items),
        ("pg_jsonb_array", "jsonb", Shape::Items),
        ("pg_json_pairs", "json", Shape::Pairs),
        ("pg_jsonb_pairs", "jsonb", Shape::Pairs),
    ];
    let (name, returns, shape) = functions.into_iter().find(|(own, ..)| *own == name)?;
    Some(ScalarUDF::new_from_impl(Build { name, returns, shape }))
}

impl Build {
    /// Between key and value and between items: `jsonb` and `json` have different blanks, and the latter's aggregates
    /// others than its values.
    fn separators(&self) -> (&'static str, &'static str) {
        match self.shape {
            _ if self.returns == "jsonb" => (": ", ", "),
            Shape::Value => (":", ","),
            _ => (" : ", ", "),
        }
    }

    /// The same within a value.
    fn inner(&self) -> (&'static str, &'static str) {
        if self.returns == "jsonb" {
            (": ", ", ")
        } else {
            (":", ",")
        }
    }
}

impl ScalarUDFImpl for Build {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Immutable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> EngineResult<FieldRef> {
        Ok(Arc::new(types::field(self.name, self.returns, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let (rows, scalar) = rows(&args);
        let columns = columns(&args.args, rows)?;
        let (colon, comma) = self.separators();
        let mut cells = Vec::with_capacity(rows);
        for row in 0..rows {
            check_interrupts(&args, row)?;
            let mut out = String::new();
            let value = |index: usize, out: &mut String| match (columns.get(index), args.arg_fields.get(index)) {
                (Some(column), Some(field)) => write(out, column, field, row, self.inner()),
                _ => Ok(()),
            };
            match self.shape {
                Shape::Value => match columns.first() {
                    Some(column) if column.is_valid(row) && column.data_type() != &DataType::Null => {
                        value(0, &mut out)?
                    }
                    _ => {
                        cells.push(None);
                        continue;
                    }
                },
                Shape::Items => {
                    let Some(list) = columns.first().filter(|list| list.is_valid(row)) else {
                        cells.push(None);
                        continue;
                    };
                    let items = list.as_list::<i32>().value(row);
                    let field = types::field("item", "json", true);
                    out.push('[');
                    for index in 0..items.len() {
                        out.push_str(if index > 0 { comma } else { "" });
                        write(&mut out, &items, &field, index, self.inner())?;
                    }
                    out.push(']');
                }
                Shape::Array => {
                    out.push('[');
                    for index in 0..columns.len() {
                        out.push_str(if index > 0 { comma } else { "" });
                        value(index, &mut out)?;
                    }
                    out.push(']');
                }
                Shape::Object => {
                    out.push('{');
                    for index in (0..columns.len()).step_by(2) {
                        out.push_str(if index > 0 { comma } else { "" });
                        let key = columns.get(index).map(|column| key(column, row)).transpose()?.flatten();
                        let key = key.ok_or_else(|| {
                            let message = "null value not allowed for object key";
                            engine_error(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
                        })?;
                        quote(&key, &mut out);
                        out.push_str(colon);
                        value(index + 1, &mut out)?;
                    }
                    out.push('}');
                }
                Shape::Pairs => {
                    let Some(list) = columns.first().filter(|list| list.is_valid(row)) else {
                        cells.push(None);
                        continue;
                    };
                    let pairs = list.as_list::<i32>().value(row);
                    let pairs = pairs.as_struct_opt().map(StructArray::columns);
                    let Some([keys, values]) = pairs else {
                        return exec_err!("{} is called with a list of pairs", self.name);
                    };
                    let field = types::field("value", "json", true);
                    out.push_str("{ ");
                    for index in 0..keys.len() {
                        out.push_str(if index > 0 { comma } else { "" });
                        quote(&key(keys, index)?.unwrap_or_default(), &mut out);
                        out.push_str(colon);
                        write(&mut out, values, &field, index, self.inner())?;
                    }
                    out.push_str(" }");
                }
            }
            cells.push(Some(out));
        }
        result(types::array("text", &cells), scalar)
    }
}

fn key(column: &ArrayRef, row: usize) -> EngineResult<Option<String>> {
    let text = cast(&column.slice(row, 1), &DataType::Utf8)?;
    let text = text.as_string::<i32>();
    Ok(text.is_valid(0).then(|| text.value(0).to_owned()))
}

/// A value's text as PostgreSQL writes it, in UTC.
fn texts(array: &ArrayRef, field: &Field) -> EngineResult<String> {
    let texts = encode::texts(array, field, &encode::Style::default()).map_err(engine_error)?;
    Ok(texts.into_iter().next().flatten().unwrap_or_default())
}

/// One value as JSON.
fn write(out: &mut String, array: &ArrayRef, field: &Field, row: usize, marks: (&str, &str)) -> EngineResult<()> {
    let (colon, comma) = marks;
    if array.is_null(row) || array.data_type() == &DataType::Null {
        out.push_str("null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::List(item) => {
            let items = array.as_list::<i32>().value(row);
            out.push('[');
            for index in 0..items.len() {
                out.push_str(if index > 0 { comma } else { "" });
                write(out, &items, item, index, marks)?;
            }
            out.push(']');
        }
        DataType::Struct(fields) => {
            out.push('{');
            for (index, (field, column)) in fields.iter().zip(array.as_struct().columns()).enumerate() {
                out.push_str(if index > 0 { comma } else { "" });
                quote(field.name(), out);
                out.push_str(colon);
                write(out, column, field, row, marks)?;
            }
            out.push('}');
        }
        DataType::Timestamp(_, zone) => {
            // ISO 8601, with the zone's minutes.
            let text = texts(&array.slice(row, 1), field)?.replacen(' ', "T", 1);
            let minutes = zone.is_some() && text.rfind(['+', '-']).is_some_and(|sign| text.len() - sign == 3);
            quote(&format!("{text}{}", if minutes { ":00" } else { "" }), out);
        }
        data_type => {
            let text = texts(&array.slice(row, 1), field)?;
            // A duration that is a number of milliseconds, and what is JSON already, are written without quotes.
            let plain = matches!(types::pg_type_of(field), Some("json" | "jsonb" | "bigint"));
            if data_type.is_numeric() || plain {
                out.push_str(&text)
            } else {
                quote(&text, out)
            }
        }
    }
    Ok(())
}
