//! The template patterns of `to_char` and `to_number` for numbers.

use arrow::datatypes::i256;

use super::{
    template::ordinal,
    value::{divided, numeric_overflow, power_of_ten, rescaled},
};
use crate::{Error, Result, SqlState};

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

/// `to_char` of a number.
pub fn write(value: i256, scale: i8, template: &str) -> Result<String> {
    let mut picture = parse(template)?;
    let negative = value < i256::ZERO;
    let magnitude = value.wrapping_abs();
    if picture.exponent {
        return scientific(magnitude, scale, negative, picture.behind);
    }
    if picture.roman {
        let whole = rescaled(magnitude, scale, 0).and_then(|whole| whole.to_i128());
        return Ok(roman(whole.filter(|_| !negative), &picture));
    }
    let magnitude = match power_of_ten(u32::try_from(picture.shift).unwrap_or(u32::MAX)) {
        Some(factor) => magnitude.checked_mul(factor),
        None => None,
    };
    picture.before += picture.shift;
    let behind = i8::try_from(picture.behind).unwrap_or(i8::MAX).min(60);
    let rounded = magnitude
        .and_then(|magnitude| rescaled(magnitude, scale, behind))
        .ok_or_else(numeric_overflow)?;
    let digits = rounded.to_string();
    let behind = picture.behind;
    let digits = format!("{digits:0>width$}", width = behind + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - behind).unwrap_or((&digits, ""));
    let (number, spaces) = match picture.before.checked_sub(whole.len()) {
        Some(spaces) => (whole.to_owned(), spaces),
        None => ("#".repeat(picture.before), 0),
    };
    let number = match (picture.decimal || behind > 0, number.starts_with('#')) {
        (false, _) => number,
        (true, false) => format!("{number}.{fraction}"),
        (true, true) => format!("{number}.{}", "#".repeat(behind)),
    };
    Ok(Writer::new(&picture, number.into_bytes(), spaces, negative).write())
}

/// The number on its way into the template, as PostgreSQL's NUM_processor goes.
struct Writer<'a> {
    picture: &'a Picture,
    number: Vec<u8>,
    at: usize,
    /// Places before the number's first digit.
    spaces: usize,
    negative: bool,
    sign_written: bool,
    sign_behind: bool,
    /// The last digit that FM keeps, as an index into the number.
    last: Option<usize>,
    current: usize,
    count: usize,
    in_number: bool,
    out: String,
}

impl<'a> Writer<'a> {
    fn new(picture: &'a Picture, number: Vec<u8>, spaces: usize, negative: bool) -> Self {
        let own_sign = picture.plus || picture.minus;
        let sign_written = match own_sign {
            true => !picture.plus || picture.minus,
            false => !negative && picture.fill && picture.sign.is_none(),
        };
        let point = number.iter().position(|byte| *byte == b'.');
        let last = point.filter(|_| picture.fill && picture.decimal).map(|point| {
            let digit = number
                .iter()
                .rposition(|byte| *byte != b'0')
                .map_or(point, |digit| digit.max(point));
            match picture.zero_end.checked_sub(spaces) {
                Some(zero) if picture.zero_end > spaces => digit.max(zero.min(number.len().saturating_sub(1))),
                _ => digit,
            }
        });
        let mut count = (picture.behind + picture.before).saturating_sub(1);
        if !sign_written && spaces == 0 {
            count += 1;
        }
        Writer {
            picture,
            number,
            at: 0,
            spaces,
            negative,
            sign_written,
            sign_behind: picture.sign_behind || picture.sign == Some(picture.before),
            last,
            current: 0,
            count,
            in_number: false,
            out: String::new(),
        }
    }

    fn write(mut self) -> String {
        for node in &self.picture.nodes {
            match node {
                Node::Nine | Node::Zero | Node::Point => self.digit(node),
                Node::Comma if self.in_number => self.out.push(','),
                Node::Comma | Node::Currency if self.picture.fill && *node == Node::Comma => {}
                Node::Comma => self.out.push(' '),
                Node::Currency => self.out.push(' '),
                Node::Minus if self.negative => self.out.push('-'),
                Node::Plus if !self.negative => self.out.push('+'),
                Node::Minus | Node::Plus if self.picture.fill => {}
                Node::Minus | Node::Plus => self.out.push(' '),
                Node::Sign => self.out.push(if self.negative { '-' } else { '+' }),
                Node::Ordinal(upper) => {
                    if !self.negative && !self.picture.decimal && self.number.first() != Some(&b'#') {
                        let number = String::from_utf8_lossy(&self.number);
                        self.out.push_str(ordinal(&number, *upper));
                    }
                }
                Node::Roman(_) => {}
                Node::Literal(c) => self.out.push(*c),
            }
        }
        self.out
    }

    /// A lone zero before the point, which `9` leaves out.
    fn is_blank_zero(&self) -> bool {
        self.picture.zero_start.is_none()
            && self.at == 0
            && self.number.first() == Some(&b'0')
            && self.picture.behind != 0
    }

    fn ends_at_point(&self) -> bool {
        self.last.is_some_and(|last| self.number.get(last) == Some(&b'.'))
    }

    fn digit(&mut self, node: &Node) {
        let picture = self.picture;
        self.in_number = false;
        let zero_from = picture.zero_start.filter(|start| *start <= self.current);
        let begins = self.current >= self.spaces || picture.zero_start == Some(self.current);
        if !self.sign_written && begins && (!self.is_blank_zero() || self.ends_at_point()) {
            if picture.sign.is_some() {
                if !self.sign_behind {
                    self.out.push(if self.negative { '-' } else { '+' });
                    self.sign_written = true;
                }
            } else {
                match (picture.bracket, self.negative) {
                    (true, true) => self.out.push('<'),
                    (false, true) => self.out.push('-'),
                    (_, false) if picture.fill && !picture.bracket => {}
                    (true, false) if picture.fill => {}
                    (_, false) => self.out.push(' '),
                }
                self.sign_written = true;
            }
        }
        if self.current < self.spaces {
            if zero_from.is_some() {
                self.out.push('0');
                self.in_number = true;
            } else if !picture.fill {
                self.out.push(' ');
            }
        } else {
            let byte = self.number.get(self.at).copied();
            if byte == Some(b'.') {
                self.out.push('.');
            } else if self.last.is_some_and(|last| self.at > last) && *node != Node::Zero {
                // FM leaves out zeros at the end.
            } else if self.is_blank_zero() {
                if !picture.fill {
                    self.out.push(' ');
                } else if self.ends_at_point() {
                    self.out.push('0');
                }
            } else if let Some(byte) = byte {
                self.out.push(char::from(byte));
                self.in_number = true;
            }
            if byte.is_some() {
                self.at += 1;
            }
        }
        let mut end = self.count + usize::from(self.spaces > 0) + usize::from(picture.decimal);
        if self.last.is_some_and(|last| last == self.at) {
            end = self.current;
        }
        if self.current + 1 == end {
            if self.sign_written && picture.bracket {
                match (self.negative, picture.fill) {
                    (true, _) => self.out.push('>'),
                    (false, true) => {}
                    (false, false) => self.out.push(' '),
                }
            } else if picture.sign.is_some() && self.sign_behind {
                self.out.push(if self.negative { '-' } else { '+' });
            }
        }
        self.current += 1;
    }
}

fn scientific(magnitude: i256, scale: i8, negative: bool, behind: usize) -> Result<String> {
    let digits = magnitude.to_string();
    let exponent = match magnitude == i256::ZERO {
        true => 0,
        false => i32::try_from(digits.len()).unwrap_or(0) - 1 - i32::from(scale),
    };
    let places = i32::try_from(behind).unwrap_or(0);
    let shift = places - exponent - i32::from(scale);
    let factor = power_of_ten(shift.unsigned_abs()).ok_or_else(numeric_overflow)?;
    let mantissa = match shift >= 0 {
        true => magnitude.checked_mul(factor),
        false => divided(magnitude, factor),
    };
    let mantissa = format!(
        "{:0>width$}",
        mantissa.ok_or_else(numeric_overflow)?.to_string(),
        width = behind + 1
    );
    // 9.99 may round up to 10.0.
    let (mantissa, exponent) = match mantissa.len() > behind + 1 {
        true => (mantissa.get(..behind + 1).unwrap_or_default().to_owned(), exponent + 1),
        false => (mantissa, exponent),
    };
    let (whole, fraction) = mantissa.split_at_checked(1).unwrap_or((&mantissa, ""));
    let point = if behind > 0 { "." } else { "" };
    let sign = if negative { '-' } else { ' ' };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    Ok(format!(
        "{sign}{whole}{point}{fraction}e{exponent_sign}{:02}",
        exponent.abs()
    ))
}

fn roman(value: Option<i128>, picture: &Picture) -> String {
    const NUMERALS: [(i128, &str); 13] = [
        (1_000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut text = String::new();
    match value.filter(|value| (1..4_000).contains(value)) {
        Some(mut left) => {
            for (value, numeral) in NUMERALS {
                while left >= value {
                    text.push_str(numeral);
                    left -= value;
                }
            }
        }
        None => text = "#".repeat(15),
    }
    if picture.nodes.contains(&Node::Roman(true)) {
        text = text.to_lowercase();
    }
    if picture.fill { text } else { format!("{text:>15}") }
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
