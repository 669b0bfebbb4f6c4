//! One SELECT as it grows: clauses that are still free to be set, and the wrapping as a derived table where they are not.

use datafusion::common::DFSchema;

use crate::source::runtime::quote;

/// Derived tables within one another. The runtime's parser gives up at some fifty levels, of which each takes about three.
pub(super) const NESTING_MAX: usize = 8;

/// A column of a SELECT's list.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) sql: String,
    /// A column of the FROM clause and nothing more: it may be written in any other clause, as often as wanted.
    pub(super) plain: bool,
}

impl Column {
    pub(super) fn plain(sql: String) -> Self {
        Column { sql, plain: true }
    }

    pub(super) fn computed(sql: String) -> Self {
        Column { sql, plain: false }
    }
}

/// `SELECT columns FROM from WHERE filters GROUP BY groups ORDER BY order LIMIT limit OFFSET offset`.
#[derive(Clone, Debug)]
pub(super) struct Select {
    pub(super) columns: Vec<Column>,
    pub(super) from: String,
    /// `from` is a join: it cannot be the right side of another without parentheses.
    pub(super) joined: bool,
    pub(super) filters: Vec<String>,
    /// An aggregate, with no groups where the list is empty. Its columns are never plain.
    pub(super) groups: Option<Vec<String>>,
    pub(super) order: Vec<String>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
    /// How many derived tables lie within one another in it.
    pub(super) nesting: usize,
}

impl Select {
    pub(super) fn from(from: String, columns: Vec<Column>) -> Self {
        Select {
            columns,
            from,
            joined: false,
            filters: Vec::new(),
            groups: None,
            order: Vec::new(),
            limit: None,
            offset: 0,
            nesting: 0,
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.columns.iter().all(|column| column.plain)
    }

    /// Rows are neither grouped, ordered nor cut, and columns are those of FROM: WHERE and everything after it are free.
    pub(super) fn takes_filter(&self) -> bool {
        self.is_plain() && self.groups.is_none() && self.order.is_empty() && !self.is_cut()
    }

    /// Nothing but its FROM clause.
    pub(super) fn is_source(&self) -> bool {
        self.takes_filter() && self.filters.is_empty()
    }

    pub(super) fn is_cut(&self) -> bool {
        self.limit.is_some() || self.offset > 0
    }

    /// Skips `skip` of its rows and keeps `fetch` of the rest.
    pub(super) fn cut(&mut self, skip: usize, fetch: Option<usize>) {
        let left = self.limit.map(|limit| limit.saturating_sub(skip));
        self.limit = match (left, fetch) {
            (Some(left), Some(fetch)) => Some(left.min(fetch)),
            (left, fetch) => left.or(fetch),
        };
        self.offset = self.offset.saturating_add(skip);
    }

    /// The text, with output names as `names` says; without columns, one constant takes their place.
    pub(super) fn text(&self, names: &[String]) -> String {
        let list = match self.columns.is_empty() {
            true => "1 AS \"c0\"".to_owned(),
            false => {
                let items = self.columns.iter().zip(names).map(|(column, name)| {
                    let called = column.plain && is_called(column, name);
                    let name = quote(name);
                    if called {
                        column.sql.clone()
                    } else {
                        format!("{} AS {name}", column.sql)
                    }
                });
                items.collect::<Vec<_>>().join(", ")
            }
        };
        let mut sql = format!("SELECT {list} FROM {}", self.from);
        let mut clause = |word: &str, items: &[String], separator: &str| {
            if !items.is_empty() {
                sql.push_str(&format!(" {word} {}", items.join(separator)));
            }
        };
        clause("WHERE", &self.filters, " AND ");
        clause("GROUP BY", self.groups.as_deref().unwrap_or_default(), ", ");
        clause("ORDER BY", &self.order, ", ");
        if let Some(limit) = self.limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        if self.offset > 0 {
            sql.push_str(&format!(" OFFSET {}", self.offset));
        }
        sql
    }

    /// The names of its columns where it stands for a plan of this schema. Beside an ORDER BY no computed column takes a name that a
    /// column of FROM could have: the key would be ambiguous. Those of a derived table in it end in a lower number.
    pub(super) fn names(&self, schema: &DFSchema) -> Vec<String> {
        let mut names = output_names(schema);
        if !self.order.is_empty() {
            for (index, (name, column)) in names.iter_mut().zip(&self.columns).enumerate() {
                if !is_called(column, name) {
                    *name = format!("c{index}_{}", self.nesting);
                }
            }
        }
        names
    }

    /// The SELECT as a derived table called `alias`, its columns named after `schema`; `None` beyond the nesting allowed. An order
    /// that cuts nothing is dropped: who needs it must not wrap.
    pub(super) fn wrap(mut self, schema: &DFSchema, alias: &str) -> Option<Select> {
        if self.nesting >= NESTING_MAX {
            return None;
        }
        if !self.is_cut() {
            self.order.clear();
        }
        let names = self.names(schema);
        let from = format!("({}) AS {alias}", self.text(&names));
        let columns = names
            .iter()
            .map(|name| Column::plain(format!("{alias}.{}", quote(name))));
        Some(Select {
            nesting: self.nesting + 1,
            ..Select::from(from, columns.collect())
        })
    }
}

/// Whether a column is one of FROM that has that name: `t0."id"` is called "id" already.
fn is_called(column: &Column, name: &str) -> bool {
    let rest = column.sql.strip_suffix(&quote(name));
    rest.and_then(|rest| rest.strip_suffix('.'))
        .is_some_and(|alias| alias.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A name for each field, unique among them: the field's own where that is a word.
pub(super) fn output_names(schema: &DFSchema) -> Vec<String> {
    let fields = schema.fields();
    // A name of the engine's own (`__common_expr_1`) could be one that the runtime's engine gives as well.
    let is_word = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && (1..=63).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let name = field.name();
            let once = fields.iter().filter(|other| other.name() == name).count() == 1;
            // `c7` and `c7_1` could be names that other columns get.
            let reserved = name
                .strip_prefix('c')
                .is_some_and(|rest| rest.split('_').all(|number| number.parse::<usize>().is_ok()));
            if once && !reserved && is_word(name) {
                name.clone()
            } else {
                format!("c{index}")
            }
        })
        .collect()
}
