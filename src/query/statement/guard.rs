//! How complex a statement may be, judged on its tokens: before any parser or planner recurses over it.
//!
//! A chain of operators becomes a tree as deep as the chain is long, and whoever walks that tree (DataFusion here,
//! DataFusion in a runtime) recurses. What counts is therefore the longest chain, not the number of operators: a `CASE`
//! of 10,000 arms or a list of 20,000 values is flat. Nesting as such is bounded by the parser's own recursion limit.

use datafusion::sql::sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

use crate::{Error, Result, SqlState, limits};

/// Chains that are open within one pair of parentheses (or `CASE` … `END`), by how tightly they bind: a new OR term
/// starts new AND and operator chains, a comma or a clause starts all three anew.
#[derive(Default)]
struct Level {
    /// How deep the expression around it is already.
    outer: usize,
    case: bool,
    from_list: bool,
    sets: usize,
    joins: usize,
    ors: usize,
    ands: usize,
    operators: usize,
}

impl Level {
    fn within(&self, case: bool) -> Level {
        Level {
            outer: self.depth() + 1,
            case,
            ..Level::default()
        }
    }

    fn depth(&self) -> usize {
        self.outer + self.sets + self.joins + self.ors + self.ands + self.operators
    }

    fn new_expression(&mut self) {
        (self.ors, self.ands, self.operators) = (0, 0, 0);
    }

    fn new_clause(&mut self, from_list: bool) {
        self.from_list = from_list;
        self.new_expression();
    }

    /// A key word or a symbol that neither opens nor closes a level.
    fn count(&mut self, token: &Token) {
        match token {
            Token::Comma => {
                self.joins += usize::from(self.from_list);
                self.new_expression();
            }
            Token::Word(word) => match word.keyword {
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => {
                    self.sets += 1;
                    self.joins = 0;
                    self.new_clause(false);
                }
                Keyword::JOIN => {
                    self.joins += 1;
                    self.new_expression();
                }
                Keyword::OR => {
                    self.ors += 1;
                    (self.ands, self.operators) = (0, 0);
                }
                Keyword::AND => {
                    self.ands += 1;
                    self.operators = 0;
                }
                Keyword::NOT
                | Keyword::IS
                | Keyword::NOTNULL
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::BETWEEN
                | Keyword::IN
                | Keyword::COLLATE
                | Keyword::AT => self.operators += 1,
                Keyword::FROM => self.new_clause(true),
                Keyword::SELECT | Keyword::WHERE | Keyword::GROUP | Keyword::HAVING | Keyword::ORDER => {
                    self.new_clause(false);
                }
                Keyword::ON | Keyword::WHEN | Keyword::THEN | Keyword::ELSE => self.new_expression(),
                _ => {}
            },
            // Names, constants and punctuation are leaves, whatever else is an operator.
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::Whitespace(_)
            | Token::EOF => {}
            _ => self.operators += 1,
        }
    }
}

/// Refuses statements whose syntax tree would be deeper than [`limits::EXPRESSION_DEPTH_MAX`], with 54001. Says how many
/// parentheses and `CASE`s are open at most.
pub(super) fn check_depth(tokens: &[TokenWithSpan]) -> Result<usize> {
    let mut around: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut nesting = 0;
    for TokenWithSpan { token, .. } in tokens {
        let keyword = match token {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                // A call or a subscript is itself a link of the chain that it stands in.
                level.operators += 1;
                let inner = level.within(false);
                around.push(std::mem::replace(&mut level, inner));
            }
            _ if keyword == Keyword::CASE => {
                let inner = level.within(true);
                around.push(std::mem::replace(&mut level, inner));
            }
            Token::RParen | Token::RBracket | Token::RBrace => level = around.pop().unwrap_or_default(),
            _ if keyword == Keyword::END && level.case => level = around.pop().unwrap_or_default(),
            token => level.count(token),
        }
        nesting = nesting.max(around.len());
        if level.depth() > limits::EXPRESSION_DEPTH_MAX {
            return Err(too_complex());
        }
    }
    Ok(nesting)
}

/// What a statement beyond the limits of complexity gets.
pub(super) fn too_complex() -> Error {
    Error::new(SqlState::STATEMENT_TOO_COMPLEX, "statement is too complex").with_hint(format!(
        "A chain of operators, joins or set operations may have {} links at most, a statement {} tokens.",
        limits::EXPRESSION_DEPTH_MAX,
        limits::STATEMENT_TOKENS_MAX
    ))
}
