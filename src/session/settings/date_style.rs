//! DateStyle and IntervalStyle: how dates and intervals are written.

use std::fmt;

use super::check::invalid;
use crate::{
    Error, Result,
    wire::encode::{DateForm, DateOrder, IntervalStyle},
};

/// Both halves of DateStyle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateStyle {
    pub format: DateForm,
    pub order: DateOrder,
}

impl fmt::Display for DateStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            DateForm::Iso => "ISO",
            DateForm::Sql => "SQL",
            DateForm::Postgres => "Postgres",
            DateForm::German => "German",
        };
        let order = match self.order {
            DateOrder::Mdy => "MDY",
            DateOrder::Dmy => "DMY",
            DateOrder::Ymd => "YMD",
        };
        write!(f, "{format}, {order}")
    }
}

impl DateStyle {
    /// What `text` makes of `current`, of which it may name both halves, one, or none.
    pub(super) fn parse(text: &str, current: &str) -> Result<DateStyle> {
        let (mut format, mut order) = (None, None);
        read(text, &mut format, &mut order)
            .map_err(|detail| -> Error { invalid("DateStyle", text).with_detail(detail) })?;
        let (mut old_format, mut old_order) = (None, None);
        // What is set already was read before.
        let _ = read(current, &mut old_format, &mut old_order);
        let german = (format == Some(DateForm::German)).then_some(DateOrder::Dmy);
        Ok(DateStyle {
            format: format.or(old_format).unwrap_or_default(),
            order: order.or(german).or(old_order).unwrap_or_default(),
        })
    }
}

/// Reads the words of a DateStyle; an error is its detail.
fn read(text: &str, format: &mut Option<DateForm>, order: &mut Option<DateOrder>) -> Result<(), String> {
    fn put<T: PartialEq>(slot: &mut Option<T>, value: T) -> Result<(), String> {
        match slot {
            Some(old) if *old != value => Err("Conflicting \"datestyle\" specifications.".to_owned()),
            _ => {
                *slot = Some(value);
                Ok(())
            }
        }
    }
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "iso" => put(format, DateForm::Iso)?,
            "sql" => put(format, DateForm::Sql)?,
            "german" => put(format, DateForm::German)?,
            "ymd" => put(order, DateOrder::Ymd)?,
            "dmy" => put(order, DateOrder::Dmy)?,
            "mdy" | "us" => put(order, DateOrder::Mdy)?,
            "default" => {
                format.get_or_insert(DateForm::Iso);
                order.get_or_insert(DateOrder::Mdy);
            }
            word if word.starts_with("postgres") => put(format, DateForm::Postgres)?,
            word if word.starts_with("euro") => put(order, DateOrder::Dmy)?,
            word if word.starts_with("noneuro") => put(order, DateOrder::Mdy)?,
            _ => return Err(format!("Unrecognized key word: \"{word}\".")),
        }
    }
    Ok(())
}

/// How IntervalStyle is set.
pub(super) fn interval_style(setting: &str) -> IntervalStyle {
    match setting {
        "postgres_verbose" => IntervalStyle::PostgresVerbose,
        "sql_standard" => IntervalStyle::SqlStandard,
        "iso_8601" => IntervalStyle::Iso8601,
        _ => IntervalStyle::Postgres,
    }
}
