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
mod revoked;
mod secret;
mod signing;
mod source;
#[cfg(test)]
mod tests;
mod verified;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::SystemTime};

use jose::Unverified;
use revoked::Revoked;
use source::Keys;
use verified::{Digest, Known, Verified};

#[cfg(test)]
pub(crate) use clock::manual::ManualClock;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use clock::{Clock, SystemClock};
pub use fetch::KeyUrl;
pub use issue::{
    DEFAULT_AUDIENCE, DEFAULT_CLUSTER_CLAIM, DEFAULT_ISSUER, DEFAULT_TTL, IssueOptions, issue, keygen, parse_duration,
};
pub use keys::{KeyFault, KeySet};
pub use refusal::{Reason, Refusal, printable_user};
pub(crate) use revoked::check as check_revoked;
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
    /// A file of the `jti`s that are no longer accepted, one on each line; it is read again when it changes. Tokens without one are then
    /// refused.
    pub revoked: Option<PathBuf>,
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
    issuers: HashMap<String, Trusted>,
    verified: Verified,
    clock: Arc<dyn Clock>,
}

/// An issuer, and what it publishes.
#[derive(Debug)]
struct Trusted {
    issuer: Issuer,
    keys: Keys,
    revoked: Option<Revoked>,
}

impl Verifier {
    /// Fails when two issuers have one name, when a client for a URL cannot be built, when a list of revoked tokens cannot be read, or
    /// when this program's cryptography does not work. Keys are loaded by the first login, or by [`Verifier::load_keys`].
    pub fn new(issuers: Vec<Issuer>, clock: Arc<dyn Clock>) -> Result<Verifier, KeyFault> {
        self_test()?;
        let mut by_name = HashMap::new();
        for issuer in issuers {
            let keys = Keys::new(&issuer.issuer, issuer.keys.clone(), clock.clone())?;
            let revoked = issuer.revoked.clone();
            let revoked = revoked.map(|path| Revoked::read(path, &issuer.issuer)).transpose()?;
            let trusted = Trusted { issuer, keys, revoked };
            if let Some(Trusted { issuer, .. }) = by_name.insert(trusted.issuer.issuer.clone(), trusted) {
                return Err(KeyFault(format!("two issuers are called {:?}", issuer.issuer)));
            }
        }
        Ok(Verifier {
            issuers: by_name,
            verified: Verified::default(),
            clock,
        })
    }

    /// Loads every issuer's keys ahead of the first login. Gives the issuers whose keys cannot be had now: their logins are
    /// refused until they can.
    pub async fn load_keys(&self) -> Vec<&str> {
        let mut missing = Vec::new();
        for (name, trusted) in &self.issuers {
            if trusted.keys.current().await.is_none() {
                missing.push(name.as_str());
            }
        }
        missing
    }

    /// Reads the lists of revoked tokens again.
    pub async fn reload_revoked(&self) {
        // At once: one that hangs keeps no other from being read.
        let lists = self.issuers.values().filter_map(|trusted| trusted.revoked.as_ref());
        futures::future::join_all(lists.map(Revoked::reload)).await;
    }

    /// Whether the token that proved `identity` has been revoked since, as far as the lists that were read last say.
    pub fn is_revoked(&self, identity: &Identity) -> bool {
        let list = self
            .issuers
            .get(&identity.issuer)
            .and_then(|trusted| trusted.revoked.as_ref());
        list.is_some_and(|list| identity.id.as_ref().is_some_and(|id| list.contains(id)))
    }

    /// Whether `token` lets its bearer in as `user`, which is the name of the cluster asked for. A token seen before is not verified
    /// again as long as its issuer's keys are the same; its claims are judged each time.
    pub async fn verify(&self, token: &Secret, user: &str) -> Result<Identity, Refusal> {
        let digest = Digest::of(token);
        if let Some(known) = self.verified.get(&digest)
            && let Some(trusted) = self.issuers.get(&known.issuer)
            && trusted
                .keys
                .current()
                .await
                .is_some_and(|set| Arc::ptr_eq(&set, &known.set))
        {
            return self.judge(&known, trusted, user);
        }
        let known = self.verify_signature(token).await?;
        let trusted = self.issuers.get(&known.issuer).ok_or(Reason::UnknownIssuer)?;
        let identity = self.judge(&known, trusted, user)?;
        self.verified.insert(token, digest, known);
        Ok(identity)
    }

    /// Everything about a token but its claims.
    async fn verify_signature(&self, token: &Secret) -> Result<Known, Refusal> {
        let token = Unverified::parse(token.expose())?;
        let issuer = token.claims.get("iss").and_then(|iss| iss.as_str()).unwrap_or_default();
        let Trusted { issuer, keys, .. } = self.issuers.get(issuer).ok_or(Reason::UnknownIssuer)?;
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
        Ok(Known {
            issuer: issuer.issuer.clone(),
            claims: claims::judged(token.claims, issuer),
            set,
        })
    }

    fn judge(&self, known: &Known, trusted: &Trusted, user: &str) -> Result<Identity, Refusal> {
        let identity = claims::judge(&known.claims, &trusted.issuer, user, self.clock.wall())?;
        // It could never be taken back.
        if trusted.revoked.is_some() && identity.id.is_none() {
            return Err(Reason::NoId.into());
        }
        if self.is_revoked(&identity) {
            return Err(Reason::Revoked.into());
        }
        Ok(identity)
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
