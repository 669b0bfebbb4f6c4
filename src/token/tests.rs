//! The verifier as a whole: the corpus of good and bad tokens, and keys that come and go.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Semaphore,
};

use super::{clock::manual::ManualClock, fetch::Fetcher, *};
use crate::limits::*;

const NOW: u64 = 1_800_000_000;

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
    });
    let verifier = Verifier::new(issuers.collect(), clock.clone()).unwrap();

    let mut wrong = Vec::new();
    let mut rows = BTreeMap::<_, usize>::new();
    for case in &corpus.cases {
        clock.set_wall(Duration::from_secs(case.at));
        let verdict = verifier.verify(&Secret::new(&*case.token), &case.user).await;
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

#[tokio::test]
async fn a_token_may_have_64_kib_and_no_more() {
    let key = SigningKey::generate().unwrap();
    let verifier = Setting::new(KeySource::Fixed(set(&[&key]))).verifier;
    let token = |filler: usize| {
        let claims =
            json!({"iss": ISSUER, "aud": "restate-pg", "sub": "demo", "exp": NOW + 60, "x": "x".repeat(filler)});
        key.sign(&claims).unwrap()
    };
    let (mut largest, mut filler) = (token(48_800), 48_800);
    assert!(largest.expose().len() < TOKEN_SIZE_MAX);
    while token(filler + 1).expose().len() <= TOKEN_SIZE_MAX {
        filler += 1;
        largest = token(filler);
    }
    assert!(verifier.verify(&largest, "demo").await.is_ok());
    assert_eq!(
        verifier.verify(&token(filler + 1), "demo").await,
        Err(Reason::TooLarge.into())
    );
    assert_eq!(
        verifier.verify(&Secret::new("a".repeat(1 << 20)), "demo").await,
        Err(Reason::TooLarge.into())
    );
}

#[tokio::test]
async fn an_issued_token_verifies_for_its_clusters_only() {
    let key = SigningKey::generate().unwrap();
    let setting = Setting::new(KeySource::Fixed(set(&[&key])));
    let clusters = vec!["demo".parse().unwrap(), "archive".parse().unwrap()];
    let options = IssueOptions {
        issuer: ISSUER.into(),
        ..IssueOptions::new(clusters)
    };
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    let token = issue(&key, &options, now).unwrap();

    let identity = setting.verifier.verify(&token, "archive").await.unwrap();
    assert_eq!(
        (identity.cluster.as_str(), &*identity.issuer, identity.subject),
        ("archive", ISSUER, None)
    );
    assert_eq!(identity.expires_at, now + DEFAULT_TTL);
    assert_eq!(identity.id.unwrap().len(), 22);
    assert_eq!(
        setting.verifier.verify(&token, "other").await,
        Err(Reason::Cluster.into())
    );

    let options = IssueOptions {
        clusters: vec!["demo".parse().unwrap()],
        ..options
    };
    let identity = setting
        .verifier
        .verify(&issue(&key, &options, now).unwrap(), "demo")
        .await
        .unwrap();
    assert_eq!(identity.subject.as_deref(), Some("demo"));
}

#[test]
fn two_issuers_of_one_name_are_refused() {
    let issuer = || issuer_with(KeySource::Fixed(set(&[&SigningKey::generate().unwrap()])));
    let clock = Arc::new(SystemClock);
    assert!(Verifier::new(vec![issuer(), issuer()], clock).is_err());
}

// Keys over HTTP.

#[tokio::test]
async fn rotation_fails_no_login_and_drops_the_old_key() {
    let (old, new) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let server = Server::start(answer(&jwks(&[&old]))).await;
    let setting = Setting::over(&server);
    assert_eq!(setting.login(&old).await, Ok(()));
    assert_eq!(server.requests(), 1);

    // The new key is published, and used once the retry time has passed.
    server.answers(answer(&jwks(&[&old, &new])));
    setting.clock.advance(JWKS_RETRY_AFTER);
    assert_eq!(setting.login(&new).await, Ok(()));
    assert_eq!(setting.login(&old).await, Ok(()));
    assert_eq!(server.requests(), 2);

    // The old one is withdrawn: refused five minutes later at the latest.
    server.answers(answer(&jwks(&[&new])));
    setting.clock.advance(JWKS_AWAIT_AFTER);
    assert_eq!(setting.login(&old).await, Err(Reason::UnknownKey));
    assert_eq!(setting.login(&new).await, Ok(()));
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_refresh_that_is_due_keeps_no_login_waiting() {
    let (old, new) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let server = Server::start(answer(&jwks(&[&old]))).await;
    let setting = Setting::over(&server);
    assert_eq!(setting.login(&old).await, Ok(()));

    server.close_gate().await;
    server.answers(answer(&jwks(&[&new])));
    setting.clock.advance(JWKS_REFRESH_AFTER);
    // The server holds its answer back, the login goes through.
    assert_eq!(setting.login(&old).await, Ok(()));
    server.open_gate();
    // Whoever needs the new key waits for the fetch that is under way.
    assert_eq!(setting.login(&new).await, Ok(()));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn an_outage_keeps_the_last_good_set_for_the_stale_window() {
    let key = SigningKey::generate().unwrap();
    let good = answer(&jwks(&[&key]));
    let elsewhere = Server::start(good.clone()).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    let oversized = answer(&format!("{}{}", jwks(&[&key]), " ".repeat(JWKS_SIZE_MAX)));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(8 * JWKS_SIZE_MAX));
    for (name, bad) in [
        ("500", "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".to_string()),
        ("closes", String::new()),
        ("redirect", redirect),
        ("oversized", oversized),
        ("endless", endless),
        (
            "declares 10 GiB",
            "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n{".to_string(),
        ),
        (
            "cut off",
            "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"keys\":[]}".to_string(),
        ),
        ("html", answer("<html></html>")),
        ("empty set", answer(r#"{"keys":[]}"#)),
        ("only a shared secret", answer(r#"{"keys":[{"kty":"oct","k":"AA"}]}"#)),
        ("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n".to_string()),
    ] {
        let server = Server::start(good.clone()).await;
        let setting = Setting::over(&server);
        assert_eq!(setting.login(&key).await, Ok(()), "{name}");

        server.answers(bad);
        setting.clock.advance(JWKS_STALE_MAX);
        assert_eq!(setting.login(&key).await, Ok(()), "{name}");
        assert_eq!(server.requests(), 2, "{name}");
        setting.clock.advance(Duration::from_secs(1));
        assert_eq!(setting.login(&key).await, Err(Reason::KeysUnavailable), "{name}");

        server.answers(good.clone());
        setting.clock.advance(JWKS_RETRY_AFTER);
        assert_eq!(setting.login(&key).await, Ok(()), "{name}");
    }
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn a_thousand_unknown_kids_make_one_fetch() {
    let (known, unknown) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let server = Server::start(answer(&jwks(&[&known]))).await;
    let setting = Arc::new(Setting::over(&server));
    assert_eq!(setting.login(&known).await, Ok(()));
    setting.clock.advance(JWKS_RETRY_AFTER);

    server.close_gate().await;
    let unknown = Arc::new(unknown);
    let logins: Vec<_> = (0..1000)
        .map(|_| {
            let (setting, unknown) = (setting.clone(), unknown.clone());
            tokio::spawn(async move { setting.login(&unknown).await })
        })
        .collect();
    // A known key does not wait for them.
    assert_eq!(setting.login(&known).await, Ok(()));
    server.open_gate();
    for login in logins {
        assert_eq!(login.await.unwrap(), Err(Reason::UnknownKey));
    }
    assert_eq!(server.requests(), 2);

    // Nor do more of them within the retry time, one after the other.
    for _ in 0..10 {
        assert_eq!(setting.login(&unknown).await, Err(Reason::UnknownKey));
    }
    assert_eq!(server.requests(), 2);
    setting.clock.advance(JWKS_RETRY_AFTER);
    assert_eq!(setting.login(&unknown).await, Err(Reason::UnknownKey));
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn an_issuer_down_at_the_start_is_asked_again() {
    let key = SigningKey::generate().unwrap();
    let server = Server::start(String::new()).await;
    let setting = Setting::over(&server);
    assert_eq!(setting.verifier.load_keys().await, [ISSUER]);
    assert_eq!(setting.login(&key).await, Err(Reason::KeysUnavailable));
    assert_eq!(server.requests(), 1);
    server.answers(answer(&jwks(&[&key])));
    setting.clock.advance(JWKS_RETRY_AFTER);
    assert_eq!(setting.login(&key).await, Ok(()));
    assert!(setting.verifier.load_keys().await.is_empty());
}

#[tokio::test]
async fn a_login_that_goes_away_does_not_take_the_fetch_with_it() {
    let key = SigningKey::generate().unwrap();
    let server = Server::start(answer(&jwks(&[&key]))).await;
    server.close_gate().await;
    let setting = Arc::new(Setting::over(&server));
    {
        let mut login = Box::pin(setting.login(&key));
        assert!(futures::poll!(&mut login).is_pending());
    }
    server.open_gate();
    assert_eq!(setting.login(&key).await, Ok(()));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::start(answer("{}")).await;
    server.close_gate().await;
    let fetcher = Fetcher::new(server.url().parse().unwrap(), Duration::from_millis(20)).unwrap();
    assert_eq!(fetcher.fetch().await.unwrap_err().to_string(), "no answer within 20ms");
}

#[tokio::test]
async fn a_wall_clock_that_steps_does_not_age_the_keys() {
    let key = SigningKey::generate().unwrap();
    let server = Server::start(answer(&jwks(&[&key]))).await;
    let setting = Setting::over(&server);
    assert_eq!(setting.login(&key).await, Ok(()));
    for wall in [NOW - 3600, NOW + 7200] {
        setting.clock.set_wall(Duration::from_secs(wall));
        assert_eq!(setting.login(&key).await, Ok(()));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn an_outage_is_logged_once_and_nothing_of_a_token_ever_is() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone());
    // For this thread, and with it for this test's runtime.
    let _guard = tracing::subscriber::set_default(subscriber.with_ansi(false).finish());

    let key = SigningKey::generate().unwrap();
    let server = Server::start(answer(&jwks(&[&key]))).await;
    let setting = Setting::over(&server);
    assert_eq!(setting.login(&key).await, Ok(()));
    server.answers(answer("<html></html>"));
    for _ in 0..3 {
        setting.clock.advance(JWKS_AWAIT_AFTER);
        assert_eq!(setting.login(&key).await, Ok(()));
    }
    server.answers(answer(&jwks(&[&key])));
    setting.clock.advance(JWKS_AWAIT_AFTER);
    assert_eq!(setting.login(&key).await, Ok(()));
    assert_eq!(server.requests(), 5);

    let token = key
        .sign(&json!({"iss": ISSUER, "aud": "restate-pg", "sub": "demo", "exp": NOW - 60}))
        .unwrap();
    let refusal = setting.verifier.verify(&token, "demo").await.unwrap_err();
    tracing::warn!("{token} {token:?} {refusal:?} {:?}", refusal.into_error("demo"));

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("keys cannot be read").count(), 1, "{log}");
    assert_eq!(log.matches("keys can be read again").count(), 1, "{log}");
    for part in token.expose().split('.') {
        assert!(!log.contains(part), "{log}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// Keys from a file.

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let (old, new) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.jwks.json");
    std::fs::write(&path, jwks(&[&old])).unwrap();
    let setting = Setting::new(KeySource::File(path.clone()));
    assert_eq!(setting.login(&old).await, Ok(()));

    std::fs::write(&path, jwks(&[&new])).unwrap();
    assert_eq!(
        setting.login(&new).await,
        Err(Reason::UnknownKey),
        "looked at twice within two seconds"
    );
    setting.clock.advance(JWKS_FILE_CHECK_AFTER);
    assert_eq!(setting.login(&new).await, Ok(()));
    assert_eq!(setting.login(&old).await, Err(Reason::UnknownKey));

    // Half written, too large, gone: the last good ones stay.
    for broken in [
        Some("{\"keys\": [".to_string()),
        Some(" ".repeat(JWKS_SIZE_MAX + 1)),
        None,
    ] {
        match broken {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        setting.clock.advance(JWKS_FILE_CHECK_AFTER);
        assert_eq!(setting.login(&new).await, Ok(()));
    }
    setting.clock.advance(JWKS_STALE_MAX);
    assert_eq!(setting.login(&new).await, Err(Reason::KeysUnavailable));
}

// What the tests above stand on.

const ISSUER: &str = "https://auth.example.com";

struct Setting {
    verifier: Verifier,
    clock: Arc<ManualClock>,
}

impl Setting {
    fn new(keys: KeySource) -> Setting {
        let clock = Arc::new(ManualClock::at(Duration::from_secs(NOW)));
        let verifier = Verifier::new(vec![issuer_with(keys)], clock.clone()).unwrap();
        Setting { verifier, clock }
    }

    fn over(server: &Server) -> Setting {
        Setting::new(KeySource::Url(server.url().parse().unwrap()))
    }

    /// Logs in with a fresh token of `key`.
    async fn login(&self, key: &SigningKey) -> Result<(), Reason> {
        let options = IssueOptions {
            issuer: ISSUER.into(),
            ..IssueOptions::new(vec!["demo".parse::<ClusterName>().unwrap()])
        };
        let now: SystemTime = self.clock.wall();
        let token = issue(key, &options, now).unwrap();
        self.verifier
            .verify(&token, "demo")
            .await
            .map(drop)
            .map_err(|refusal| refusal.reason)
    }
}

fn issuer_with(keys: KeySource) -> Issuer {
    Issuer {
        issuer: ISSUER.into(),
        audience: DEFAULT_AUDIENCE.into(),
        keys,
        algorithms: vec![Algorithm::EdDSA],
        cluster_claim: DEFAULT_CLUSTER_CLAIM.into(),
    }
}

fn jwks(keys: &[&SigningKey]) -> String {
    let keys = keys
        .iter()
        .map(|key| serde_json::from_str::<Value>(&key.jwks()).unwrap()["keys"][0].clone());
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string()
}

fn set(keys: &[&SigningKey]) -> KeySet {
    KeySet::parse(jwks(keys).as_bytes()).unwrap()
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Answers every request with the same bytes, as soon as its gate is open, and closes the connection.
struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
    bytes: Arc<Mutex<String>>,
    gate: Arc<Semaphore>,
}

impl Server {
    async fn start(bytes: String) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            bytes: Arc::new(Mutex::new(bytes)),
            gate: Arc::new(Semaphore::new(1)),
        };
        let (requests, bytes, gate) = (server.requests.clone(), server.bytes.clone(), server.gate.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                requests.fetch_add(1, Ordering::SeqCst);
                let _open = gate.acquire().await;
                let bytes = bytes.lock().unwrap().clone();
                // A client that has read enough hangs up.
                let _ = socket.write_all(bytes.as_bytes()).await;
                let _ = socket.shutdown().await;
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/keys", self.port)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn answers(&self, bytes: String) {
        *self.bytes.lock().unwrap() = bytes;
    }

    async fn close_gate(&self) {
        self.gate.acquire().await.unwrap().forget();
    }

    fn open_gate(&self) {
        self.gate.add_permits(1);
    }
}
