//! Patterns that are written in the statement: regular expressions in the engine's spelling, SIMILAR TO as one of them.

use datafusion::sql::sqlparser::ast::Expr;

use super::calls::{quoted, text};

/// A regular expression in quotes, as the engine spells it.
pub fn regular(expr: &mut Expr) {
    if let Some(pattern) = quoted(expr) {
        let spelled = crate::catalog::functions::regex::spelled(pattern);
        *expr = text(spelled);
    }
}

/// A pattern of SIMILAR TO as a regular expression over the whole text.
pub fn similar(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::from("^(?:");
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == escape => {
                if let Some(c) = chars.next() {
                    out.push_str(&escaped(c));
                }
            }
            '[' => {
                in_class = true;
                out.push('[');
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            c if in_class => out.push(c),
            '%' => out.push_str("(?s:.*)"),
            '_' => out.push_str("(?s:.)"),
            '(' => out.push_str("(?:"),
            '|' | '*' | '+' | '?' | '{' | '}' | ')' => out.push(c),
            c => out.push_str(&escaped(c)),
        }
    }
    out.push_str(")$");
    out
}

fn escaped(c: char) -> String {
    match c {
        '.' | '^' | '$' | '\\' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => format!("\\{c}"),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn similar_to_is_a_regular_expression_over_all_of_the_text() {
        for (pattern, expected) in [
            ("a%", "^(?:a(?s:.*))$"),
            ("(b|c)_", "^(?:(?:b|c)(?s:.))$"),
            ("a\\_b.c", "^(?:a_b\\.c)$"),
            ("[a-c%]+", "^(?:[a-c%]+)$"),
        ] {
            assert_eq!(similar(pattern, Some('\\')), expected, "{pattern}");
        }
    }
}
