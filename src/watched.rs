//! What may change while the server runs, read again and again: the last good reading stays, whatever a later one brings, and each
//! fault is logged once. Files are read off the async threads, and never waited for without end. When to read is left to the owner.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{Context, SHA256};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::limits::{FILE_READ_AGAIN_AFTER_MAX, FILE_READ_TIMEOUT, FILE_READS_MAX, FILES_CHECK_AFTER};

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
    hanging: Arc<Mutex<Hanging>>,
}

/// Readings that have begun and not ended: each has a thread, and nothing can end it.
#[derive(Debug)]
struct Hanging {
    count: usize,
    /// When one more may begin, though there are as many as there should be: what is at the path may be another file by now.
    again_at: Instant,
    /// How long after that the next.
    pause: Duration,
}

impl Files {
    pub(crate) fn new(paths: Vec<PathBuf>, size_max: usize) -> Self {
        let hanging = Hanging {
            count: 0,
            again_at: Instant::now(),
            pause: FILES_CHECK_AFTER,
        };
        Files {
            paths,
            size_max,
            timeout: FILE_READ_TIMEOUT,
            hanging: Arc::new(Mutex::new(hanging)),
        }
    }

    /// Reads them all, if that takes no longer than it should: a mount whose server is away hangs, and nothing can end that.
    pub(crate) async fn read(&self) -> Result<Reading, String> {
        let late = |what: &str| Err(format!("{}: {what}", self.names()));
        let Some(place) = Place::take(&self.hanging, Instant::now()) else {
            return late("earlier readings have not ended");
        };
        let (paths, size_max) = (self.paths.clone(), self.size_max);
        let (done, reading) = oneshot::channel();
        // A thread of its own: those for blocking work are shared and bounded, and whatever hangs would take them from others.
        std::thread::Builder::new()
            .name("file".into())
            .spawn(move || {
                let reading = read_all(&paths, size_max);
                drop(place);
                // Nobody may wait any more.
                let _ = done.send(reading);
            })
            .map_err(|fault| format!("{}: {fault}", self.names()))?;
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(Ok(reading)) => reading,
            Ok(Err(_)) => late("reading broke off"),
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

/// A reading's place among those that have not ended; it is given back when this is dropped.
struct Place(Arc<Mutex<Hanging>>);

impl Place {
    /// `None` where as many hang as should, and it was not long since one more began.
    fn take(hanging: &Arc<Mutex<Hanging>>, now: Instant) -> Option<Place> {
        let mut state = hanging.lock().unwrap_or_else(PoisonError::into_inner);
        if state.count < FILE_READS_MAX {
            state.pause = FILES_CHECK_AFTER;
        } else if now < state.again_at {
            return None;
        } else {
            state.pause = (state.pause * 2).min(FILE_READ_AGAIN_AFTER_MAX);
        }
        state.again_at = now + state.pause;
        state.count += 1;
        Some(Place(Arc::clone(hanging)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count -= 1;
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
    async fn a_file_that_hangs_is_given_up_and_what_takes_its_place_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("pipe"), dir.path().join("old"));
        // Nobody ever writes to it: opening it for reading hangs.
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let mut files = Files::new(vec![path.clone()], 4);
        files.timeout = Duration::from_millis(10);
        let fault = async |files: &Files| files.read().await.unwrap_err();
        for _ in 0..FILE_READS_MAX {
            let slow = format!("{}: reading takes too long", path.display());
            assert_eq!(fault(&files).await, slow);
        }
        std::fs::rename(&path, &old).unwrap();
        std::fs::write(&path, "back").unwrap();
        files.timeout = FILE_READ_TIMEOUT;
        let hanging = format!("{}: earlier readings have not ended", path.display());
        assert_eq!(fault(&files).await, hanging);
        files.hanging.lock().unwrap().again_at = Instant::now();
        assert_eq!(text(&files.read().await.unwrap().contents).unwrap(), "back");

        // A writer that comes and goes ends those that hang.
        drop(std::fs::File::options().write(true).open(old).unwrap());
        while files.hanging.lock().unwrap().count > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..2 * FILE_READS_MAX {
            assert!(files.read().await.is_ok());
        }
    }

    #[test]
    fn beyond_the_most_that_may_hang_readings_begin_ever_more_rarely() {
        let files = Files::new(vec![], 0);
        let start = Instant::now();
        let mut held = vec![];
        let mut began = vec![];
        let hours = (1..365 * 24).map(|hour| hour * 60 * 60);
        for seconds in (0..60).chain(hours) {
            if let Some(place) = Place::take(&files.hanging, start + Duration::from_secs(seconds)) {
                held.push(place);
                began.push(seconds);
            }
        }
        assert_eq!(began[..FILE_READS_MAX + 4], [0, 1, 2, 3, 4, 5, 6, 7, 9, 13, 21, 37]);
        assert!(began.len() < 400, "{} in a year", began.len());
        let last = began.iter().rev().take(2).copied().reduce(|last, before| last - before);
        assert_eq!(last, Some(FILE_READ_AGAIN_AFTER_MAX.as_secs()));
        // Once they have ended all is as before.
        held.clear();
        let now = start + Duration::from_secs(1);
        held.extend((0..=FILE_READS_MAX).map_while(|_| Place::take(&files.hanging, now)));
        assert_eq!(held.len(), FILE_READS_MAX);
    }
}
