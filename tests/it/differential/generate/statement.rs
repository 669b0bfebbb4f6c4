//! Whole statements, by shape.

use super::{Generator, Kind, Scoped, Source, Statement, apart::either, source::named};

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    Rows,
    Aggregate,
    Group,
    Distinct,
    DistinctOn,
    Semijoin,
    /// Subqueries that refer to the query around them, in one another, in the list and under OR.
    Correlated,
    Lateral,
    Window,
    Cte,
    Union,
    SetOperation,
    Subquery,
}

/// Shapes by weight.
const SHAPES: [Shape; 24] = [
    Shape::Rows,
    Shape::Rows,
    Shape::Rows,
    Shape::Rows,
    Shape::Rows,
    Shape::Aggregate,
    Shape::Aggregate,
    Shape::Group,
    Shape::Group,
    Shape::Group,
    Shape::Distinct,
    Shape::DistinctOn,
    Shape::Semijoin,
    Shape::Correlated,
    Shape::Correlated,
    Shape::Lateral,
    Shape::Window,
    Shape::Window,
    Shape::Window,
    Shape::Cte,
    Shape::Union,
    Shape::SetOperation,
    Shape::SetOperation,
    Shape::Subquery,
];

impl Generator<'_> {
    /// The next statement.
    pub fn statement(&mut self) -> Statement {
        self.aliases = 0;
        self.apart = self.random.chance(20);
        let shape = *self.random.one_of(&SHAPES);
        let (sql, columns) = match shape {
            Shape::Rows => {
                let source = self.source(2);
                self.rows(&source, 8, "")
            }
            Shape::Aggregate => self.aggregate(),
            Shape::Group => self.group(),
            Shape::Distinct => {
                let source = self.source(1);
                self.rows(&source, 3, "distinct ")
            }
            Shape::DistinctOn => return self.distinct_on(),
            Shape::Semijoin => self.semijoin(),
            Shape::Correlated => self.correlated(),
            Shape::Lateral => self.lateral(),
            Shape::Window => self.window(),
            Shape::Cte => self.cte(),
            Shape::Union => self.set("union all"),
            Shape::SetOperation => self.set_operation(),
            Shape::Subquery => self.subquery(),
        };
        let (order, ordered) = self.order(&columns);
        Statement::new(&format!("{sql}{order}"), ordered, shape)
    }

    /// An ORDER BY over all columns, and maybe a LIMIT; none where one of them cannot be sorted by.
    fn order(&mut self, columns: &[Scoped]) -> (String, bool) {
        let sortable = |column: &Scoped| !matches!(column.kind, Kind::List | Kind::Float);
        if !columns.iter().all(sortable) || self.random.chance(35) {
            return (String::new(), false);
        }
        let mut keys: Vec<usize> = (1..=columns.len()).collect();
        let first = self.random.below(keys.len());
        keys.swap(0, first);
        let keys: Vec<String> = keys
            .into_iter()
            .map(|key| {
                let direction = self
                    .random
                    .pick(&["", "", " asc", " desc", " desc nulls last", " nulls first"]);
                format!("{key}{direction}")
            })
            .collect();
        let mut order = format!(" order by {}", keys.join(", "));
        let (limit, offset) = (self.random.below(30), self.random.below(10));
        order.push_str(&match self.random.below(100) {
            0..=41 => format!(" limit {limit}"),
            42..=54 => format!(" limit {limit} offset {offset}"),
            55..=59 => format!(" offset {offset}"),
            60..=62 => format!(" offset {offset} rows fetch first {limit} rows only"),
            _ => String::new(),
        });
        (order, true)
    }

    /// Values of a source; where they are `compared` (by DISTINCT), none is a list or a float. A source may have nothing else.
    pub(super) fn comparable(&mut self, source: &Source, most: usize, compared: bool) -> (String, Vec<Scoped>) {
        const ATTEMPTS: usize = 30;
        for _ in 0..ATTEMPTS {
            let (list, columns) = self.selection(source, most);
            let fits = |column: &Scoped| !matches!(column.kind, Kind::List | Kind::Float);
            if !compared || columns.iter().all(fits) {
                return (list, columns);
            }
        }
        let one = Scoped {
            sql: "1".to_owned(),
            kind: Kind::Int,
            samples: Default::default(),
        };
        ("1 as c0".to_owned(), vec![one])
    }

    pub(super) fn rows(&mut self, source: &Source, most: usize, word: &str) -> (String, Vec<Scoped>) {
        let (list, columns) = self.comparable(source, most, !word.is_empty());
        let filter = self.filtered(source);
        (format!("select {word}{list} from {}{filter}", source.from), columns)
    }

    /// An aggregate's call and the kind of what it returns.
    pub(super) fn call(&mut self, columns: &[Scoped]) -> (String, Kind) {
        let usable: Vec<&Scoped> = columns.iter().filter(|column| column.kind != Kind::List).collect();
        let (mut call, kind) = if usable.is_empty() {
            ("count(*)".to_owned(), Kind::Int)
        } else {
            let column = self.random.pick(&usable).clone();
            let x = &column.sql;
            match (self.random.below(10), column.kind) {
                (0 | 1, _) => ("count(*)".to_owned(), Kind::Int),
                (2, _) => (format!("count({x})"), Kind::Int),
                (3, Kind::Text | Kind::Int | Kind::Key | Kind::Time | Kind::Bool | Kind::Span) => {
                    (format!("count(distinct {x})"), Kind::Int)
                }
                (4..=6, Kind::Int) => (format!("sum({x})"), Kind::Int),
                (7, Kind::Int) => (format!("avg({x})"), Kind::Float),
                (4..=5, Kind::Bool) => (format!("bool_and({x})"), Kind::Bool),
                (_, Kind::Bool) => (format!("bool_or({x})"), Kind::Bool),
                (4, Kind::Text) => (format!("string_agg({x}, ',' order by {x})"), Kind::Text),
                (5, Kind::Text) => (format!("string_agg(distinct {x}, ',')"), Kind::Float),
                (_, Kind::Bytes) => (format!("count({x})"), Kind::Int),
                (4 | 5, Kind::Span) => (format!("sum({x})"), Kind::Float),
                (5..=7, Kind::Time) => (self.of_passed(x, columns), Kind::Float),
                (n, kind) => (format!("{}({x})", if n % 2 == 0 { "min" } else { "max" }), kind),
            }
        };
        // The order of what DISTINCT leaves is anyone's.
        if call.contains("distinct") && call.starts_with("string_agg") {
            call = format!("length({call})");
        }
        if self.random.chance(30) && !call.starts_with("length") {
            call = format!("{call} filter (where {})", self.condition(columns, 1));
        }
        (call, kind)
    }

    /// An aggregate of the time from one time to another. The runtime knows no seconds of it, but their number.
    fn of_passed(&mut self, x: &str, columns: &[Scoped]) -> String {
        let y = self.column(columns, Kind::Time).expect("the column itself").sql.clone();
        let passed = format!("{x} - {y}");
        let seconds = either(
            &format!("extract(epoch from {passed})"),
            &format!("(arrow_cast(arrow_cast({passed}, 'Int64'), 'Float64') / 1000)"),
        );
        match self.random.below(6) {
            0 | 1 => format!("avg({seconds})"),
            2 => format!("sum({seconds})"),
            3 => format!("max({seconds})"),
            4 => format!("sum({passed})"),
            _ => format!("count({seconds})"),
        }
    }

    pub(super) fn calls(&mut self, columns: &[Scoped], from: usize) -> (Vec<String>, Vec<Scoped>) {
        let count = 1 + self.random.below(3);
        let mut list = Vec::new();
        let mut kinds = Vec::new();
        for index in from..from + count {
            let (sql, kind) = self.call(columns);
            list.push(format!("{sql} as c{index}"));
            kinds.push(Scoped {
                sql,
                kind,
                samples: Default::default(),
            });
        }
        (list, kinds)
    }

    fn aggregate(&mut self) -> (String, Vec<Scoped>) {
        let source = self.source(2);
        let (list, columns) = self.calls(&source.columns, 0);
        let filter = self.filtered(&source);
        (
            format!("select {} from {}{filter}", list.join(", "), source.from),
            columns,
        )
    }

    /// The first row of each group, of rows in an order that leaves no choice.
    fn distinct_on(&mut self) -> Statement {
        let source = self.source(1);
        let (list, columns) = self.comparable(&source, 4, true);
        let filter = self.filtered(&source);
        let keys: Vec<String> = columns
            .iter()
            .map(|column| {
                let direction = if self.random.chance(30) { " desc" } else { "" };
                format!("{}{direction}", column.sql)
            })
            .collect();
        let sql = format!(
            "select distinct on ({}) {list} from {}{filter} order by {}",
            columns[0].sql,
            source.from,
            keys.join(", ")
        );
        Statement::new(&sql, true, Shape::DistinctOn)
    }

    fn cte(&mut self) -> (String, Vec<Scoped>) {
        let inner = self.source(1);
        let (list, columns) = self.selection(&inner, 4);
        let filter = self.filtered(&inner);
        let with = format!("with w as (select {list} from {}{filter}) ", inner.from);
        let source = Source {
            from: "w".to_owned(),
            narrow: None,
            columns: named("w", &columns),
            key: None,
            rows: inner.rows,
        };
        let (sql, columns) = match self.random.below(10) {
            0..=3 => self.rows(&source, 4, ""),
            4..=7 => {
                let (calls, columns) = self.calls(&source.columns, 0);
                (format!("select {} from w", calls.join(", ")), columns)
            }
            // One over another, and the first one read twice.
            _ => {
                let (list, columns) = self.selection(&source, 3);
                let filter = self.filtered(&source);
                let sql = format!(
                    ", v as (select {list} from w{filter}) select {}, (select count(*) from w) as n from v",
                    named("v", &columns)
                        .iter()
                        .map(|column| column.sql.clone())
                        .collect::<Vec<_>>()
                        .join(", ")
                );
                let n = Scoped {
                    sql: "n".to_owned(),
                    kind: Kind::Int,
                    samples: Default::default(),
                };
                return (format!("{}{sql}", with.trim_end()), [columns, vec![n]].concat());
            }
        };
        (format!("{with}{sql}"), columns)
    }
}
