//! Patterns that are written in the statement: regular expressions in the engine's spelling, SIMILAR TO as one of them, and what
//! one matches of a text.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value};

use super::{
    build::{binary, number},
    call,
    literals::string,
    take, text,
};
use crate::catalog::functions::regex;

/// `x ~ 'pattern'`, `x SIMILAR TO 'pattern'`, `substring(x FROM 'pattern')`.
pub fn expr(expr: &mut Expr) {
    match expr {
        Expr::BinaryOp {
            op:
                BinaryOperator::PGRegexMatch
                | BinaryOperator::PGRegexIMatch
                | BinaryOperator::PGRegexNotMatch
                | BinaryOperator::PGRegexNotIMatch,
            right,
            ..
        } => {
            if let Some(pattern) = string(right) {
                **right = text(regex::spelled(pattern));
            }
        }
        Expr::SimilarTo {
            negated,
            expr: of,
            pattern,
            escape_char,
        } => {
            let escape = match escape_char.as_ref().map(|value| &value.value) {
                Some(Value::SingleQuotedString(escape)) => escape.chars().next(),
                _ => Some('\\'),
            };
            if let Some(regex) = string(pattern).map(|pattern| similar(pattern, escape)) {
                let op = match negated {
                    true => BinaryOperator::PGRegexNotMatch,
                    false => BinaryOperator::PGRegexMatch,
                };
                *expr = binary(take(of), op, text(regex));
            }
        }
        Expr::Substring {
            expr: of,
            substring_from: Some(pattern),
            substring_for: None,
            ..
        } if string(pattern).is_some() => *expr = matched(take(of), take(pattern)),
        _ => {}
    }
}

/// What a pattern matches of a text: its first group, or all that it matches.
pub fn matched(of: Expr, pattern: Expr) -> Expr {
    let groups = call("regexp_match", vec![of, pattern]);
    call("pg_subscript", vec![groups, number(1)])
}

/// A pattern of SIMILAR TO as a regular expression over the whole text.
fn similar(pattern: &str, escape: Option<char>) -> String {
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
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_pattern_matches_of_a_text() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select substring('foobar' from 'o(.)b')", "o"),
            ("select substring('foobar', 'o.b')", "oob"),
            (r"select substring('foo.bar' from E'\\.(.)')", "b"),
            ("select substring('foobar', 2, 3)", "oob"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }

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
