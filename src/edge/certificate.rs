//! The certificate that this server shows, whatever name a client asks for, read again when its files change.

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::tls::Identity;
use crate::{
    limits::CERTIFICATE_SIZE_MAX,
    watched::{Content, Files, Watched},
};

/// The certificate of now. One for every name: which cluster a client may see is said by its token, never by the name it asks for,
/// which anyone on the way can read and write.
#[derive(Debug)]
pub struct Certificate {
    /// None for one that stays.
    files: Option<Files>,
    current: Watched<CertifiedKey>,
}

impl Certificate {
    /// One that stays.
    pub fn fixed(identity: Identity) -> Result<Self, String> {
        Ok(Certificate {
            files: None,
            current: Watched::new("the certificate", Some(identity.certified()?)),
        })
    }

    /// One from two PEM files; fails where they cannot be used.
    pub fn read(certificate: PathBuf, key: PathBuf) -> Result<Self, String> {
        let files = Files::new(vec![certificate, key], CERTIFICATE_SIZE_MAX);
        let current = Watched::new("the certificate", None);
        current.start(files.read_now(), certified)?;
        Ok(Certificate {
            files: Some(files),
            current,
        })
    }

    /// Looks at the files, and takes what is new and whole. Anything else leaves the certificate that is there.
    pub async fn refresh(&self) {
        if let Some(files) = &self.files {
            self.current.take(files.read().await, certified);
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.current()
    }
}

fn certified(contents: &[Content]) -> Result<CertifiedKey, String> {
    match contents {
        [certificate, key] => Identity::parse(certificate, key)?.certified(),
        _ => Err("not two files".into()),
    }
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

    #[tokio::test]
    async fn a_new_pair_is_taken_and_anything_else_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (pair(), pair());
        write(&dir, "crt", &first.certificate);
        write(&dir, "key", &first.key);
        let certificate = Certificate::read(dir.path().join("crt"), dir.path().join("key")).unwrap();
        let shown = async || {
            certificate.refresh().await;
            certificate.current.current().unwrap().cert[0].to_vec()
        };
        assert_eq!(shown().await, first.der);

        write(&dir, "crt", &second.certificate);
        assert_eq!(shown().await, first.der, "the key of another certificate");
        write(&dir, "key", &second.key[..second.key.len() / 2]);
        assert_eq!(shown().await, first.der, "half a key");
        fs::remove_file(dir.path().join("key")).unwrap();
        assert_eq!(shown().await, first.der, "no key");
        write(&dir, "key", &second.key);
        assert_eq!(shown().await, second.der, "both are there");
        write(&dir, "crt", "");
        assert_eq!(shown().await, second.der, "an empty file");
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
