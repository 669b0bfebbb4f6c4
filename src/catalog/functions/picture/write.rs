//! A number in the places of a template, as PostgreSQL's NUM_processor goes over them. The forms that have no places are in
//! `forms`.

use arrow::datatypes::i256;

use super::{
    Node, Picture,
    forms::{roman, scientific},
    parse,
};
use crate::{
    Result,
    catalog::functions::{
        template::ordinal,
        value::{numeric_overflow, power_of_ten, rescaled},
    },
};

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
