//! PostgreSQL's lexical rules (its `scan.l`, `standard_conforming_strings` on) over borrowed text.
//!
//! sqlparser's tokenizer copies every token and reports its own errors; this one allocates nothing, so it can walk a
//! megabyte to find where statements end, and it says what PostgreSQL says about text that never ends. Queries are still
//! tokenized by sqlparser (`query.rs`): what this file decides is where a statement ends and how one that is not a query reads.

use crate::{Error, Result, SqlState};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or key word without quotes.
    Word,
    /// `"…"`
    QuotedIdent,
    /// `'…'`
    String,
    /// `E'…'`
    EscapeString,
    /// `$tag$…$tag$`
    DollarString,
    /// `B'…'`, `X'…'`, `N'…'`, `U&'…'`, `U&"…"`: only queries have a use for them.
    OtherString,
    /// A number without sign.
    Number,
    /// `$1`
    Parameter,
    /// A run of operator characters.
    Operator,
    /// Any other single character, and `::`, `:=`, `..`.
    Punct,
}

/// One token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Bytes before it in the text that was given to the lexer.
    pub start: usize,
    /// Its first character in the client's query text, counted from 1.
    pub position: usize,
}

impl Token<'_> {
    /// Bytes up to its end.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// PostgreSQL's complaint about this token.
    pub fn unexpected(&self) -> Error {
        Error::new(
            SqlState::SYNTAX_ERROR,
            format!("syntax error at or near \"{}\"", self.text),
        )
        .with_position(self.position)
    }
}

/// Tokens of a text, in order; white space and comments are skipped.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Characters (from 1) at `at`.
    position: usize,
}

impl<'a> Lexer<'a> {
    /// `offset`: characters before `text` in the client's query text.
    pub fn new(text: &'a str, offset: usize) -> Self {
        Lexer {
            text,
            at: 0,
            position: offset + 1,
        }
    }

    /// The next token, or none at the end.
    pub fn next(&mut self) -> Result<Option<Token<'a>>> {
        self.skip_blank()?;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(None);
        };
        let (kind, len) = self.scan(rest, first)?;
        let text = rest.get(..len).unwrap_or(rest);
        let token = Token {
            kind,
            text,
            start: self.at,
            position: self.position,
        };
        self.advance(text.len());
        Ok(Some(token))
    }

    /// The position (from 1) behind what was read.
    pub fn position(&self) -> usize {
        self.position
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        let passed = self.rest().get(..bytes).unwrap_or_default();
        self.position += passed.chars().count();
        self.at += passed.len();
    }

    fn skip_blank(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let blank = rest
                .bytes()
                .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0c | 0x0b))
                .count();
            if blank > 0 {
                self.advance(blank);
            } else if rest.starts_with("--") {
                self.advance(rest.find(['\n', '\r']).unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                let len = comment(rest).ok_or_else(|| self.unterminated("unterminated /* comment"))?;
                self.advance(len);
            } else {
                return Ok(());
            }
        }
    }

    fn unterminated(&self, what: &str) -> Error {
        Error::new(
            SqlState::SYNTAX_ERROR,
            format!("{what} at or near \"{}\"", excerpt(self.rest())),
        )
        .with_position(self.position)
    }

    /// Kind and length in bytes of the token that `rest` starts with.
    fn scan(&self, rest: &str, first: char) -> Result<(Kind, usize)> {
        let bytes = rest.as_bytes();
        let second = bytes.get(1).copied().unwrap_or_default();
        match first {
            '\'' => self.quoted(rest, 1, false, Kind::String, "unterminated quoted string"),
            '"' => self.quoted_ident(rest, 1, Kind::QuotedIdent),
            'e' | 'E' if second == b'\'' => {
                self.quoted(rest, 2, true, Kind::EscapeString, "unterminated quoted string")
            }
            'b' | 'B' if second == b'\'' => {
                self.quoted(rest, 2, false, Kind::OtherString, "unterminated bit string literal")
            }
            'x' | 'X' if second == b'\'' => self.quoted(
                rest,
                2,
                false,
                Kind::OtherString,
                "unterminated hexadecimal string literal",
            ),
            'n' | 'N' if second == b'\'' => {
                self.quoted(rest, 2, false, Kind::OtherString, "unterminated quoted string")
            }
            'u' | 'U' if second == b'&' && bytes.get(2) == Some(&b'\'') => {
                self.quoted(rest, 3, false, Kind::OtherString, "unterminated quoted string")
            }
            'u' | 'U' if second == b'&' && bytes.get(2) == Some(&b'"') => self.quoted_ident(rest, 3, Kind::OtherString),
            '$' => self.dollar(rest),
            '0'..='9' => self.number(rest),
            '.' if second.is_ascii_digit() => self.number(rest),
            c if is_ident_start(c) => Ok((Kind::Word, rest.find(|c| !is_ident_part(c)).unwrap_or(rest.len()))),
            c if is_operator(c) => Ok((Kind::Operator, operator(rest))),
            ':' if matches!(second, b':' | b'=') => Ok((Kind::Punct, 2)),
            '.' if second == b'.' => Ok((Kind::Punct, 2)),
            c => Ok((Kind::Punct, c.len_utf8())),
        }
    }

    fn quoted(&self, rest: &str, open: usize, backslash: bool, kind: Kind, fault: &str) -> Result<(Kind, usize)> {
        let len = closing(rest, open, b'\'', backslash).ok_or_else(|| self.unterminated(fault))?;
        Ok((kind, len))
    }

    fn quoted_ident(&self, rest: &str, open: usize, kind: Kind) -> Result<(Kind, usize)> {
        let len =
            closing(rest, open, b'"', false).ok_or_else(|| self.unterminated("unterminated quoted identifier"))?;
        if len == open + 1 {
            let text = rest.get(..len).unwrap_or_default();
            let message = format!("zero-length delimited identifier at or near \"{text}\"");
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(self.position));
        }
        Ok((kind, len))
    }

    fn dollar(&self, rest: &str) -> Result<(Kind, usize)> {
        let digits = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            return Ok((Kind::Parameter, 1 + digits));
        }
        let Some(tag) = dollar_tag(rest) else {
            return Ok((Kind::Punct, 1));
        };
        let body = rest.get(tag.len()..).unwrap_or_default();
        let end = memchr::memmem::find(body.as_bytes(), tag.as_bytes())
            .ok_or_else(|| self.unterminated("unterminated dollar-quoted string"))?;
        Ok((Kind::DollarString, tag.len() + end + tag.len()))
    }

    fn number(&self, rest: &str) -> Result<(Kind, usize)> {
        let digits = |from: usize| {
            rest.bytes()
                .skip(from)
                .take_while(|b| b.is_ascii_digit() || *b == b'_')
                .count()
        };
        let byte = |at: usize| rest.as_bytes().get(at).copied().unwrap_or_default();
        let mut len = digits(0);
        if byte(len) == b'.' && byte(len + 1) != b'.' {
            len += 1;
            len += digits(len);
        }
        if matches!(byte(len), b'e' | b'E') {
            let sign = usize::from(matches!(byte(len + 1), b'+' | b'-'));
            let exponent = digits(len + 1 + sign);
            if exponent > 0 {
                len += 1 + sign + exponent;
            }
        }
        match rest.get(len..).and_then(|tail| tail.chars().next()) {
            Some(c) if is_ident_start(c) => {
                let text = rest.get(..len + c.len_utf8()).unwrap_or_default();
                let message = format!("trailing junk after numeric literal at or near \"{text}\"");
                Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(self.position))
            }
            _ => Ok((Kind::Number, len)),
        }
    }
}

/// The most of a text that an error message repeats: PostgreSQL repeats all of it, up to the end of a megabyte.
const EXCERPT_CHARS: usize = 1_000;

fn excerpt(text: &str) -> &str {
    text.char_indices()
        .nth(EXCERPT_CHARS)
        .and_then(|(at, _)| text.get(..at))
        .unwrap_or(text)
}

/// Length of the nested comment that `text` starts with, or none where it has no end.
fn comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0usize, 0usize);
    loop {
        at += memchr::memchr2(b'/', b'*', bytes.get(at..)?)?;
        match (bytes.get(at)?, bytes.get(at + 1)?) {
            (b'/', b'*') => {
                depth += 1;
                at += 2;
            }
            (b'*', b'/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

/// Length of a literal up to its closing quote, doubled quotes (and backslash escapes) skipped.
fn closing(text: &str, open: usize, quote: u8, backslash: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = open;
    loop {
        let rest = bytes.get(at..)?;
        at += if backslash {
            memchr::memchr2(quote, b'\\', rest)?
        } else {
            memchr::memchr(quote, rest)?
        };
        if bytes.get(at) == Some(&b'\\') || bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
}

/// `$tag$` at the start of `text`.
pub(super) fn dollar_tag(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let len = inner.find(|c| !is_ident_part(c) || c == '$')?;
    let tag = inner.get(..len)?;
    let proper = inner.get(len..)?.starts_with('$') && tag.chars().next().is_none_or(is_ident_start);
    text.get(..len + 2).filter(|_| proper)
}

/// Length of an operator: a run of operator characters that ends before a comment, and before a `+` or `-` unless one of
/// the characters that only PostgreSQL's own operators have is in it (`@-` is one operator, `*-` two).
fn operator(text: &str) -> usize {
    let mut run = text.find(|c| !is_operator(c)).unwrap_or(text.len());
    for comment in ["--", "/*"] {
        let at = text.get(..run).and_then(|run| run.find(comment));
        run = at.filter(|at| *at > 0).unwrap_or(run);
    }
    let mut operator = text.get(..run).unwrap_or(text);
    while operator.len() > 1
        && operator.ends_with(['+', '-'])
        && !operator.contains(['~', '!', '@', '#', '^', '&', '|', '`', '?', '%'])
    {
        operator = operator.get(..operator.len() - 1).unwrap_or(operator);
    }
    operator.len()
}

fn is_operator(c: char) -> bool {
    "~!@#^&|`?+-*/%<>=".contains(c)
}

fn is_ident_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_ident_part(c: char) -> bool {
    is_ident_start(c) || c.is_ascii_digit() || c == '$'
}
