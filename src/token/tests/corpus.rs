//! The corpus of good and bad tokens, each with its verdict.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Corpus {
    issuers: Vec<CorpusIssuer>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct CorpusIssuer {
    issuer: String,
    audience: String,
    algorithms: Vec<String>,
    cluster_claim: String,
    keys: PathBuf,
}

#[derive(Deserialize)]
struct Case {
    row: String,
    name: String,
    verdict: String,
    user: String,
    at: u64,
    token: String,
}

/// The corpus was signed by OpenSSL; `fixtures/tokens/generate.py` says what each token is.
#[tokio::test]
async fn every_token_of_the_corpus_gets_its_verdict() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokens");
    let corpus = std::fs::read(fixtures.join("corpus.json")).unwrap();
    let corpus: Corpus = serde_json::from_slice(&corpus).unwrap();
    let clock = Arc::new(ManualClock::at(Duration::from_secs(NOW)));
    let issuers = corpus.issuers.iter().map(|issuer| Issuer {
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        keys: KeySource::File(fixtures.join(&issuer.keys)),
        algorithms: issuer.algorithms.iter().map(|name| name.parse().unwrap()).collect(),
        cluster_claim: issuer.cluster_claim.clone(),
        revoked: None,
    });
    let verifier = Verifier::new(issuers.collect(), clock.clone()).unwrap();

    let mut wrong = Vec::new();
    let mut rows = BTreeMap::<_, usize>::new();
    for case in &corpus.cases {
        clock.set_wall(Duration::from_secs(case.at));
        let token = Secret::new(&*case.token);
        let verdict = verifier.verify(&token, &case.user).await;
        assert_eq!(
            verifier.verify(&token, &case.user).await,
            verdict,
            "{}: remembered",
            case.name
        );
        let word = match &verdict {
            Ok(identity) => {
                assert_eq!(identity.cluster.as_str(), case.user);
                "ok"
            }
            Err(refusal) => {
                // Time is told only to whom the token was made for, and only when it has passed.
                assert_eq!(
                    refusal.expired_at.is_some(),
                    refusal.reason == Reason::Expired,
                    "{}",
                    case.name
                );
                refusal.reason.as_str()
            }
        };
        if word != case.verdict {
            wrong.push(format!("{} {}: {word}, not {}", case.row, case.name, case.verdict));
        }
        *rows.entry(case.row.clone()).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The rows that are about tokens, C1 to C15, and the good ones: none has gone missing.
    assert_eq!(rows.len(), 16, "{rows:?}");
}
