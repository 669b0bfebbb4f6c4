//! The verifier as a whole, and what its tests stand on: an issuer, a clock that stands still, a server of keys.

mod corpus;
mod known;
mod rotation;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Semaphore,
};

use super::{clock::manual::ManualClock, *};
use crate::limits::*;

const NOW: u64 = 1_800_000_000;

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
            ..IssueOptions::new(vec!["demo".parse().unwrap()])
        };
        let now = self.clock.wall();
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
        revoked: None,
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
