//! How much a session keeps at its client's wish: named statements, named portals with what was bound to them, rows and settings that may
//! be gone back to. Unnamed statements and portals are not counted: there is one of each, and what frees the others comes by them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{Error, Result, SqlState, limits};

/// The bytes that one session keeps.
#[derive(Debug)]
pub struct Kept {
    used: Arc<AtomicUsize>,
    max: usize,
}

/// A part of them, given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    used: Arc<AtomicUsize>,
    max: usize,
    size: usize,
}

impl Kept {
    pub fn new(max: usize) -> Self {
        Kept {
            used: Arc::default(),
            max,
        }
    }

    /// A share of `size` bytes.
    ///
    /// # Errors
    /// 53400 beyond the limit.
    pub fn share(&self, size: usize) -> Result<Share> {
        let mut share = Share {
            used: Arc::clone(&self.used),
            max: self.max,
            size: 0,
        };
        share.grow(size)?;
        Ok(share)
    }
}

impl Default for Kept {
    fn default() -> Self {
        Kept::new(limits::SESSION_SIZE_MAX)
    }
}

impl Share {
    /// Takes `by` bytes more, or none beyond the limit.
    pub fn grow(&mut self, by: usize) -> Result<()> {
        // One task at a time works for a session.
        let used = self.used.load(Ordering::Relaxed).saturating_add(by);
        if used > self.max && by > 0 {
            let words = "prepared statements, cursors and savepoints take too much memory";
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, words)
                .with_detail(format!("A session can keep {} bytes.", self.max))
                .with_hint("Deallocate, close or release what is no longer needed."));
        }
        self.used.store(used, Ordering::Relaxed);
        self.size += by;
        Ok(())
    }

    pub fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.used.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let kept = Kept::new(10);
        let mut one = kept.share(6).unwrap();
        let error = kept.share(5).unwrap_err();
        assert_eq!(
            (error.code().code(), error.detail()),
            ("53400", Some("A session can keep 10 bytes."))
        );
        one.grow(4).unwrap();
        assert!(one.grow(1).is_err() && kept.share(0).is_ok());
        drop(one);
        assert!(kept.share(10).is_ok());
    }
}
