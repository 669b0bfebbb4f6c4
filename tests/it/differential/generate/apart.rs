//! What a statement is to the runtime and to us: literals that a client sends apart from its statement, as parameters, and parentheses
//! that the runtime's parser needs.

use super::Generator;

/// What stands around such a literal; in no text that a cluster has.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// Parentheses that the runtime alone is sent.
const LEFT: char = '\u{e002}';
const RIGHT: char = '\u{e003}';

/// A condition after which the runtime takes AND and OR for a part of what is compared: for it there are parentheses around it.
pub(super) fn clear(condition: &str) -> String {
    format!("{LEFT}{condition}{RIGHT}")
}

impl Generator<'_> {
    /// A literal, now and then marked.
    pub(super) fn maybe_apart(&mut self, literal: String) -> String {
        match self.apart && self.random.chance(60) {
            true => format!("{OPEN}{literal}{CLOSE}"),
            false => literal,
        }
    }
}

/// The text for the runtime: literals as they are.
pub(super) fn unmarked(sql: &str) -> String {
    sql.replace([OPEN, CLOSE], "").replace(LEFT, "(").replace(RIGHT, ")")
}

/// Ours, with a parameter for each marked literal, one for all that are the same, and their values in order.
pub(super) fn parameters(sql: &str) -> (String, Vec<String>) {
    let sql = sql.replace([LEFT, RIGHT], "");
    let mut values: Vec<String> = Vec::new();
    let mut pieces = sql.split(OPEN);
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (literal, rest) = piece.split_once(CLOSE).expect("the end of a literal");
        let value = match literal.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            Some(text) => text.replace("''", "'"),
            None => literal.to_owned(),
        };
        let index = values.iter().position(|known| *known == value).unwrap_or(values.len());
        if index == values.len() {
            values.push(value);
        }
        text.push_str(&format!("${}{rest}", index + 1));
    }
    (text, values)
}
