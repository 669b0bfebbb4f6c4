//! The certificate that this server shows, whatever name a client asks for, read again when its files change.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use tokio_rustls::rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tracing::{error, info};

use super::tls::Identity;

/// The certificate of now. One for every name: which cluster a client may see is said by its token, never by the name it asks for,
/// which anyone on the way can read and write.
#[derive(Debug)]
pub struct Certificate {
    files: Option<Files>,
    current: RwLock<Arc<CertifiedKey>>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// Of what was read last, good or bad: each is taken, or complained about, once.
    seen: Mutex<Option<Vec<u8>>>,
}

impl Certificate {
    /// One that stays.
    pub fn fixed(identity: Identity) -> Result<Self, String> {
        Ok(Certificate {
            files: None,
            current: RwLock::new(Arc::new(identity.certified()?)),
        })
    }

    /// One from two PEM files; fails where they cannot be used.
    pub fn read(certificate: PathBuf, key: PathBuf) -> Result<Self, String> {
        let (contents, current) = (
            contents(&certificate, &key),
            Identity::read(&certificate, &key)?.certified()?,
        );
        Ok(Certificate {
            files: Some(Files {
                certificate,
                key,
                seen: Mutex::new(contents),
            }),
            current: RwLock::new(Arc::new(current)),
        })
    }

    /// Looks at the files, and takes what is new and whole. Anything else leaves the certificate that is there. Blocks.
    pub fn refresh(&self) {
        let Some(files) = &self.files else { return };
        let now = contents(&files.certificate, &files.key);
        {
            let mut seen = files.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == now {
                return;
            }
            *seen = now;
        }
        match Identity::read(&files.certificate, &files.key).and_then(Identity::certified) {
            Ok(fresh) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                info!("the certificate was read again");
            }
            Err(fault) => error!("the certificate cannot be read, the last good one stays: {fault}"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// A hash of both files, for the key itself need not lie about; `None` where one cannot be read.
fn contents(certificate: &PathBuf, key: &PathBuf) -> Option<Vec<u8>> {
    let mut hash = Context::new(&SHA256);
    for file in [certificate, key] {
        let bytes = zeroize::Zeroizing::new(std::fs::read(file).ok()?);
        hash.update(&bytes.len().to_be_bytes());
        hash.update(&bytes);
    }
    let digest: Digest = hash.finish();
    Some(digest.as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    struct Pair {
        certificate: String,
        key: String,
        der: Vec<u8>,
    }

    fn pair() -> Pair {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Pair {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            der: made.cert.der().to_vec(),
        }
    }

    fn write(dir: &TempDir, name: &str, text: &str) {
        fs::write(dir.path().join(name), text).unwrap();
    }

    #[test]
    fn a_new_pair_is_taken_and_anything_else_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (pair(), pair());
        write(&dir, "crt", &first.certificate);
        write(&dir, "key", &first.key);
        let certificate = Certificate::read(dir.path().join("crt"), dir.path().join("key")).unwrap();
        let shown = || {
            certificate.refresh();
            certificate.current.read().unwrap().cert[0].to_vec()
        };
        assert_eq!(shown(), first.der);

        write(&dir, "crt", &second.certificate);
        assert_eq!(shown(), first.der, "the key of another certificate");
        write(&dir, "key", &second.key[..second.key.len() / 2]);
        assert_eq!(shown(), first.der, "half a key");
        fs::remove_file(dir.path().join("key")).unwrap();
        assert_eq!(shown(), first.der, "no key");
        write(&dir, "key", &second.key);
        assert_eq!(shown(), second.der, "both are there");
        write(&dir, "crt", "");
        assert_eq!(shown(), second.der, "an empty file");
    }

    #[test]
    fn nothing_starts_with_a_pair_that_cannot_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (pair(), pair());
        let read = || Certificate::read(dir.path().join("crt"), dir.path().join("key"));
        assert!(read().is_err());
        write(&dir, "crt", &one.certificate);
        write(&dir, "key", &other.key);
        assert!(read().is_err());
        write(&dir, "key", &one.key);
        assert!(read().is_ok());
    }
}
