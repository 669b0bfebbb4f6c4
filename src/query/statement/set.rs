//! SET, SHOW, RESET and DISCARD. What the parameters are, and which values they take, is the session's to say.

use datafusion::sql::sqlparser::ast::ObjectName;

use super::{
    Statement,
    lexer::Kind,
    query, take_rest,
    tokens::{Tokens, is_string},
    transaction::{self, Transaction},
};
use crate::{Error, Result, SqlState};

/// A parameter as SET, SHOW and RESET name it: lower case unless quoted, dots included. Statements with syntax of their own
/// come with the parameter's name (`SET TIME ZONE` → `timezone`, `SET ROLE` → `role`).
pub type Parameter = String;

/// What SET sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Default,
    /// One value or, for parameters that are lists, several, unquoted.
    List(Vec<String>),
    /// `SET TIME ZONE INTERVAL '…'`: the interval's text.
    Interval(String),
}

/// What SHOW shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    Parameter(Parameter),
    All,
    /// `SHOW TABLES`: DataFusion's, which Restate's documentation uses.
    Tables,
    /// `SHOW COLUMNS FROM t`, `DESCRIBE t`: DataFusion's as well.
    Columns(ObjectName),
}

/// What DISCARD forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    All,
    Plans,
    Sequences,
    Temp,
}

impl Discard {
    pub(super) fn tag(self) -> &'static str {
        match self {
            Discard::All => "DISCARD ALL",
            Discard::Plans => "DISCARD PLANS",
            Discard::Sequences => "DISCARD SEQUENCES",
            Discard::Temp => "DISCARD TEMP",
        }
    }
}

/// After `SET`.
pub(super) fn parse_set(tokens: &mut Tokens<'_>) -> Result<Statement> {
    if tokens.eat("transaction")? {
        if tokens.is("snapshot") {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "snapshots cannot be imported",
            ));
        }
        return Ok(Statement::Transaction(Transaction::Set(transaction::modes(
            tokens, true,
        )?)));
    }
    if tokens.eat_all(&["session", "characteristics"])? {
        tokens.expect("as")?;
        tokens.expect("transaction")?;
        return Ok(Statement::Transaction(Transaction::SetDefault(transaction::modes(
            tokens, true,
        )?)));
    }
    if tokens.eat("constraints")? {
        return Err(query::refused("SET CONSTRAINTS"));
    }
    let mut local = false;
    if !is_authorization(tokens)? {
        local = tokens.eat("local")?;
        if !local {
            tokens.eat("session")?;
        }
    }
    let set = |parameter: &str, value| Statement::Set {
        parameter: parameter.to_owned(),
        value,
        local,
    };

    if tokens.eat_all(&["time", "zone"])? {
        return Ok(set("timezone", time_zone(tokens)?));
    }
    if tokens.eat("names")? {
        let value = match tokens.peek() {
            None => Value::Default,
            Some(_) if tokens.eat("default")? => Value::Default,
            Some(_) => Value::List(vec![tokens.string()?]),
        };
        return Ok(set("client_encoding", value));
    }
    if tokens.eat_all(&["session", "authorization"])? {
        let default = tokens.eat("default")?;
        return Ok(set(
            "session_authorization",
            if default {
                Value::Default
            } else {
                name_or_string(tokens)?
            },
        ));
    }
    if tokens.is("role") && !is_assignment(tokens)? {
        tokens.next()?;
        return Ok(set("role", name_or_string(tokens)?));
    }
    if tokens.is("schema") && !is_assignment(tokens)? {
        tokens.next()?;
        return Ok(set("search_path", Value::List(vec![tokens.string()?])));
    }
    if tokens.is("catalog") && !is_assignment(tokens)? {
        tokens.next()?;
        let position = tokens.position();
        tokens.string()?;
        let message = "current database cannot be changed";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_position(position));
    }
    if tokens.eat_all(&["xml", "option"])? {
        return Ok(set("xmloption", Value::List(vec![tokens.ident()?])));
    }
    let parameter = name(tokens)?;
    if tokens.eat_all(&["from", "current"])? {
        // Sets what is set already: only CREATE FUNCTION has a use for it.
        return Ok(Statement::Set {
            parameter,
            value: Value::List(Vec::new()),
            local,
        });
    }
    if !tokens.eat_symbol("=")? {
        tokens.expect("to")?;
    }
    let value = if tokens.eat("default")? {
        Value::Default
    } else {
        Value::List(values(tokens)?)
    };
    Ok(Statement::Set {
        parameter,
        value,
        local,
    })
}

/// Is `SESSION AUTHORIZATION` next, with no `SESSION` or `LOCAL` before it?
fn is_authorization(tokens: &Tokens<'_>) -> Result<bool> {
    tokens.clone().eat_all(&["session", "authorization"])
}

/// Is `name = …` or `name TO …` next?
fn is_assignment(tokens: &Tokens<'_>) -> Result<bool> {
    let mut ahead = tokens.clone();
    ahead.next()?;
    Ok(ahead.is_symbol("=") || ahead.is("to"))
}

fn name_or_string(tokens: &mut Tokens<'_>) -> Result<Value> {
    let name = if tokens.kind().is_some_and(is_string) {
        tokens.string()?
    } else {
        tokens.ident()?
    };
    Ok(Value::List(vec![name]))
}

/// `name`, `class.name`
fn name(tokens: &mut Tokens<'_>) -> Result<String> {
    let mut name = tokens.ident()?;
    while tokens.eat_symbol(".")? {
        name.push('.');
        name.push_str(&tokens.ident()?);
    }
    Ok(name)
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>> {
    let mut values = vec![value(tokens)?];
    while tokens.eat_symbol(",")? {
        values.push(value(tokens)?);
    }
    Ok(values)
}

fn value(tokens: &mut Tokens<'_>) -> Result<String> {
    match tokens.kind() {
        Some(kind) if is_string(kind) => tokens.string(),
        Some(_) if tokens.is_number() => tokens.number(),
        Some(Kind::Word) if RESERVED.iter().any(|word| tokens.is(word)) => Err(tokens.unexpected()),
        _ => tokens.ident(),
    }
}

/// Reserved words that stand where somebody forgot a value, or quotes.
const RESERVED: [&str; 14] = [
    "all", "and", "as", "default", "end", "from", "in", "not", "null", "or", "select", "to", "user", "where",
];

fn time_zone(tokens: &mut Tokens<'_>) -> Result<Value> {
    if tokens.eat_any(&["default", "local"])?.is_some() {
        return Ok(Value::Default);
    }
    if tokens.eat("interval")? {
        let text = tokens.string()?;
        // Which fields the text has is told by the text.
        while tokens.eat_any(&["hour", "to", "minute", "second"])?.is_some() {}
        return Ok(Value::Interval(text));
    }
    if tokens.is_number() {
        return tokens.number().map(|number| Value::List(vec![number]));
    }
    name_or_string(tokens)
}

/// After `SHOW`.
pub(super) fn parse_show(tokens: &mut Tokens<'_>) -> Result<Show> {
    if tokens.eat("all")? {
        return Ok(Show::All);
    }
    if tokens.eat("tables")? {
        return Ok(Show::Tables);
    }
    let start = tokens.clone();
    if tokens.eat("columns")? {
        tokens.eat_any(&["from", "in"])?;
        let names = query::parse_names(take_rest(tokens)?)?;
        return match show_columns(names, &start)? {
            Statement::Show(show) => Ok(show),
            _ => Err(start.unexpected()),
        };
    }
    parameter(tokens).map(Show::Parameter)
}

/// `DESCRIBE`: one table.
pub(super) fn show_columns(mut names: Vec<ObjectName>, start: &Tokens<'_>) -> Result<Statement> {
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(Statement::Show(Show::Columns(name))),
        _ => Err(start.unexpected()),
    }
}

/// A parameter, or one of the names of several words that some have.
fn parameter(tokens: &mut Tokens<'_>) -> Result<Parameter> {
    if tokens.eat_all(&["time", "zone"])? {
        Ok("timezone".to_owned())
    } else if tokens.eat_all(&["transaction", "isolation", "level"])? {
        Ok("transaction_isolation".to_owned())
    } else if tokens.eat_all(&["session", "authorization"])? {
        Ok("session_authorization".to_owned())
    } else {
        name(tokens)
    }
}

/// After `RESET`.
pub(super) fn parse_reset(tokens: &mut Tokens<'_>) -> Result<Statement> {
    if tokens.eat("all")? {
        Ok(Statement::ResetAll)
    } else {
        parameter(tokens).map(Statement::Reset)
    }
}

/// After `DISCARD`.
pub(super) fn parse_discard(tokens: &mut Tokens<'_>) -> Result<Discard> {
    match tokens.eat_any(&["all", "plans", "sequences", "temp", "temporary"])? {
        Some("all") => Ok(Discard::All),
        Some("plans") => Ok(Discard::Plans),
        Some("sequences") => Ok(Discard::Sequences),
        Some(_) => Ok(Discard::Temp),
        None => Err(tokens.unexpected()),
    }
}
