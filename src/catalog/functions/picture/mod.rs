//! The template patterns of `to_char` and `to_number` for numbers: what a template asks for, and the reading of a number by
//! one. Those of times are in `template`.

mod forms;
mod write;

use arrow::datatypes::i256;

use super::value::numeric_overflow;
use crate::{Error, Result, SqlState};

pub use write::write;

/// What a template asks for, counted before anything is written.
#[derive(Default)]
struct Picture {
    nodes: Vec<Node>,
    /// Digits before and behind the point, and those that `V` shifts by.
    before: usize,
    behind: usize,
    shift: usize,
    fill: bool,
    decimal: bool,
    /// Where in the digits the first `0` stands, and where the last.
    zero_start: Option<usize>,
    zero_end: usize,
    minus: bool,
    plus: bool,
    bracket: bool,
    roman: bool,
    exponent: bool,
    /// `S`, and the digits before it.
    sign: Option<usize>,
    sign_behind: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Nine,
    Zero,
    Point,
    Comma,
    Currency,
    Minus,
    Plus,
    Sign,
    Roman(bool),
    Ordinal(bool),
    Literal(char),
}

/// Each pattern once, the longer ones of each beginning first.
const PATTERNS: [&str; 18] = [
    "EEEE", "FM", "MI", "PL", "PR", "RN", "SG", "SP", "TH", "B", "D", "G", "L", "S", "V", "0", "9", ",",
];

fn parse(template: &str) -> Result<Picture> {
    let mut picture = Picture::default();
    let mut rest = template;
    let mut multiplied = false;
    while let Some(c) = rest.chars().next() {
        let starts = |pattern: &str| {
            rest.get(..pattern.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(pattern))
        };
        let name = if c == '.' {
            Some(".")
        } else {
            PATTERNS.into_iter().find(|pattern| starts(pattern))
        };
        let length = name.map_or(c.len_utf8(), str::len);
        let lower = c.is_ascii_lowercase();
        match name {
            Some("9") => {
                if multiplied {
                    picture.shift += 1;
                } else if picture.decimal {
                    picture.behind += 1;
                } else {
                    picture.before += 1;
                }
                picture.nodes.push(Node::Nine);
            }
            Some("0") => {
                if picture.zero_start.is_none() && !picture.decimal {
                    picture.zero_start = Some(picture.before);
                }
                if picture.decimal {
                    picture.behind += 1;
                } else {
                    picture.before += 1;
                }
                picture.zero_end = picture.before + picture.behind;
                picture.nodes.push(Node::Zero);
            }
            Some("." | "D") => {
                if picture.decimal {
                    return Err(Error::new(SqlState::SYNTAX_ERROR, "multiple decimal points"));
                }
                picture.decimal = true;
                picture.nodes.push(Node::Point);
            }
            Some("," | "G") => picture.nodes.push(Node::Comma),
            Some("L") => picture.nodes.push(Node::Currency),
            Some("FM") => picture.fill = true,
            Some("S") => {
                if !picture.decimal {
                    picture.sign = Some(picture.before);
                } else {
                    picture.sign = picture.sign.or(Some(picture.before));
                    picture.sign_behind = true;
                }
            }
            Some("MI") => {
                picture.minus = true;
                picture.nodes.push(Node::Minus);
            }
            Some("PL") => {
                picture.plus = true;
                picture.nodes.push(Node::Plus);
            }
            Some("SG") => {
                (picture.minus, picture.plus) = (true, true);
                picture.nodes.push(Node::Sign);
            }
            Some("PR") => picture.bracket = true,
            Some("RN") => {
                picture.roman = true;
                picture.nodes.push(Node::Roman(lower));
            }
            Some("TH") => picture.nodes.push(Node::Ordinal(!lower)),
            Some("V") => multiplied = true,
            Some("EEEE") => picture.exponent = true,
            Some(_) => {}
            None if c == '"' => {
                let mut chars = rest.char_indices().skip(1);
                let end = loop {
                    match chars.next() {
                        Some((at, '"')) => break at + 1,
                        Some((_, c)) => picture.nodes.push(Node::Literal(c)),
                        None => break rest.len(),
                    }
                };
                rest = rest.get(end..).unwrap_or_default();
                continue;
            }
            None => picture.nodes.push(Node::Literal(c)),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(picture)
}

/// `to_number`: the digits of a text, in the places that a template has for them.
pub fn read(text: &str, template: &str) -> Result<(i256, i8)> {
    let picture = parse(template)?;
    let mut digits = String::new();
    let (mut behind, mut in_fraction, mut negative) = (0usize, false, false);
    for c in text.chars() {
        match c {
            '0'..='9' if in_fraction && behind < picture.behind => {
                digits.push(c);
                behind += 1;
            }
            '0'..='9' if !in_fraction => digits.push(c),
            '.' if picture.decimal => in_fraction = true,
            '-' => negative = true,
            '<' if picture.bracket => negative = true,
            _ => {}
        }
    }
    let invalid = || {
        Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type numeric: \"{text}\""),
        )
    };
    let value: i256 = digits.parse().map_err(|_| invalid())?;
    let scale = i8::try_from(behind).map_err(|_| numeric_overflow())?;
    Ok((if negative { value.wrapping_neg() } else { value }, scale))
}
