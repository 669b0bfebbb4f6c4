//! What a runtime has sent and its client has not yet taken: first in memory, then in an anonymous file, up to a cap. The bytes of a
//! reply are kept as they came and decoded when they are taken. The writer never waits for the reader: a reply that nobody reads
//! would freeze every scan of its runtime. A client that keeps up never touches the disk.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use datafusion::physical_plan::metrics::Count;
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{
    disk::{BLOCK_SIZE, Disk, SpoolFile, failed},
    errors::Failure,
};
use crate::{Error, Result, SqlState, limits};

/// The part of a reply that is on disk.
struct Spilled {
    file: Arc<SpoolFile>,
    /// Slots of the file that hold a block, the oldest first.
    full: VecDeque<u64>,
    /// Slots whose block was taken.
    free: Vec<u64>,
}

/// A reply's bytes in order: `front`, the blocks on disk, a block that is being written, `back`.
#[derive(Default)]
struct State {
    front: VecDeque<Bytes>,
    front_size: usize,
    spilled: Option<Spilled>,
    writing: bool,
    back: VecDeque<Bytes>,
    back_size: usize,
    end: Option<Result<(), Failure>>,
    /// When the reader last took something, or the first block went to disk.
    taken: Option<Instant>,
}

/// A block to write.
struct Block {
    file: Arc<SpoolFile>,
    slot: u64,
    chunks: Vec<Bytes>,
}

/// What the reader is to do next.
enum Next {
    Chunk(Bytes),
    Load(Arc<SpoolFile>, u64),
    End(Result<(), Failure>),
    Wait,
}

impl State {
    fn push(&mut self, chunk: Bytes) {
        self.back_size += chunk.len();
        self.back.push_back(chunk);
        if self.spilled.is_none() && self.front_size + self.back_size <= limits::REPLY_MEMORY_MAX {
            self.front.append(&mut self.back);
            self.front_size += std::mem::take(&mut self.back_size);
        }
    }

    /// A block to write, and where, if there is one.
    fn take_block(&mut self, disk: &Arc<Disk>) -> Result<Option<Block>> {
        if self.back_size < BLOCK_SIZE {
            return Ok(None);
        }
        let spilled = self.spilled.get_or_insert_with(|| Spilled {
            file: Arc::new(SpoolFile::new(disk.clone())),
            full: VecDeque::new(),
            free: Vec::new(),
        });
        let slot = match spilled.free.pop() {
            Some(slot) => slot,
            None => spilled.file.grow()?,
        };
        let mut chunks = Vec::new();
        let mut missing = BLOCK_SIZE;
        while missing > 0 {
            let Some(mut chunk) = self.back.pop_front() else { break };
            if chunk.len() > missing {
                self.back.push_front(chunk.split_off(missing));
            }
            missing -= chunk.len();
            chunks.push(chunk);
        }
        self.back_size -= BLOCK_SIZE;
        self.writing = true;
        self.taken.get_or_insert_with(Instant::now);
        Ok(Some(Block {
            file: spilled.file.clone(),
            slot,
            chunks,
        }))
    }

    fn next(&mut self) -> Next {
        self.taken = Some(Instant::now());
        if let Some(chunk) = self.front.pop_front() {
            self.front_size -= chunk.len();
            return Next::Chunk(chunk);
        }
        if let Some(spilled) = &mut self.spilled
            && let Some(slot) = spilled.full.pop_front()
        {
            return Next::Load(spilled.file.clone(), slot);
        }
        if self.writing {
            return Next::Wait;
        }
        // The reader has caught up: what is on disk has all been taken.
        self.spilled = None;
        if let Some(chunk) = self.back.pop_front() {
            self.back_size -= chunk.len();
            return Next::Chunk(chunk);
        }
        self.end.take().map_or(Next::Wait, Next::End)
    }
}

pub(super) struct Spool {
    disk: Arc<Disk>,
    state: Mutex<State>,
    changed: Notify,
}

impl Spool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves once some of the reply has been on disk for so long without any of it being taken. Then all that was kept is given
    /// up, and the reader gets this error in its place.
    pub(super) async fn idle(&self, idle_max: Duration) -> Failure {
        loop {
            let since = {
                let state = self.state();
                state.taken.filter(|_| state.spilled.is_some())
            };
            let deadline = since.unwrap_or_else(Instant::now) + idle_max;
            if since.is_some() && Instant::now() >= deadline {
                break;
            }
            sleep_until(deadline).await;
        }
        *self.state() = State {
            end: Some(Err(Failure::lasting(not_read(idle_max)))),
            ..State::default()
        };
        self.changed.notify_one();
        Failure::lasting(not_read(idle_max))
    }
}

/// Nobody reads a reply.
fn not_read(idle_max: Duration) -> Error {
    Error::new(
        SqlState::CONFIGURATION_LIMIT_EXCEEDED,
        format!(
            "result was given up, for none of it was fetched in {} seconds",
            idle_max.as_secs_f32()
        ),
    )
    .with_hint("Run the statement again and fetch its rows sooner, or select fewer of them.")
}

/// A spool for one reply.
pub(super) fn spool(disk: Arc<Disk>, spooled: Count) -> (SpoolWriter, SpoolReader) {
    let spool = Arc::new(Spool {
        disk,
        state: Mutex::default(),
        changed: Notify::new(),
    });
    let writer = SpoolWriter {
        spool: spool.clone(),
        spooled,
        ended: false,
    };
    (writer, SpoolReader { spool, ended: false })
}

/// Takes in a reply. Dropped before its [`end`](Self::end), it leaves an error to the reader.
pub(super) struct SpoolWriter {
    spool: Arc<Spool>,
    /// Bytes written to disk.
    spooled: Count,
    ended: bool,
}

impl SpoolWriter {
    /// Keeps a chunk; waits for the disk at most. Fails beyond a cap, and then gives up all that was kept.
    pub(super) async fn push(&mut self, chunk: Bytes) -> Result<()> {
        self.spool.state().push(chunk);
        self.spool.changed.notify_one();
        loop {
            let taken = self.spool.state().take_block(&self.spool.disk);
            match taken {
                Ok(None) => return Ok(()),
                Ok(Some(block)) => {
                    self.write(block)
                        .await
                        .inspect_err(|_| *self.spool.state() = State::default())?;
                }
                Err(error) => {
                    *self.spool.state() = State::default();
                    return Err(error);
                }
            }
        }
    }

    async fn write(&mut self, block: Block) -> Result<()> {
        let Block { file, slot, chunks } = block;
        spawn_blocking(move || file.write(slot, &chunks))
            .await
            .map_err(Error::internal)?
            .map_err(|error| failed("write to", &error))?;
        self.spooled.add(BLOCK_SIZE);
        let mut state = self.spool.state();
        state.writing = false;
        if let Some(spilled) = &mut state.spilled {
            spilled.full.push_back(slot);
        }
        drop(state);
        self.spool.changed.notify_one();
        Ok(())
    }

    /// A view of the reply for whoever looks after it.
    pub(super) fn watch(&self) -> Arc<Spool> {
        self.spool.clone()
    }

    /// Nothing more comes; the reader gets this after all that was kept.
    pub(super) fn end(mut self, end: Result<(), Failure>) {
        self.set_end(end);
    }

    fn set_end(&mut self, end: Result<(), Failure>) {
        self.ended = true;
        self.spool.state().end = Some(end);
        self.spool.changed.notify_one();
    }
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        if !self.ended {
            let error = Error::internal("the task that reads a reply ended without a verdict");
            self.spool.state().writing = false;
            self.set_end(Err(Failure::lasting(error)));
        }
    }
}

/// Gives a reply out.
pub(super) struct SpoolReader {
    spool: Arc<Spool>,
    ended: bool,
}

impl SpoolReader {
    /// The next bytes in order, or `None` once the body has ended as HTTP says it must.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while !self.ended {
            let next = self.spool.state().next();
            match next {
                Next::Chunk(chunk) => return Ok(Some(chunk)),
                Next::Load(file, slot) => {
                    let block = spawn_blocking(move || file.read(slot))
                        .await
                        .map_err(|error| Failure::lasting(Error::internal(error)))?
                        .map_err(|error| Failure::lasting(failed("read from", &error)))?;
                    if let Some(spilled) = &mut self.spool.state().spilled {
                        spilled.free.push(slot);
                    }
                    return Ok(Some(block));
                }
                Next::End(end) => {
                    self.ended = true;
                    end?;
                }
                Next::Wait => self.spool.changed.notified().await,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
#[path = "tests/spool.rs"]
mod tests;
