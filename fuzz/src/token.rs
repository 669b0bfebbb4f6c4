//! The token verifier: any text is refused, but for the tokens that the corpus of `fixtures/tokens` says are good.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use restate_pg::token::{
    Algorithm, Clock, DEFAULT_AUDIENCE, DEFAULT_ISSUER, Issuer, KeySet, KeySource, Secret, Verifier,
};
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
    let issuer = Issuer {
        issuer: DEFAULT_ISSUER.to_owned(),
        audience: DEFAULT_AUDIENCE.to_owned(),
        keys: KeySource::Fixed(KeySet::read(&tokens.join("auth.jwks.json")).expect("the corpus' keys")),
        algorithms: vec![Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256],
        cluster_claim: "sub".to_owned(),
        revoked: None,
    };
    Bed {
        verifier: Verifier::new(vec![issuer], Arc::new(Still(Instant::now()))).expect("a verifier"),
        good: good(&tokens),
        runtime: Builder::new_current_thread().build().expect("a runtime"),
    }
});

/// The tokens that are good for anyone at some time.
fn good(tokens: &Path) -> HashSet<String> {
    let corpus = fs::read(tokens.join("corpus.json")).expect("the corpus");
    let corpus: Value = serde_json::from_slice(&corpus).expect("a corpus in JSON");
    let cases = corpus["cases"].as_array().expect("cases").iter();
    cases
        .filter(|case| case["verdict"] == "ok")
        .filter_map(|case| case["token"].as_str().map(str::to_owned))
        .collect()
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
