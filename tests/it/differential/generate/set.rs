//! UNION, INTERSECT, EXCEPT.

use super::{Generator, Kind, Scoped};

impl Generator<'_> {
    pub(super) fn set_operation(&mut self) -> (String, Vec<Scoped>) {
        const WORDS: [&str; 5] = ["union", "except", "intersect", "except all", "intersect all"];
        let word = self.random.pick(&WORDS);
        let (sql, columns) = self.set(word);
        // Of all that it gives, once more: nothing is left, or nothing is added.
        match self.random.below(6) {
            0 => (format!("({sql}) union ({sql})"), columns),
            1 => (format!("({sql}) union all ({sql})"), columns),
            2 => (format!("{sql} intersect ({sql})"), columns),
            _ => (sql, columns),
        }
    }

    /// Two SELECTs of columns of the same kinds.
    pub(super) fn set(&mut self, word: &str) -> (String, Vec<Scoped>) {
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
}
