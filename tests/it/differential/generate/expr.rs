//! Expressions by the kind of their value, and conditions.

use super::{
    Generator, Kind, Scoped,
    apart::{clear, either},
};

const TRUNCATED: [&str; 7] = ["second", "minute", "hour", "day", "week", "month", "year"];
/// Not `second`: PostgreSQL's has a fraction.
const PARTS: [&str; 9] = [
    "minute", "hour", "day", "dow", "doy", "week", "month", "quarter", "year",
];

impl Generator<'_> {
    /// A column of this kind.
    pub(super) fn column<'c>(&mut self, columns: &'c [Scoped], kind: Kind) -> Option<&'c Scoped> {
        let of_kind: Vec<&Scoped> = columns.iter().filter(|column| column.kind == kind).collect();
        match of_kind.is_empty() {
            true => None,
            false => Some(self.random.pick(&of_kind)),
        }
    }

    fn literal(&mut self, column: &Scoped) -> Option<String> {
        match column.samples.is_empty() {
            true => None,
            false => {
                let sample = self.random.one_of(&column.samples).clone();
                Some(self.maybe_apart(sample))
            }
        }
    }

    /// Any value, and its kind.
    pub(super) fn value(&mut self, columns: &[Scoped], depth: usize) -> (String, Kind) {
        let column = self.random.one_of(columns).clone();
        if depth == 0 || self.random.chance(45) {
            return (column.sql, column.kind);
        }
        match column.kind {
            Kind::Text => self.of_text(&column, columns),
            Kind::Int => self.of_int(&column, columns),
            Kind::Time => self.of_time(&column, columns),
            Kind::Bool => (self.condition(columns, depth - 1), Kind::Bool),
            Kind::Key | Kind::Float | Kind::Span | Kind::Bytes | Kind::List => match self.random.below(3) {
                0 if column.kind != Kind::List => (format!("{} is null", column.sql), Kind::Bool),
                _ => (column.sql, column.kind),
            },
        }
    }

    fn of_text(&mut self, column: &Scoped, columns: &[Scoped]) -> (String, Kind) {
        let x = &column.sql;
        let y = self.column(columns, Kind::Text).expect("the column itself").sql.clone();
        let n = self.random.below(7);
        let literal = self.literal(column).unwrap_or_else(|| "'x'".to_owned());
        let text = match self.random.below(42) {
            0 => format!("upper({x})"),
            1 => format!("lower({x})"),
            2 => format!("left({x}, {n})"),
            3 => format!("right({x}, -{n})"),
            4 => format!("substr({x}, {}, {n})", n + 1),
            5 => format!("substr({x}, {n})"),
            6 => format!("replace({x}, 'a', '-')"),
            7 => format!("split_part({x}, '_', {})", 1 + n % 3),
            8 => format!("reverse({x})"),
            9 => format!("md5({x})"),
            10 => format!("btrim({x}, 'aeG')"),
            11 => format!("ltrim({x})"),
            12 => format!("rtrim({x}, 'r')"),
            13 => format!("lpad({x}, {}, '*')", 4 + n),
            14 => format!("repeat({x}, {})", n % 3),
            15 => format!("concat({x}, '/', {y})"),
            16 => format!("concat_ws('-', {x}, {y}, 'z')"),
            17 => format!("{x} || {y}"),
            18 => format!("coalesce({x}, {y}, 'none')"),
            19 => format!("nullif({x}, {literal})"),
            20 => format!("greatest({x}, {y})"),
            21 => format!("least({x}, 'm')"),
            22 => format!("translate({x}, 'aeiou', 'AE')"),
            23 => {
                let condition = self.condition(columns, 0);
                format!("case when {condition} then {x} else 'other' end")
            }
            24 => format!("case {x} when {literal} then 'this' when 'x' then {y} end"),
            25 => format!("initcap(lower({x}))"),
            26 => format!("substring({x} from {} for {n})", 1 + n),
            27 => format!("overlay({x} placing '<>' from {} for {n})", 1 + n),
            28 => format!("trim(both 'aeG' from {x})"),
            29 => format!("trim({x})"),
            30 => format!("concat({x}, null, {y})"),
            31 => format!("concat_ws('/', null, {x}, {y})"),
            32 => format!("{x} || null"),
            33 => format!("coalesce(null, {x})"),
            34 => format!("regexp_replace({x}, '[aeiou]+', '#', 'g')"),
            35 => format!("upper(left({x}, {n})) || lower(right({x}, {n}))"),
            36 => format!("rpad(left({x}, {n}), {}, '.')", 3 + n),
            37 => {
                let condition = self.condition(columns, 0);
                format!("case when {condition} then null else {x} end")
            }
            38 if x.ends_with("_json\"") => format!("{x} ->> 'type'"),
            38 => format!("split_part({x}, '_', -1)"),
            39 => format!("nullif(left({x}, {n}), '')"),
            _ => {
                let number = match self.random.below(6) {
                    0 => format!("length({x})"),
                    1 => format!("octet_length({x})"),
                    2 => format!("strpos({x}, 'e')"),
                    3 => format!("position('r' in {x})"),
                    4 => format!("ascii({x})"),
                    _ => format!("char_length({x} || {y})"),
                };
                return (number, Kind::Int);
            }
        };
        (text, Kind::Text)
    }

    fn of_int(&mut self, column: &Scoped, columns: &[Scoped]) -> (String, Kind) {
        let x = &column.sql;
        let y = self.column(columns, Kind::Int).expect("the column itself").sql.clone();
        let n = 1 + self.random.below(9);
        let number = match self.random.below(22) {
            0 => format!("{x} + {n}"),
            1 => format!("{x} - {n}"),
            2 => format!("{x} * {n}"),
            3 => format!("{x} / {n}"),
            4 => format!("{x} % {n}"),
            5 => format!("coalesce({x}, -1)"),
            6 => format!("nullif({x}, {n})"),
            7 => format!("greatest({x}, {y}, {n})"),
            8 => format!("least({x}, {y})"),
            9 => format!("cast({x} as bigint)"),
            10 => {
                let condition = self.condition(columns, 0);
                format!("case when {condition} then {x} else 0 end")
            }
            11 => return (format!("cast({x} as text)"), Kind::Text),
            12 => return (format!("cast({x} as double precision) / {n}"), Kind::Float),
            13 => format!("{x} & {n}"),
            14 => format!("{x} | {n}"),
            15 => format!("abs(cast({x} as bigint) - {n})"),
            16 => {
                let condition = self.condition(columns, 0);
                return (format!("case when {condition} then {x} else 1.5 end"), Kind::Float);
            }
            17 => {
                let condition = self.condition(columns, 0);
                format!("case when {condition} then {x} when {x} > {n} then null else {y} end")
            }
            18 => return (format!("{x} between {y} and {n}"), Kind::Bool),
            19 => return (format!("coalesce({x}, {y}, 0) > {n}"), Kind::Bool),
            20 => return (format!("{x}::text || '/' || {n}"), Kind::Text),
            _ => format!("{x}::bigint * -{n}"),
        };
        (number, Kind::Int)
    }

    fn of_time(&mut self, column: &Scoped, columns: &[Scoped]) -> (String, Kind) {
        let x = &column.sql;
        let y = self.column(columns, Kind::Time).expect("the column itself").sql.clone();
        let time = match self.random.below(19) {
            0..=2 => format!("date_trunc('{}', {x})", self.random.pick(&TRUNCATED)),
            3 => format!("date_bin(interval '15 minutes', {x}, timestamp '2026-01-01 00:00:00')"),
            4 => format!("{x} + interval '{} hours'", 1 + self.random.below(50)),
            5 => format!("{x} - interval '1 day'"),
            6 => format!("coalesce({x}, {y})"),
            7 => return (format!("date_part('{}', {x})", self.random.pick(&PARTS)), Kind::Float),
            8 => return (format!("date_part('epoch', {x})"), Kind::Float),
            9 => return (format!("{x} is not null"), Kind::Bool),
            10 => format!("{x} + interval '1 month 2 days'"),
            11 => format!("{x} - interval '36 hours'"),
            12 => {
                let part = self.random.pick(&PARTS);
                let extracted = either(
                    &format!("extract({part} from {x})"),
                    &format!("date_part('{part}', {x})"),
                );
                return (extracted, Kind::Float);
            }
            13 => return (format!("{x} - {y}"), Kind::Float),
            14 => return (format!("{x} - {y} > interval '10 minutes'"), Kind::Bool),
            15 => format!("greatest({x}, {y})"),
            16 => format!("date_trunc('day', {x}) + interval '1 day' * 2"),
            17 => return (format!("{x} < now()"), Kind::Bool),
            _ => format!("date_bin(interval '1 hour', {x}, timestamp '2026-01-01 00:30:00')"),
        };
        (time, Kind::Time)
    }

    /// A condition, of `depth` levels of AND, OR and NOT.
    pub(super) fn condition(&mut self, columns: &[Scoped], depth: usize) -> String {
        if depth > 0 && self.random.chance(45) {
            let one = self.condition(columns, depth - 1);
            return match self.random.below(5) {
                0 => format!("not ({one})"),
                1 | 2 => format!("({one} and {})", self.condition(columns, depth - 1)),
                _ => format!("({one} or {})", self.condition(columns, depth - 1)),
            };
        }
        let usable: Vec<&Scoped> = columns.iter().filter(|column| column.kind != Kind::List).collect();
        if usable.is_empty() {
            return "true".to_owned();
        }
        let column = self.random.pick(&usable).clone();
        let x = &column.sql;
        if self.random.chance(12) {
            return format!("{x} is {}null", if self.random.chance(50) { "not " } else { "" });
        }
        match column.kind {
            Kind::Bool => match self.random.below(8) {
                0 => x.clone(),
                1 => format!("not {x}"),
                2 => format!("{x} is true"),
                3 => format!("{x} is not true"),
                4 => format!("{x} is false"),
                5 => format!("{x} is not false"),
                6 => format!("{x} is unknown"),
                _ => format!("{x} = {}", self.random.chance(50)),
            },
            Kind::Text | Kind::Int | Kind::Key | Kind::Time => self.comparison(&column, columns),
            // Nothing of these kinds can be written as a literal alike in both.
            Kind::Float | Kind::Span | Kind::Bytes | Kind::List => format!("{x} is not null"),
        }
    }

    fn comparison(&mut self, column: &Scoped, columns: &[Scoped]) -> String {
        const OPERATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];
        let x = &column.sql;
        let op = self.random.pick(&OPERATORS);
        let Some(a) = self.literal(column) else {
            return format!("{x} is null");
        };
        let b = self.literal(column).expect("a second one");
        if column.kind == Kind::Text && self.random.chance(35) {
            return self.pattern(column);
        }
        match self.random.below(15) {
            0..=3 => format!("{x} {op} {a}"),
            12 => format!("coalesce({x} {op} {a}, false)"),
            13 => format!("case when {x} {op} {a} then {x} <> {b} else {x} is null end"),
            14 => {
                let y = self
                    .column(columns, column.kind)
                    .expect("the column itself")
                    .sql
                    .clone();
                format!("{x} in ({a}, {y})")
            }
            4 => format!("{x} between {a} and {b}"),
            5 => format!("{x} not between {a} and {b}"),
            6 => format!("{x} in ({a}, {b})"),
            7 => format!("{x} not in ({a}, {b}, {})", self.literal(column).expect("a third one")),
            8 => clear(&format!("{x} is distinct from {a}")),
            9 => clear(&format!("{x} is not distinct from {a}")),
            10 => {
                let y = self.column(columns, column.kind).expect("the column itself");
                format!("{x} {op} {}", y.sql)
            }
            _ => match column.kind {
                Kind::Text => format!("length({x}) {op} {}", self.random.below(40)),
                Kind::Int => format!("{x} % 3 {op} 1"),
                Kind::Time => format!("date_trunc('hour', {x}) {op} {a}"),
                _ => format!("{a} {op} {x}"),
            },
        }
    }

    fn pattern(&mut self, column: &Scoped) -> String {
        let x = &column.sql;
        let literal = self.random.one_of(&column.samples).clone();
        let text = literal.trim_matches('\'').replace('\'', "");
        let length = text.chars().count();
        let start = self.random.below(length + 1);
        let part: String = text.chars().skip(start).take(1 + self.random.below(4)).collect();
        let regular: String = part.chars().filter(char::is_ascii_alphanumeric).collect();
        match self.random.below(12) {
            7 => format!("{x} ~ '^{regular}'"),
            8 => format!("{x} ~* '{regular}.*[a-c]'"),
            9 => format!("{x} !~ '{regular}$'"),
            10 => format!("{x} like '{}!%%' escape '!'", part.replace('!', "!!")),
            11 => format!("{x} like '%!_%' escape '!'"),
            0 => format!("{x} like '{part}%'"),
            1 => format!("{x} like '%{part}'"),
            2 => format!("{x} like '%{part}%'"),
            3 => format!("{x} not like '%{part}%'"),
            4 => format!("{x} ilike '%{}%'", part.to_uppercase()),
            5 => format!("{x} like '_{part}%'"),
            _ => format!("starts_with({x}, '{part}')"),
        }
    }
}
