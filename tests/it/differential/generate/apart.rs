//! What a statement is to us and to the runtime: literals that a client sends apart from its statement, as parameters, and what the runtime
//! has to be told in other words.

use super::Generator;

/// What stands around such a literal; in no text that a cluster has.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// What stands around and between two texts that mean the same: ours, and the runtime's.
const OURS: char = '\u{e002}';
const THEIRS: char = '\u{e003}';
const BOTH: char = '\u{e004}';

/// A text for us, and what means the same to the runtime.
pub(super) fn either(ours: &str, theirs: &str) -> String {
    format!("{OURS}{ours}{THEIRS}{theirs}{BOTH}")
}

/// A condition after which the runtime takes AND and OR for a part of what is compared: for it there are parentheses around it.
pub(super) fn clear(condition: &str) -> String {
    format!("{}{condition}{}", either("", "("), either("", ")"))
}

/// One of the two texts of each pair.
fn chosen(sql: &str, ours: bool) -> String {
    // Of the pairs around: whether the first of the two is being read.
    let mut first: Vec<bool> = Vec::new();
    let mut text = String::new();
    for char in sql.chars() {
        match char {
            OURS => first.push(true),
            THEIRS => *first.last_mut().expect("a pair") = false,
            BOTH => {
                first.pop().expect("a pair");
            }
            char if first.iter().all(|first| *first == ours) => text.push(char),
            _ => {}
        }
    }
    text
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
    chosen(sql, false).replace([OPEN, CLOSE], "")
}

/// Ours, with a parameter for each marked literal, one for all that are the same, and their values in order.
pub(super) fn parameters(sql: &str) -> (String, Vec<String>) {
    let sql = chosen(sql, true);
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
