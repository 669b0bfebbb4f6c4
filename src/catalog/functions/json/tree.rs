//! JSON text as a tree that keeps how things are written: numbers keep their digits, `json` values their blanks. What is in a
//! value, how two compare, and how `jsonb` writes them.

use std::cmp::Ordering;

/// A value and the text that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<'a> {
    pub raw: &'a str,
    pub node: Node<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    Number,
    String(String),
    Array(Vec<Json<'a>>),
    Object(Vec<(String, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// A member of an object (the last of its name), or an item of an array, counted from either end.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        match &self.node {
            Node::Object(members) => members
                .iter()
                .rev()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            Node::Array(_) => self.item(key.trim().parse().ok()?),
            _ => None,
        }
    }

    pub fn item(&self, index: i64) -> Option<&Json<'a>> {
        let Node::Array(items) = &self.node else { return None };
        match usize::try_from(index) {
            Ok(index) => items.get(index),
            Err(_) => items
                .len()
                .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
                .and_then(|at| items.get(at)),
        }
    }

    /// What `typeof` calls it.
    pub fn kind(&self) -> &'static str {
        match &self.node {
            Node::Null => "null",
            Node::Bool(_) => "boolean",
            Node::Number => "number",
            Node::String(_) => "string",
            Node::Array(_) => "array",
            Node::Object(_) => "object",
        }
    }

    /// An object's members as `jsonb` keeps them: each name once, shorter names first.
    pub fn members(&self) -> Vec<(&str, &Json<'a>)> {
        let Node::Object(members) = &self.node else {
            return Vec::new();
        };
        let mut sorted: Vec<(&str, &Json<'a>)> = Vec::with_capacity(members.len());
        for (name, value) in members {
            match sorted.iter_mut().find(|(other, _)| other == name) {
                Some(slot) => slot.1 = value,
                None => sorted.push((name, value)),
            }
        }
        sorted.sort_by(|(one, _), (other, _)| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
        sorted
    }

    /// Whether two values are one, as `jsonb` compares.
    pub fn same(&self, other: &Json<'_>) -> bool {
        match (&self.node, &other.node) {
            (Node::Null, Node::Null) => true,
            (Node::Bool(one), Node::Bool(other)) => one == other,
            (Node::String(one), Node::String(other)) => one == other,
            (Node::Number, Node::Number) => compare_numbers(self.raw, other.raw) == Ordering::Equal,
            (Node::Array(one), Node::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.same(other))
            }
            (Node::Object(_), Node::Object(_)) => {
                let (one, other) = (self.members(), other.members());
                one.len() == other.len()
                    && one
                        .iter()
                        .zip(&other)
                        .all(|((a, one), (b, other))| a == b && one.same(other))
            }
            _ => false,
        }
    }

    /// `@>`: whether everything of `other` is in this one.
    pub fn contains(&self, other: &Json<'_>) -> bool {
        match (&self.node, &other.node) {
            (Node::Object(_), Node::Object(_)) => other
                .members()
                .iter()
                .all(|(name, value)| self.get(name).is_some_and(|own| own.contains(value))),
            (Node::Array(own), Node::Array(others)) => {
                others.iter().all(|item| own.iter().any(|own| own.contains(item)))
            }
            // An array contains a scalar that is one of its items.
            (Node::Array(own), Node::Null | Node::Bool(_) | Node::Number | Node::String(_)) => {
                own.iter().any(|own| own.same(other))
            }
            (Node::Array(_) | Node::Object(_), _) | (_, Node::Array(_) | Node::Object(_)) => false,
            _ => self.same(other),
        }
    }

    /// The value as `jsonb` writes it.
    pub fn write(&self, out: &mut String) {
        match &self.node {
            Node::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Node::Object(_) => {
                out.push('{');
                for (index, (name, value)) in self.members().into_iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    quote(name, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
            Node::String(text) => quote(text, out),
            _ => out.push_str(self.raw),
        }
    }

    /// The value over several lines, as `jsonb_pretty` writes it.
    pub fn write_pretty(&self, depth: usize, out: &mut String) {
        let indent = |depth: usize, out: &mut String| {
            out.push('\n');
            out.push_str(&" ".repeat(4 * depth));
        };
        match &self.node {
            Node::Array(items) if items.is_empty() => out.push_str("[\n]"),
            Node::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    indent(depth + 1, out);
                    item.write_pretty(depth + 1, out);
                }
                indent(depth, out);
                out.push(']');
            }
            Node::Object(_) => {
                out.push('{');
                for (index, (name, value)) in self.members().into_iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    indent(depth + 1, out);
                    quote(name, out);
                    out.push_str(": ");
                    value.write_pretty(depth + 1, out);
                }
                indent(depth, out);
                out.push('}');
            }
            _ => self.write(out),
        }
    }
}

/// A string in quotes, escaped as PostgreSQL escapes it.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Numbers by value: `1` and `1.0` are one.
fn compare_numbers(one: &str, other: &str) -> Ordering {
    let parsed = |text: &str| {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i64 = exponent.parse().unwrap_or(0);
        let negative = whole.starts_with('-');
        let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
        let point = i64::try_from(whole.trim_start_matches('-').len()).unwrap_or(0) + exponent;
        let zeros = digits.len() - digits.trim_start_matches('0').len();
        let significant = digits.trim_matches('0').to_owned();
        (
            negative && !significant.is_empty(),
            point - i64::try_from(zeros).unwrap_or(0),
            significant,
        )
    };
    let (one, other) = (parsed(one), parsed(other));
    match (one.2.is_empty(), other.2.is_empty()) {
        (true, true) => Ordering::Equal,
        _ if one == other => Ordering::Equal,
        _ => Ordering::Less,
    }
}
