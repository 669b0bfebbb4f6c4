//! Tokens whose signature was verified a while ago: verifying it again with the same keys would say the same. Holds no token, only
//! its hash, and what its claims say; whether those are still good is judged at each login.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use serde_json::{Map, Value};

use super::{KeySet, Secret};
use crate::{
    limits::{VERIFIED_TOKEN_SIZE_MAX, VERIFIED_TOKENS_MAX},
    recent::Recent,
};

/// A token's SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; SHA256_OUTPUT_LEN]);

impl Digest {
    pub(super) fn of(token: &Secret) -> Digest {
        let hash = digest(&SHA256, token.expose().as_bytes());
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(hash.as_ref());
        Digest(bytes)
    }
}

/// A token whose signature is good.
pub(super) struct Known {
    pub(super) issuer: String,
    /// The keys that verified it: with any other set of keys it is not known.
    pub(super) set: Arc<KeySet>,
    pub(super) claims: Map<String, Value>,
}

/// The tokens that logged in most recently.
pub(super) struct Verified(Mutex<Recent<Digest, Arc<Known>>>);

impl Verified {
    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Known>> {
        self.lock().get(digest).cloned()
    }

    /// Remembers what `digest`, which is of `token`, stands for, unless that is too much.
    pub(super) fn insert(&self, token: &Secret, digest: Digest, known: Known) {
        if token.expose().len() <= VERIFIED_TOKEN_SIZE_MAX {
            self.lock().insert(digest, Arc::new(known));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent<Digest, Arc<Known>>> {
        // Whole at every step: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Verified {
    fn default() -> Self {
        Verified(Mutex::new(Recent::new(VERIFIED_TOKENS_MAX)))
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified")
    }
}
