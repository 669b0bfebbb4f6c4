//! The token verifier: any text is refused, but for the tokens that the corpus of `fixtures/tokens` says are good.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use restate_pg::token::{Clock, Issuer, KeySet, KeySource, Secret, Verifier};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// When the corpus' good tokens are good.
const NOW: Duration = Duration::from_secs(1_800_000_000);

struct Bed {
    verifier: Verifier,
    good: HashSet<String>,
    runtime: Runtime,
}

static BED: LazyLock<Bed> = LazyLock::new(|| {
    let tokens = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tokens");
    let corpus = corpus(&tokens);
    let issuers = corpus["issuers"].as_array().expect("issuers").iter();
    let issuers = issuers.map(|issuer| issuer_of(issuer, &tokens)).collect();
    Bed {
        verifier: Verifier::new(issuers, Arc::new(Still(Instant::now()))).expect("a verifier"),
        good: good(&corpus).map(|(token, _)| token.to_owned()).collect(),
        runtime: Builder::new_current_thread().build().expect("a runtime"),
    }
});

fn corpus(tokens: &Path) -> Value {
    let corpus = fs::read(tokens.join("corpus.json")).expect("the corpus");
    serde_json::from_slice(&corpus).expect("a corpus in JSON")
}

fn issuer_of(issuer: &Value, tokens: &Path) -> Issuer {
    let text = |key: &str| issuer[key].as_str().expect("a text").to_owned();
    let algorithms = issuer["algorithms"].as_array().expect("algorithms").iter();
    Issuer {
        issuer: text("issuer"),
        audience: text("audience"),
        keys: KeySource::Fixed(KeySet::read(&tokens.join(text("keys"))).expect("the issuer's keys")),
        algorithms: algorithms
            .map(|name| name.as_str().and_then(|name| name.parse().ok()).expect("an algorithm"))
            .collect(),
        cluster_claim: text("cluster_claim"),
        revoked: None,
    }
}

/// The tokens that are good for anyone at some time, and when.
fn good(corpus: &Value) -> impl Iterator<Item = (&str, u64)> {
    let cases = corpus["cases"].as_array().expect("cases").iter();
    cases
        .filter(|case| case["verdict"] == "ok")
        .filter_map(|case| Some((case["token"].as_str()?, case["at"].as_u64()?)))
}

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let token = Secret::new(text);
    for user in ["demo", "other"] {
        let verdict = BED.runtime.block_on(BED.verifier.verify(&token, user));
        assert!(
            verdict.is_err() || BED.good.contains(text),
            "a forged token was accepted"
        );
    }
}

#[derive(Debug)]
struct Still(Instant);

impl Clock for Still {
    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + NOW
    }

    fn monotonic(&self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A verifier that knows none of the corpus' issuers would refuse everything before it looked at it.
    #[test]
    fn good_tokens_are_accepted() {
        let corpus = corpus(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tokens"));
        let now = good(&corpus).filter(|(_, at)| *at == NOW.as_secs());
        let mut accepted = 0;
        for (token, _) in now {
            let verdict = |user| BED.runtime.block_on(BED.verifier.verify(&Secret::new(token), user));
            assert!(verdict("demo").is_ok() || verdict("archive").is_ok(), "{token}");
            accepted += 1;
        }
        assert!(accepted > 10, "{accepted} tokens are good");
    }
}
