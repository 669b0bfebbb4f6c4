//! DateStyle and IntervalStyle: how dates and intervals are written.

use std::fmt;

use super::check::invalid;
use crate::{Error, Result};

/// How a date is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateFormat {
    #[default]
    Iso,
    Sql,
    Postgres,
    German,
}

/// In which order a date's fields come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}

/// Both halves of DateStyle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateStyle {
    pub format: DateFormat,
    pub order: DateOrder,
}

impl fmt::Display for DateStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            DateFormat::Iso => "ISO",
            DateFormat::Sql => "SQL",
            DateFormat::Postgres => "Postgres",
            DateFormat::German => "German",
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
        let german = (format == Some(DateFormat::German)).then_some(DateOrder::Dmy);
        Ok(DateStyle {
            format: format.or(old_format).unwrap_or_default(),
            order: order.or(german).or(old_order).unwrap_or_default(),
        })
    }
}

/// Reads the words of a DateStyle; an error is its detail.
fn read(
    text: &str,
    format: &mut Option<DateFormat>,
    order: &mut Option<DateOrder>,
) -> Result<(), String> {
    fn put<T: PartialEq>(slot: &mut Option<T>, value: T) -> Result<(), String> {
        match slot {
            Some(old) if *old != value => {
                Err("Conflicting \"datestyle\" specifications.".to_owned())
            }
            _ => {
                *slot = Some(value);
                Ok(())
            }
        }
    }
    for word in text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "iso" => put(format, DateFormat::Iso)?,
            "sql" => put(format, DateFormat::Sql)?,
            "german" => put(format, DateFormat::German)?,
            "ymd" => put(order, DateOrder::Ymd)?,
            "dmy" => put(order, DateOrder::Dmy)?,
            "mdy" | "us" => put(order, DateOrder::Mdy)?,
            "default" => {
                format.get_or_insert(DateFormat::Iso);
                order.get_or_insert(DateOrder::Mdy);
            }
            word if word.starts_with("postgres") => put(format, DateFormat::Postgres)?,
            word if word.starts_with("euro") => put(order, DateOrder::Dmy)?,
            word if word.starts_with("noneuro") => put(order, DateOrder::Mdy)?,
            _ => return Err(format!("Unrecognized key word: \"{word}\".")),
        }
    }
    Ok(())
}

/// How an interval is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalStyle {
    #[default]
    Postgres,
    PostgresVerbose,
    SqlStandard,
    Iso8601,
}

impl IntervalStyle {
    pub(super) fn from_setting(setting: &str) -> Self {
        match setting {
            "postgres_verbose" => IntervalStyle::PostgresVerbose,
            "sql_standard" => IntervalStyle::SqlStandard,
            "iso_8601" => IntervalStyle::Iso8601,
            _ => IntervalStyle::Postgres,
        }
    }
}
