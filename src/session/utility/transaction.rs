//! BEGIN, COMMIT, ROLLBACK, savepoints, and the modes of transactions.

use crate::{
    Result,
    query::statement::{Modes, Statement, Transaction as Command},
    session::{
        state::{Answer, Backend},
        transaction,
    },
};

impl Backend {
    pub(super) fn transaction_command(&mut self, command: &Command) -> Result<Answer> {
        let mut tag = Statement::Transaction(command.clone()).tag().unwrap_or_default();
        match command {
            Command::Begin(modes) | Command::Start(modes) => {
                if !self.transaction.begin() {
                    self.warn("25001", "there is already a transaction in progress");
                }
                self.settings.begin(modes);
            }
            Command::Commit { chain } | Command::Rollback { chain } => {
                let commits = matches!(command, Command::Commit { .. });
                if *chain && !self.transaction.in_block() {
                    return Err(transaction::only_in_block(if commits {
                        "COMMIT AND CHAIN"
                    } else {
                        "ROLLBACK AND CHAIN"
                    }));
                }
                tag = if commits { "COMMIT" } else { "ROLLBACK" };
                let modes = chain.then(|| self.settings.lock().modes());
                match self.transaction.end() {
                    None => {
                        self.warn("25P01", "there is no transaction in progress");
                        // Statements before it in the same simple query are its transaction.
                        if commits {
                            self.settings.lock().commit();
                        } else {
                            self.settings.lock().rollback();
                        }
                    }
                    Some(failed) if commits && !failed => self.settings.lock().commit(),
                    Some(_) => {
                        tag = "ROLLBACK";
                        self.settings.lock().rollback();
                    }
                }
                self.end_transaction(tag == "COMMIT");
                if let Some(modes) = modes {
                    self.transaction.begin();
                    self.settings.begin(&Modes::default());
                    self.settings.lock().store_modes(modes);
                }
            }
            Command::Savepoint(name) => {
                let share = self.kept.share(name.len() + self.settings.lock().size())?;
                self.transaction.savepoint(name, share)?;
                self.settings.lock().savepoint();
            }
            Command::Release(name) => {
                let depth = self.transaction.release(name)?;
                self.settings.lock().release(depth);
                for portal in self.portals.values_mut() {
                    portal.level = portal.level.min(depth - 1);
                }
            }
            Command::RollbackTo(name) => {
                let depth = self.transaction.rollback_to(name)?;
                self.settings.lock().rollback_to(depth);
                self.portals.retain(|_, portal| portal.level < depth);
            }
            Command::Set(modes) => {
                if !self.transaction.in_block() {
                    self.warn("25P01", "SET TRANSACTION can only be used in transaction blocks");
                }
                self.settings.lock().set_modes(modes);
            }
            Command::SetDefault(modes) => self.settings.lock().set_default_modes(modes),
        }
        Ok(Answer::Done(tag.to_owned()))
    }
}
