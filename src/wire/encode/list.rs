//! Lists as PostgreSQL arrays. Nested lists are one array of several dimensions, so their lengths must agree.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use postgres_types::Type;

use super::Format;
use super::cells::{Cells, cell_len};
use super::codec::Codec;
use super::record::{is_space, put_sized};
use super::style::Style;
use crate::wire::types::pg_type;
use crate::{Error, Result, SqlState};

/// PostgreSQL's MAXDIM.
const DIMENSIONS_MAX: usize = 6;

/// The way of a list column: how many lists lie in one another, and the way of what lies in the innermost.
pub(super) struct List {
    dimensions: usize,
    item: Codec,
    item_oid: u32,
    binary: bool,
    items: Indexed,
}

/// Cells that are read in any order.
#[derive(Default)]
pub(super) struct Indexed {
    cells: Cells,
    ends: Vec<usize>,
}

impl Indexed {
    /// Encodes an array, in place of what was held before.
    pub fn fill(&mut self, codec: &mut Codec, array: &ArrayRef) -> Result<()> {
        self.cells.clear();
        self.ends.clear();
        codec.fill(&codec.plain(array)?, &mut self.cells)?;
        let mut end = 0;
        self.ends.extend(self.cells.lens.iter().map(|len| {
            end += usize::try_from(*len).unwrap_or(0);
            end
        }));
        Ok(())
    }

    /// The cell of a slot; `None` for NULL.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let len = usize::try_from(*self.cells.lens.get(index)?).ok()?;
        let end = *self.ends.get(index)?;
        self.cells.bytes.get(end.checked_sub(len)?..end)
    }
}

/// One list array: where each of its slots' items lie, and which slots are null.
pub(super) struct Level {
    ranges: Vec<std::ops::Range<usize>>,
    nulls: Option<NullBuffer>,
}

impl Level {
    /// Takes a list array apart: its slots, and of its items those that any slot uses.
    pub fn of(array: &dyn Array) -> (Level, ArrayRef) {
        let (mut ranges, items): (Vec<_>, ArrayRef) = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                (
                    list.value_offsets().windows(2).map(range).collect(),
                    list.values().clone(),
                )
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                (
                    list.value_offsets().windows(2).map(range).collect(),
                    list.values().clone(),
                )
            }
            DataType::ListView(_) => {
                let list = array.as_list_view::<i32>();
                let slots = list.value_offsets().iter().zip(list.value_sizes());
                (
                    slots.map(|(start, len)| sized(*start as i64, *len as i64)).collect(),
                    list.values().clone(),
                )
            }
            DataType::LargeListView(_) => {
                let list = array.as_list_view::<i64>();
                let slots = list.value_offsets().iter().zip(list.value_sizes());
                (
                    slots.map(|(start, len)| sized(*start, *len)).collect(),
                    list.values().clone(),
                )
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                (
                    map.value_offsets().windows(2).map(range).collect(),
                    std::sync::Arc::new(map.entries().clone()),
                )
            }
            _ => {
                let list = array.as_fixed_size_list();
                let len = i64::from(list.value_length());
                (
                    (0..array.len() as i64).map(|slot| sized(slot * len, len)).collect(),
                    list.values().clone(),
                )
            }
        };
        let nulls = array.nulls().cloned();
        if let Some(nulls) = &nulls {
            // A null slot may still point at items.
            ranges
                .iter_mut()
                .zip(nulls)
                .filter(|(_, valid)| !valid)
                .for_each(|(range, _)| *range = 0..0);
        }
        let used = || ranges.iter().filter(|range| range.start < range.end);
        let first = used().map(|range| range.start).min().unwrap_or(0);
        let last = used().map(|range| range.end).max().unwrap_or(first);
        for range in &mut ranges {
            *range = if range.start < range.end {
                range.start - first..range.end - first
            } else {
                0..0
            };
        }
        (Level { ranges, nulls }, items.slice(first, last - first))
    }

    pub fn is_null(&self, slot: usize) -> bool {
        self.nulls
            .as_ref()
            .is_some_and(|nulls| slot < nulls.len() && nulls.is_null(slot))
    }

    pub fn range(&self, slot: usize) -> std::ops::Range<usize> {
        self.ranges.get(slot).cloned().unwrap_or(0..0)
    }
}

fn range<O: arrow::array::OffsetSizeTrait>(pair: &[O]) -> std::ops::Range<usize> {
    match pair {
        [start, end] => start.as_usize()..end.as_usize(),
        _ => 0..0,
    }
}

fn sized(start: i64, len: i64) -> std::ops::Range<usize> {
    let start = usize::try_from(start).unwrap_or(0);
    start..start + usize::try_from(len).unwrap_or(0)
}

/// The field of a list's items.
pub(super) fn item_field(data_type: &DataType) -> Option<&arrow::datatypes::FieldRef> {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

impl List {
    /// `item_type` is the array's element type where the column's own type says it.
    pub fn new(data_type: &DataType, item_type: Option<&Type>, format: Format, style: &Style) -> Result<List> {
        let mut item = item_field(data_type).ok_or_else(|| Error::internal("a list without items"))?;
        let mut dimensions = 1;
        while let Some(inner) = item_field(item.data_type()) {
            (item, dimensions) = (inner, dimensions + 1);
        }
        if dimensions > DIMENSIONS_MAX {
            let words =
                format!("number of array dimensions ({dimensions}) exceeds the maximum allowed ({DIMENSIONS_MAX})");
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, words));
        }
        let ty = item_type.cloned().unwrap_or_else(|| pg_type(item).ty);
        let item = Codec::new(item, &ty, format, style)?;
        Ok(List {
            dimensions,
            item,
            item_oid: ty.oid(),
            binary: format == Format::Binary,
            items: Indexed::default(),
        })
    }

    pub fn fill(&mut self, array: &dyn Array, out: &mut Cells) -> Result<()> {
        let (level, mut items) = Level::of(array);
        let mut levels = vec![level];
        while levels.len() < self.dimensions {
            let (level, inner) = Level::of(&items);
            levels.push(level);
            items = inner;
        }
        self.items.fill(&mut self.item, &items)?;
        let mut lens = [None; DIMENSIONS_MAX];
        for row in 0..array.len() {
            if array.is_null(row) {
                out.push_null();
                continue;
            }
            lens.fill(None);
            measure(&levels, row, &mut lens)?;
            let lens = lens.get(..self.dimensions).unwrap_or_default();
            // An array without elements has no dimensions.
            let is_empty = lens.iter().any(|len| len.is_none_or(|len| len == 0));
            let start = out.bytes.len();
            match (self.binary, is_empty) {
                (false, true) => out.bytes.extend_from_slice(b"{}"),
                (false, false) => self.put_text(&levels, row, &mut out.bytes),
                (true, _) => self.put_binary(&levels, row, if is_empty { &[] } else { lens }, &mut out.bytes)?,
            }
            out.end(start)?;
        }
        Ok(())
    }

    fn put_text(&self, levels: &[Level], slot: usize, out: &mut Vec<u8>) {
        let Some((level, inner)) = levels.split_first() else {
            return match self.items.get(slot) {
                Some(cell) => put_quoted(cell, out),
                None => out.extend_from_slice(b"NULL"),
            };
        };
        out.push(b'{');
        for (index, item) in level.range(slot).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.put_text(inner, item, out);
        }
        out.push(b'}');
    }

    fn put_binary(&self, levels: &[Level], row: usize, lens: &[Option<usize>], out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&cell_len(lens.len())?.to_be_bytes());
        let header = out.len();
        out.extend_from_slice(&0i32.to_be_bytes());
        out.extend_from_slice(&self.item_oid.to_be_bytes());
        for len in lens {
            out.extend_from_slice(&cell_len(len.unwrap_or(0))?.to_be_bytes());
            // The lower bound.
            out.extend_from_slice(&1i32.to_be_bytes());
        }
        if lens.is_empty() {
            return Ok(());
        }
        let mut has_null = false;
        self.put_items(levels, row, &mut has_null, out)?;
        if has_null && let Some(flags) = out.get_mut(header..header + 4) {
            flags.copy_from_slice(&1i32.to_be_bytes());
        }
        Ok(())
    }

    fn put_items(&self, levels: &[Level], slot: usize, has_null: &mut bool, out: &mut Vec<u8>) -> Result<()> {
        let Some((level, inner)) = levels.split_first() else {
            let cell = self.items.get(slot);
            *has_null |= cell.is_none();
            return put_sized(cell, out);
        };
        level
            .range(slot)
            .try_for_each(|item| self.put_items(inner, item, has_null, out))
    }
}

/// Finds the length of each dimension below a slot; PostgreSQL's arrays are rectangular.
fn measure(levels: &[Level], slot: usize, lens: &mut [Option<usize>]) -> Result<()> {
    let (Some((level, inner)), Some((len, inner_lens))) = (levels.split_first(), lens.split_first_mut()) else {
        return Ok(());
    };
    let range = level.range(slot);
    if level.is_null(slot) || len.is_some_and(|len| len != range.len()) {
        let words = "multidimensional arrays must have array expressions with matching dimensions";
        return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, words));
    }
    *len = Some(range.len());
    range.into_iter().try_for_each(|item| measure(inner, item, inner_lens))
}

/// `array_out`'s rule: quotes and backslashes get a backslash, a text that reads `NULL` gets quotes.
fn put_quoted(cell: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',') || is_space(*byte);
    if !cell.is_empty() && !cell.eq_ignore_ascii_case(b"NULL") && !cell.iter().any(special) {
        return out.extend_from_slice(cell);
    }
    out.push(b'"');
    for &byte in cell {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
