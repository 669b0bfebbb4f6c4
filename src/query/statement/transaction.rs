//! Transaction control: BEGIN, COMMIT, ROLLBACK, savepoints, and the modes that transactions are given.

use super::tokens::Tokens;
use crate::{Error, Result, SqlState};

/// A statement that begins, ends or marks a transaction, or sets its modes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    Begin(Modes),
    /// `START TRANSACTION`: BEGIN with a command tag of its own.
    Start(Modes),
    /// `chain`: a new transaction with the same modes follows.
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    Savepoint(String),
    Release(String),
    RollbackTo(String),
    /// `SET TRANSACTION`
    Set(Modes),
    /// `SET SESSION CHARACTERISTICS AS TRANSACTION`
    SetDefault(Modes),
}

/// The modes that a transaction is given; `None` leaves the session's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    pub isolation: Option<Isolation>,
    pub read_only: Option<bool>,
    pub deferrable: Option<bool>,
}

/// Isolation levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Isolation {
    /// As `SHOW transaction_isolation` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Isolation::ReadUncommitted => "read uncommitted",
            Isolation::ReadCommitted => "read committed",
            Isolation::RepeatableRead => "repeatable read",
            Isolation::Serializable => "serializable",
        }
    }
}

impl Transaction {
    pub(super) fn tag(&self) -> Option<&'static str> {
        Some(match self {
            Transaction::Begin(_) => "BEGIN",
            Transaction::Start(_) => "START TRANSACTION",
            Transaction::Commit { .. } => return None,
            Transaction::Rollback { .. } | Transaction::RollbackTo(_) => "ROLLBACK",
            Transaction::Savepoint(_) => "SAVEPOINT",
            Transaction::Release(_) => "RELEASE",
            Transaction::Set(_) | Transaction::SetDefault(_) => "SET",
        })
    }
}

/// A statement that starts with BEGIN, START, COMMIT, END, ROLLBACK, ABORT, SAVEPOINT or RELEASE.
pub(super) fn parse(tokens: &mut Tokens<'_>) -> Result<Transaction> {
    if tokens.eat("begin")? {
        noise(tokens)?;
        return Ok(Transaction::Begin(modes(tokens, false)?));
    }
    if tokens.eat("start")? {
        tokens.expect("transaction")?;
        return Ok(Transaction::Start(modes(tokens, false)?));
    }
    if tokens.eat("savepoint")? {
        return Ok(Transaction::Savepoint(tokens.ident()?));
    }
    if tokens.eat("release")? {
        return Ok(Transaction::Release(savepoint_name(tokens)?));
    }
    if tokens.eat_any(&["commit", "end"])?.is_some() {
        if tokens.is("prepared") {
            return Err(two_phase());
        }
        return Ok(Transaction::Commit { chain: chain(tokens)? });
    }
    tokens.eat_any(&["rollback", "abort"])?;
    if tokens.is("prepared") {
        return Err(two_phase());
    }
    noise(tokens)?;
    if tokens.eat("to")? {
        return Ok(Transaction::RollbackTo(savepoint_name(tokens)?));
    }
    Ok(Transaction::Rollback { chain: chain(tokens)? })
}

/// The refusal of two-phase commit: nothing here outlives its session.
pub(super) fn two_phase() -> Error {
    Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "prepared transactions are not supported",
    )
}

fn noise(tokens: &mut Tokens<'_>) -> Result<()> {
    tokens.eat_any(&["work", "transaction"]).map(|_| ())
}

fn savepoint_name(tokens: &mut Tokens<'_>) -> Result<String> {
    tokens.eat("savepoint")?;
    tokens.ident()
}

fn chain(tokens: &mut Tokens<'_>) -> Result<bool> {
    noise(tokens)?;
    if !tokens.eat("and")? {
        return Ok(false);
    }
    let chain = !tokens.eat("no")?;
    tokens.expect("chain")?;
    Ok(chain)
}

/// Transaction modes, with or without commas between them; the last of a kind wins.
pub(super) fn modes(tokens: &mut Tokens<'_>, required: bool) -> Result<Modes> {
    let mut modes = Modes::default();
    let mut more = required;
    while more || tokens.peek().is_some() {
        if tokens.eat("isolation")? {
            tokens.expect("level")?;
            modes.isolation = Some(isolation(tokens)?);
        } else if tokens.eat("read")? {
            let only = tokens.eat("only")?;
            if !only {
                tokens.expect("write")?;
            }
            modes.read_only = Some(only);
        } else if tokens.eat("deferrable")? {
            modes.deferrable = Some(true);
        } else if tokens.eat("not")? {
            tokens.expect("deferrable")?;
            modes.deferrable = Some(false);
        } else {
            return Err(tokens.unexpected());
        }
        more = tokens.eat_symbol(",")?;
    }
    Ok(modes)
}

fn isolation(tokens: &mut Tokens<'_>) -> Result<Isolation> {
    if tokens.eat("serializable")? {
        Ok(Isolation::Serializable)
    } else if tokens.eat("repeatable")? {
        tokens.expect("read")?;
        Ok(Isolation::RepeatableRead)
    } else if tokens.eat("read")? {
        if tokens.eat("committed")? {
            Ok(Isolation::ReadCommitted)
        } else {
            tokens.expect("uncommitted")?;
            Ok(Isolation::ReadUncommitted)
        }
    } else {
        Err(tokens.unexpected())
    }
}
