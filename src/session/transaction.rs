//! Where a session stands between BEGIN and COMMIT. Nothing is ever written, so only what clients can see of it is kept:
//! the status byte, what a failed transaction refuses, and savepoints.

use pgwire::messages::response::TransactionStatus;

use super::kept::Share;
use crate::{Error, Result, SqlState};

/// A session's transaction.
#[derive(Debug, Default)]
pub struct Transaction {
    block: Option<Block>,
}

#[derive(Debug, Default)]
struct Block {
    failed: bool,
    /// Names, and the shares of what the session keeps for them.
    savepoints: Vec<(String, Share)>,
}

impl Transaction {
    /// The status byte of ReadyForQuery.
    pub fn status(&self) -> TransactionStatus {
        match &self.block {
            None => TransactionStatus::Idle,
            Some(Block { failed: false, .. }) => TransactionStatus::Transaction,
            Some(Block { failed: true, .. }) => TransactionStatus::Error,
        }
    }

    pub fn in_block(&self) -> bool {
        self.block.is_some()
    }

    pub fn is_failed(&self) -> bool {
        self.block.as_ref().is_some_and(|block| block.failed)
    }

    /// Savepoints that are open.
    pub fn level(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.savepoints.len())
    }

    /// Opens a block; `false` where one is open already.
    pub fn begin(&mut self) -> bool {
        let fresh = self.block.is_none();
        self.block.get_or_insert_default();
        fresh
    }

    /// Ends the block; `None` where there was none, else whether it had failed.
    pub fn end(&mut self) -> Option<bool> {
        self.block.take().map(|block| block.failed)
    }

    /// Marks the block as failed; `false` outside of one.
    pub fn fail(&mut self) -> bool {
        match &mut self.block {
            Some(block) => {
                block.failed = true;
                true
            }
            None => false,
        }
    }

    pub fn savepoint(&mut self, name: &str, share: Share) -> Result<()> {
        let savepoints = &mut self.block_for("SAVEPOINT")?.savepoints;
        savepoints.push((name.to_owned(), share));
        Ok(())
    }

    /// Forgets a savepoint and those after it; its depth, from 1.
    pub fn release(&mut self, name: &str) -> Result<usize> {
        let block = self.block_for("RELEASE SAVEPOINT")?;
        let index = position(block, name)?;
        block.savepoints.truncate(index);
        Ok(index + 1)
    }

    /// Returns to a savepoint, which stays: the block is sound again. Its depth, from 1.
    pub fn rollback_to(&mut self, name: &str) -> Result<usize> {
        let block = self.block_for("ROLLBACK TO SAVEPOINT")?;
        let index = position(block, name)?;
        block.savepoints.truncate(index + 1);
        block.failed = false;
        Ok(index + 1)
    }

    fn block_for(&mut self, command: &str) -> Result<&mut Block> {
        self.block.as_mut().ok_or_else(|| only_in_block(command))
    }
}

fn position(block: &Block, name: &str) -> Result<usize> {
    let mut savepoints = block.savepoints.iter();
    savepoints.rposition(|(known, _)| known == name).ok_or_else(|| {
        Error::new(
            SqlState::INVALID_SAVEPOINT,
            format!("savepoint \"{name}\" does not exist"),
        )
    })
}

/// PostgreSQL's error for a command that means nothing outside of a transaction block.
pub fn only_in_block(command: &str) -> Error {
    Error::new(
        SqlState::NO_ACTIVE_SQL_TRANSACTION,
        format!("{command} can only be used in transaction blocks"),
    )
}

/// PostgreSQL's error for whatever is sent to a failed transaction.
pub fn failed() -> Error {
    Error::new(
        SqlState::IN_FAILED_SQL_TRANSACTION,
        "current transaction is aborted, commands ignored until end of transaction block",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::kept::Kept;

    #[test]
    fn the_status_follows_begin_failure_rollback_to_and_end() {
        let share = || Kept::default().share(0).unwrap();
        let mut transaction = Transaction::default();
        assert_eq!(transaction.status(), TransactionStatus::Idle);
        assert!(!transaction.fail());
        assert!(transaction.begin());
        assert!(!transaction.begin());
        transaction.savepoint("a", share()).unwrap();
        transaction.savepoint("b", share()).unwrap();
        assert!(transaction.fail());
        assert_eq!(transaction.status(), TransactionStatus::Error);
        assert_eq!(transaction.rollback_to("a").unwrap(), 1);
        assert_eq!(transaction.status(), TransactionStatus::Transaction);
        assert_eq!(
            transaction.rollback_to("b").unwrap_err().message(),
            "savepoint \"b\" does not exist"
        );
        assert_eq!(transaction.release("a").unwrap(), 1);
        assert_eq!(transaction.end(), Some(false));
        assert_eq!(transaction.end(), None);
        let error = transaction.savepoint("a", share()).unwrap_err();
        assert_eq!(error.message(), "SAVEPOINT can only be used in transaction blocks");
    }
}
