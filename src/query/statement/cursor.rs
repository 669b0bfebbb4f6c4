//! DECLARE, FETCH and MOVE.

use super::{Statement, rest_as_query, tokens::Tokens};
use crate::{Error, Result, SqlState};

/// Whether a cursor may go backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scroll {
    /// Not said: PostgreSQL lets those cursors go backwards whose plan can.
    #[default]
    Unsaid,
    Scroll,
    NoScroll,
}

/// Where FETCH and MOVE go, with the three ways of PostgreSQL's executor to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// So many rows, `i64::MAX` for all; 0 is the current row again. `FORWARD -3` is `Backward(3)`.
    Forward(i64),
    /// As forward; never negative.
    Backward(i64),
    /// The row of that number, from 1; negative from the end (`LAST` is -1); 0 is before the first.
    Absolute(i64),
    /// So many rows on, and only the last of them.
    Relative(i64),
}

impl Direction {
    fn forward(count: i64) -> Self {
        if count < 0 {
            Direction::Backward(count.saturating_neg())
        } else {
            Direction::Forward(count)
        }
    }

    fn backward(count: i64) -> Self {
        if count < 0 {
            Direction::Forward(count.saturating_neg())
        } else {
            Direction::Backward(count)
        }
    }
}

/// After `DECLARE`.
pub(super) fn parse_declare(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let name = tokens.ident()?;
    let (mut binary, mut scroll, mut insensitive, mut asensitive) = (false, Scroll::Unsaid, false, false);
    loop {
        if tokens.eat("binary")? {
            binary = true;
        } else if tokens.eat("insensitive")? {
            insensitive = true;
        } else if tokens.eat("asensitive")? {
            asensitive = true;
        } else if tokens.is("scroll") || tokens.is("no") {
            let new = if tokens.eat("no")? {
                Scroll::NoScroll
            } else {
                Scroll::Scroll
            };
            tokens.expect("scroll")?;
            if scroll != Scroll::Unsaid && scroll != new {
                return Err(conflict("SCROLL", "NO SCROLL"));
            }
            scroll = new;
        } else {
            break;
        }
    }
    if insensitive && asensitive {
        return Err(conflict("ASENSITIVE", "INSENSITIVE"));
    }
    tokens.expect("cursor")?;
    let mut hold = false;
    if let Some(with) = tokens.eat_any(&["with", "without"])? {
        tokens.expect("hold")?;
        hold = with == "with";
    }
    tokens.expect("for")?;
    Ok(Statement::Declare {
        name,
        binary,
        scroll,
        hold,
        query: rest_as_query(tokens)?,
    })
}

fn conflict(one: &str, other: &str) -> Error {
    Error::new(
        SqlState::INVALID_CURSOR_DEFINITION,
        format!("cannot specify both {one} and {other}"),
    )
}

/// After `FETCH` or `MOVE`: the cursor and where to go.
pub(super) fn parse_fetch(tokens: &mut Tokens<'_>) -> Result<(String, Direction)> {
    // A cursor may be called `next` or `first`: then its name is all there is.
    let mut ahead = tokens.clone();
    let only_name = ahead.ident().is_ok() && ahead.peek().is_none();
    let direction = if only_name {
        Direction::Forward(1)
    } else {
        direction(tokens)?
    };
    tokens.eat_any(&["from", "in"])?;
    Ok((tokens.ident()?, direction))
}

fn direction(tokens: &mut Tokens<'_>) -> Result<Direction> {
    let word = tokens.eat_any(&[
        "next", "prior", "first", "last", "absolute", "relative", "forward", "backward", "all",
    ])?;
    Ok(match word {
        Some("next") => Direction::Forward(1),
        Some("prior") => Direction::Backward(1),
        Some("first") => Direction::Absolute(1),
        Some("last") => Direction::Absolute(-1),
        Some("absolute") => Direction::Absolute(count(tokens)?),
        Some("relative") => Direction::Relative(count(tokens)?),
        Some("all") => Direction::Forward(i64::MAX),
        Some("forward") => Direction::forward(count_or_all(tokens)?),
        Some(_) => Direction::backward(count_or_all(tokens)?),
        None if tokens.is_number() => Direction::forward(count(tokens)?),
        None => Direction::Forward(1),
    })
}

fn count_or_all(tokens: &mut Tokens<'_>) -> Result<i64> {
    if tokens.eat("all")? {
        Ok(i64::MAX)
    } else if tokens.is_number() {
        count(tokens)
    } else {
        Ok(1)
    }
}

/// An integer as PostgreSQL's grammar has it: 32 bits and a sign.
fn count(tokens: &mut Tokens<'_>) -> Result<i64> {
    let start = tokens.clone();
    let number = tokens.number()?;
    number.parse::<i32>().map(i64::from).map_err(|_| start.unexpected())
}
