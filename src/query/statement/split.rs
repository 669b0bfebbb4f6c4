//! The text of a simple query → its statements.

use super::lexer::Lexer;
use crate::{Error, Result, SqlState, limits};

/// One statement of a query text: from its first token to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    pub text: &'a str,
    /// Characters before it in the query text: error positions count from there.
    pub offset: usize,
}

impl<'a> Piece<'a> {
    /// A text that is one statement (Parse messages).
    pub fn whole(text: &'a str) -> Self {
        Piece { text, offset: 0 }
    }
}

/// The statements of `sql`, separated by semicolons; empty ones are left out. Text that never ends (a string, a comment)
/// is an error, as it is for PostgreSQL, which runs nothing of such a query.
pub fn split(sql: &str) -> Result<Vec<Piece<'_>>> {
    let mut lexer = Lexer::new(sql, 0);
    let mut pieces = Vec::new();
    // First byte, offset in characters, end byte of the statement at hand.
    let mut open: Option<(usize, usize, usize)> = None;
    loop {
        let token = lexer.next()?;
        match (&token, &mut open) {
            (Some(token), Some(piece)) if token.text != ";" => piece.2 = token.end(),
            (Some(token), None) if token.text != ";" => open = Some((token.start, token.position - 1, token.end())),
            (_, piece) => {
                if let Some((start, offset, end)) = piece.take() {
                    if pieces.len() == limits::STATEMENTS_PER_QUERY_MAX {
                        let message = format!(
                            "a query cannot have more than {} statements",
                            limits::STATEMENTS_PER_QUERY_MAX
                        );
                        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
                    }
                    pieces.push(Piece {
                        text: sql.get(start..end).unwrap_or_default(),
                        offset,
                    });
                }
            }
        }
        if token.is_none() {
            return Ok(pieces);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        split(sql).unwrap().iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn semicolons_separate_only_outside_of_quotes_and_comments() {
        assert_eq!(texts("select 1;;  ; select 2 ;"), ["select 1", "select 2"]);
        assert_eq!(
            texts("select ';', \";\", $$;$$, $a$;$$;$a$, E'\\';' /* ; /* ; */ ; */ -- ;\n; x"),
            ["select ';', \";\", $$;$$, $a$;$$;$a$, E'\\';'", "x"]
        );
        assert_eq!(texts(r"select '\'; select 2"), [r"select '\'", "select 2"]);
        assert_eq!(
            texts("select 'it''s;', a$b$ from t; y"),
            ["select 'it''s;', a$b$ from t", "y"]
        );
        assert_eq!(texts("select 1 +-- ;\n 2; z"), ["select 1 +-- ;\n 2", "z"]);
        assert!(texts(" -- nothing\n ; /* here */ ").is_empty());
        assert!(texts(&";".repeat(10_000)).is_empty());
    }

    #[test]
    fn offsets_count_characters() {
        let pieces = split("select 'é'; foo").unwrap();
        assert_eq!(
            pieces.last(),
            Some(&Piece {
                text: "foo",
                offset: 12
            })
        );
    }

    #[test]
    fn endless_text_is_refused_in_the_words_of_postgresql() {
        for (sql, message) in [
            ("select 'abc", "unterminated quoted string at or near \"'abc\""),
            ("select e'abc\\'", "unterminated quoted string at or near \"e'abc\\'\""),
            ("select u&'01", "unterminated quoted string at or near \"u&'01\""),
            ("select \"abc", "unterminated quoted identifier at or near \"\"abc\""),
            ("select $$abc", "unterminated dollar-quoted string at or near \"$$abc\""),
            (
                "select $a$abc$b$",
                "unterminated dollar-quoted string at or near \"$a$abc$b$\"",
            ),
            (
                "select /* /* abc */",
                "unterminated /* comment at or near \"/* /* abc */\"",
            ),
            ("select b'01", "unterminated bit string literal at or near \"b'01\""),
            (
                "select x'01",
                "unterminated hexadecimal string literal at or near \"x'01\"",
            ),
            ("select \"\"", "zero-length delimited identifier at or near \"\"\"\""),
            ("select 12ab", "trailing junk after numeric literal at or near \"12a\""),
        ] {
            let error = split(sql).unwrap_err();
            assert_eq!(
                (error.code().code(), error.message(), error.position()),
                ("42601", message, Some(8)),
                "{sql}"
            );
        }
    }

    #[test]
    fn a_query_has_a_most_of_statements() {
        let error = split(&"x;".repeat(limits::STATEMENTS_PER_QUERY_MAX + 1)).unwrap_err();
        assert_eq!(error.code(), SqlState::PROGRAM_LIMIT_EXCEEDED);
    }
}
