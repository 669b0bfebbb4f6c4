//! What a cluster has, asked of its runtime: tables, columns with their kinds, and values that really occur in them.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::Value;

use crate::support::http;

/// What can be done with a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Bool,
    /// Fits a bigint, sums included.
    Int,
    /// All of 64 bits without a sign: no arithmetic.
    Key,
    /// Only as a result: nothing is compared or sorted by it.
    Float,
    Time,
    /// Milliseconds: bigint here, a duration there.
    Span,
    Bytes,
    List,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// SQL literals of values that occur, the rarest first.
    pub samples: Rc<Vec<String>>,
    /// Conditions on this column alone that few rows pass.
    rare: Vec<String>,
    /// No two rows have the same value, and none has NULL.
    pub unique: bool,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub rows: usize,
}

/// A table that has more rows than this is read through a condition: what is compared is meanings, not bulk.
pub const LARGE: usize = 1_000;

/// Rows that a table is known by.
const PART: usize = 20_000;

/// Rows of these that pass a rare condition at most.
const RARE: u64 = 50;

/// Values of a column that are looked at.
const SAMPLES: usize = 24;

#[derive(Clone, Debug)]
pub struct Schema {
    pub tables: Vec<Table>,
    /// Invocation ids that occur, in as many states as there are.
    ids: Vec<String>,
}

impl Schema {
    /// Asks the runtime at `base`.
    pub fn discover(base: &str) -> Schema {
        let sql = "select table_name, column_name, data_type from information_schema.columns \
                   where table_schema = 'public' order by table_name, ordinal_position";
        let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for row in http::query(base, sql).expect("the runtime's columns") {
            let text = |name: &str| row[name].as_str().expect("text").to_owned();
            let columns = tables.entry(text("table_name")).or_default();
            columns.push((text("column_name"), text("data_type")));
        }
        let tables: Vec<Table> = tables
            .into_iter()
            .map(|(name, columns)| table(base, name, columns))
            .collect();
        let mut ids = Vec::new();
        for table in &tables {
            for column in table.columns.iter().filter(|column| column.name.ends_with("id")) {
                ids.extend(
                    column
                        .samples
                        .iter()
                        .filter(|id| id.starts_with("'inv_"))
                        .take(12)
                        .cloned(),
                );
            }
            ids.extend(ids_of_each_value(base, table));
        }
        ids.sort();
        ids.dedup();
        Schema { tables, ids }
    }

    /// A condition that keeps few rows of a large table; `None` for a small one.
    pub fn narrow(&self, table: &Table, random: &mut super::random::Random) -> Option<String> {
        if table.rows <= LARGE {
            return None;
        }
        // Ids of the table's own kind; now and then of another, as no row has them.
        let id = table.columns.iter().find(|column| column.name == "id").filter(|id| {
            let is_invocation = id.samples.iter().any(|id| id.starts_with("'inv_"));
            is_invocation || random.chance(10)
        });
        let rare: Vec<&String> = table.columns.iter().flat_map(|column| &column.rare).collect();
        if let Some(id) = id.filter(|_| !self.ids.is_empty() && (rare.is_empty() || random.chance(70))) {
            let count = 1 + random.below(12);
            let ids: Vec<&str> = (0..count).map(|_| random.one_of(&self.ids).as_str()).collect();
            return Some(format!("{} in ({})", quoted(&id.name), ids.join(", ")));
        }
        match rare.is_empty() {
            true => None,
            false => Some((*random.one_of(&rare)).clone()),
        }
    }
}

pub fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn table(base: &str, name: String, columns: Vec<(String, String)>) -> Table {
    let count = |sql: &str| -> BTreeMap<String, u64> {
        let counts = http::query(base, sql).expect("the rows of a table").remove(0);
        counts
            .into_iter()
            .filter_map(|(name, count)| Some((name, count.as_u64()?)))
            .collect()
    };
    let from = quoted(&name);
    let rows = count(&format!("select count(*) as n from {from}"))["n"];
    // Part of a large table says enough of its values.
    let part = format!("(select * from {from} limit {PART})");
    let comparable = columns.iter().filter(|(_, data_type)| !data_type.starts_with("List"));
    let distinct = |columns: &[&String], from: &str| -> BTreeMap<String, u64> {
        let counts: Vec<String> = columns
            .iter()
            .map(|column| format!("count(distinct {0}) as {0}", quoted(column)))
            .collect();
        count(&format!("select count(*) as \"*\", {} from {from}", counts.join(", ")))
    };
    let unique_among = |columns: Vec<&String>, from: &str| -> Vec<String> {
        if columns.is_empty() || rows == 0 {
            return Vec::new();
        }
        let counts = distinct(&columns, from);
        let unique = columns.into_iter().filter(|column| counts[*column] == counts["*"]);
        unique.cloned().collect()
    };
    let unique = unique_among(comparable.map(|(column, _)| column).collect(), &part);
    let unique = unique_among(unique.iter().collect(), &from);
    let restless = restless(base, &from, rows);
    let columns = columns
        .into_iter()
        .filter(|(column, _)| !restless.contains(column))
        .map(|(column, data_type)| {
            let quoted_name = quoted(&column);
            let kind = kind(&data_type);
            let mut samples = Vec::new();
            let mut rare = Vec::new();
            if rows > 0 && !matches!(kind, Kind::Bytes | Kind::List | Kind::Span) {
                let sql = format!(
                    "select {quoted_name} as v, count(*) as n from {part} group by 1 order by 2, 1 limit {SAMPLES}"
                );
                for row in http::query(base, &sql).expect("values") {
                    let Some(literal) = row.get("v").and_then(|value| literal(value, kind)) else {
                        continue;
                    };
                    if row["n"].as_u64().is_some_and(|n| n <= RARE) {
                        rare.push(format!("{quoted_name} = {literal}"));
                    }
                    samples.push(literal);
                }
            }
            Column {
                kind,
                samples: Rc::new(samples),
                rare: if kind == Kind::Key { Vec::new() } else { rare },
                unique: unique.contains(&column),
                name: column,
            }
        })
        .collect();
    Table {
        columns,
        rows: usize::try_from(rows).expect("a count"),
        name,
    }
}

/// Columns of a small table whose values say how long something has lasted so far: they are others in each answer.
fn restless(base: &str, from: &str, rows: u64) -> Vec<String> {
    if rows > u64::try_from(LARGE).expect("a small number") {
        return Vec::new();
    }
    let values = || -> BTreeMap<String, Vec<String>> {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in http::query(base, &format!("select * from {from}")).expect("rows") {
            for (name, value) in row {
                values.entry(name).or_default().push(value.to_string());
            }
        }
        values.values_mut().for_each(|values| values.sort());
        values
    };
    let before = values();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut behind = values();
    behind.retain(|name, values| before.get(name) != Some(values));
    behind.into_keys().collect()
}

/// One id for each value of each column that has few values.
fn ids_of_each_value(base: &str, table: &Table) -> Vec<String> {
    let has_id = table.columns.iter().any(|column| column.name == "id");
    let few = |column: &&Column| column.kind == Kind::Text && (1..SAMPLES).contains(&column.samples.len());
    let sets: Vec<String> = table
        .columns
        .iter()
        .filter(few)
        .map(|column| format!("({})", quoted(&column.name)))
        .collect();
    if !has_id || table.rows <= LARGE || sets.is_empty() {
        return Vec::new();
    }
    let sql = format!(
        "select max(id) as id from {} where id like 'inv%' group by grouping sets ({})",
        quoted(&table.name),
        sets.join(", ")
    );
    let rows = http::query(base, &sql).expect("ids");
    rows.iter()
        .filter_map(|row| literal(row.get("id")?, Kind::Text))
        .collect()
}

/// What Arrow's name of a type is here, whichever way a version spells it.
fn kind(data_type: &str) -> Kind {
    match data_type {
        "Boolean" => Kind::Bool,
        "UInt32" => Kind::Int,
        "UInt64" => Kind::Key,
        "Utf8" | "LargeUtf8" => Kind::Text,
        "Binary" | "LargeBinary" => Kind::Bytes,
        other if other.starts_with("Timestamp") => Kind::Time,
        other if other.starts_with("Duration") => Kind::Span,
        other if other.starts_with("List") => Kind::List,
        other => panic!("a type that no runtime had so far: {other}"),
    }
}

/// A value as both languages write it; `None` where they do not, or where it is long.
fn literal(value: &Value, kind: Kind) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if kind == Kind::Time || (text.len() <= 80 && !text.contains(['\\', '\0'])) => {
            Some(format!("'{}'", text.replace('\'', "''")))
        }
        _ => None,
    }
}
