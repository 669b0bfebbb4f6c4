//! The tokens of a query as sqlparser makes them, each with its place in the client's text.

use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::{
    super::{
        guard,
        lexer::{self, Kind, Lexer},
        split::Piece,
    },
    DIALECT, column, read_only, respell,
};
use crate::{Error, Result, SqlState, limits};

/// sqlparser's tokens of a text, without white space, comments and `OPERATOR(…)`, each with its place in the client's text.
///
/// sqlparser makes a token of every blank. So it gets a text in which every gap is one blank: a megabyte of indentation
/// then costs nothing.
pub fn tokenize(piece: Piece<'_>) -> Result<Vec<TokenWithSpan>> {
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
            return Err(read_only::refused(strength));
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
    let read = tokens.len();
    respell::all(&mut tokens);
    // What a rule adds is parsed as what was written is.
    if tokens.len() > read.max(limits::STATEMENT_TOKENS_MAX) {
        return Err(guard::too_complex());
    }
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

fn location(position: usize) -> Location {
    Location::new(1, u64::try_from(position).unwrap_or(u64::MAX))
}
