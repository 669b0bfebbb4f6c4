//! How complex a statement may be, judged on its tokens: before any parser or planner recurses over it.
//!
//! A chain of operators becomes a tree as deep as the chain is long, and whoever walks that tree (DataFusion here,
//! DataFusion in a runtime) recurses. What counts is therefore the longest chain, not the number of operators: a `CASE`
//! of 10,000 arms or a list of 20,000 values is flat. Nesting as such is bounded by the parser's own recursion limit. What only the
//! tree shows is how often CTEs are named ([`check_growth`]).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::{
    ast::{GroupByExpr, Ident, ObjectName, OrderByKind, Query, Select, Visitor},
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

use crate::{Error, Result, SqlState, limits, query::walk::syntax::walk};

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
        if level.depth() > limits::EXPRESSION_DEPTH_MAX || level.joins > limits::JOINS_MAX {
            return Err(too_complex());
        }
    }
    Ok(nesting)
}

/// Refuses statements (54001) that the parser, here or in a runtime, would read for minutes: it reads each argument of a call twice, for
/// it may be `name => value`, and so what lies within n calls 2ⁿ times.
pub(super) fn check_calls(tokens: &[TokenWithSpan]) -> Result<()> {
    /// What a parenthesis may follow that calls nothing.
    const NO_CALLS: [Keyword; 30] = [
        Keyword::ALL,
        Keyword::AND,
        Keyword::ANY,
        Keyword::AS,
        Keyword::BETWEEN,
        Keyword::BY,
        Keyword::CASE,
        Keyword::DISTINCT,
        Keyword::ELSE,
        Keyword::EXCEPT,
        Keyword::EXISTS,
        Keyword::FILTER,
        Keyword::FROM,
        Keyword::HAVING,
        Keyword::ILIKE,
        Keyword::IN,
        Keyword::INTERSECT,
        Keyword::JOIN,
        Keyword::LATERAL,
        Keyword::LIKE,
        Keyword::NOT,
        Keyword::ON,
        Keyword::OR,
        Keyword::OVER,
        Keyword::SELECT,
        Keyword::THEN,
        Keyword::UNION,
        Keyword::USING,
        Keyword::WHEN,
        Keyword::WHERE,
    ];
    let (mut open, mut calls, mut read) = (Vec::new(), 0_u32, 0_u64);
    let mut is_name = false;
    for TokenWithSpan { token, .. } in tokens {
        match token {
            Token::Whitespace(_) => continue,
            Token::LParen => {
                open.push(is_name);
                calls += u32::from(is_name);
            }
            Token::RParen => calls -= u32::from(open.pop().unwrap_or_default()),
            _ => {}
        }
        is_name = matches!(token, Token::Word(word) if !NO_CALLS.contains(&word.keyword));
        read = read.saturating_add(1_u64.checked_shl(calls).unwrap_or(u64::MAX));
        if read > limits::TOKENS_READ_MAX {
            return Err(too_complex());
        }
    }
    Ok(())
}

/// Refuses statements (54001) that grow beyond the limits once their CTEs are put in place of their names, as planners do: thirty
/// of them, each of which names the one before it twice, are a thousand million.
pub(super) fn check_growth(query: &Query) -> Result<()> {
    match walk(query, &mut Growth::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// How much a query is, with the CTEs that it names.
#[derive(Clone, Copy, Default)]
struct Extent {
    /// Tables that it reads.
    relations: usize,
    /// Queries that lie within one another.
    depth: usize,
}

/// A query that is being visited.
#[derive(Default)]
struct Open {
    /// Names of its CTEs; their queries are visited first, in this order.
    names: Vec<String>,
    known: Vec<Extent>,
    own: Extent,
}

#[derive(Default)]
struct Growth {
    around: Vec<Open>,
}

impl Growth {
    fn add(&mut self, part: Extent) -> ControlFlow<Error> {
        let Some(open) = self.around.last_mut() else {
            return ControlFlow::Continue(());
        };
        open.own.relations = open.own.relations.saturating_add(part.relations);
        open.own.depth = open.own.depth.max(part.depth + 1);
        if open.own.relations > limits::RELATIONS_MAX || open.own.depth > limits::QUERY_DEPTH_MAX {
            return ControlFlow::Break(too_complex());
        }
        ControlFlow::Continue(())
    }

    /// The CTE of that name, as far as it is known: one that names itself is recursive, and not put in its own place.
    fn cte(&self, name: &str) -> Option<Extent> {
        self.around.iter().rev().find_map(|open| {
            let index = open.names.iter().position(|known| known == name)?;
            open.known.get(index).copied()
        })
    }
}

impl Visitor for Growth {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind)
            && keys.len() > limits::COLUMNS_MAX
        {
            return ControlFlow::Break(too_wide());
        }
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.around.push(Open {
            names: ctes.map(|cte| folded(&cte.alias.name)).collect(),
            ..Open::default()
        });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Error> {
        let own = self.around.pop().unwrap_or_default().own;
        match self.around.last_mut() {
            Some(parent) if parent.known.len() < parent.names.len() => {
                parent.known.push(own);
                ControlFlow::Continue(())
            }
            _ => self.add(own),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        let grouped = match &select.group_by {
            GroupByExpr::Expressions(keys, _) => keys.len(),
            GroupByExpr::All(_) => 0,
        };
        if select.projection.len().max(grouped) > limits::COLUMNS_MAX {
            return ControlFlow::Break(too_wide());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Error> {
        let table = Extent { relations: 1, depth: 0 };
        let cte = match relation.0.as_slice() {
            [name] => name.as_ident().and_then(|name| self.cte(&folded(name))),
            _ => None,
        };
        self.add(cte.unwrap_or(table))
    }
}

fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

/// PostgreSQL's words for lists that are too long, be they of columns, of groups or of keys to sort by.
fn too_wide() -> Error {
    let message = format!("target lists can have at most {} entries", limits::COLUMNS_MAX);
    Error::new(SqlState::TOO_MANY_COLUMNS, message)
}

/// What a statement beyond the limits of complexity gets.
pub(super) fn too_complex() -> Error {
    Error::new(SqlState::STATEMENT_TOO_COMPLEX, "statement is too complex").with_hint(format!(
        "A chain of operators or set operations may have {} links at most, a FROM clause {} joins, a statement {} tables with its \
         CTEs written out, and {} tokens, those within n calls counted 2 to the power of n times up to {}.",
        limits::EXPRESSION_DEPTH_MAX,
        limits::JOINS_MAX,
        limits::RELATIONS_MAX,
        limits::STATEMENT_TOKENS_MAX,
        limits::TOKENS_READ_MAX
    ))
}

#[cfg(test)]
mod tests {
    use crate::{
        SqlState,
        query::statement::{Piece, Statement},
    };

    fn parse(sql: &str) -> Result<Statement, SqlState> {
        Statement::parse(Piece::whole(sql)).map_err(|error| error.code())
    }

    fn within(call: &str, depth: usize, rest: &str) -> String {
        format!("select {}1{}", call.repeat(depth), rest.repeat(depth))
    }

    #[test]
    fn calls_deep_within_one_another_are_refused_before_they_are_read() {
        for (call, rest) in [
            ("abs(", ")"),
            ("replace(", ", 'a', 'b')"),
            ("\"f\"(", ")"),
            ("coalesce(", ", $1)"),
        ] {
            assert!(parse(&within(call, 12, rest)).is_ok(), "{call}");
            for depth in [20, 40, 1_000] {
                assert_eq!(
                    parse(&within(call, depth, rest)),
                    Err(SqlState::STATEMENT_TOO_COMPLEX),
                    "{call} {depth}"
                );
            }
        }
        // What is read once: parentheses, conditions, subqueries, long lists of arguments.
        assert!(parse(&within("(1 + (", 15, "))")).is_ok());
        assert!(parse(&within("(true and (not (", 10, ")))")).is_ok());
        assert!(parse(&format!("select concat(1{})", ", 1".repeat(40_000))).is_ok());
    }
}
