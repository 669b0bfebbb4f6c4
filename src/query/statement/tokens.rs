//! A statement's tokens, read one after the other: what the parsers of statements that are no queries stand on.

use super::{
    lexer::{Kind, Lexer, Token, dollar_tag},
    split::Piece,
};
use crate::{Error, Result, SqlState};

/// A place in a statement. Cheap to copy, so that a parser can look ahead.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    piece: Piece<'a>,
    lexer: Lexer<'a>,
    next: Option<Token<'a>>,
}

impl<'a> Tokens<'a> {
    pub fn new(piece: Piece<'a>) -> Result<Self> {
        let mut lexer = Lexer::new(piece.text, piece.offset);
        let next = lexer.next()?;
        Ok(Tokens { piece, lexer, next })
    }

    pub fn peek(&self) -> Option<Token<'a>> {
        self.next
    }

    pub fn next(&mut self) -> Result<Option<Token<'a>>> {
        let token = self.next;
        if token.is_some() {
            self.next = self.lexer.next()?;
        }
        Ok(token)
    }

    /// Where the next token (or the end) is, in characters from 1.
    pub fn position(&self) -> usize {
        self.next.map_or(self.lexer.position(), |token| token.position)
    }

    /// `syntax error` at the next token.
    pub fn unexpected(&self) -> Error {
        match self.next {
            Some(token) => token.unexpected(),
            None => {
                Error::new(SqlState::SYNTAX_ERROR, "syntax error at end of input").with_position(self.lexer.position())
            }
        }
    }

    /// Is the next token this key word?
    pub fn is(&self, word: &str) -> bool {
        self.next
            .is_some_and(|token| token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word))
    }

    /// Takes this key word where it is next.
    pub fn eat(&mut self, word: &str) -> Result<bool> {
        let found = self.is(word);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    /// Takes these key words where all of them are next, in this order.
    pub fn eat_all(&mut self, words: &[&str]) -> Result<bool> {
        let mut ahead = self.clone();
        for word in words {
            if !ahead.eat(word)? {
                return Ok(false);
            }
        }
        *self = ahead;
        Ok(true)
    }

    /// Takes one of these key words; says which.
    pub fn eat_any<'w>(&mut self, words: &[&'w str]) -> Result<Option<&'w str>> {
        for word in words {
            if self.eat(word)? {
                return Ok(Some(word));
            }
        }
        Ok(None)
    }

    pub fn expect(&mut self, word: &str) -> Result<()> {
        if self.eat(word)? {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        let symbolic = |kind| matches!(kind, Kind::Operator | Kind::Punct);
        self.next
            .is_some_and(|token| symbolic(token.kind) && token.text == symbol)
    }

    pub fn eat_symbol(&mut self, symbol: &str) -> Result<bool> {
        let found = self.is_symbol(symbol);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    pub fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.eat_symbol(symbol)? {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    pub fn expect_end(&self) -> Result<()> {
        if self.next.is_none() {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// The next token's kind, where there is one.
    pub fn kind(&self) -> Option<Kind> {
        self.next.map(|token| token.kind)
    }

    /// An identifier: folded to lower case unless quoted, cut to 63 bytes.
    pub fn ident(&mut self) -> Result<String> {
        match self.next {
            Some(token) if matches!(token.kind, Kind::Word | Kind::QuotedIdent) => {
                self.next()?;
                Ok(ident_value(&token))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A string constant.
    pub fn string(&mut self) -> Result<String> {
        match self.next {
            Some(token) if is_string(token.kind) => {
                self.next()?;
                string_value(&token)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A number with its sign, as written.
    pub fn number(&mut self) -> Result<String> {
        let sign = if self.eat_symbol("-")? {
            "-"
        } else {
            self.eat_symbol("+")?;
            ""
        };
        match self.next {
            Some(token) if token.kind == Kind::Number => {
                self.next()?;
                Ok(format!("{sign}{}", token.text))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Does the next token start a number?
    pub fn is_number(&self) -> bool {
        self.kind() == Some(Kind::Number) || self.is_symbol("-") || self.is_symbol("+")
    }

    /// What is left of the statement, from the next token on.
    pub fn rest(&self) -> Piece<'a> {
        let start = self.next.map_or(self.piece.text.len(), |token| token.start);
        Piece {
            text: self.piece.text.get(start..).unwrap_or_default(),
            offset: self.position() - 1,
        }
    }

    /// The text from `from` (an earlier state of these tokens) up to the next token.
    pub fn since(&self, from: &Tokens<'a>) -> Piece<'a> {
        let rest = from.rest();
        let end = self.next.map_or(self.piece.text.len(), |token| token.start);
        let start = from.next.map_or(self.piece.text.len(), |token| token.start);
        Piece {
            text: rest
                .text
                .get(..end.saturating_sub(start))
                .unwrap_or_default()
                .trim_end(),
            offset: rest.offset,
        }
    }

    /// Passes everything up to the closing parenthesis that is not opened here.
    pub fn skip_to_close(&mut self) -> Result<()> {
        let mut depth = 0usize;
        while self.next.is_some() {
            if self.is_symbol(")") {
                if depth == 0 {
                    return Ok(());
                }
                depth -= 1;
            } else if self.is_symbol("(") {
                depth += 1;
            }
            self.next()?;
        }
        Err(self.unexpected())
    }
}

/// PostgreSQL's NAMEDATALEN - 1: longer identifiers are cut.
const IDENTIFIER_SIZE_MAX: usize = 63;

pub(super) fn is_string(kind: Kind) -> bool {
    matches!(kind, Kind::String | Kind::EscapeString | Kind::DollarString)
}

fn ident_value(token: &Token<'_>) -> String {
    let mut name = match token.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => token.text.to_ascii_lowercase(),
    };
    name.truncate(name.floor_char_boundary(IDENTIFIER_SIZE_MAX));
    name
}

fn string_value(token: &Token<'_>) -> Result<String> {
    let inner = |open: usize, close: usize| {
        token
            .text
            .get(open..token.text.len().saturating_sub(close))
            .unwrap_or_default()
    };
    match token.kind {
        Kind::DollarString => {
            let tag = dollar_tag(token.text).map_or(0, str::len);
            Ok(inner(tag, tag).to_owned())
        }
        Kind::EscapeString => unescape(&inner(2, 1).replace("''", "'"), token),
        _ => Ok(inner(1, 1).replace("''", "'")),
    }
}

/// The escapes of `E'…'`: single letters, octal and hexadecimal bytes, Unicode characters.
fn unescape(text: &str, token: &Token<'_>) -> Result<String> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        value.extend_from_slice(plain.as_bytes());
        let mut chars = escape.chars().skip(1);
        let Some(letter) = chars.next() else { break };
        let digits = |skip: usize, radix: u32, most: usize| {
            let tail = escape.get(skip..).unwrap_or_default();
            let len = tail.chars().take(most).take_while(|c| c.is_digit(radix)).count();
            (
                u32::from_str_radix(tail.get(..len).unwrap_or_default(), radix).ok(),
                skip + len,
            )
        };
        let byte = |number: Option<u32>| number.and_then(|n| u8::try_from(n & 0xff).ok());
        let mut used = 1 + letter.len_utf8();
        match letter {
            'b' => value.push(8),
            'f' => value.push(12),
            'n' => value.push(b'\n'),
            'r' => value.push(b'\r'),
            't' => value.push(b'\t'),
            '0'..='7' => {
                let (number, end) = digits(1, 8, 3);
                value.extend(byte(number));
                used = end;
            }
            'x' if digits(2, 16, 2).0.is_some() => {
                let (number, end) = digits(2, 16, 2);
                value.extend(byte(number));
                used = end;
            }
            'u' | 'U' => {
                let (number, end) = digits(2, 16, if letter == 'u' { 4 } else { 8 });
                let c = number.and_then(char::from_u32).ok_or_else(|| {
                    Error::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid Unicode escape")
                        .with_position(token.position)
                })?;
                push(&mut value, c);
                used = end;
            }
            other => push(&mut value, other),
        }
        rest = escape.get(used..).unwrap_or_default();
    }
    value.extend_from_slice(rest.as_bytes());
    if value.contains(&0) {
        return Err(invalid_encoding(token));
    }
    String::from_utf8(value).map_err(|_| invalid_encoding(token))
}

fn invalid_encoding(token: &Token<'_>) -> Error {
    let message = "invalid byte sequence for encoding \"UTF8\"";
    Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message).with_position(token.position)
}

fn push(value: &mut Vec<u8>, c: char) {
    value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}
