//! What a runtime has sent and its client has not yet taken: first in memory, then in an anonymous file, up to a cap. The bytes of a
//! reply are kept as they came and decoded when they are taken. The writer never waits for the reader: a reply that nobody reads
//! would freeze every scan of its runtime. A client that keeps up never touches the disk.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use datafusion::physical_plan::metrics::Count;
use tokio::{runtime::Handle, sync::Notify, task::spawn_blocking};

use super::errors::Failure;
use crate::{Error, Result, SqlState, limits};

/// What is written and read at once: a system call and a change of threads cost little beside it.
const BLOCK_SIZE: usize = 512 * 1024;
/// The same, as a file counts.
const BLOCK_BYTES: u64 = BLOCK_SIZE as u64;

/// The disk that the replies of one cluster share.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    result_size_max: u64,
    size_max: u64,
    used: AtomicU64,
}

impl Disk {
    /// Files go to `dir`; one reply takes up to `result_size_max` bytes, all together up to `size_max`.
    pub(super) fn new(dir: PathBuf, result_size_max: u64, size_max: u64) -> Self {
        Disk {
            dir,
            result_size_max,
            size_max,
            used: AtomicU64::new(0),
        }
    }

    /// Bytes taken now.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes one block for a reply that has `blocks` of them.
    fn take_block(&self, blocks: u64) -> Result<()> {
        if (blocks + 1) * BLOCK_BYTES > self.result_size_max {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!(
                    "result exceeds the {} MB that may wait for its client",
                    self.result_size_max / 1_048_576
                ),
            )
            .with_hint("Add LIMIT, select fewer columns or rows, or fetch the rows faster."));
        }
        let take = |used: u64| Some(used + BLOCK_BYTES).filter(|used| *used <= self.size_max);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!(
                    "results of this cluster exceed the {} MB that may wait for their clients",
                    self.size_max / 1_048_576
                ),
            )
            .with_hint("Add LIMIT, fetch the rows faster, or close cursors that are not read.")),
        }
    }
}

/// The file of one reply. It has no name and goes with its last user.
struct SpoolFile {
    file: OnceLock<File>,
    disk: Arc<Disk>,
    blocks: AtomicU64,
}

impl SpoolFile {
    /// Blocking. Only the writer calls it, so the file is made once.
    fn write(&self, slot: u64, chunks: &[Bytes]) -> io::Result<()> {
        if self.file.get().is_none() {
            let _ = self.file.set(tempfile::tempfile_in(&self.disk.dir)?);
        }
        let file = self.file.get().ok_or(io::ErrorKind::NotFound)?;
        let mut offset = slot * BLOCK_BYTES;
        for chunk in chunks {
            file.write_all_at(chunk, offset)?;
            offset += u64::try_from(chunk.len()).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Blocking.
    fn read(&self, slot: u64) -> io::Result<Bytes> {
        let file = self.file.get().ok_or(io::ErrorKind::NotFound)?;
        let mut block = BytesMut::zeroed(BLOCK_SIZE);
        file.read_exact_at(&mut block, slot * BLOCK_BYTES)?;
        Ok(block.freeze())
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        let size = self.blocks.load(Ordering::Relaxed) * BLOCK_BYTES;
        // Closing frees what was written, which takes long for a large file.
        if let (Some(file), Ok(runtime)) = (self.file.take(), Handle::try_current()) {
            drop(runtime.spawn_blocking(move || drop(file)));
        }
        self.disk.used.fetch_sub(size, Ordering::Relaxed);
    }
}

/// The part of a reply that is on disk.
struct Spilled {
    file: Arc<SpoolFile>,
    /// Slots of the file that hold a block, the oldest first.
    full: VecDeque<u64>,
    /// Slots whose block was taken.
    free: Vec<u64>,
    /// Slots in all.
    slots: u64,
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
    fn take_block(&mut self, disk: &Arc<Disk>) -> Result<Option<(Arc<SpoolFile>, u64, Vec<Bytes>)>> {
        if self.back_size < BLOCK_SIZE {
            return Ok(None);
        }
        let spilled = self.spilled.get_or_insert_with(|| Spilled {
            file: Arc::new(SpoolFile {
                file: OnceLock::new(),
                disk: disk.clone(),
                blocks: AtomicU64::new(0),
            }),
            full: VecDeque::new(),
            free: Vec::new(),
            slots: 0,
        });
        let slot = match spilled.free.pop() {
            Some(slot) => slot,
            None => {
                disk.take_block(spilled.slots)?;
                spilled.file.blocks.fetch_add(1, Ordering::Relaxed);
                spilled.slots += 1;
                spilled.slots - 1
            }
        };
        let mut block = Vec::new();
        let mut missing = BLOCK_SIZE;
        while missing > 0 {
            let Some(mut chunk) = self.back.pop_front() else { break };
            if chunk.len() > missing {
                self.back.push_front(chunk.split_off(missing));
            }
            missing -= chunk.len();
            block.push(chunk);
        }
        self.back_size -= BLOCK_SIZE;
        self.writing = true;
        Ok(Some((spilled.file.clone(), slot, block)))
    }

    fn next(&mut self) -> Next {
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

struct Spool {
    disk: Arc<Disk>,
    state: Mutex<State>,
    changed: Notify,
}

impl Spool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
                Ok(Some((file, slot, block))) => {
                    self.write(file, slot, block)
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

    async fn write(&mut self, file: Arc<SpoolFile>, slot: u64, block: Vec<Bytes>) -> Result<()> {
        spawn_blocking(move || file.write(slot, &block))
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

/// In PostgreSQL's words.
fn failed(what: &str, error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    };
    Error::new(code, format!("could not {what} temporary file")).with_log(error.to_string())
}

#[cfg(test)]
#[path = "tests/spool.rs"]
mod tests;
