//! How many statements of one kind run at once on one cluster, and how many wait for their turn.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{Error, Result, SqlState};

/// Statements of one kind: so many run, so many wait, in the order in which they came. Whoever stops waiting leaves the queue.
#[derive(Debug)]
pub(crate) struct Gate {
    running: Arc<Semaphore>,
    queue: Semaphore,
    wait: Duration,
    what: &'static str,
}

impl Gate {
    /// `what` are the statements' kind, for the error; `wait` is how long one may wait.
    pub(crate) fn new(what: &'static str, running: usize, queue: usize, wait: Duration) -> Self {
        Gate {
            running: Arc::new(Semaphore::new(running)),
            queue: Semaphore::new(queue),
            wait,
            what,
        }
    }

    /// The turn of a statement that begins: it runs until the permit is dropped.
    ///
    /// # Errors
    /// 53300 where too many wait already, or it waited too long.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = self.running.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _place = self
            .queue
            .try_acquire()
            .map_err(|_| self.busy(format!("too many {} already wait for this cluster", self.what)))?;
        match timeout(self.wait, self.running.clone().acquire_owned()).await {
            Ok(permit) => permit.map_err(Error::internal),
            Err(_) => Err(self.busy(format!(
                "other {} kept this cluster busy for {} seconds",
                self.what,
                self.wait.as_secs_f32()
            ))),
        }
    }

    /// The next turn of a statement that had one: it waits as long as it must, behind all that came before.
    pub(crate) async fn enter_again(&self) -> Result<OwnedSemaphorePermit> {
        self.running.clone().acquire_owned().await.map_err(Error::internal)
    }

    fn busy(&self, message: String) -> Error {
        Error::new(SqlState::TOO_MANY_CONNECTIONS, message).with_hint("Try again when fewer statements run.")
    }

    /// Whether one more may wait.
    #[cfg(test)]
    pub(crate) fn has_room(&self) -> bool {
        self.queue.available_permits() > 0
    }
}
