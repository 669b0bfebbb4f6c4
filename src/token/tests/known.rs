//! Tokens that were seen before: what is remembered of them never outweighs what is true now.

use super::*;

/// A token of `key` for `demo` from `valid_from` to `expires`, both counted from [`NOW`].
fn token(key: &SigningKey, valid_from: u64, expires: u64) -> Secret {
    let claims = json!({
        "iss": ISSUER, "aud": DEFAULT_AUDIENCE, "sub": "demo", "jti": "one", "nbf": NOW + valid_from, "exp": NOW + expires,
    });
    key.sign(&claims).unwrap()
}

fn is_known(setting: &Setting, token: &Secret) -> bool {
    setting.verifier.verified.get(&Digest::of(token)).is_some()
}

#[tokio::test]
async fn a_remembered_token_expires_as_any_other() {
    let key = SigningKey::generate().unwrap();
    let setting = Setting::new(KeySource::Fixed(set(&[&key])));
    let token = token(&key, 0, 60);
    assert!(!is_known(&setting, &token));
    assert!(setting.verifier.verify(&token, "demo").await.is_ok());
    assert!(is_known(&setting, &token));
    assert!(setting.verifier.verify(&token, "demo").await.is_ok());
    setting.clock.advance(Duration::from_secs(60));
    let refusal = setting.verifier.verify(&token, "demo").await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Expired);
    assert_eq!(refusal.expired_at, Some(UNIX_EPOCH + Duration::from_secs(NOW + 60)));
}

#[tokio::test]
async fn a_remembered_token_is_not_valid_before_its_time_nor_for_another_cluster() {
    let key = SigningKey::generate().unwrap();
    let setting = Setting::new(KeySource::Fixed(set(&[&key])));
    let token = token(&key, 0, 3600);
    assert!(setting.verifier.verify(&token, "demo").await.is_ok());
    assert_eq!(
        setting.verifier.verify(&token, "other").await,
        Err(Reason::Cluster.into())
    );
    setting
        .clock
        .set_wall(Duration::from_secs(NOW) - TOKEN_CLOCK_LEEWAY - Duration::from_secs(1));
    assert_eq!(
        setting.verifier.verify(&token, "demo").await,
        Err(Reason::NotYetValid.into())
    );
}

#[tokio::test]
async fn what_was_refused_is_not_remembered() {
    let (key, foreign) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let setting = Setting::new(KeySource::Fixed(set(&[&key])));
    for (token, user) in [
        (token(&foreign, 0, 60), "demo"),
        (token(&key, 0, 60), "other"),
        (token(&key, 3600, 7200), "demo"),
    ] {
        assert!(setting.verifier.verify(&token, user).await.is_err());
        assert!(!is_known(&setting, &token));
    }
}

#[tokio::test]
async fn a_token_that_is_nearly_a_remembered_one_is_verified() {
    let key = SigningKey::generate().unwrap();
    let setting = Setting::new(KeySource::Fixed(set(&[&key])));
    let good = token(&key, 0, 60);
    assert!(setting.verifier.verify(&good, "demo").await.is_ok());
    let (message, _) = good.expose().rsplit_once('.').unwrap();
    let (_, other_signature) = token(&key, 1, 60)
        .expose()
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let forged = Secret::new(format!("{message}.{other_signature}"));
    assert_eq!(
        setting.verifier.verify(&forged, "demo").await,
        Err(Reason::Signature.into())
    );
}

#[tokio::test]
async fn a_withdrawn_key_takes_the_tokens_that_it_verified_with_it() {
    let (old, new) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let server = Server::start(answer(&jwks(&[&old]))).await;
    let setting = Setting::over(&server);
    let token = token(&old, 0, 3600);
    assert!(setting.verifier.verify(&token, "demo").await.is_ok());
    server.answers(answer(&jwks(&[&new])));
    setting.clock.advance(JWKS_AWAIT_AFTER);
    assert_eq!(
        setting.verifier.verify(&token, "demo").await,
        Err(Reason::UnknownKey.into())
    );

    // Nor does it outlive an outage of its issuer.
    server.answers(answer(&jwks(&[&old])));
    setting.clock.advance(JWKS_AWAIT_AFTER);
    assert!(setting.verifier.verify(&token, "demo").await.is_ok());
    server.answers(String::new());
    setting.clock.advance(JWKS_STALE_MAX + Duration::from_secs(1));
    setting.clock.set_wall(Duration::from_secs(NOW));
    assert_eq!(
        setting.verifier.verify(&token, "demo").await,
        Err(Reason::KeysUnavailable.into())
    );
}

#[tokio::test]
async fn only_tokens_of_a_usual_size_are_remembered() {
    let key = SigningKey::generate().unwrap();
    let setting = Setting::new(KeySource::Fixed(set(&[&key])));
    let claims = json!({"iss": ISSUER, "aud": DEFAULT_AUDIENCE, "sub": "demo", "exp": NOW + 60, "x": "x".repeat(VERIFIED_TOKEN_SIZE_MAX)});
    let token = key.sign(&claims).unwrap();
    assert!(setting.verifier.verify(&token, "demo").await.is_ok());
    assert!(!is_known(&setting, &token));
    let claims = json!({"iss": ISSUER, "aud": DEFAULT_AUDIENCE, "sub": "demo", "exp": NOW + 60, "x": "x".repeat(500)});
    let token = key.sign(&claims).unwrap();
    assert!(setting.verifier.verify(&token, "demo").await.is_ok());
    let known = setting.verifier.verified.get(&Digest::of(&token)).unwrap();
    assert!(!known.claims.contains_key("x"), "only what is judged is kept");
}

#[tokio::test]
async fn a_revoked_token_is_refused_remembered_or_not() {
    let key = SigningKey::generate().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("revoked");
    std::fs::write(&path, "# nothing yet\n\n").unwrap();
    let issuer = Issuer {
        revoked: Some(path.clone()),
        ..issuer_with(KeySource::Fixed(set(&[&key])))
    };
    let clock = Arc::new(ManualClock::at(Duration::from_secs(NOW)));
    let verifier = Verifier::new(vec![issuer.clone()], clock.clone()).unwrap();
    let token = token(&key, 0, 3600);
    let identity = verifier.verify(&token, "demo").await.unwrap();
    assert!(!verifier.is_revoked(&identity));

    // As an editor of another system writes it.
    std::fs::write(&path, "\u{feff}one\r\n another \r\n").unwrap();
    verifier.reload_revoked().await;
    assert!(verifier.is_revoked(&identity));
    assert_eq!(verifier.verify(&token, "demo").await, Err(Reason::Revoked.into()));
    // So it is in a server that starts with this list, and while the list cannot be read.
    let fresh = Verifier::new(vec![issuer.clone()], clock.clone()).unwrap();
    assert_eq!(fresh.verify(&token, "demo").await, Err(Reason::Revoked.into()));
    std::fs::remove_file(&path).unwrap();
    verifier.reload_revoked().await;
    assert_eq!(verifier.verify(&token, "demo").await, Err(Reason::Revoked.into()));
    assert!(
        Verifier::new(vec![issuer], clock).is_err(),
        "no server starts without its list"
    );

    std::fs::write(&path, "").unwrap();
    verifier.reload_revoked().await;
    assert!(verifier.verify(&token, "demo").await.is_ok());
}

#[tokio::test]
async fn a_token_that_could_not_be_revoked_is_refused_where_there_is_a_list() {
    let key = SigningKey::generate().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("revoked");
    std::fs::write(&path, "").unwrap();
    let token = key.sign(&json!({
        "iss": ISSUER, "aud": DEFAULT_AUDIENCE, "sub": "demo", "exp": NOW + 3600,
    }));
    let token = token.unwrap();
    let clock = Arc::new(ManualClock::at(Duration::from_secs(NOW)));
    for (revoked, expected) in [(None, Ok(())), (Some(path), Err(Reason::NoId.into()))] {
        let issuer = Issuer {
            revoked,
            ..issuer_with(KeySource::Fixed(set(&[&key])))
        };
        let verifier = Verifier::new(vec![issuer], clock.clone()).unwrap();
        assert_eq!(verifier.verify(&token, "demo").await.map(drop), expected);
    }
}
