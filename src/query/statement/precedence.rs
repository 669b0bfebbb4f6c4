//! `a IS DISTINCT FROM b AND c`: sqlparser takes all that follows for what is compared, where PostgreSQL's AND and OR bind less. So
//! before one of these it is written with an operator that binds as a comparison does, and read back.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::{
    ast::{BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value, VisitMut, VisitorMut},
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

/// What stands to the right of the operator: `a <=> pg_distinct_from(b) AND c`.
const DISTINCT: &str = "pg_distinct_from";
const NOT_DISTINCT: &str = "pg_not_distinct_from";

/// Writes such comparisons with the operator; the tokens keep their places.
pub(super) fn as_operators(tokens: &mut Vec<TokenWithSpan>) {
    if !tokens.iter().any(|token| keyword(token) == Some(Keyword::DISTINCT)) {
        return;
    }
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // Where, in `tokens`, parentheses close.
    let mut ends: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        while ends.last() == Some(&at) {
            ends.pop();
            written.push(TokenWithSpan::new(Token::RParen, token.span));
        }
        let Some((words, function)) = distinct_from(tokens, at) else {
            written.push(token.clone());
            continue;
        };
        let Some(end) = end_of_operand(tokens, at + 1) else {
            written.push(token.clone());
            continue;
        };
        // The words before FROM are written by now.
        written.truncate(written.len().saturating_sub(words));
        written.push(TokenWithSpan::new(Token::Spaceship, token.span));
        written.push(TokenWithSpan::new(Token::make_word(function, None), token.span));
        written.push(TokenWithSpan::new(Token::LParen, token.span));
        ends.push(end);
    }
    *tokens = written;
}

/// Reads the operator back.
pub(super) fn as_comparisons(tree: &mut impl VisitMut) {
    struct Reader;
    impl VisitorMut for Reader {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Some(comparison) = comparison(expr) {
                *expr = comparison;
            }
            ControlFlow::Continue(())
        }
    }
    let _ = VisitMut::visit(tree, &mut Reader);
}

fn comparison(expr: &mut Expr) -> Option<Expr> {
    let Expr::BinaryOp {
        left,
        op: BinaryOperator::Spaceship,
        right,
    } = expr
    else {
        return None;
    };
    let Expr::Function(function) = right.as_mut() else {
        return None;
    };
    let is_distinct = match function.name.to_string().as_str() {
        DISTINCT => true,
        NOT_DISTINCT => false,
        _ => return None,
    };
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(other))] = list.args.as_mut_slice() else {
        return None;
    };
    let null = || Expr::value(Value::Null);
    let (left, right) = (
        Box::new(std::mem::replace(left.as_mut(), null())),
        Box::new(std::mem::replace(other, null())),
    );
    Some(match is_distinct {
        true => Expr::IsDistinctFrom(left, right),
        false => Expr::IsNotDistinctFrom(left, right),
    })
}

fn keyword(token: &TokenWithSpan) -> Option<Keyword> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

/// Of the FROM of `IS [NOT] DISTINCT FROM` how many words stand before it, and what it is written as.
fn distinct_from(tokens: &[TokenWithSpan], at: usize) -> Option<(usize, &'static str)> {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at)).and_then(keyword);
    if before(0) != Some(Keyword::FROM) || before(1) != Some(Keyword::DISTINCT) {
        return None;
    }
    match (before(2), before(3)) {
        (Some(Keyword::IS), _) => Some((2, DISTINCT)),
        (Some(Keyword::NOT), Some(Keyword::IS)) => Some((3, NOT_DISTINCT)),
        _ => None,
    }
}

/// The AND or OR that ends the operand that begins at `start`; `None` where something else does.
fn end_of_operand(tokens: &[TokenWithSpan], start: usize) -> Option<usize> {
    let mut depth = 0usize;
    // BETWEENs whose AND is still to come.
    let mut betweens = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match &token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.checked_sub(1)?,
            Token::Comma | Token::SemiColon if depth == 0 => return None,
            Token::Word(_) => match keyword(token) {
                Some(Keyword::CASE) => depth += 1,
                Some(Keyword::END) => depth = depth.checked_sub(1)?,
                Some(Keyword::BETWEEN) if depth == 0 => betweens += 1,
                Some(Keyword::AND) if depth == 0 && betweens > 0 => betweens -= 1,
                Some(Keyword::AND | Keyword::OR) if depth == 0 => return Some(at),
                Some(
                    Keyword::THEN
                    | Keyword::WHEN
                    | Keyword::ELSE
                    | Keyword::AS
                    | Keyword::FROM
                    | Keyword::WHERE
                    | Keyword::GROUP
                    | Keyword::HAVING
                    | Keyword::WINDOW
                    | Keyword::ORDER
                    | Keyword::LIMIT
                    | Keyword::OFFSET
                    | Keyword::FETCH
                    | Keyword::UNION
                    | Keyword::INTERSECT
                    | Keyword::EXCEPT
                    | Keyword::JOIN
                    | Keyword::INNER
                    | Keyword::LEFT
                    | Keyword::RIGHT
                    | Keyword::FULL
                    | Keyword::CROSS
                    | Keyword::NATURAL,
                ) if depth == 0 => {
                    // `left(x, 1)` is a function.
                    let call = tokens.get(at + 1).is_some_and(|next| next.token == Token::LParen);
                    if !call {
                        return None;
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    None
}
