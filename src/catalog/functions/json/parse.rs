//! Reads JSON text into a tree; text that is none, and what is nested too deep, is refused as PostgreSQL's input function
//! refuses it.

use super::tree::{Json, Node};
use crate::{Error, Result, SqlState};

/// A document nested deeper than this is refused: the stack is not the client's.
const DEPTH_MAX: usize = 512;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Reads a document.
pub fn parse(text: &str) -> Result<Json<'_>> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0);
    reader.blanks();
    match value {
        Some(value) if reader.at == text.len() => Ok(value),
        _ => {
            let error = Error::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type json",
            );
            let shown: String = text.chars().take(100).collect();
            Err(error.with_detail(format!("JSON data, line 1: {shown}")))
        }
    }
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest().starts_with(token).then(|| self.at += token.len())
    }

    fn value(&mut self, depth: usize) -> Option<Json<'a>> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        let start = self.at;
        let node = match self.rest().chars().next()? {
            '{' => self.object(depth)?,
            '[' => self.array(depth)?,
            '"' => Node::String(self.string()?),
            't' => self.take("true").map(|()| Node::Bool(true))?,
            'f' => self.take("false").map(|()| Node::Bool(false))?,
            'n' => self.take("null").map(|()| Node::Null)?,
            _ => self.number()?,
        };
        let raw = self.text.get(start..self.at)?;
        Some(Json { raw, node })
    }

    fn array(&mut self, depth: usize) -> Option<Node<'a>> {
        self.take("[")?;
        let mut items = Vec::new();
        self.blanks();
        if self.take("]").is_some() {
            return Some(Node::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.take("]").is_some() {
                return Some(Node::Array(items));
            }
            self.take(",")?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        self.take("{")?;
        let mut members = Vec::new();
        self.blanks();
        if self.take("}").is_some() {
            return Some(Node::Object(members));
        }
        loop {
            self.blanks();
            let key = self.string()?;
            self.blanks();
            self.take(":")?;
            members.push((key, self.value(depth + 1)?));
            self.blanks();
            if self.take("}").is_some() {
                return Some(Node::Object(members));
            }
            self.take(",")?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(['"', '\\'])?;
            let text = rest.get(..plain)?;
            if text.chars().any(|c| c < ' ') {
                return None;
            }
            out.push_str(text);
            self.at += plain + 1;
            if rest.get(plain..)?.starts_with('"') {
                return Some(out);
            }
            let escape = self.rest().chars().next()?;
            self.at += escape.len_utf8();
            out.push(match escape {
                '"' | '\\' | '/' => escape,
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.escaped()?,
                _ => return None,
            });
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn escaped(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.take("\\u")?;
        let second = self.hex()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second)
    }

    fn number(&mut self) -> Option<Node<'a>> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')))
            .unwrap_or(rest.len());
        let text = rest.get(..end)?;
        // One reading settles what a number is: no leading zeros, digits on both sides of a point.
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let whole = unsigned.split(['.', 'e', 'E']).next()?;
        let digits = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
        let valid = digits
            && (whole == "0" || !whole.starts_with('0'))
            && !text.ends_with('.')
            && !text.contains(".e")
            && !text.contains(".E");
        text.parse::<f64>().ok().filter(|_| valid)?;
        self.at += end;
        Some(Node::Number)
    }
}
