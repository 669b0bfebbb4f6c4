//! What may change while the server runs, read again and again: the last good reading stays, whatever a later one brings, and each
//! fault is logged once. Files are read off the async threads, and never waited for without end. When to read is left to the owner.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{Context, SHA256};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::limits::{FILE_READ_TIMEOUT, FILE_READS_MAX};

/// What was read: keys may be in it.
pub(crate) type Content = Zeroizing<Vec<u8>>;

/// A value that is made of what was read last and was good.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    /// For the log: `the certificate`.
    what: String,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    current: Option<Arc<T>>,
    /// Of what `current` was made of: the same again is not made anew.
    digest: Option<Vec<u8>>,
    /// What was wrong with the last reading.
    fault: Option<String>,
}

/// One reading: the contents of each file, or of what is none.
#[derive(Debug)]
pub(crate) struct Reading {
    contents: Vec<Content>,
    digest: Vec<u8>,
}

impl<T> Watched<T> {
    pub(crate) fn new(what: impl Into<String>, current: Option<T>) -> Self {
        let state = State {
            current: current.map(Arc::new),
            digest: None,
            fault: None,
        };
        Watched {
            what: what.into(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn current(&self) -> Option<Arc<T>> {
        self.state().current.clone()
    }

    /// Takes the first reading, which must be good.
    pub(crate) fn start(
        &self,
        reading: Result<Reading, String>,
        parse: impl FnOnce(&[Content]) -> Result<T, String>,
    ) -> Result<(), String> {
        let reading = reading?;
        let first = Arc::new(parse(&reading.contents)?);
        let mut state = self.state();
        (state.current, state.digest) = (Some(first), Some(reading.digest));
        Ok(())
    }

    /// Takes what `reading` brought; whether that was good. One at a time.
    pub(crate) fn take(
        &self,
        reading: Result<Reading, String>,
        parse: impl FnOnce(&[Content]) -> Result<T, String>,
    ) -> bool {
        let known = self.state().digest.clone();
        // What is new is parsed with nothing locked: it may take a while, and nobody waits for it.
        let parsed = reading.and_then(|reading| match known {
            Some(known) if known == reading.digest => Ok(None),
            _ => parse(&reading.contents).map(|fresh| Some((Arc::new(fresh), reading.digest))),
        });
        let what = &self.what;
        let mut state = self.state();
        match parsed {
            Ok(fresh) => {
                if state.fault.take().is_some() {
                    tracing::info!("{what}: can be read again");
                }
                if let Some((fresh, digest)) = fresh {
                    tracing::info!("{what}: a new reading was taken");
                    (state.current, state.digest) = (Some(fresh), Some(digest));
                }
                true
            }
            Err(fault) => {
                if state.fault.as_ref() != Some(&fault) {
                    tracing::error!("{what}: cannot be read, the last good reading stays: {fault}");
                }
                state.fault = Some(fault);
                false
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Replaced as a whole: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    pub(crate) fn of(contents: Vec<Content>) -> Self {
        let mut hash = Context::new(&SHA256);
        for content in &contents {
            hash.update(&content.len().to_be_bytes());
            hash.update(content);
        }
        Reading {
            contents,
            digest: hash.finish().as_ref().to_vec(),
        }
    }
}

/// Files that belong together.
#[derive(Debug)]
pub(crate) struct Files {
    paths: Vec<PathBuf>,
    /// What each of them may hold.
    size_max: usize,
    timeout: Duration,
    places: Arc<Semaphore>,
}

impl Files {
    pub(crate) fn new(paths: Vec<PathBuf>, size_max: usize) -> Self {
        Files {
            paths,
            size_max,
            timeout: FILE_READ_TIMEOUT,
            places: Arc::new(Semaphore::new(FILE_READS_MAX)),
        }
    }

    /// Reads them all, if that takes no longer than it should: a mount whose server is away hangs, and nothing can end that.
    pub(crate) async fn read(&self) -> Result<Reading, String> {
        let late = |what: &str| Err(format!("{}: {what}", self.names()));
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return late("earlier readings have not ended");
        };
        let (paths, size_max) = (self.paths.clone(), self.size_max);
        let reading = tokio::task::spawn_blocking(move || {
            let reading = read_all(&paths, size_max);
            drop(place);
            reading
        });
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(Ok(reading)) => reading,
            Ok(Err(fault)) => Err(fault.to_string()),
            Err(_) => late("reading takes too long"),
        }
    }

    /// The same at once. Blocks.
    pub(crate) fn read_now(&self) -> Result<Reading, String> {
        read_all(&self.paths, self.size_max)
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        names.join(", ")
    }
}

fn read_all(paths: &[PathBuf], size_max: usize) -> Result<Reading, String> {
    let contents = paths.iter().map(|path| read_file(path, size_max));
    Ok(Reading::of(contents.collect::<Result<_, _>>()?))
}

/// A file of `size_max` bytes at most; faults name it. Blocks.
pub(crate) fn read_file(path: &Path, size_max: usize) -> Result<Content, String> {
    let fault = |words: String| format!("{}: {words}", path.display());
    let limit = u64::try_from(size_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = Content::default();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut content))
        .map_err(|error| fault(error.to_string()))?;
    if content.len() > size_max {
        return Err(fault(format!("larger than {size_max} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(contents: &[Content]) -> Result<String, String> {
        let content = contents.first().map(|content| content.to_vec()).unwrap_or_default();
        String::from_utf8(content).map_err(|fault| fault.to_string())
    }

    #[tokio::test]
    async fn the_last_good_reading_stays_until_there_is_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let (files, watched) = (Files::new(vec![path.clone()], 4), Watched::new("it", None));
        let read = async || (watched.take(files.read().await, text), watched.current());
        assert_eq!(read().await, (false, None));
        std::fs::write(&path, "one").unwrap();
        let (good, one) = read().await;
        assert_eq!((good, one.as_deref().map(String::as_str)), (true, Some("one")));
        let (good, same) = read().await;
        assert!(
            good && Arc::ptr_eq(&one.unwrap(), same.as_ref().unwrap()),
            "not made anew"
        );
        for bad in [&b"\xff"[..], b"12345"] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(read().await, (false, same.clone()));
        }
        std::fs::write(&path, "two").unwrap();
        assert_eq!(read().await, (true, Some(Arc::new("two".to_owned()))));
        std::fs::remove_file(&path).unwrap();
        assert!(!read().await.0);
    }

    #[tokio::test]
    async fn a_file_that_hangs_is_given_up_and_held_by_few_threads() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        // Nobody ever writes to it: opening it for reading hangs.
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let mut files = Files::new(vec![pipe.clone()], 4);
        files.timeout = Duration::from_millis(10);
        for _ in 0..FILE_READS_MAX {
            let fault = files.read().await.unwrap_err();
            assert_eq!(fault, format!("{}: reading takes too long", pipe.display()));
        }
        let fault = files.read().await.unwrap_err();
        assert_eq!(fault, format!("{}: earlier readings have not ended", pipe.display()));

        // A writer that comes and goes ends them all.
        let places = Arc::clone(&files.places);
        drop(std::fs::File::options().write(true).open(&pipe).unwrap());
        let all = u32::try_from(FILE_READS_MAX).unwrap();
        drop(places.acquire_many(all).await.unwrap());
        std::fs::remove_file(&pipe).unwrap();
        std::fs::write(&pipe, "back").unwrap();
        files.timeout = FILE_READ_TIMEOUT;
        assert_eq!(text(&files.read().await.unwrap().contents).unwrap(), "back");
    }
}
