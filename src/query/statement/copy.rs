//! COPY … TO STDOUT: what is copied, and the options in both syntaxes. COPY FROM, files and programs are refused.

use datafusion::sql::sqlparser::ast::{self, Ident, ObjectName, SelectItem, SetExpr, TableFactor};

use super::{
    Statement, as_query,
    copy_options::{Given, GivenValue, options},
    explain::option_value,
    lexer::Kind,
    query, refuse,
    split::Piece,
    tokens::{Tokens, is_string},
};
use crate::{Error, Result, SqlState};

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
    Ok(Statement::CopyTo {
        query,
        options: options(given)?,
    })
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
            select.projection = columns
                .into_iter()
                .map(|c| SelectItem::UnnamedExpr(ast::Expr::Identifier(c)))
                .collect();
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
    Given {
        name: name.to_owned(),
        value: GivenValue::Text(value.to_owned()),
        position,
    }
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
        let word = tokens.eat_any(&[
            "binary",
            "csv",
            "freeze",
            "header",
            "delimiter",
            "null",
            "quote",
            "escape",
            "encoding",
            "force",
        ])?;
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
                let value = if star {
                    GivenValue::Star
                } else {
                    GivenValue::List(list(tokens, |tokens| tokens.ident())?)
                };
                Given {
                    name: name.to_owned(),
                    value,
                    position,
                }
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
