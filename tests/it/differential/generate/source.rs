//! FROM clauses: tables, derived tables, joins.

use super::{Generator, Kind, Scoped, Source};
use crate::differential::schema::{Table, quoted};

/// Rows that a join may have, as far as can be told: each is encoded in a debug build many times over.
const JOINED_MAX: usize = 20_000;

impl Generator<'_> {
    /// A table under an alias.
    fn table(&mut self, table: &Table) -> Source {
        let alias = self.alias();
        let columns: Vec<Scoped> = table
            .columns
            .iter()
            .map(|column| Scoped {
                sql: format!("{alias}.{}", quoted(&column.name)),
                kind: column.kind,
                samples: column.samples.clone(),
            })
            .collect();
        let key = table
            .columns
            .iter()
            .find(|column| column.unique && column.kind != Kind::List);
        let narrow = self.schema.narrow(table, &mut self.random);
        Source {
            from: format!("{} {alias}", quoted(&table.name)),
            narrow: narrow
                .as_ref()
                .map(|condition| condition.replacen('"', &format!("{alias}.\""), 1)),
            columns,
            key: key.map(|column| format!("{alias}.{}", quoted(&column.name))),
            rows: if narrow.is_some() { 200 } else { table.rows },
        }
    }

    /// A table that has rows, most of the time.
    pub(super) fn any_table(&mut self) -> Source {
        let schema = self.schema;
        let filled: Vec<&Table> = schema.tables.iter().filter(|table| table.rows > 0).collect();
        let table = match filled.is_empty() || self.random.chance(4) {
            true => self.random.one_of(&schema.tables),
            false => self.random.pick(&filled),
        };
        self.table(table)
    }

    /// Whatever a FROM clause can hold.
    pub(super) fn source(&mut self, depth: usize) -> Source {
        match self.random.below(100) {
            _ if depth == 0 => self.any_table(),
            0..=49 => self.any_table(),
            50..=69 => self.derived(depth - 1),
            70..=75 => self.values(),
            _ => self.join(),
        }
    }

    /// A SELECT of some values as a derived table.
    pub(super) fn derived(&mut self, depth: usize) -> Source {
        let inner = self.source(depth);
        let (select, columns) = self.selection(&inner, 4);
        let filter = self.filtered(&inner);
        let alias = self.alias();
        Source {
            from: format!("(select {select} from {}{filter}) {alias}", inner.from),
            narrow: None,
            columns: named(&alias, &columns),
            key: None,
            rows: inner.rows,
        }
    }

    /// A few values of a source, named `c0`, `c1`, … in a SELECT's list, with their kinds and samples.
    pub(super) fn selection(&mut self, source: &Source, most: usize) -> (String, Vec<Scoped>) {
        let count = 1 + self.random.below(most);
        let mut list = Vec::new();
        let mut columns = Vec::new();
        for index in 0..count {
            let (sql, kind) = self.value(&source.columns, 1);
            let samples = source.columns.iter().find(|column| column.sql == sql);
            let samples = samples.map(|column| column.samples.clone()).unwrap_or_default();
            list.push(format!("{sql} as c{index}"));
            columns.push(Scoped { sql, kind, samples });
        }
        (list.join(", "), columns)
    }

    /// A WHERE clause with the source's own condition in it.
    pub(super) fn filtered(&mut self, source: &Source) -> String {
        let condition = self.random.chance(65).then(|| self.condition(&source.columns, 2));
        match (source.narrow.clone(), condition) {
            (None, None) => String::new(),
            (Some(condition), None) | (None, Some(condition)) => format!(" where {condition}"),
            (Some(narrow), Some(condition)) => format!(" where {narrow} and {condition}"),
        }
    }

    /// A source that can stand on one side of a join: what is narrow is so within.
    fn side(&mut self) -> Source {
        let source = self.any_table();
        let Some(narrow) = &source.narrow else {
            return source;
        };
        let inner = source.from.split_once(' ').map_or("", |(_, alias)| alias).to_owned();
        let outer = self.alias();
        let prefix = format!("{inner}.");
        let renamed = |sql: &str| sql.replacen(&prefix, &format!("{outer}."), 1);
        Source {
            from: format!("(select * from {} where {narrow}) {outer}", source.from),
            narrow: None,
            columns: source
                .columns
                .iter()
                .map(|column| Scoped {
                    sql: renamed(&column.sql),
                    ..column.clone()
                })
                .collect(),
            key: source.key.as_deref().map(renamed),
            rows: source.rows,
        }
    }

    fn join(&mut self) -> Source {
        const WORDS: [&str; 6] = ["join", "inner join", "left join", "right join", "full join", "join"];
        let (left, right) = (self.side(), self.side());
        let Some((a, b)) = self.pair(&left, &right) else {
            return left;
        };
        let word = self.random.pick(&WORDS);
        let extra = match self.random.below(4) {
            0 if *word != *"full join" => format!(" and {}", self.condition(&right.columns, 0)),
            _ => String::new(),
        };
        let from = format!("{} {word} {} on {a} = {b}{extra}", left.from, right.from);
        Source {
            from,
            narrow: None,
            columns: [left.columns, right.columns].concat(),
            key: None,
            rows: left.rows.max(right.rows),
        }
    }

    /// A table beside a list of values that are in one of its columns, or beside it.
    fn values(&mut self) -> Source {
        let source = self.side();
        let samples = source
            .columns
            .iter()
            .filter(|column| matches!(column.kind, Kind::Text | Kind::Int) && !column.samples.is_empty());
        let samples: Vec<Scoped> = samples.cloned().collect();
        if samples.is_empty() {
            return source;
        }
        let column = self.random.one_of(&samples).clone();
        let mut rows = Vec::new();
        for number in 0..1 + self.random.below(5) {
            rows.push(format!("({}, {number})", self.random.one_of(&column.samples)));
        }
        let alias = self.alias();
        let word = self.random.pick(&["join", "left join", "right join"]);
        let from = format!(
            "{} {word} (values {}) {alias}(v, n) on {} = {alias}.v",
            source.from,
            rows.join(", "),
            column.sql
        );
        let of_values = [("v", column.kind), ("n", Kind::Int)].map(|(name, kind)| Scoped {
            sql: format!("{alias}.{name}"),
            kind,
            samples: column.samples.clone(),
        });
        let [v, n] = of_values;
        let n = Scoped {
            samples: std::rc::Rc::new(vec!["1".to_owned(), "3".to_owned()]),
            ..n
        };
        Source {
            from,
            narrow: None,
            columns: [source.columns, vec![v, n]].concat(),
            key: None,
            rows: source.rows,
        }
    }

    /// A column of each side to join on: of one kind, by preference with values in common.
    pub(super) fn pair(&mut self, left: &Source, right: &Source) -> Option<(String, String)> {
        let small = left.rows.saturating_mul(right.rows) <= JOINED_MAX;
        let mut related = Vec::new();
        let mut others = Vec::new();
        for a in &left.columns {
            for b in &right.columns {
                let comparable = matches!(a.kind, Kind::Text | Kind::Int | Kind::Key | Kind::Time);
                let is_key = left.key.as_ref() == Some(&a.sql) || right.key.as_ref() == Some(&b.sql);
                if a.kind != b.kind || !comparable || !small && !is_key {
                    continue;
                }
                let name = |sql: &str| sql.rsplit('.').next().unwrap_or_default().to_owned();
                let shared = a.samples.iter().any(|value| b.samples.contains(value));
                let pair = (a.sql.clone(), b.sql.clone());
                if shared || name(&a.sql) == name(&b.sql) {
                    related.push(pair);
                } else {
                    others.push(pair);
                }
            }
        }
        let pairs = if related.is_empty() || self.random.chance(5) {
            others
        } else {
            related
        };
        match pairs.is_empty() {
            true => None,
            false => Some(self.random.one_of(&pairs).clone()),
        }
    }
}

/// The columns of a derived table.
pub(super) fn named(alias: &str, columns: &[Scoped]) -> Vec<Scoped> {
    let columns = columns.iter().enumerate();
    columns
        .map(|(index, column)| Scoped {
            sql: format!("{alias}.c{index}"),
            ..column.clone()
        })
        .collect()
}
