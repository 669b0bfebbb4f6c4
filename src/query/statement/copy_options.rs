//! COPY's options, whichever syntax they came in: PostgreSQL's checks, in its order, with its words.

use super::{
    encoding::encoding_name,
    explain::{boolean, flag},
};
use crate::{Error, Result, SqlState};

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyFormat {
    #[default]
    Text,
    Csv,
    Binary,
}

/// Columns whose values are quoted always (CSV).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ForceQuote {
    #[default]
    None,
    All,
    /// By name: that they exist is still to be checked.
    Columns(Vec<String>),
}

/// COPY's options, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    pub format: CopyFormat,
    pub delimiter: u8,
    pub null: String,
    pub header: bool,
    pub quote: u8,
    pub escape: u8,
    pub force_quote: ForceQuote,
}

/// An option as given.
pub(super) struct Given {
    pub name: String,
    pub value: GivenValue,
    pub position: usize,
}

pub(super) enum GivenValue {
    None,
    Text(String),
    Star,
    List(Vec<String>),
}

/// The options as PostgreSQL checks them, in its order: each by itself, then what they say together.
pub(super) fn options(given: Vec<Given>) -> Result<CopyOptions> {
    let mut said = Said::default();
    let mut names = Vec::new();
    for Given { name, value, position } in given {
        if names.contains(&name) {
            let message = "conflicting or redundant options";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(position));
        }
        said.take(&name, value, position)?;
        names.push(name);
    }
    said.together()
}

/// What is said of each option; `None` and `false` of those that are not given.
#[derive(Default)]
struct Said {
    format: CopyFormat,
    delimiter: Option<String>,
    null: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
    header: bool,
    force_quote: ForceQuote,
    force_not_null: bool,
    force_null: bool,
}

impl Said {
    fn take(&mut self, name: &str, value: GivenValue, position: usize) -> Result<()> {
        match name {
            "format" => self.format = parse_format(&required(name, value)?, position)?,
            "freeze" => drop(boolean(name, optional(&value))?),
            "delimiter" => self.delimiter = Some(required(name, value)?),
            "null" => self.null = Some(required(name, value)?),
            "quote" => self.quote = Some(required(name, value)?),
            "escape" => self.escape = Some(required(name, value)?),
            "header" => self.header = parse_header(optional(&value))?,
            "encoding" => check_encoding(&required(name, value)?, position)?,
            "force_quote" => {
                self.force_quote = match value {
                    GivenValue::Star => ForceQuote::All,
                    GivenValue::List(columns) => ForceQuote::Columns(columns),
                    _ => return Err(no_list(name, position)),
                }
            }
            "force_not_null" | "force_null" => {
                let GivenValue::List(_) = value else {
                    return Err(no_list(name, position));
                };
                match name {
                    "force_null" => self.force_null = true,
                    _ => self.force_not_null = true,
                }
            }
            _ => {
                let message = format!("option \"{name}\" not recognized");
                return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(position));
            }
        }
        Ok(())
    }

    fn together(self) -> Result<CopyOptions> {
        let Said {
            format,
            delimiter,
            null,
            quote,
            escape,
            header,
            force_quote,
            force_not_null,
            force_null,
        } = self;
        let (csv, binary) = (format == CopyFormat::Csv, format == CopyFormat::Binary);
        let unsupported = |text: &str| Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, text));
        let invalid = |text: &str| Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, text));
        if binary && delimiter.is_some() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "cannot specify DELIMITER in BINARY mode",
            ));
        }
        if binary && null.is_some() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "cannot specify NULL in BINARY mode"));
        }
        let delimiter = delimiter.unwrap_or_else(|| if csv { "," } else { "\t" }.to_owned());
        let null = null.unwrap_or_else(|| if csv { "" } else { "\\N" }.to_owned());
        let &[delimiter_byte] = delimiter.as_bytes() else {
            return unsupported("COPY delimiter must be a single one-byte character");
        };
        if delimiter.contains(['\r', '\n']) {
            return invalid("COPY delimiter cannot be newline or carriage return");
        }
        if null.contains(['\r', '\n']) {
            return invalid("COPY null representation cannot use newline or carriage return");
        }
        if !csv
            && (delimiter_byte.is_ascii_lowercase()
                || delimiter_byte.is_ascii_digit()
                || delimiter.contains(['\\', '.']))
        {
            return invalid(&format!("COPY delimiter cannot be \"{delimiter}\""));
        }
        if binary && header {
            return unsupported("cannot specify HEADER in BINARY mode");
        }
        if !csv && quote.is_some() {
            return unsupported("COPY quote available only in CSV mode");
        }
        let quote = quote.unwrap_or_else(|| "\"".to_owned());
        let &[quote_byte] = quote.as_bytes() else {
            return unsupported("COPY quote must be a single one-byte character");
        };
        if csv && delimiter_byte == quote_byte {
            return invalid("COPY delimiter and quote must be different");
        }
        if !csv && escape.is_some() {
            return unsupported("COPY escape available only in CSV mode");
        }
        let escape = escape.unwrap_or_else(|| quote.clone());
        let &[escape_byte] = escape.as_bytes() else {
            return unsupported("COPY escape must be a single one-byte character");
        };
        if !csv && force_quote != ForceQuote::None {
            return unsupported("COPY force quote available only in CSV mode");
        }
        for (forced, name) in [(force_not_null, "force not null"), (force_null, "force null")] {
            if forced && !csv {
                return unsupported(&format!("COPY {name} available only in CSV mode"));
            }
            if forced {
                return unsupported(&format!("COPY {name} only available using COPY FROM"));
            }
        }
        if null.contains(&delimiter) {
            return unsupported("COPY delimiter must not appear in the NULL specification");
        }
        if csv && null.contains(&quote) {
            return unsupported("CSV quote character must not appear in the NULL specification");
        }
        Ok(CopyOptions {
            format,
            delimiter: delimiter_byte,
            null,
            header,
            quote: quote_byte,
            escape: escape_byte,
            force_quote,
        })
    }
}

fn optional(value: &GivenValue) -> Option<&str> {
    match value {
        GivenValue::None => None,
        GivenValue::Text(text) => Some(text),
        GivenValue::Star | GivenValue::List(_) => Some(""),
    }
}

fn required(name: &str, value: GivenValue) -> Result<String> {
    match value {
        GivenValue::None => Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("{name} requires a parameter"),
        )),
        GivenValue::Text(text) => Ok(text),
        GivenValue::Star => Ok("*".to_owned()),
        GivenValue::List(items) => Ok(items.join(", ")),
    }
}

fn no_list(name: &str, position: usize) -> Error {
    let message = format!("argument to option \"{name}\" must be a list of column names");
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message).with_position(position)
}

fn parse_format(value: &str, position: usize) -> Result<CopyFormat> {
    match value {
        "text" => Ok(CopyFormat::Text),
        "csv" => Ok(CopyFormat::Csv),
        "binary" => Ok(CopyFormat::Binary),
        other => {
            let message = format!("COPY format \"{other}\" not recognized");
            Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).with_position(position))
        }
    }
}

fn parse_header(value: Option<&str>) -> Result<bool> {
    match flag(value) {
        Some(header) => Ok(header),
        None if value.is_some_and(|value| value.eq_ignore_ascii_case("match")) => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "cannot use \"match\" with HEADER in COPY TO",
        )),
        None => Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "header requires a Boolean value or \"match\"",
        )),
    }
}

fn check_encoding(value: &str, position: usize) -> Result<()> {
    match encoding_name(value) {
        Some("UTF8") => Ok(()),
        Some(other) => {
            let message = format!("conversion between {other} and UTF8 is not supported");
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_position(position))
        }
        None => {
            let message = "argument to option \"encoding\" must be a valid encoding name";
            Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).with_position(position))
        }
    }
}
