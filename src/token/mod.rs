//! JWT verification: keys, rotation, claims → [`Identity`]. Knows nothing of Postgres.
//!
//! The token's `iss`, not yet believed, picks the issuer and with it the set of keys; its `kid` picks the key; the key, not
//! the token, says which algorithm may be used. Then the signature is verified, and only then are the claims judged. Every
//! configured issuer may name every cluster.

mod algorithm;
mod claims;
mod clock;
mod fetch;
mod issue;
mod jose;
mod jwk;
mod keys;
mod refusal;
mod secret;
mod signing;
mod source;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use jose::Unverified;
use source::Keys;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use clock::{Clock, SystemClock};
pub use fetch::KeyUrl;
pub use issue::{
    DEFAULT_AUDIENCE, DEFAULT_CLUSTER_CLAIM, DEFAULT_ISSUER, DEFAULT_TTL, IssueOptions, issue, keygen, parse_duration,
};
pub use keys::{KeyFault, KeySet};
pub use refusal::{Reason, Refusal, printable_user};
pub use secret::Secret;
pub use signing::SigningKey;
pub use source::KeySource;

use crate::cluster::ClusterName;

/// Whose tokens are accepted, and how they are read.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// `iss`, matched exactly.
    pub issuer: String,
    /// What `aud` must contain.
    pub audience: String,
    pub keys: KeySource,
    /// The algorithms that this issuer signs with.
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the cluster: a string or a list of strings.
    pub cluster_claim: String,
}

/// What a verified token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster that the token is for and the client asked for.
    pub cluster: ClusterName,
    /// `sub`, where it is a string.
    pub subject: Option<String>,
    pub issuer: String,
    /// `exp`: a session must not outlive it.
    pub expires_at: SystemTime,
    /// `jti`.
    pub id: Option<String>,
}

/// Verifies tokens of the configured issuers. Shared by all connections.
#[derive(Debug)]
pub struct Verifier {
    issuers: HashMap<String, (Issuer, Keys)>,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Fails when two issuers have one name, when a client for a URL cannot be built, or when this program's cryptography does
    /// not work. Keys are loaded by the first login, or by [`Verifier::load_keys`].
    pub fn new(issuers: Vec<Issuer>, clock: Arc<dyn Clock>) -> Result<Verifier, KeyFault> {
        self_test()?;
        let mut by_name = HashMap::new();
        for issuer in issuers {
            let keys = Keys::new(&issuer.issuer, issuer.keys.clone(), clock.clone())?;
            if let Some((issuer, _)) = by_name.insert(issuer.issuer.clone(), (issuer, keys)) {
                return Err(KeyFault(format!("two issuers are called {:?}", issuer.issuer)));
            }
        }
        Ok(Verifier {
            issuers: by_name,
            clock,
        })
    }

    /// Loads every issuer's keys ahead of the first login. Gives the issuers whose keys cannot be had now: their logins are
    /// refused until they can.
    pub async fn load_keys(&self) -> Vec<&str> {
        let mut missing = Vec::new();
        for (name, (_, keys)) in &self.issuers {
            if keys.current().await.is_none() {
                missing.push(name.as_str());
            }
        }
        missing
    }

    /// Whether `token` lets its bearer in as `user`, which is the name of the cluster asked for.
    pub async fn verify(&self, token: &Secret, user: &str) -> Result<Identity, Refusal> {
        let token = Unverified::parse(token.expose())?;
        let issuer = token.claims.get("iss").and_then(|iss| iss.as_str()).unwrap_or_default();
        let (issuer, keys) = self.issuers.get(issuer).ok_or(Reason::UnknownIssuer)?;
        if !issuer.algorithms.contains(&token.algorithm) {
            return Err(Reason::Algorithm.into());
        }

        let mut set = keys.current().await.ok_or(Reason::KeysUnavailable)?;
        if set.find(token.kid.as_deref()).is_none() {
            set = keys.reloaded().await.ok_or(Reason::KeysUnavailable)?;
        }
        let key = set.find(token.kid.as_deref()).ok_or(Reason::UnknownKey)?;
        if !key.is_for(token.algorithm) {
            return Err(Reason::Algorithm.into());
        }
        if !key.verifies(token.algorithm, token.message, token.signature) {
            return Err(Reason::Signature.into());
        }
        claims::judge(&token.claims, issuer, user, self.clock.wall())
    }
}

/// Signs and verifies once: a program built without its cryptography would otherwise panic at the first login.
fn self_test() -> Result<(), KeyFault> {
    let fault = || KeyFault("the cryptographic library fails its self-test".into());
    let key = SigningKey::generate()?;
    let token = key.sign(&serde_json::Map::new())?;
    let set = KeySet::parse(key.jwks().as_bytes())?;
    let token = Unverified::parse(token.expose()).map_err(|_| fault())?;
    let key = set.find(token.kid.as_deref()).ok_or_else(fault)?;
    let verifies = key.verifies(token.algorithm, token.message, token.signature);
    let forged = key.verifies(token.algorithm, "forged", token.signature);
    if verifies && !forged { Ok(()) } else { Err(fault()) }
}
