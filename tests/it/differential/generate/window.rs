//! Window functions, and the frames that they look at.

use super::{Generator, Kind, Scoped};

/// Frames of rows in an order that leaves no choice.
const FRAMES: [&str; 7] = [
    "rows between 2 preceding and current row",
    "rows between 1 preceding and 1 following",
    "rows between unbounded preceding and 1 preceding",
    "rows between 1 following and unbounded following",
    "rows 3 preceding",
    "range between unbounded preceding and current row",
    "range between current row and unbounded following",
];

impl Generator<'_> {
    fn frame(&mut self) -> &'static str {
        self.random.pick(&FRAMES)
    }

    pub(super) fn window(&mut self) -> (String, Vec<Scoped>) {
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
        let (sql, kind) = match (self.random.below(19), total, number) {
            (0, Some(total), _) => (format!("row_number() over ({total})"), Kind::Int),
            (1, Some(total), _) => (format!("lag({x}) over ({total})"), value.kind),
            (2, Some(total), _) => (format!("lead({x}, 2) over ({total})"), value.kind),
            (3, Some(total), _) => (format!("first_value({x}) over ({total})"), value.kind),
            (4, Some(total), Some(number)) => {
                let frame = self.frame();
                (format!("sum({number}) over ({total} {frame})"), Kind::Int)
            }
            (5, _, Some(number)) => (format!("sum({number}) over ({by})"), Kind::Int),
            (6, _, _) => (format!("rank() over (order by {order}{direction})"), Kind::Int),
            (7, _, _) => (
                format!("dense_rank() over (partition by {partition} order by {order})"),
                Kind::Int,
            ),
            (8, ..) if value.kind != Kind::Bool => (format!("max({x}) over ({by})"), value.kind),
            (9, Some(total), _) => (format!("ntile({}) over ({total})", 1 + self.random.below(5)), Kind::Int),
            (10, Some(total), _) => {
                let frame = self.frame();
                (format!("count({x}) over ({total} {frame})"), Kind::Int)
            }
            (11, Some(total), _) => (
                format!("last_value({x}) over ({total} rows between unbounded preceding and unbounded following)"),
                value.kind,
            ),
            (12, Some(total), _) => (
                format!("nth_value({x}, 2) over ({total} rows between unbounded preceding and unbounded following)"),
                value.kind,
            ),
            (13, ..) => (
                format!("percent_rank() over (order by {order}{direction})"),
                Kind::Float,
            ),
            (14, ..) => (format!("cume_dist() over (order by {order}{direction})"), Kind::Float),
            (15, ..) => (
                format!("count(*) over (order by {order}{direction} groups between 1 preceding and current row)"),
                Kind::Int,
            ),
            (16, _, Some(number)) => (format!("avg({number}) over ({by})"), Kind::Float),
            (17, Some(total), _) => {
                let list = format!("{list}, row_number() over w as w, count({x}) over w as n");
                let filter = self.filtered(&source);
                for name in ["w", "n"] {
                    columns.push(Scoped {
                        sql: name.to_owned(),
                        kind: Kind::Int,
                        samples: Default::default(),
                    });
                }
                return (
                    format!("select {list} from {}{filter} window w as ({total})", source.from),
                    columns,
                );
            }
            (18, ..) => (
                format!("count(*) filter (where {x} is not null) over ({by})"),
                Kind::Int,
            ),
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
}
