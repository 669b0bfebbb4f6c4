//! COPY … TO STDOUT: what is copied, and the options in both syntaxes, validated as PostgreSQL does. COPY FROM, files and
//! programs are refused.

use datafusion::sql::sqlparser::ast::{self, Ident, ObjectName, SelectItem, SetExpr, TableFactor};

use super::{
    Statement, as_query,
    encoding::encoding_name,
    explain::{flag, option_value},
    lexer::Kind,
    query, refuse,
    split::Piece,
    tokens::{Tokens, is_string},
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
struct Given {
    name: String,
    value: GivenValue,
    position: usize,
}

enum GivenValue {
    None,
    Text(String),
    Star,
    List(Vec<String>),
}

/// After `COPY`.
pub(super) fn parse(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let mut given = Vec::new();
    let from_query = tokens.is_symbol("(");
    let query = if tokens.eat_symbol("(")? {
        if refuse::is_write(tokens) {
            return Err(refuse::refusal(tokens)?);
        }
        let start = tokens.clone();
        tokens.skip_to_close()?;
        let query = as_query(tokens.since(&start))?;
        tokens.expect_symbol(")")?;
        query
    } else {
        let position = tokens.position();
        let mut ahead = tokens.clone();
        if ahead.eat("binary")? && matches!(ahead.kind(), Some(Kind::Word | Kind::QuotedIdent)) && !ahead.is("to") {
            *tokens = ahead;
            given.push(text("format", "binary", position));
        }
        table_query(tokens)?
    };
    let from = !from_query && tokens.eat("from")?;
    if !from {
        tokens.expect("to")?;
    }
    target(tokens, from)?;
    if from {
        return Err(query::refused("COPY FROM"));
    }
    if !from_query {
        let position = tokens.position();
        let using = tokens.eat("using")?;
        if using || tokens.is("delimiters") {
            tokens.expect("delimiters")?;
            given.push(text("delimiter", &tokens.string()?, position));
        }
    }
    tokens.eat("with")?;
    if tokens.eat_symbol("(")? {
        listed_options(tokens, &mut given)?;
    } else {
        plain_options(tokens, &mut given)?;
    }
    tokens.expect_end()?;
    Ok(Statement::CopyTo { query, options: options(given)? })
}

/// `table (column, …)` as the query that reads it.
fn table_query(tokens: &mut Tokens<'_>) -> Result<Box<ast::Statement>> {
    let mut name = vec![ident(tokens)?];
    while tokens.eat_symbol(".")? {
        name.push(ident(tokens)?);
    }
    let mut columns = Vec::new();
    if tokens.eat_symbol("(")? {
        columns = list(tokens, ident)?;
        tokens.expect_symbol(")")?;
    }
    let mut statement = as_query(Piece::whole("SELECT * FROM t"))?;
    if let ast::Statement::Query(query) = statement.as_mut()
        && let SetExpr::Select(select) = query.body.as_mut()
        && let Some(from) = select.from.first_mut()
        && let TableFactor::Table { name: table, .. } = &mut from.relation
    {
        *table = ObjectName::from(name);
        if !columns.is_empty() {
            select.projection = columns.into_iter().map(|c| SelectItem::UnnamedExpr(ast::Expr::Identifier(c))).collect();
        }
    }
    Ok(statement)
}

/// An identifier for the syntax tree: quoted, for it is folded to lower case already.
fn ident(tokens: &mut Tokens<'_>) -> Result<Ident> {
    tokens.ident().map(|name| Ident::with_quote('"', name))
}

fn list<T>(tokens: &mut Tokens<'_>, item: impl Fn(&mut Tokens<'_>) -> Result<T>) -> Result<Vec<T>> {
    let mut items = vec![item(tokens)?];
    while tokens.eat_symbol(",")? {
        items.push(item(tokens)?);
    }
    Ok(items)
}

/// STDOUT (or STDIN: PostgreSQL does not mind); files and programs are refused as to anyone who is not a superuser.
fn target(tokens: &mut Tokens<'_>, from: bool) -> Result<()> {
    let refusal = if tokens.eat("program")? {
        tokens.string()?;
        "must be superuser or have privileges of the pg_execute_server_program role to COPY to or from an external program"
    } else if tokens.kind().is_some_and(is_string) {
        if from {
            "must be superuser or have privileges of the pg_read_server_files role to COPY from a file"
        } else {
            "must be superuser or have privileges of the pg_write_server_files role to COPY to a file"
        }
    } else {
        return match tokens.eat_any(&["stdout", "stdin"])? {
            Some(_) => Ok(()),
            None => Err(tokens.unexpected()),
        };
    };
    let hint = "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.";
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, refusal).with_hint(hint))
}

fn text(name: &str, value: &str, position: usize) -> Given {
    Given { name: name.to_owned(), value: GivenValue::Text(value.to_owned()), position }
}

/// `(FORMAT csv, HEADER)`
fn listed_options(tokens: &mut Tokens<'_>, given: &mut Vec<Given>) -> Result<()> {
    let option = |tokens: &mut Tokens<'_>| {
        let position = tokens.position();
        let name = tokens.ident()?;
        let value = if tokens.eat_symbol("*")? {
            GivenValue::Star
        } else if tokens.eat_symbol("(")? {
            let names = list(tokens, |tokens| match tokens.kind() {
                Some(kind) if is_string(kind) => tokens.string(),
                _ => tokens.ident(),
            })?;
            tokens.expect_symbol(")")?;
            GivenValue::List(names)
        } else {
            option_value(tokens)?.map_or(GivenValue::None, GivenValue::Text)
        };
        Ok(Given { name, value, position })
    };
    given.extend(list(tokens, option)?);
    tokens.expect_symbol(")")
}

/// `CSV HEADER DELIMITER AS ';'`: the syntax from before 9.0.
fn plain_options(tokens: &mut Tokens<'_>, given: &mut Vec<Given>) -> Result<()> {
    while tokens.peek().is_some() {
        let position = tokens.position();
        let word = tokens.eat_any(&["binary", "csv", "freeze", "header", "delimiter", "null", "quote", "escape", "encoding", "force"])?;
        given.push(match word {
            Some(format @ ("binary" | "csv")) => text("format", format, position),
            Some(name @ ("freeze" | "header")) => text(name, "true", position),
            Some("force") => {
                let name = if tokens.eat("quote")? {
                    "force_quote"
                } else if tokens.eat("not")? {
                    tokens.expect("null")?;
                    "force_not_null"
                } else {
                    tokens.expect("null")?;
                    "force_null"
                };
                let star = name == "force_quote" && tokens.eat_symbol("*")?;
                let value = if star { GivenValue::Star } else { GivenValue::List(list(tokens, |tokens| tokens.ident())?) };
                Given { name: name.to_owned(), value, position }
            }
            Some(name) => {
                if name != "encoding" {
                    tokens.eat("as")?;
                }
                text(name, &tokens.string()?, position)
            }
            None => return Err(tokens.unexpected()),
        });
    }
    Ok(())
}

/// The options as PostgreSQL checks them, in its order.
fn options(given: Vec<Given>) -> Result<CopyOptions> {
    let mut names = Vec::new();
    let mut format = CopyFormat::Text;
    let (mut delimiter, mut null, mut quote, mut escape) = (None, None, None, None);
    let (mut header, mut force_quote, mut force_not_null, mut force_null) = (false, ForceQuote::None, false, false);
    for Given { name, value, position } in given {
        if names.contains(&name) {
            let message = "conflicting or redundant options";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(position));
        }
        match name.as_str() {
            "format" => format = parse_format(&required(&name, value)?, position)?,
            "freeze" => drop(super::explain::boolean(&name, optional(&value))?),
            "delimiter" => delimiter = Some(required(&name, value)?),
            "null" => null = Some(required(&name, value)?),
            "quote" => quote = Some(required(&name, value)?),
            "escape" => escape = Some(required(&name, value)?),
            "header" => header = parse_header(optional(&value))?,
            "encoding" => check_encoding(&required(&name, value)?, position)?,
            "force_quote" => {
                force_quote = match value {
                    GivenValue::Star => ForceQuote::All,
                    GivenValue::List(columns) => ForceQuote::Columns(columns),
                    _ => return Err(no_list(&name, position)),
                }
            }
            "force_not_null" | "force_null" => {
                let GivenValue::List(_) = value else { return Err(no_list(&name, position)) };
                if name == "force_null" { force_null = true } else { force_not_null = true }
            }
            _ => {
                let message = format!("option \"{name}\" not recognized");
                return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(position));
            }
        }
        names.push(name);
    }

    let (csv, binary) = (format == CopyFormat::Csv, format == CopyFormat::Binary);
    let unsupported = |text: &str| Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, text));
    let invalid = |text: &str| Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, text));
    if binary && delimiter.is_some() {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "cannot specify DELIMITER in BINARY mode"));
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
    if !csv && (delimiter_byte.is_ascii_lowercase() || delimiter_byte.is_ascii_digit() || delimiter.contains(['\\', '.'])) {
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
    Ok(CopyOptions { format, delimiter: delimiter_byte, null, header, quote: quote_byte, escape: escape_byte, force_quote })
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
        GivenValue::None => Err(Error::new(SqlState::SYNTAX_ERROR, format!("{name} requires a parameter"))),
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
        None if value.is_some_and(|value| value.eq_ignore_ascii_case("match")) => {
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot use \"match\" with HEADER in COPY TO"))
        }
        None => Err(Error::new(SqlState::SYNTAX_ERROR, "header requires a Boolean value or \"match\"")),
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
