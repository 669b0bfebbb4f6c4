//! Queries: SELECT, VALUES, TABLE and WITH, parsed by sqlparser behind the guard, and only those that read.

mod read_only;
mod respell;
mod tokenize;

use datafusion::sql::sqlparser::{
    ast::{self, ObjectName, Query},
    dialect::PostgreSqlDialect,
    parser::{Parser, ParserError},
    tokenizer::{Location, Token},
};

use super::{guard, lexer::Lexer, precedence, split::Piece};
use crate::{Error, Result, SqlState};

pub(super) use read_only::refused;
pub use respell::ROWS_FROM;

const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// sqlparser gives up at 50 levels of recursion; some constructs take more than one.
const NESTING_SUSPECT: usize = 40;

/// Parses a query. Spans in the tree say where in the *client's query text* something stands: always line 1, and the
/// column is the character, counted from 1, as an error's position wants it.
pub(super) fn parse_query(piece: Piece<'_>) -> Result<Box<Query>> {
    let mut query = parse(piece, |parser| parser.parse_query())?;
    precedence::mend(query.as_mut());
    read_only::check(&query, piece)?;
    guard::check_growth(&query)?;
    Ok(query)
}

/// Parses a comma-separated list of expressions that is the whole text.
pub(super) fn parse_expressions(piece: Piece<'_>) -> Result<Vec<ast::Expr>> {
    let mut list = parse(piece, |parser| {
        parser.parse_comma_separated(|parser| parser.parse_expr())
    })?;
    precedence::mend(&mut list);
    list.iter().try_for_each(|item| read_only::check(item, piece))?;
    Ok(list)
}

/// Parses a comma-separated list of types that is the whole text.
pub(super) fn parse_types(piece: Piece<'_>) -> Result<Vec<ast::DataType>> {
    parse(piece, |parser| {
        parser.parse_comma_separated(|parser| parser.parse_data_type())
    })
}

/// Parses a comma-separated list of table names that is the whole text.
pub(super) fn parse_names(piece: Piece<'_>) -> Result<Vec<ObjectName>> {
    parse(piece, |parser| {
        parser.parse_comma_separated(|parser| parser.parse_object_name(false))
    })
}

fn parse<T>(piece: Piece<'_>, rule: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>) -> Result<T> {
    let tokens = tokenize::tokenize(piece)?;
    guard::check_calls(&tokens)?;
    let nesting = guard::check_depth(&tokens)?;
    let mut parser = Parser::new(&DIALECT).with_tokens_with_locations(tokens);
    let outcome = rule(&mut parser)
        .map_err(|error| translate(&error, &parser, piece))
        .and_then(|parsed| match parser.peek_token().token {
            Token::EOF => Ok(parsed),
            _ => Err(syntax_error(piece, column(parser.peek_token().span.start))),
        });
    // Where it tries one rule after the other, sqlparser forgets that it gave up for depth.
    outcome.map_err(|error| match nesting {
        NESTING_SUSPECT.. => guard::too_complex(),
        _ => error,
    })
}

fn column(location: Location) -> usize {
    usize::try_from(location.column).unwrap_or_default()
}

/// sqlparser's error in PostgreSQL's words. sqlparser says where (`… at Line: 1, Column: 8`) in its text only.
fn translate(error: &ParserError, parser: &Parser<'_>, piece: Piece<'_>) -> Error {
    match error {
        ParserError::RecursionLimitExceeded => guard::too_complex(),
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => {
            let at_end = text.contains("found: EOF");
            let said = text
                .rsplit_once("Column: ")
                .and_then(|(_, column)| column.trim().parse::<usize>().ok());
            let next = parser.peek_token();
            let position = match said {
                _ if at_end => usize::MAX,
                Some(position) if position > 0 => position,
                _ if next.token == Token::EOF => usize::MAX,
                _ => column(next.span.start),
            };
            syntax_error(piece, position).with_log(text.clone())
        }
    }
}

/// `syntax error` at the token that stands at `position`, or at the end of the statement.
fn syntax_error(piece: Piece<'_>, position: usize) -> Error {
    let mut lexer = Lexer::new(piece.text, piece.offset);
    loop {
        match lexer.next() {
            Ok(Some(token)) if position < token.position + token.text.chars().count() => {
                return token.unexpected();
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                return Error::new(SqlState::SYNTAX_ERROR, "syntax error at end of input")
                    .with_position(lexer.position());
            }
            Err(error) => return error,
        }
    }
}

/// `syntax error` at a string constant: sqlparser makes it a name without a place.
fn unexpected_string(piece: Piece<'_>, text: &str) -> Error {
    let mut lexer = Lexer::new(piece.text, piece.offset);
    while let Ok(Some(token)) = lexer.next() {
        if token.text == text {
            return token.unexpected();
        }
    }
    Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{text}\""))
}

/// The first words of statements that are queries.
pub(super) fn starts_query(first: &str) -> bool {
    ["select", "with", "values", "table"]
        .iter()
        .any(|word| first.eq_ignore_ascii_case(word))
        || first == "("
}
