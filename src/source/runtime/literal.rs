//! Literals in the runtime's SQL. Each is written so that it has, there, the very type it has here; what cannot be written so is
//! not written at all.

use datafusion::{
    arrow::datatypes::{DataType, TimeUnit},
    common::ScalarValue,
};

/// The longest string or binary that is sent within a statement; a runtime takes 2 MiB as a whole.
const LITERAL_SIZE_MAX: usize = 64 * 1024;

/// The literal as the runtime's SQL, typed as `value` is; `None` where it is NULL or cannot be said safely.
pub(crate) fn literal(value: &ScalarValue) -> Option<String> {
    Some(match value {
        ScalarValue::Boolean(Some(value)) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        ScalarValue::UInt32(Some(value)) => format!("arrow_cast({value}, 'UInt32')"),
        ScalarValue::UInt64(Some(value)) => format!("arrow_cast({value}, 'UInt64')"),
        ScalarValue::Int32(Some(value)) => format!("arrow_cast({value}, 'Int32')"),
        ScalarValue::Int64(Some(value)) => format!("arrow_cast({value}, 'Int64')"),
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            string(text)?
        }
        ScalarValue::Binary(Some(bytes)) | ScalarValue::LargeBinary(Some(bytes)) => {
            if bytes.len() > LITERAL_SIZE_MAX {
                return None;
            }
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("X'{hex}'")
        }
        ScalarValue::TimestampMillisecond(Some(millis), Some(zone)) if &**zone == "+00:00" => {
            let instant = chrono::DateTime::from_timestamp_millis(*millis)?;
            // The runtime reads the text as nanoseconds first, which reach from 1677 to 2262.
            instant.timestamp_nanos_opt()?;
            let text = instant.format("%Y-%m-%dT%H:%M:%S%.3fZ");
            format!("arrow_cast('{text}', 'Timestamp(Millisecond, Some(\"+00:00\"))')")
        }
        ScalarValue::DurationMillisecond(Some(millis)) => {
            format!("arrow_cast({millis}, 'Duration(Millisecond)')")
        }
        _ => return None,
    })
}

/// A quoted string. A NUL is legal there but no client of ours can have typed it.
pub(super) fn string(text: &str) -> Option<String> {
    if text.len() > LITERAL_SIZE_MAX || text.contains('\0') {
        return None;
    }
    Some(format!("'{}'", text.replace('\'', "''")))
}

/// Whether a literal of type `literal` compares with a column of type `column` there as it does here: the same type, or two spellings
/// of string or of binary.
pub(super) fn comparable(column: &DataType, literal: &DataType) -> bool {
    use DataType::*;
    match column {
        Utf8 | LargeUtf8 | Utf8View => matches!(literal, Utf8 | LargeUtf8 | Utf8View),
        Binary | LargeBinary | BinaryView => matches!(literal, Binary | LargeBinary | BinaryView),
        Boolean | UInt32 | UInt64 | Int32 | Int64 | Duration(TimeUnit::Millisecond) => column == literal,
        Timestamp(TimeUnit::Millisecond, Some(_)) => column == literal,
        _ => false,
    }
}
