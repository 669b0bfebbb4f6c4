//! Keys that come and go: over HTTP and in a file, with issuers that are down, slow or hostile.

use super::{super::fetch::Fetcher, *};

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
async fn refreshes_that_nobody_waits_for_follow_one_another() {
    let key = SigningKey::generate().unwrap();
    let server = Server::start(answer(&jwks(&[&key]))).await;
    let setting = Setting::over(&server);
    assert_eq!(setting.login(&key).await, Ok(()));
    for requests in 2..5 {
        setting.clock.advance(JWKS_REFRESH_AFTER);
        assert_eq!(setting.login(&key).await, Ok(()));
        let keys = &setting.verifier.issuers.get(ISSUER).unwrap().keys;
        let loaded = async {
            while keys.is_loading() {
                tokio::task::yield_now().await;
            }
        };
        // The limit only ends a test that fails.
        tokio::time::timeout(Duration::from_secs(10), loaded).await.unwrap();
        assert_eq!(server.requests(), requests);
    }
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
async fn a_fetch_that_ends_with_its_threads_does_not_stand_in_the_way_of_the_next() {
    let key = Arc::new(SigningKey::generate().unwrap());
    let server = Server::start(answer(&jwks(&[&key]))).await;
    server.close_gate().await;
    let setting = Arc::new(Setting::over(&server));
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let login = threads.spawn({
        let (setting, key) = (setting.clone(), key.clone());
        async move { setting.login(&key).await }
    });
    while server.requests() == 0 {
        tokio::task::yield_now().await;
    }
    threads.shutdown_background();
    assert!(login.await.is_err());
    server.open_gate();
    let keys = &setting.verifier.issuers.get(ISSUER).unwrap().keys;
    let ended = async {
        while keys.is_loading() {
            tokio::task::yield_now().await;
        }
    };
    // The limit only ends a test that fails.
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
    setting.clock.advance(JWKS_RETRY_AFTER);
    assert_eq!(setting.login(&key).await, Ok(()));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::start(answer("{}")).await;
    server.close_gate().await;
    let fetcher = Fetcher::new(server.url().parse().unwrap(), Duration::from_millis(20)).unwrap();
    assert_eq!(fetcher.fetch().await.unwrap_err().to_string(), "no answer within 20ms");
}

#[tokio::test]
async fn a_server_that_trickles_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_u8().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n";
        socket.write_all(head).await.unwrap();
        // Never silent for long, never done.
        while socket.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let fetcher = Fetcher::new(url.parse().unwrap(), Duration::from_millis(300)).unwrap();
    assert_eq!(fetcher.fetch().await.unwrap_err().to_string(), "no answer within 300ms");
}

/// Sends `head`, and `body` again and again until the client hangs up; how many bytes of it were taken.
async fn endless(head: &'static [u8], body: &'static [u8]) -> (Fetcher, tokio::task::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let sent = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_u8().await.unwrap();
        let mut sent = 0;
        socket.write_all(head).await.unwrap();
        while socket.write_all(body).await.is_ok() {
            sent += body.len();
        }
        sent
    });
    let fetcher = Fetcher::new(url.parse().unwrap(), Duration::from_secs(2)).unwrap();
    (fetcher, sent)
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_at_its_limit_and_never_inflated() {
    /// What the kernel holds of a connection, and what a reader takes at once.
    const BUFFERED_MAX: usize = 8 * 1024 * 1024;
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";
    const GZIP: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\x02\x03";
    for (name, head, body, fault) in [
        (
            "a body",
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            &[b' '; 4096][..],
            "larger than",
        ),
        ("a header", HEAD, &[b'x'; 4096], "too large"),
        ("headers", HEAD, b"x: y\r\n", "too large"),
        ("gzip", GZIP, &[0; 4096], "compressed"),
        (
            "chunks of nothing but their extensions",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;",
            &[b'x'; 4096],
            "broke off",
        ),
    ] {
        let (fetcher, sent) = endless(head, body).await;
        let told = fetcher.fetch().await.unwrap_err().to_string();
        assert!(told.contains(fault), "{name}: {told}");
        let sent = sent.await.unwrap();
        assert!(sent < BUFFERED_MAX, "{name}: {sent} bytes were taken");
    }
    // These are passed over one by one, and end with the time.
    let (fetcher, sent) = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(fetcher.fetch().await.unwrap_err().to_string(), "no answer within 2s");
    sent.await.unwrap();
}

#[tokio::test]
async fn a_set_is_what_can_be_used_of_it() {
    let key = SigningKey::generate().unwrap();
    let good: Value = serde_json::from_str::<Value>(&key.jwks()).unwrap()["keys"][0].clone();
    let with = |name: &str, value: &str| {
        let mut jwk = good.clone();
        jwk["kid"] = "spoilt".into();
        jwk[name] = value.into();
        jwk
    };
    // Far more keys than anyone has, in a document that is still small enough.
    let many: Vec<Value> = (0..2_000)
        .map(|number| json!({ "kty": "oct", "k": format!("{number}") }))
        .collect();
    for spoilt in [
        vec![with("use", "enc")],
        vec![json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "spoilt" })],
        vec![json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "spoilt" })],
        vec![json!({ "kty": "RSA", "n": "x".repeat(342), "e": "AQ", "kid": "spoilt" })],
        vec![with("kid", "twice"), with("kid", "twice")],
        many,
    ] {
        let keys = [spoilt, vec![good.clone()]].concat();
        let set = json!({ "keys": keys }).to_string();
        let server = Server::start(answer(&set)).await;
        let setting = Setting::over(&server);
        assert_eq!(setting.login(&key).await, Ok(()), "{:.100}", set);
        let keys = setting
            .verifier
            .issuers
            .get(ISSUER)
            .unwrap()
            .keys
            .current()
            .await
            .unwrap();
        assert_eq!(keys.len(), 1, "{:.100}", set);
    }
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
    tracing::warn!("{token} {token:?} {refusal:?} {:?}", refusal.to_error("demo"));

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        log.matches(": cannot be read, the last good reading stays").count(),
        1,
        "{log}"
    );
    assert_eq!(log.matches(": can be read again").count(), 1, "{log}");
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
