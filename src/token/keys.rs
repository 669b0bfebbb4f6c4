//! A set of public keys as an issuer publishes it (JWKS, RFC 7517): the usable ones, and why the others are left out. What
//! makes a key usable is said in `jwk`.

use std::{fmt, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::{Algorithm, jwk::Key};
use crate::{limits::JWKS_SIZE_MAX, watched::read_file};

/// The usable keys of one issuer, and why the others are not.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<String>,
}

impl KeySet {
    /// Reads a JWKS document. Faults of the document are errors, as is a set without a usable key.
    pub fn parse(jwks: &[u8]) -> Result<KeySet, KeyFault> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<Value>,
        }

        if jwks.len() > JWKS_SIZE_MAX {
            return Err(KeyFault(format!("the JWKS is larger than {JWKS_SIZE_MAX} bytes")));
        }
        // serde_json's message gives the place and what was expected there; the document is public.
        let jwks: Jwks = serde_json::from_slice(jwks).map_err(|fault| KeyFault(format!("not a JWKS: {fault}")))?;

        let mut set = KeySet::default();
        for (index, jwk) in jwks.keys.into_iter().enumerate() {
            match Key::from_jwk(jwk) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.skipped.push(format!("key {}: {reason}", index + 1)),
            }
        }
        set.drop_duplicates();
        if set.keys.is_empty() {
            let reasons = if set.skipped.is_empty() {
                "it is empty".into()
            } else {
                set.skipped.join("; ")
            };
            return Err(KeyFault(format!("the JWKS has no usable key: {reasons}")));
        }
        Ok(set)
    }

    /// Reads a JWKS file.
    pub fn read(path: &Path) -> Result<KeySet, KeyFault> {
        let document = read_file(path, JWKS_SIZE_MAX).map_err(KeyFault)?;
        KeySet::parse(&document).map_err(|fault| KeyFault(format!("{}: {fault}", path.display())))
    }

    /// Of two keys with one `kid` none is used: which of them the issuer means cannot be known, and parsers differ.
    fn drop_duplicates(&mut self) {
        let kids: Vec<Option<String>> = self.keys.iter().map(|key| key.kid.clone()).collect();
        let twice = |kid: &Option<String>| kid.is_some() && kids.iter().filter(|other| *other == kid).count() > 1;
        self.keys.retain(|key| !twice(&key.kid));
        let mut kids: Vec<&String> = kids.iter().filter(|kid| twice(kid)).flatten().collect();
        kids.dedup();
        self.skipped
            .extend(kids.into_iter().map(|kid| format!("kid {kid:?} stands more than once")));
    }

    /// Why keys were left out, for a warning in the log.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether some key can verify one of `algorithms`.
    pub fn serves(&self, algorithms: &[Algorithm]) -> bool {
        self.keys
            .iter()
            .any(|key| key.algorithms.iter().any(|algorithm| algorithms.contains(algorithm)))
    }

    /// The key for a token: the one with its `kid`, or the only one when the token has none.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<VerifyingKey<'_>> {
        let key = match (kid, self.keys.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid.as_deref() == Some(kid))?,
            (None, [key]) => key,
            (None, _) => return None,
        };
        Some(VerifyingKey(key))
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| (&key.kid, &key.algorithms)))
            .finish()
    }
}

/// A key chosen for one token.
pub(super) struct VerifyingKey<'a>(&'a Key);

impl VerifyingKey<'_> {
    /// Whether the key, not the token, says that it is for `algorithm`.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.0.algorithms.contains(&algorithm)
    }

    /// Whether `signature` (base64url) is this key's over `message`. An algorithm that the key is not for verifies nothing.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        self.is_for(algorithm)
            && jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.0.key, algorithm.into())
                .unwrap_or(false)
    }
}

/// Why keys cannot be read, written or fetched. Fit for the log and the operator, never shown to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault(pub(super) String);

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyFault {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::token::SigningKey;

    #[test]
    fn a_bad_document_is_a_fault_of_the_whole() {
        for (document, reason) in [
            ("", "not a JWKS"),
            ("<html>", "not a JWKS"),
            ("[]", "not a JWKS"),
            (r#"{"keys": 1}"#, "not a JWKS"),
            (r#"{"keys": []}"#, "empty"),
            (&*" ".repeat(JWKS_SIZE_MAX + 1), "larger than"),
        ] {
            let fault = KeySet::parse(document.as_bytes()).unwrap_err().to_string();
            assert!(fault.contains(reason), "{document:.20}: {fault}");
        }
    }

    #[test]
    fn neither_of_two_keys_with_one_kid_is_used() {
        let jwk = |kid: &str| -> Value {
            let jwks: Value = serde_json::from_str(&SigningKey::generate().unwrap().jwks()).unwrap();
            let mut jwk = jwks["keys"][0].clone();
            jwk["kid"] = kid.into();
            jwk
        };
        let set = json!({ "keys": [jwk("a"), jwk("b"), jwk("a")] });
        let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!(
            (set.len(), set.skipped()),
            (1, &["kid \"a\" stands more than once".to_string()][..])
        );
        assert!(set.find(Some("a")).is_none() && set.find(Some("b")).is_some() && set.find(None).is_some());
    }

    #[test]
    fn one_unusable_key_does_not_spoil_the_set() {
        let jwks: Value = serde_json::from_str(&SigningKey::generate().unwrap().jwks()).unwrap();
        let set = json!({ "keys": [{"kty": "oct", "k": "AA"}, jwks["keys"][0]] });
        let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!((set.len(), set.skipped().len()), (1, 1));
    }
}
