//! Whole statements, by shape.

use super::{Generator, Kind, Scoped, Source, Statement, source::named};

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    Rows,
    Aggregate,
    Group,
    Distinct,
    DistinctOn,
    Semijoin,
    Window,
    Cte,
    Union,
    SetOperation,
    Subquery,
}

/// Shapes by weight.
const SHAPES: [Shape; 20] = [
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
    Shape::Semijoin,
    Shape::Window,
    Shape::Window,
    Shape::Cte,
    Shape::Union,
    Shape::SetOperation,
    Shape::Subquery,
];

impl Generator<'_> {
    /// The next statement.
    pub fn statement(&mut self) -> Statement {
        self.aliases = 0;
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
            Shape::Window => self.window(),
            Shape::Cte => self.cte(),
            Shape::Union => self.set("union all"),
            Shape::SetOperation => {
                let word = self.random.pick(&["union", "except", "intersect"]);
                self.set(word)
            }
            Shape::Subquery => self.subquery(),
        };
        let (order, ordered) = self.order(&columns);
        Statement {
            sql: format!("{sql}{order}"),
            ordered,
            shape,
        }
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
        if self.random.chance(60) {
            order.push_str(&format!(" limit {}", self.random.below(30)));
            if self.random.chance(30) {
                order.push_str(&format!(" offset {}", self.random.below(10)));
            }
        }
        (order, true)
    }

    fn rows(&mut self, source: &Source, most: usize, word: &str) -> (String, Vec<Scoped>) {
        let (mut list, mut columns) = self.selection(source, most);
        // Lists are not compared, so not by DISTINCT either.
        while !word.is_empty()
            && columns
                .iter()
                .any(|column| matches!(column.kind, Kind::List | Kind::Float))
        {
            (list, columns) = self.selection(source, most);
        }
        let filter = self.filtered(source);
        (format!("select {word}{list} from {}{filter}", source.from), columns)
    }

    /// An aggregate's call and the kind of what it returns.
    fn call(&mut self, columns: &[Scoped]) -> (String, Kind) {
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

    fn calls(&mut self, columns: &[Scoped], from: usize) -> (Vec<String>, Vec<Scoped>) {
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

    fn group(&mut self) -> (String, Vec<Scoped>) {
        let source = self.source(2);
        let mut keys = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let (sql, kind) = self.value(&source.columns, 1);
            if !matches!(kind, Kind::List | Kind::Float) {
                keys.push(Scoped {
                    sql,
                    kind,
                    samples: Default::default(),
                });
            }
        }
        let mut list: Vec<String> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| format!("{} as c{index}", key.sql))
            .collect();
        let (calls, columns) = self.calls(&source.columns, list.len());
        list.extend(calls);
        let groups: Vec<String> = match self.random.chance(50) {
            true => (1..=keys.len()).map(|key| key.to_string()).collect(),
            false => keys.iter().map(|key| key.sql.clone()).collect(),
        };
        let filter = self.filtered(&source);
        let mut sql = format!("select {} from {}{filter}", list.join(", "), source.from);
        if !groups.is_empty() {
            sql.push_str(&format!(" group by {}", groups.join(", ")));
        }
        if self.random.chance(25) {
            sql.push_str(&format!(" having count(*) > {}", self.random.below(4)));
        }
        (sql, [keys, columns].concat())
    }

    /// The first row of each group, of rows in an order that leaves no choice.
    fn distinct_on(&mut self) -> Statement {
        let source = self.source(1);
        let (mut list, mut columns) = self.selection(&source, 4);
        while columns
            .iter()
            .any(|column| matches!(column.kind, Kind::List | Kind::Float))
        {
            (list, columns) = self.selection(&source, 4);
        }
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
        Statement {
            sql,
            ordered: true,
            shape: Shape::DistinctOn,
        }
    }

    fn semijoin(&mut self) -> (String, Vec<Scoped>) {
        let source = self.any_table();
        let inner = self.any_table();
        let Some((a, b)) = self.pair(&source, &inner) else {
            return self.rows(&source, 4, "");
        };
        let filter = self.filtered(&inner);
        let and = if filter.is_empty() { " where" } else { " and" };
        let test = match self.random.below(5) {
            0 | 1 => format!("{a} in (select {b} from {}{filter})", inner.from),
            2 => format!("exists (select 1 from {}{filter}{and} {b} = {a})", inner.from),
            3 => format!("not exists (select 1 from {}{filter}{and} {b} = {a})", inner.from),
            _ => format!("{a} not in (select {b} from {}{filter})", inner.from),
        };
        let (list, columns) = self.selection(&source, 4);
        let narrow = source
            .narrow
            .as_ref()
            .map(|narrow| format!("{narrow} and "))
            .unwrap_or_default();
        let more = match self.random.chance(30) {
            true => format!(" and {}", self.condition(&source.columns, 1)),
            false => String::new(),
        };
        (
            format!("select {list} from {} where {narrow}{test}{more}", source.from),
            columns,
        )
    }

    fn window(&mut self) -> (String, Vec<Scoped>) {
        let source = self.any_table();
        let (mut list, mut columns) = self.selection(&source, 2);
        let plain: Vec<&Scoped> = source
            .columns
            .iter()
            .filter(|column| !matches!(column.kind, Kind::List | Kind::Bytes))
            .collect();
        if plain.is_empty() {
            return (format!("select {list} from {}", source.from), columns);
        }
        let partition = self.random.pick(&plain).sql.clone();
        let order = self.random.pick(&plain).sql.clone();
        let value = self.random.pick(&plain).clone();
        let direction = self.random.pick(&["", " desc", " nulls first"]);
        let by = match self.random.below(3) {
            0 => format!("partition by {partition} order by {order}{direction}"),
            1 => format!("order by {order}{direction}"),
            _ => format!("partition by {partition}"),
        };
        // With a key at its end, the order leaves no choice.
        let total = source
            .key
            .as_ref()
            .map(|key| format!("partition by {partition} order by {order}{direction}, {key}"));
        let number = self.column(&source.columns, Kind::Int).map(|column| column.sql.clone());
        let x = &value.sql;
        let (sql, kind) = match (self.random.below(10), total, number) {
            (0, Some(total), _) => (format!("row_number() over ({total})"), Kind::Int),
            (1, Some(total), _) => (format!("lag({x}) over ({total})"), value.kind),
            (2, Some(total), _) => (format!("lead({x}, 2) over ({total})"), value.kind),
            (3, Some(total), _) => (format!("first_value({x}) over ({total})"), value.kind),
            (4, Some(total), Some(number)) => (
                format!("sum({number}) over ({total} rows between 2 preceding and current row)"),
                Kind::Int,
            ),
            (5, _, Some(number)) => (format!("sum({number}) over ({by})"), Kind::Int),
            (6, _, _) => (format!("rank() over (order by {order}{direction})"), Kind::Int),
            (7, _, _) => (
                format!("dense_rank() over (partition by {partition} order by {order})"),
                Kind::Int,
            ),
            (8, ..) if value.kind != Kind::Bool => (format!("max({x}) over ({by})"), value.kind),
            _ => (format!("count(*) over ({by})"), Kind::Int),
        };
        list.push_str(&format!(", {sql} as w"));
        columns.push(Scoped {
            sql,
            kind,
            samples: Default::default(),
        });
        let filter = self.filtered(&source);
        (format!("select {list} from {}{filter}", source.from), columns)
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
        let (sql, columns) = match self.random.chance(50) {
            true => self.rows(&source, 4, ""),
            false => {
                let (calls, columns) = self.calls(&source.columns, 0);
                (format!("select {} from w", calls.join(", ")), columns)
            }
        };
        (format!("{with}{sql}"), columns)
    }

    /// Two SELECTs of columns of the same kinds.
    fn set(&mut self, word: &str) -> (String, Vec<Scoped>) {
        let (left, right) = (self.source(1), self.any_table());
        let mut pairs = Vec::new();
        for _ in 0..20 {
            let a = self.random.one_of(&left.columns).clone();
            let comparable = !matches!(a.kind, Kind::List | Kind::Float);
            if let Some(b) = self.column(&right.columns, a.kind)
                && comparable
                && pairs.len() < 3
            {
                pairs.push((a, b.clone()));
            }
        }
        if pairs.is_empty() {
            return self.rows(&left, 3, "");
        }
        let list = |columns: Vec<&Scoped>| {
            let columns = columns.iter().enumerate();
            let items: Vec<String> = columns
                .map(|(index, column)| format!("{} as c{index}", column.sql))
                .collect();
            items.join(", ")
        };
        let one = list(pairs.iter().map(|(a, _)| a).collect());
        let other = list(pairs.iter().map(|(_, b)| b).collect());
        let (filter, other_filter) = (self.filtered(&left), self.filtered(&right));
        let sql = format!(
            "select {one} from {}{filter} {word} select {other} from {}{other_filter}",
            left.from, right.from
        );
        (sql, pairs.into_iter().map(|(a, _)| a).collect())
    }

    /// A scalar subquery that depends on nothing, compared with or shown.
    fn subquery(&mut self) -> (String, Vec<Scoped>) {
        let (source, inner) = (self.any_table(), self.any_table());
        let Some((a, b)) = self.pair(&source, &inner) else {
            return self.rows(&source, 4, "");
        };
        let filter = self.filtered(&inner);
        let function = self.random.pick(&["max", "min"]);
        let subquery = format!("(select {function}({b}) from {}{filter})", inner.from);
        let (list, mut columns) = self.selection(&source, 3);
        let narrow = source
            .narrow
            .as_ref()
            .map(|narrow| format!(" and {narrow}"))
            .unwrap_or_default();
        match self.random.chance(70) {
            true => {
                let op = self.random.pick(&["=", "<", "<>", ">="]);
                (
                    format!("select {list} from {} where {a} {op} {subquery}{narrow}", source.from),
                    columns,
                )
            }
            false => {
                columns.push(Scoped {
                    sql: subquery.clone(),
                    kind: Kind::Float,
                    samples: Default::default(),
                });
                let filter = self.filtered(&source);
                (
                    format!("select {list}, {subquery} as sub from {}{filter}", source.from),
                    columns,
                )
            }
        }
    }
}
