//! Maps, unions and what lies in them as `jsonb`: what PostgreSQL's `to_jsonb` would make of the value.
//!
//! The JSON functions' sparse union (one member for each JSON type, nested JSON as text) becomes the value it stands for.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field};
use postgres_types::Type;

use super::Format;
use super::cells::Cells;
use super::codec::Codec;
use super::jsonb;
use super::list::{Indexed, Level, item_field};
use super::style::Style;
use crate::wire::types::pg_type;
use crate::{Error, Result};

/// Arrow's extension name for text that is JSON.
const JSON_EXTENSION: (&str, &str) = ("ARROW:extension:name", "arrow.json");

/// The way of a nested column to JSON.
pub(super) struct Json {
    node: Node,
    /// Whether a jsonb version byte comes first.
    version: bool,
}

/// How the values of one array become JSON; the arrays' own data is held while a window is written.
enum Node {
    /// A value whose text is a JSON string, or stands bare (numbers, booleans), or is JSON already.
    Leaf {
        codec: Codec,
        items: Indexed,
        form: Leaf,
    },
    List {
        level: Option<Level>,
        item: Box<Node>,
    },
    Map {
        level: Option<Level>,
        key: Box<Node>,
        value: Box<Node>,
    },
    Struct {
        members: Vec<(String, Node)>,
        nulls: Option<arrow::buffer::NullBuffer>,
    },
    Union {
        members: Vec<(i8, Node)>,
        type_ids: Vec<i8>,
        offsets: Option<Vec<i32>>,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Leaf {
    String,
    Bare,
    Json,
    /// A timestamp, which JSON has in ISO 8601's own form.
    Stamp,
}

impl Json {
    pub fn new(data_type: &DataType, version: bool, style: &Style) -> Result<Json> {
        // JSON has one form for dates: ISO.
        let style = Style {
            date_form: Default::default(),
            ..style.clone()
        };
        Ok(Json {
            node: Node::new(&Field::new("", data_type.clone(), true), &style)?,
            version,
        })
    }

    pub fn fill(&mut self, array: &dyn Array, cells: &mut Cells) -> Result<()> {
        self.node.load(&array.slice(0, array.len()))?;
        for row in 0..array.len() {
            let start = cells.bytes.len();
            if self.version {
                cells.bytes.push(jsonb::VERSION);
            }
            if !array.is_null(row) && self.node.put(row, &mut cells.bytes) {
                cells.end(start)?;
            } else {
                cells.bytes.truncate(start);
                cells.push_null();
            }
        }
        Ok(())
    }
}

impl Node {
    fn new(field: &Field, style: &Style) -> Result<Node> {
        let node = |field: &Field| Node::new(field, style).map(Box::new);
        Ok(match field.data_type() {
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    let (key, value) = (fields.first(), fields.get(1));
                    let missing = || Error::internal("a map without entries");
                    let (key, value) = (node(key.ok_or_else(missing)?)?, node(value.ok_or_else(missing)?)?);
                    Node::Map {
                        level: None,
                        key,
                        value,
                    }
                }
                _ => return Err(Error::internal("a map without entries")),
            },
            DataType::Struct(fields) => {
                let member = |field: &std::sync::Arc<Field>| Ok((field.name().clone(), Node::new(field, style)?));
                Node::Struct {
                    members: fields.iter().map(member).collect::<Result<_>>()?,
                    nulls: None,
                }
            }
            DataType::Union(fields, _) => {
                let members = fields
                    .iter()
                    .map(|(id, field)| Ok((id, Node::new(field, style)?)))
                    .collect::<Result<_>>()?;
                Node::Union {
                    members,
                    type_ids: Vec::new(),
                    offsets: None,
                }
            }
            data_type => {
                if let Some(item) = item_field(data_type) {
                    return Ok(Node::List {
                        level: None,
                        item: node(item)?,
                    });
                }
                let is_json = field
                    .metadata()
                    .get(JSON_EXTENSION.0)
                    .is_some_and(|name| name == JSON_EXTENSION.1);
                let ty = pg_type(field).ty;
                let form = match ty {
                    _ if is_json => Leaf::Json,
                    Type::JSON | Type::JSONB => Leaf::Json,
                    Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => {
                        Leaf::Bare
                    }
                    Type::TIMESTAMP | Type::TIMESTAMPTZ => Leaf::Stamp,
                    _ => Leaf::String,
                };
                // jsonb's numbers are numerics: no exponents.
                let ty = if matches!(ty, Type::FLOAT4 | Type::FLOAT8) {
                    Type::NUMERIC
                } else {
                    ty
                };
                let codec = Codec::new(field, &ty, Format::Text, style)?;
                Node::Leaf {
                    codec,
                    items: Indexed::default(),
                    form,
                }
            }
        })
    }

    fn load(&mut self, array: &ArrayRef) -> Result<()> {
        match self {
            Node::Leaf { codec, items, .. } => items.fill(codec, array),
            Node::List { level, item } => {
                let (slots, values) = Level::of(array);
                *level = Some(slots);
                item.load(&values)
            }
            Node::Map { level, key, value } => {
                let (slots, entries) = Level::of(array);
                *level = Some(slots);
                let entries = entries.as_struct();
                match entries.columns() {
                    [keys, values] => key.load(keys).and_then(|()| value.load(values)),
                    _ => Err(Error::internal("a map without entries")),
                }
            }
            Node::Struct { members, nulls } => {
                *nulls = array.nulls().cloned();
                let columns = array.as_struct().columns();
                members
                    .iter_mut()
                    .zip(columns)
                    .try_for_each(|((_, node), column)| node.load(column))
            }
            Node::Union {
                members,
                type_ids,
                offsets,
            } => {
                let union = array.as_union();
                *type_ids = union.type_ids().to_vec();
                *offsets = union.offsets().map(|offsets| offsets.to_vec());
                members
                    .iter_mut()
                    .try_for_each(|(id, node)| node.load(union.child(*id)))
            }
        }
    }

    /// Writes the value of a slot; writes nothing and returns false where it is null.
    fn put(&self, slot: usize, out: &mut Vec<u8>) -> bool {
        match self {
            Node::Leaf { items, form, .. } => {
                let Some(text) = items.get(slot) else {
                    return false;
                };
                match form {
                    Leaf::Bare => match text {
                        b"t" => out.extend_from_slice(b"true"),
                        b"f" => out.extend_from_slice(b"false"),
                        // JSON has no such numbers: to_jsonb writes strings.
                        b"NaN" | b"Infinity" | b"-Infinity" => jsonb::put_string(text, out),
                        number => out.extend_from_slice(number),
                    },
                    Leaf::Stamp => jsonb::put_string(&iso_8601(text), out),
                    Leaf::Json if jsonb::put_normal(text, out) => {}
                    _ => jsonb::put_string(text, out),
                }
            }
            Node::List { level, item } => {
                let Some(level) = level.as_ref().filter(|level| !level.is_null(slot)) else {
                    return false;
                };
                out.push(b'[');
                for (index, value) in level.range(slot).enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    item.put_or_null(value, out);
                }
                out.push(b']');
            }
            Node::Map { level, key, value } => {
                let Some(level) = level.as_ref().filter(|level| !level.is_null(slot)) else {
                    return false;
                };
                let member = |entry| (key.text(entry), value.json(entry));
                jsonb::put_object(level.range(slot).map(member).collect(), out);
            }
            Node::Struct { members, nulls } => {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(slot)) {
                    return false;
                }
                let member = |(name, node): &(String, Node)| (name.as_bytes().to_vec(), node.json(slot));
                jsonb::put_object(members.iter().map(member).collect(), out);
            }
            Node::Union {
                members,
                type_ids,
                offsets,
            } => {
                let Some((_, node)) = type_ids
                    .get(slot)
                    .and_then(|id| members.iter().find(|(member, _)| member == id))
                else {
                    return false;
                };
                let slot = match offsets {
                    Some(offsets) => offsets.get(slot).and_then(|offset| usize::try_from(*offset).ok()),
                    None => Some(slot),
                };
                return slot.is_some_and(|slot| node.put(slot, out));
            }
        }
        true
    }

    fn put_or_null(&self, slot: usize, out: &mut Vec<u8>) {
        if !self.put(slot, out) {
            out.extend_from_slice(b"null");
        }
    }

    fn json(&self, slot: usize) -> Vec<u8> {
        let mut out = Vec::new();
        self.put_or_null(slot, &mut out);
        out
    }

    /// A key's text: not JSON yet.
    fn text(&self, slot: usize) -> Vec<u8> {
        match self {
            Node::Leaf { items, .. } => items.get(slot).unwrap_or_default().to_vec(),
            _ => self.json(slot),
        }
    }
}

/// `2026-11-24 10:00:00+00` as `2026-11-24T10:00:00+00:00`.
fn iso_8601(stamp: &[u8]) -> Vec<u8> {
    let mut text = stamp.to_vec();
    if let Some(space) = text.iter_mut().find(|byte| **byte == b' ') {
        *space = b'T';
    }
    if let [.., b'+' | b'-', _, _] = text.as_slice() {
        text.extend_from_slice(b":00");
    }
    text
}
