//! Arrow record batches → `DataRow` messages and COPY data, column by column.
//!
//! Each column of a window of rows first becomes [`Cells`](cells::Cells) (strings stay where Arrow has them), then the
//! rows are copied together into the connection's buffer. Nothing is allocated for a row, nothing is dispatched for a cell.

mod cells;
mod codec;
mod copy;
pub(in crate::wire) mod datetime;
mod decimal;
mod float;
mod interval;
mod json;
pub(in crate::wire) mod jsonb;
mod list;
mod loops;
mod messages;
mod number;
mod numeric;
mod record;
mod row;
pub(in crate::wire) mod special;
mod style;
#[cfg(test)]
mod tests;
mod text;
mod window;
mod written;

pub use copy::{CopyEncoder, CopyForm, CopyOptions, CsvOptions};
pub(crate) use datetime::{civil_from_days, days_from_civil, timestamp_out_of_range};
pub use interval::Interval;
pub use row::{FieldDescription, RowEncoder};
pub use style::{ByteaOutput, DateForm, DateOrder, IntervalStyle, Style, Zone};
pub use written::texts;

/// The format of a column, as a Bind message's format codes say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Binary,
}

impl Format {
    /// The protocol's format code.
    pub const fn code(self) -> i16 {
        match self {
            Format::Text => 0,
            Format::Binary => 1,
        }
    }

    /// The format of a format code; `None` for a code that the protocol does not know.
    pub const fn from_code(code: i16) -> Option<Format> {
        match code {
            0 => Some(Format::Text),
            1 => Some(Format::Binary),
            _ => None,
        }
    }
}
