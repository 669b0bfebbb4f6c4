//! Spellings that sqlparser does not know, as it knows them: changes of a query's tokens before it sees them.

use datafusion::sql::sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

/// The name under which `ROWS FROM` is a function.
pub const ROWS_FROM: &str = "pg_rows_from";

pub fn all(tokens: &mut Vec<TokenWithSpan>) {
    plain_operators(tokens);
    without_collations(tokens);
    rows_from(tokens);
    one_row(tokens);
    without_only(tokens);
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
    let is_only = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| keyword(tokens.get(before)));
        keyword(tokens.get(at)) == Some(Keyword::ONLY)
            && matches!(before, Some(Keyword::FROM | Keyword::JOIN))
            && tokens.get(at + 1).is_some_and(is_word)
    };
    let only: Vec<usize> = (0..tokens.len()).filter(|at| is_only(*at)).collect();
    drop_at(tokens, &only);
}

/// `FROM ROWS FROM (f(), g())`, which sqlparser does not know, as a call of [`ROWS_FROM`].
fn rows_from(tokens: &mut Vec<TokenWithSpan>) {
    let is_rows = |at: usize| {
        keyword(tokens.get(at)) == Some(Keyword::ROWS)
            && keyword(tokens.get(at + 1)) == Some(Keyword::FROM)
            && tokens.get(at + 2).is_some_and(|token| token.token == Token::LParen)
    };
    let rows: Vec<usize> = (0..tokens.len()).filter(|at| is_rows(*at)).collect();
    for at in &rows {
        if let Some(token) = tokens.get_mut(*at) {
            token.token = Token::make_word(ROWS_FROM, None);
        }
    }
    let from: Vec<usize> = rows.iter().map(|at| at + 1).collect();
    drop_at(tokens, &from);
}

/// `SELECT WHERE …`: a SELECT of nothing from nowhere, which sqlparser knows with a FROM only. It is of one row.
fn one_row(tokens: &mut Vec<TokenWithSpan>) {
    let ends_list = |token: Option<&TokenWithSpan>| match token.map(|token| &token.token) {
        None | Some(Token::EOF | Token::RParen | Token::SemiColon) => true,
        Some(Token::Word(word)) if word.quote_style.is_none() => matches!(
            word.keyword,
            Keyword::WHERE
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::ORDER
                | Keyword::LIMIT
                | Keyword::OFFSET
                | Keyword::FETCH
        ),
        _ => false,
    };
    let is_select = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => word.keyword == Keyword::SELECT && word.quote_style.is_none(),
        _ => false,
    };
    let is_after_dot = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        before.is_some_and(|token| matches!(&token.token, Token::Period) || is_as(token))
    };
    let empty: Vec<usize> = (0..tokens.len())
        .filter(|at| tokens.get(*at).is_some_and(is_select) && ends_list(tokens.get(at + 1)) && !is_after_dot(*at))
        .collect();
    if empty.is_empty() {
        return;
    }
    let mut empty = empty.into_iter().peekable();
    let written = std::mem::take(tokens);
    for (at, token) in written.into_iter().enumerate() {
        let span = token.span;
        tokens.push(token);
        if empty.next_if_eq(&at).is_none() {
            continue;
        }
        let from = [
            Token::make_keyword("FROM"),
            Token::LParen,
            Token::make_keyword("VALUES"),
            Token::LParen,
            Token::Number("1".to_owned(), false),
            Token::RParen,
            Token::RParen,
            Token::make_keyword("AS"),
            Token::make_word("one_row", None),
        ];
        tokens.extend(from.into_iter().map(|token| TokenWithSpan { token, span }));
    }
}

fn is_as(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == Keyword::AS && word.quote_style.is_none())
}

/// Drops `COLLATE "C"`: one collation is all there is, text compares by code point. sqlparser knows the clause after some expressions
/// only. (After `AS` the word is a label.)
fn without_collations(tokens: &mut Vec<TokenWithSpan>) {
    let is_clause = |token: &TokenWithSpan| keyword(Some(token)) == Some(Keyword::COLLATE);
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

/// Drops the tokens at some places, which are in ascending order.
fn drop_at(tokens: &mut Vec<TokenWithSpan>, places: &[usize]) {
    if places.is_empty() {
        return;
    }
    let mut at = 0;
    let mut next = places.iter().peekable();
    tokens.retain(|_| {
        let dropped = next.next_if(|place| **place == at).is_some();
        at += 1;
        !dropped
    });
}

/// The keyword that a token is, unless it is quoted.
fn keyword(token: Option<&TokenWithSpan>) -> Option<Keyword> {
    match &token?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

fn is_word(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Word(_))
}
