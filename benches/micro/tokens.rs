//! Whether a token lets its bearer in: one that was never seen, and one that was verified before.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use criterion::{BatchSize, Criterion, Throughput};
use futures::FutureExt;
use restate_pg::token::{
    Algorithm, Clock, DEFAULT_AUDIENCE, DEFAULT_CLUSTER_CLAIM, Issuer, KeySet, KeySource, Secret, Verifier,
};
use serde_json::Value;

/// When the tokens of `fixtures/tokens` are good.
const NOW: Duration = Duration::from_secs(1_800_000_000);

/// Who signed them.
const ISSUER: &str = "https://auth.example.com";

pub fn tokens(criterion: &mut Criterion) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokens");
    let corpus = fs::read(fixtures.join("corpus.json")).expect("the corpus of tokens");
    let corpus: Value = serde_json::from_slice(&corpus).expect("a corpus in JSON");
    let cases = corpus["cases"].as_array().expect("cases");
    let mut group = criterion.benchmark_group("tokens");
    group.throughput(Throughput::Elements(1));
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let name = format!("good {algorithm}");
        let case = cases.iter().find(|case| case["name"] == *name);
        let token = Secret::new(case.and_then(|case| case["token"].as_str()).expect("a good token"));
        group.bench_function(format!("{algorithm}, first time"), |bencher| {
            let verifier = || verifier(&fixtures);
            bencher.iter_batched_ref(verifier, |verifier| verify(verifier, &token), BatchSize::SmallInput);
        });
        group.bench_function(format!("{algorithm}, again"), |bencher| {
            let verifier = verifier(&fixtures);
            bencher.iter(|| verify(&verifier, &token));
        });
    }
    group.finish();
}

fn verify(verifier: &Verifier, token: &Secret) -> SystemTime {
    // Its keys are at hand: it waits for nothing.
    let verdict = verifier.verify(token, "demo").now_or_never();
    verdict.expect("an answer at once").expect("a good token").expires_at
}

/// One that has seen no token.
fn verifier(fixtures: &Path) -> Verifier {
    let issuer = Issuer {
        issuer: ISSUER.to_owned(),
        audience: DEFAULT_AUDIENCE.to_owned(),
        keys: KeySource::Fixed(KeySet::read(&fixtures.join("auth.jwks.json")).expect("keys")),
        algorithms: vec![Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256],
        cluster_claim: DEFAULT_CLUSTER_CLAIM.to_owned(),
        revoked: None,
    };
    Verifier::new(vec![issuer], Arc::new(Still(Instant::now()))).expect("a verifier")
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
