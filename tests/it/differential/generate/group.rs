//! Grouped rows.

use super::{Generator, Kind, Scoped};

impl Generator<'_> {
    pub(super) fn group(&mut self) -> (String, Vec<Scoped>) {
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
        let plain: Vec<String> = match self.random.chance(50) {
            true => (1..=keys.len()).map(|key| key.to_string()).collect(),
            false => keys.iter().map(|key| key.sql.clone()).collect(),
        };
        let groups = match keys.as_slice() {
            [] => String::new(),
            keys if self.random.chance(25) => format!(" group by {}", self.sets(keys)),
            _ => format!(" group by {}", plain.join(", ")),
        };
        let filter = self.filtered(&source);
        let mut sql = format!("select {} from {}{filter}{groups}", list.join(", "), source.from);
        if self.random.chance(25) {
            sql.push_str(&format!(" having count(*) > {}", self.random.below(4)));
        }
        (sql, [keys, columns].concat())
    }

    /// Grouping sets, of one key or two.
    fn sets(&mut self, keys: &[Scoped]) -> String {
        let names: Vec<&str> = keys.iter().map(|key| key.sql.as_str()).collect();
        let all = names.join(", ");
        match self.random.below(4) {
            0 => format!("rollup ({all})"),
            1 => format!("cube ({all})"),
            2 => format!("grouping sets (({all}), ())"),
            _ => {
                let each: Vec<String> = names.iter().map(|name| format!("({name})")).collect();
                format!("grouping sets ({}, ())", each.join(", "))
            }
        }
    }
}
