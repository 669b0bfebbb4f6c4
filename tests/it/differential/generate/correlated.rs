//! Subqueries in conditions and in lists, and lateral joins.

use super::{Generator, Kind, Scoped, Source, apart::either, source::named};

impl Generator<'_> {
    pub(super) fn semijoin(&mut self) -> (String, Vec<Scoped>) {
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

    /// Subqueries that refer to the query around them.
    pub(super) fn correlated(&mut self) -> (String, Vec<Scoped>) {
        let (source, inner, innermost) = (self.any_table(), self.any_table(), self.any_table());
        let Some((a, b)) = self.pair(&source, &inner) else {
            return self.rows(&source, 4, "");
        };
        let nested = self.pair(&inner, &innermost);
        let filter = self.filtered(&inner);
        let and = if filter.is_empty() { " where" } else { " and" };
        let (mut list, mut columns) = self.selection(&source, 3);
        let from = format!("{}{filter}{and} {b} = {a}", inner.from);
        let (call, kind) = self.call(&inner.columns);
        let test = match (self.random.below(9), nested) {
            (0 | 1, _) => {
                // Of an aggregate without a FILTER: the engine knows no other in such a place.
                let call = call.split(" filter ").next().unwrap_or(&call).to_owned();
                list.push_str(&format!(", (select {call} from {from}) as sub"));
                columns.push(Scoped {
                    sql: "sub".to_owned(),
                    kind: if kind == Kind::Span { Kind::Float } else { kind },
                    samples: Default::default(),
                });
                None
            }
            (2, _) => Some(format!("(select count(*) from {from}) > {}", self.random.below(3))),
            (3, Some((c, d))) => {
                let filter = self.filtered(&innermost);
                Some(format!(
                    "exists (select 1 from {from} and {c} in (select {d} from {}{filter}))",
                    innermost.from
                ))
            }
            (4, Some((c, d))) => {
                let filter = self.filtered(&innermost);
                let and = if filter.is_empty() { " where" } else { " and" };
                Some(format!(
                    "exists (select 1 from {from} and not exists (select 1 from {}{filter}{and} {d} = {c}))",
                    innermost.from
                ))
            }
            (5, _) => {
                let other = self.condition(&source.columns, 1);
                Some(format!("(exists (select 1 from {from}) or {other})"))
            }
            (6, _) => Some(format!("{a} = any (select {b} from {}{filter})", inner.from)),
            (7, _) => {
                let pair = self.pair(&source, &inner);
                pair.map(|(c, d)| format!("({a}, {c}) in (select {b}, {d} from {}{filter})", inner.from))
            }
            _ => {
                list.push_str(&format!(", exists (select 1 from {from}) as sub"));
                columns.push(Scoped {
                    sql: "sub".to_owned(),
                    kind: Kind::Bool,
                    samples: Default::default(),
                });
                None
            }
        };
        let conditions: Vec<String> = source.narrow.clone().into_iter().chain(test).collect();
        let filter = match conditions.is_empty() {
            true => String::new(),
            false => format!(" where {}", conditions.join(" and ")),
        };
        (format!("select {list} from {}{filter}", source.from), columns)
    }

    /// `FROM a, LATERAL (…)`.
    pub(super) fn lateral(&mut self) -> (String, Vec<Scoped>) {
        let (source, inner) = (self.any_table(), self.any_table());
        let Some((a, b)) = self.pair(&source, &inner) else {
            return self.rows(&source, 4, "");
        };
        let filter = self.filtered(&inner);
        let and = if filter.is_empty() { " where" } else { " and" };
        let alias = self.alias();
        if self.random.chance(40) {
            let (from, columns) = self.first_of_each(&source, &inner, (&a, &b), &filter, &alias);
            let mut joined = source.clone();
            joined.from = from;
            joined.columns = [source.columns.clone(), named(&alias, &columns)].concat();
            return self.rows(&joined, 4, "");
        }
        let (select, columns) = match self.random.chance(60) {
            true => {
                let (calls, columns) = self.calls(&inner.columns, 0);
                (calls.join(", "), columns)
            }
            false => self.selection(&inner, 2),
        };
        let lateral = format!("(select {select} from {}{filter}{and} {b} = {a}) {alias}", inner.from);
        let from = match self.random.below(3) {
            0 => format!("{}, lateral {lateral}", source.from),
            1 => format!("{} cross join lateral {lateral}", source.from),
            _ => format!("{} left join lateral {lateral} on true", source.from),
        };
        let both = [source.columns.clone(), named(&alias, &columns)].concat();
        let mut lateral = source.clone();
        lateral.from = from;
        lateral.columns = both;
        self.rows(&lateral, 4, "")
    }

    /// A source beside the first rows of another that belong to each of its own: for the runtime, those that a window numbers.
    fn first_of_each(
        &mut self,
        source: &Source,
        inner: &Source,
        (a, b): (&str, &str),
        filter: &str,
        alias: &str,
    ) -> (String, Vec<Scoped>) {
        let (list, columns) = self.comparable(inner, 2, true);
        let keys: Vec<String> = columns
            .iter()
            .map(|column| {
                let direction = if self.random.chance(40) { " desc" } else { "" };
                format!("{}{direction}", column.sql)
            })
            .collect();
        let (keys, limit, offset) = (keys.join(", "), 1 + self.random.below(4), self.random.below(3));
        let and = if filter.is_empty() { " where" } else { " and" };
        let outer = self.random.chance(50);
        let (cross, join, on) = match outer {
            true => (" left join lateral ", " left join ", " on true"),
            false => (" cross join lateral ", " join ", ""),
        };
        let first = format!(
            "{cross}(select {list} from {}{filter}{and} {b} = {a} order by {keys} limit {limit} offset {offset}) {alias}{on}",
            inner.from
        );
        let numbered = format!(
            "{join}(select {list}, {b} as k, row_number() over (partition by {b} order by {keys}) as n from {}{filter}) {alias} \
             on {alias}.k = {a} and {alias}.n > {offset} and {alias}.n <= {}",
            inner.from,
            offset + limit
        );
        (format!("{}{}", source.from, either(&first, &numbered)), columns)
    }

    /// A scalar subquery that depends on nothing, compared with or shown.
    pub(super) fn subquery(&mut self) -> (String, Vec<Scoped>) {
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
