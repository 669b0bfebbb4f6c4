//! Array parameters: PostgreSQL's array text and binary form → lists.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use postgres_types::Type;

use super::{Format, bad_binary, decode_parameter_in, numeric, take, type_name};
use crate::wire::encode::Zone;
use crate::wire::types::arrow_type;
use crate::{Error, Result, SqlState};

/// PostgreSQL's MAXDIM.
const DIMENSIONS_MAX: usize = 6;

/// `array_in`: `{1,NULL,"a b"}`, nested braces, bounds in front (which are not kept).
pub(super) fn from_text(item: &Type, text: &str, zone: &Zone) -> Result<ScalarValue> {
    let malformed = |detail: &str| {
        Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("malformed array literal: \"{text}\""),
        )
        .with_detail(detail)
    };
    let mut body = text.trim_ascii();
    if body.starts_with('[') {
        let (_, rest) = body
            .split_once('=')
            .ok_or_else(|| malformed("Missing \"=\" after array dimensions."))?;
        body = rest.trim_ascii();
    }
    if !body.starts_with('{') {
        return Err(malformed("Array value must start with \"{\" or dimension information."));
    }
    let mut parser = Parser {
        rest: body,
        items: Vec::new(),
        lens: [None; DIMENSIONS_MAX],
        depth: None,
    };
    parser.braces(0).map_err(malformed)?;
    if !parser.rest.trim_ascii().is_empty() {
        return Err(malformed("Junk after closing right brace."));
    }
    let lens: Vec<usize> = parser.lens.iter().map_while(|len| *len).collect();
    let items = parser.items.iter().map(|item| item.as_deref().map(str::as_bytes));
    build(item, Format::Text, items, &lens, zone)
}

struct Parser<'a> {
    rest: &'a str,
    items: Vec<Option<String>>,
    lens: [Option<usize>; DIMENSIONS_MAX],
    /// How deep the elements lie, once one was seen.
    depth: Option<usize>,
}

const RAGGED: &str = "Multidimensional arrays must have sub-arrays with matching dimensions.";

impl Parser<'_> {
    fn next(&mut self) -> Result<char, &'static str> {
        let mut chars = self.rest.chars();
        let next = chars.next().ok_or("Unexpected end of input.")?;
        self.rest = chars.as_str();
        Ok(next)
    }

    fn skip_space(&mut self) {
        self.rest = self
            .rest
            .trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    }

    fn peek(&mut self) -> Result<char, &'static str> {
        self.skip_space();
        self.rest.chars().next().ok_or("Unexpected end of input.")
    }

    fn braces(&mut self, depth: usize) -> Result<(), &'static str> {
        if depth >= DIMENSIONS_MAX {
            return Err("Number of array dimensions exceeds the maximum allowed (6).");
        }
        self.next()?;
        let mut len = 0;
        if self.peek()? == '}' {
            self.next()?;
            // Only the whole array may be empty.
            return if depth == 0 {
                Ok(())
            } else {
                Err("Unexpected \"}\" character.")
            };
        }
        loop {
            match self.peek()? {
                '{' if self.depth.is_some_and(|items| depth >= items) => return Err(RAGGED),
                '{' => self.braces(depth + 1)?,
                '}' => return Err("Unexpected \"}\" character."),
                ',' => return Err("Unexpected \",\" character."),
                _ if *self.depth.get_or_insert(depth) != depth => return Err(RAGGED),
                _ => {
                    let item = self.item()?;
                    self.items.push(item);
                }
            }
            len += 1;
            match self.peek()? {
                ',' => self.next()?,
                '}' => break,
                _ => return Err("Unexpected array element."),
            };
        }
        self.next()?;
        match self.lens.get_mut(depth) {
            Some(known) if known.is_none_or(|known| known == len) => {
                *known = Some(len);
                Ok(())
            }
            _ => Err(RAGGED),
        }
    }

    fn item(&mut self) -> Result<Option<String>, &'static str> {
        let mut text = String::new();
        if self.peek()? == '"' {
            self.next()?;
            loop {
                match self.next()? {
                    '"' => return Ok(Some(text)),
                    '\\' => text.push(self.next()?),
                    other => text.push(other),
                }
            }
        }
        // White space counts within an element and not after it; what is escaped counts.
        let mut kept = 0;
        let mut escaped = false;
        loop {
            match self.rest.chars().next().ok_or("Unexpected end of input.")? {
                ',' | '}' => break,
                '{' | '"' => return Err("Unexpected array element."),
                '\\' => {
                    self.next()?;
                    text.push(self.next()?);
                    (kept, escaped) = (text.len(), true);
                }
                other => {
                    self.next()?;
                    text.push(other);
                    if !other.is_ascii_whitespace() {
                        kept = text.len();
                    }
                }
            }
        }
        text.truncate(kept);
        Ok((escaped || !text.eq_ignore_ascii_case("null")).then_some(text))
    }
}

/// `array_recv`.
pub(super) fn from_binary(item: &Type, bytes: &[u8], zone: &Zone) -> Result<ScalarValue> {
    let mut rest = bytes;
    let dimensions = usize::try_from(i32::from_be_bytes(take(&mut rest)?)).map_err(|_| bad_binary())?;
    if dimensions > DIMENSIONS_MAX {
        let words = format!("number of array dimensions ({dimensions}) exceeds the maximum allowed ({DIMENSIONS_MAX})");
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, words));
    }
    let flags = u32::from_be_bytes(take(&mut rest)?);
    if flags > 1 {
        return Err(Error::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            "invalid array flags",
        ));
    }
    let element = u32::from_be_bytes(take(&mut rest)?);
    if element != item.oid() {
        let sent = Type::from_oid(element);
        let sent = sent.as_ref().map_or("???", type_name);
        let (oid, expected) = (item.oid(), type_name(item));
        let words =
            format!("binary data has array element type {element} ({sent}) instead of expected {oid} ({expected})");
        return Err(Error::new(SqlState::DATATYPE_MISMATCH, words));
    }
    let mut lens = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        lens.push(usize::try_from(i32::from_be_bytes(take(&mut rest)?)).map_err(|_| bad_binary())?);
        let _lower_bound: [u8; 4] = take(&mut rest)?;
    }
    let count = lens
        .iter()
        .try_fold(usize::from(dimensions > 0), |count, len| count.checked_mul(*len));
    // Each element has a length of four bytes: a count that the message cannot hold is no reason to reserve for it.
    let count = count.filter(|count| *count <= rest.len() / 4).ok_or_else(bad_binary)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        let len = i32::from_be_bytes(take(&mut rest)?);
        items.push(match usize::try_from(len) {
            Ok(len) => {
                let (cell, tail) = rest.split_at_checked(len).ok_or_else(bad_binary)?;
                rest = tail;
                Some(cell)
            }
            Err(_) if len == -1 => None,
            Err(_) => return Err(bad_binary()),
        });
    }
    if !rest.is_empty() {
        return Err(bad_binary());
    }
    build(item, Format::Binary, items.into_iter(), &lens, zone)
}

/// Decodes the elements and groups them by the lengths of the dimensions.
fn build<'a>(
    item: &Type,
    format: Format,
    items: impl Iterator<Item = Option<&'a [u8]>>,
    lens: &[usize],
    zone: &Zone,
) -> Result<ScalarValue> {
    let (mut values, mut data_type) = if *item == Type::NUMERIC {
        let number = |bytes: Option<&[u8]>| match (bytes, format) {
            (None, _) => Ok(None),
            (Some(bytes), Format::Binary) => numeric::Number::from_binary(bytes).map(Some),
            (Some(bytes), Format::Text) => {
                let text = super::text(bytes)?;
                numeric::Number::from_text(text, text.trim_ascii()).map(Some)
            }
        };
        numeric::unified(items.map(number).collect::<Result<_>>()?)?
    } else {
        let values = items
            .map(|bytes| decode_parameter_in(item, format, bytes, zone))
            .collect::<Result<Vec<_>>>()?;
        (values, arrow_type(item).unwrap_or(DataType::Utf8))
    };
    if values.iter().any(|value| value.data_type() != data_type) {
        // A reg* array of names and numbers: nothing that one list could hold.
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "object names are not supported in array parameters",
        ));
    }
    for len in lens.iter().skip(1).rev() {
        // An empty dimension leaves no elements to group.
        let groups = values.chunks((*len).max(1));
        values = groups
            .map(|group| ScalarValue::List(ScalarValue::new_list(group, &data_type, true)))
            .collect();
        data_type = DataType::List(Field::new_list_field(data_type, true).into());
    }
    Ok(ScalarValue::List(ScalarValue::new_list(&values, &data_type, true)))
}
