//! The disk on which replies wait: what one of them and what all of a cluster may take, and the nameless file of each. Blocking calls
//! are marked; what goes where is up to [`spool`](super::spool).

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;

use crate::{Error, Result, SqlState, limits};

/// What is written and read at once: a system call and a change of threads cost little beside it.
pub(super) const BLOCK_SIZE: usize = 512 * 1024;
/// The same, as a file counts.
const BLOCK_BYTES: u64 = BLOCK_SIZE as u64;

/// What the replies of all clusters take: they share one disk.
static PROCESS: LazyLock<Arc<Budget>> = LazyLock::new(|| Arc::new(Budget::new(limits::PROCESS_SPOOL_SIZE_MAX)));

/// Bytes that are taken, up to a cap.
#[derive(Debug)]
struct Budget {
    max: u64,
    used: AtomicU64,
}

impl Budget {
    fn new(max: u64) -> Self {
        Budget {
            max,
            used: AtomicU64::new(0),
        }
    }

    /// Whether there was room.
    fn take(&self, size: u64) -> bool {
        let take = |used: u64| used.checked_add(size).filter(|used| *used <= self.max);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    fn give(&self, size: u64) {
        self.used.fetch_sub(size, Ordering::Relaxed);
    }
}

/// The disk that the replies of one cluster share.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    result_size_max: u64,
    cluster: Budget,
    process: Arc<Budget>,
}

impl Disk {
    /// Files go to `dir`; one reply takes up to `result_size_max` bytes, all together up to `size_max`.
    pub(super) fn new(dir: PathBuf, result_size_max: u64, size_max: u64) -> Self {
        Disk {
            dir,
            result_size_max,
            cluster: Budget::new(size_max),
            process: Arc::clone(&PROCESS),
        }
    }

    /// Bytes taken now.
    pub(super) fn used(&self) -> u64 {
        self.cluster.used.load(Ordering::Relaxed)
    }

    /// Takes one block for a reply that has `blocks` of them.
    fn take(&self, blocks: u64) -> Result<()> {
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
        let full = |what: &str, budget: &Budget| {
            let max = budget.max / 1_048_576;
            Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("results of {what} exceed the {max} MB that may wait for their clients"),
            )
            .with_hint("Add LIMIT, fetch the rows faster, or close cursors that are not read.")
        };
        if !self.cluster.take(BLOCK_BYTES) {
            return Err(full("this cluster", &self.cluster));
        }
        if !self.process.take(BLOCK_BYTES) {
            self.cluster.give(BLOCK_BYTES);
            return Err(full("all clusters", &self.process));
        }
        Ok(())
    }

    fn give(&self, size: u64) {
        self.cluster.give(size);
        self.process.give(size);
    }
}

/// The file of one reply. It has no name and goes with its last user.
pub(super) struct SpoolFile {
    file: OnceLock<File>,
    disk: Arc<Disk>,
    blocks: AtomicU64,
}

impl SpoolFile {
    /// A file without blocks, not yet made.
    pub(super) fn new(disk: Arc<Disk>) -> Self {
        SpoolFile {
            file: OnceLock::new(),
            disk,
            blocks: AtomicU64::new(0),
        }
    }

    /// Room for one more block; returns its slot. Fails (54000) beyond a cap.
    pub(super) fn grow(&self) -> Result<u64> {
        let slot = self.blocks.load(Ordering::Relaxed);
        self.disk.take(slot)?;
        self.blocks.store(slot + 1, Ordering::Relaxed);
        Ok(slot)
    }

    /// Writes a block of [`BLOCK_SIZE`] bytes, in parts. Blocking. Only the writer of a reply calls it, so the file is made once.
    pub(super) fn write(&self, slot: u64, chunks: &[Bytes]) -> io::Result<()> {
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

    /// Reads a block that was written. Blocking.
    pub(super) fn read(&self, slot: u64) -> io::Result<Bytes> {
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
        self.disk.give(size);
    }
}

/// A failure of the disk, in PostgreSQL's words.
pub(super) fn failed(what: &str, error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    };
    Error::new(code, format!("could not {what} temporary file")).with_log(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clusters_share_one_disk() {
        let process = Arc::new(Budget::new(3 * BLOCK_BYTES));
        let disk = || Disk {
            process: Arc::clone(&process),
            ..Disk::new(std::env::temp_dir(), 10 * BLOCK_BYTES, 2 * BLOCK_BYTES)
        };
        let (one, other) = (Arc::new(disk()), Arc::new(disk()));
        let first = SpoolFile::new(one.clone());
        assert_eq!((first.grow().unwrap(), first.grow().unwrap()), (0, 1));
        assert!(
            first
                .grow()
                .unwrap_err()
                .message()
                .starts_with("results of this cluster")
        );
        let second = SpoolFile::new(other.clone());
        second.grow().unwrap();
        let error = second.grow().unwrap_err();
        assert_eq!(error.code(), SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert!(
            error.message().starts_with("results of all clusters"),
            "{}",
            error.message()
        );
        assert_eq!(other.used(), BLOCK_BYTES);
        drop(first);
        second.grow().unwrap();
        drop(second);
        assert_eq!(process.used.load(Ordering::Relaxed), 0);
    }
}
