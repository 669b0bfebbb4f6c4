//! Queries: SELECT, VALUES, TABLE and WITH, parsed by sqlparser behind the guard, and only those that read.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::{
    ast::{self, Fetch, Ident, LockType, ObjectName, Query, SetExpr, TableFactor, Visit, Visitor},
    dialect::PostgreSqlDialect,
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer},
};

use super::{
    guard,
    lexer::{self, Kind, Lexer},
    precedence,
    split::Piece,
};
use crate::{Error, Result, SqlState, limits};

const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// The name under which `ROWS FROM` is a function.
pub const ROWS_FROM: &str = "pg_rows_from";

/// sqlparser gives up at 50 levels of recursion; some constructs take more than one.
const NESTING_SUSPECT: usize = 40;

/// Parses a query. Spans in the tree say where in the *client's query text* something stands: always line 1, and the
/// column is the character, counted from 1, as an error's position wants it.
pub(super) fn parse_query(piece: Piece<'_>) -> Result<Box<Query>> {
    let mut query = parse(piece, |parser| parser.parse_query())?;
    precedence::mend(query.as_mut());
    read_only(&query, piece)?;
    guard::check_growth(&query)?;
    Ok(query)
}

/// Parses a comma-separated list of expressions that is the whole text.
pub(super) fn parse_expressions(piece: Piece<'_>) -> Result<Vec<ast::Expr>> {
    let mut list = parse(piece, |parser| {
        parser.parse_comma_separated(|parser| parser.parse_expr())
    })?;
    precedence::mend(&mut list);
    list.iter().try_for_each(|item| read_only(item, piece))?;
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
    let tokens = tokenize(piece)?;
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

/// sqlparser's tokens of a text, without white space, comments and `OPERATOR(…)`, each with its place in the client's text.
///
/// sqlparser makes a token of every blank. So it gets a text in which every gap is one blank: a megabyte of indentation
/// then costs nothing.
fn tokenize(piece: Piece<'_>) -> Result<Vec<TokenWithSpan>> {
    let mut lexer = Lexer::new(piece.text, piece.offset);
    let mut compact = String::with_capacity(piece.text.len());
    // For each token: its first character in the compact text (from 0), and its position in the client's.
    let mut places: Vec<(usize, usize)> = Vec::new();
    let (mut written, mut end) = (0usize, 0usize);
    let mut weak_lock = WeakLock::default();
    let mut after_string = false;
    while let Some(token) = lexer.next()? {
        if places.len() == limits::STATEMENT_TOKENS_MAX {
            return Err(guard::too_complex());
        }
        let gap = piece.text.get(end..token.start).unwrap_or_default();
        let is_string = token.kind == Kind::String;
        if is_string && after_string {
            // Two constants on lines of their own are one.
            if !gap.contains('\n') {
                return Err(token.unexpected());
            }
            compact.pop();
            let rest = token.text.get(1..).unwrap_or_default();
            compact.push_str(rest);
            written += rest.chars().count().saturating_sub(1);
            end = token.end();
            continue;
        }
        after_string = is_string;
        if token.start > end {
            compact.push(' ');
            written += 1;
        }
        if let Some(strength) = weak_lock.next(&token) {
            return Err(refused(strength));
        }
        places.push((written, token.position));
        compact.push_str(token.text);
        written += token.text.chars().count();
        end = token.end();
    }
    let end_position = lexer.position();

    let mut tokens = Tokenizer::new(&DIALECT, &compact)
        .tokenize_with_location()
        .map_err(|error| Error::new(SqlState::SYNTAX_ERROR, "syntax error").with_log(error.to_string()))?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));

    // Lines of the compact text, for sqlparser counts columns within them: strings may contain line ends.
    let lines: Vec<usize> = std::iter::once(0)
        .chain(
            compact
                .chars()
                .enumerate()
                .filter(|(_, c)| *c == '\n')
                .map(|(at, _)| at + 1),
        )
        .collect();
    let offset = |location: Location| {
        let line = usize::try_from(location.line).unwrap_or(1).saturating_sub(1);
        lines.get(line).copied().unwrap_or_default() + column(location).saturating_sub(1)
    };
    for token in &mut tokens {
        let start = offset(token.span.start);
        let position = match places
            .partition_point(|(at, _)| *at <= start)
            .checked_sub(1)
            .and_then(|at| places.get(at))
        {
            Some((at, position)) => position + (start - at),
            None => end_position,
        };
        let len = offset(token.span.end).saturating_sub(start);
        token.span = Span::new(location(position), location(position + len));
    }
    plain_operators(&mut tokens);
    without_collations(&mut tokens);
    rows_from(&mut tokens);
    without_only(&mut tokens);
    Ok(tokens)
}

/// Finds `FOR NO KEY UPDATE` and `FOR KEY SHARE`, which sqlparser does not know: how many of their words were seen.
#[derive(Default)]
struct WeakLock {
    no_key_update: usize,
    key_share: usize,
}

impl WeakLock {
    fn next(&mut self, token: &lexer::Token<'_>) -> Option<&'static str> {
        let step = |seen: &mut usize, words: &[&str]| {
            let is = |word: &&str| token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word);
            *seen = match words.get(*seen) {
                Some(word) if is(word) => *seen + 1,
                _ => usize::from(words.first().is_some_and(is)),
            };
            *seen == words.len()
        };
        if step(&mut self.no_key_update, &["for", "no", "key", "update"]) {
            return Some("SELECT FOR NO KEY UPDATE");
        }
        step(&mut self.key_share, &["for", "key", "share"]).then_some("SELECT FOR KEY SHARE")
    }
}

/// `OPERATOR(pg_catalog.=)` is `=`: psql and drivers write it so against search paths with operators of their own, which
/// do not exist here. sqlparser knows the long form for some operators only.
fn plain_operators(tokens: &mut Vec<TokenWithSpan>) {
    let word = |token: Option<&TokenWithSpan>, name: &str| match token.map(|token| &token.token) {
        Some(Token::Word(word)) => word.value.eq_ignore_ascii_case(name),
        _ => false,
    };
    if !tokens.iter().any(|token| word(Some(token), "operator")) {
        return;
    }
    let mut plain = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        let is = |at: usize, wanted: &Token| tail.get(at).is_some_and(|token| token.token == *wanted);
        if word(Some(first), "operator") && is(0, &Token::LParen) {
            let at = if word(tail.get(1), "pg_catalog") && is(2, &Token::Period) {
                3
            } else {
                1
            };
            if let Some(operator) = tail.get(at)
                && !matches!(operator.token, Token::Word(_))
                && is(at + 1, &Token::RParen)
            {
                plain.push(operator.clone());
                rest = tail.get(at + 2..).unwrap_or_default();
                continue;
            }
        }
        plain.push(first.clone());
        rest = tail;
    }
    *tokens = plain;
}

/// `FROM ONLY t`: nothing here has tables that inherit from it. sqlparser takes the word for a table.
fn without_only(tokens: &mut Vec<TokenWithSpan>) {
    let keyword = |token: Option<&TokenWithSpan>| match token.map(|token| &token.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    };
    let is_only = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| keyword(tokens.get(before)));
        keyword(tokens.get(at)) == Some(Keyword::ONLY)
            && matches!(before, Some(Keyword::FROM | Keyword::JOIN))
            && tokens.get(at + 1).is_some_and(is_word)
    };
    let only: Vec<usize> = (0..tokens.len()).filter(|at| is_only(*at)).collect();
    if only.is_empty() {
        return;
    }
    let mut at = 0;
    let mut next = only.iter().peekable();
    tokens.retain(|_| {
        let dropped = next.next_if(|only| **only == at).is_some();
        at += 1;
        !dropped
    });
}

/// `FROM ROWS FROM (f(), g())`, which sqlparser does not know, as a call of [`ROWS_FROM`].
fn rows_from(tokens: &mut Vec<TokenWithSpan>) {
    let is = |token: Option<&TokenWithSpan>, wanted: Keyword| match token.map(|token| &token.token) {
        Some(Token::Word(word)) => word.keyword == wanted && word.quote_style.is_none(),
        _ => false,
    };
    let begins: Vec<usize> = (0..tokens.len())
        .filter(|at| {
            is(tokens.get(*at), Keyword::ROWS)
                && is(tokens.get(at + 1), Keyword::FROM)
                && tokens.get(at + 2).is_some_and(|token| token.token == Token::LParen)
        })
        .collect();
    if begins.is_empty() {
        return;
    }
    for at in &begins {
        if let Some(token) = tokens.get_mut(*at) {
            token.token = Token::make_word(ROWS_FROM, None);
        }
    }
    let mut at = 0;
    let mut next = begins.iter().peekable();
    tokens.retain(|_| {
        let dropped = next.next_if(|begin| *begin + 1 == at).is_some();
        at += 1;
        !dropped
    });
}

/// Drops `COLLATE "C"`: one collation is all there is, text compares by code point. sqlparser knows the clause after some expressions
/// only. (After `AS` the word is a label.)
fn without_collations(tokens: &mut Vec<TokenWithSpan>) {
    let is_clause = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => word.keyword == Keyword::COLLATE && word.quote_style.is_none(),
        _ => false,
    };
    if !tokens.iter().any(is_clause) {
        return;
    }
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        let is_label = kept.last().is_some_and(|last| match &last.token {
            Token::Word(word) => word.keyword == Keyword::AS,
            token => *token == Token::Period,
        });
        let name = match tail {
            [a, dot, b, ..] if dot.token == Token::Period => [a, b].iter().all(|part| is_word(part)).then_some(3),
            [a, ..] => is_word(a).then_some(1),
            [] => None,
        };
        match name.filter(|_| is_clause(first) && !is_label) {
            Some(length) => rest = tail.get(length..).unwrap_or_default(),
            None => {
                kept.push(first.clone());
                rest = tail;
            }
        }
    }
    *tokens = kept;
}

fn is_word(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Word(_))
}

fn location(position: usize) -> Location {
    Location::new(1, u64::try_from(position).unwrap_or(u64::MAX))
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

/// Refuses what writes, locks or names a file, wherever in the tree it stands.
fn read_only<T: Visit>(tree: &T, piece: Piece<'_>) -> Result<()> {
    match tree.visit(&mut ReadOnly { piece, nested: false }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// PostgreSQL's refusal of `command`.
pub(super) fn refused(command: &str) -> Error {
    let message = format!("cannot execute {command} in a read-only transaction");
    Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message)
}

struct ReadOnly<'a> {
    piece: Piece<'a>,
    /// Inside of the statement's own query.
    nested: bool,
}

impl Visitor for ReadOnly<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if let Some(lock) = query.locks.first() {
            let strength = match lock.lock_type {
                LockType::Share => "SELECT FOR SHARE",
                LockType::Update => "SELECT FOR UPDATE",
            };
            return ControlFlow::Break(refused(strength));
        }
        if let Some(fetch) = &query.fetch
            && let Err(error) = check_fetch(fetch, query.order_by.is_some())
        {
            return ControlFlow::Break(error);
        }
        let nested = std::mem::replace(&mut self.nested, true);
        match writes(&query.body) {
            // PostgreSQL names the statement, not the INSERT that stands in its WITH.
            Some(command) => ControlFlow::Break(refused(if nested { "SELECT" } else { command })),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            // DataFusion passes it over, and returns all rows.
            TableFactor::Table { sample: Some(_), .. } => ControlFlow::Break(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "TABLESAMPLE is not supported",
            )),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Error> {
        // DataFusion reads `FROM 'file.csv'` from a file; for PostgreSQL a string is no table name.
        let quoted = |ident: &&Ident| ident.quote_style.is_some_and(|quote| quote != '"');
        match relation.0.iter().filter_map(|part| part.as_ident()).find(quoted) {
            Some(ident) => ControlFlow::Break(unexpected_string(self.piece, &ident.to_string())),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_statement(&mut self, _: &ast::Statement) -> ControlFlow<Error> {
        ControlFlow::Break(refused("SELECT"))
    }
}

/// FETCH FIRST counts rows here, and nothing else.
fn check_fetch(fetch: &Fetch, ordered: bool) -> Result<()> {
    if fetch.percent {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "FETCH FIRST does not take a percentage",
        ));
    }
    match (fetch.with_ties, ordered) {
        (false, _) => Ok(()),
        (true, false) => Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "WITH TIES cannot be specified without ORDER BY clause",
        )),
        (true, true) => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "FETCH FIRST with WITH TIES is not supported",
        )
        .with_hint("Use rank() in a subquery, and keep the rows whose rank is low enough.")),
    }
}

/// The command that writes in a query's body, where there is one.
fn writes(body: &SetExpr) -> Option<&'static str> {
    match body {
        SetExpr::Insert(_) => Some("INSERT"),
        SetExpr::Update(_) => Some("UPDATE"),
        SetExpr::Delete(_) => Some("DELETE"),
        SetExpr::Merge(_) => Some("MERGE"),
        SetExpr::Select(select) => select.into.as_ref().map(|_| "SELECT INTO"),
        SetExpr::SetOperation { left, right, .. } => writes(left).or_else(|| writes(right)),
        SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => None,
    }
}

/// The first words of statements that are queries.
pub(super) fn starts_query(first: &str) -> bool {
    ["select", "with", "values", "table"]
        .iter()
        .any(|word| first.eq_ignore_ascii_case(word))
        || first == "("
}
