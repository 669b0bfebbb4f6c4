//! EXPLAIN: its options in both syntaxes, and the statement that it explains.

use super::{Statement, prepare, refuse, rest_as_query, tokens::Tokens};
use crate::{Error, Result, SqlState};

/// How a plan is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExplainFormat {
    #[default]
    Text,
    Json,
}

/// What EXPLAIN shows, defaults as PostgreSQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExplainOptions {
    /// Runs the statement.
    pub analyze: bool,
    pub verbose: bool,
    pub costs: bool,
    pub settings: bool,
    pub buffers: bool,
    pub wal: bool,
    pub timing: bool,
    pub summary: bool,
    pub format: ExplainFormat,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        ExplainOptions {
            analyze: false,
            verbose: false,
            costs: true,
            settings: false,
            buffers: false,
            wal: false,
            timing: false,
            summary: false,
            format: ExplainFormat::Text,
        }
    }
}

/// After `EXPLAIN`.
pub(super) fn parse(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let mut options = ExplainOptions::default();
    if is_option_list(tokens)? {
        options = parse_options(tokens)?;
    } else {
        options.analyze = tokens.eat_any(&["analyze", "analyse"])?.is_some();
        options.verbose = tokens.eat("verbose")?;
        (options.timing, options.summary) = (options.analyze, options.analyze);
    }
    let statement = if tokens.eat("execute")? {
        prepare::parse_execute(tokens)?
    } else if tokens.eat("declare")? {
        match super::cursor::parse_declare(tokens)? {
            Statement::Declare { query, .. } => Statement::Query(query),
            other => other,
        }
    } else if refuse::is_write(tokens) || tokens.is("create") || tokens.is("refresh") {
        return Err(refuse::refusal(tokens)?);
    } else {
        Statement::Query(rest_as_query(tokens)?)
    };
    Ok(Statement::Explain {
        options,
        statement: Box::new(statement),
    })
}

/// `(` may also open the query itself.
fn is_option_list(tokens: &Tokens<'_>) -> Result<bool> {
    let mut ahead = tokens.clone();
    Ok(ahead.eat_symbol("(")? && !ahead.peek().is_some_and(|token| super::query::starts_query(token.text)))
}

fn parse_options(tokens: &mut Tokens<'_>) -> Result<ExplainOptions> {
    let mut options = ExplainOptions::default();
    let (mut timing, mut summary) = (None, None);
    tokens.expect_symbol("(")?;
    loop {
        let position = tokens.position();
        let name = tokens.ident()?;
        let value = option_value(tokens)?;
        let flag = || boolean(&name, value.as_deref());
        match name.as_str() {
            "analyze" | "analyse" => options.analyze = flag()?,
            "verbose" => options.verbose = flag()?,
            "costs" => options.costs = flag()?,
            "settings" => options.settings = flag()?,
            "buffers" => options.buffers = flag()?,
            "wal" => options.wal = flag()?,
            "timing" => timing = Some(flag()?),
            "summary" => summary = Some(flag()?),
            "format" => options.format = format(value.as_deref(), position)?,
            _ => {
                let message = format!("unrecognized EXPLAIN option \"{name}\"");
                return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(position));
            }
        }
        if !tokens.eat_symbol(",")? {
            break;
        }
    }
    tokens.expect_symbol(")")?;
    for (name, given) in [("WAL", options.wal), ("TIMING", timing == Some(true))] {
        if given && !options.analyze {
            let message = format!("EXPLAIN option {name} requires ANALYZE");
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
    }
    options.timing = timing.unwrap_or(options.analyze);
    options.summary = summary.unwrap_or(options.analyze);
    Ok(options)
}

fn format(value: Option<&str>, position: usize) -> Result<ExplainFormat> {
    match value {
        Some("text") => Ok(ExplainFormat::Text),
        Some("json") => Ok(ExplainFormat::Json),
        Some(format @ ("xml" | "yaml")) => {
            let message = format!("EXPLAIN format \"{format}\" is not supported");
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_position(position))
        }
        Some(other) => {
            let message = format!("unrecognized value for EXPLAIN option \"format\": \"{other}\"");
            Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).with_position(position))
        }
        None => Err(Error::new(SqlState::SYNTAX_ERROR, "format requires a parameter")),
    }
}

/// The value of an option in parentheses (EXPLAIN, COPY), where it has one.
pub(super) fn option_value(tokens: &mut Tokens<'_>) -> Result<Option<String>> {
    if tokens.is_symbol(",") || tokens.is_symbol(")") || tokens.peek().is_none() {
        Ok(None)
    } else if tokens.is_number() {
        tokens.number().map(Some)
    } else if tokens.kind().is_some_and(super::tokens::is_string) {
        tokens.string().map(Some)
    } else {
        tokens.ident().map(Some)
    }
}

/// The Boolean value of an option: true where it is only named.
pub(super) fn boolean(name: &str, value: Option<&str>) -> Result<bool> {
    flag(value).ok_or_else(|| Error::new(SqlState::SYNTAX_ERROR, format!("{name} requires a Boolean value")))
}

/// As [`boolean`]; none where the value is no Boolean.
pub(super) fn flag(value: Option<&str>) -> Option<bool> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "on" | "1") => Some(true),
        Some("false" | "off" | "0") => Some(false),
        Some(_) => None,
    }
}
