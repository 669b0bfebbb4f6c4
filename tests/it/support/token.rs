//! Keys and tokens: good ones from the program's own subcommands, bad ones forged here.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::server::BINARY;

/// What the tests' configuration names, the same as in the README's.
pub const ISSUER: &str = "https://auth.example.com";
pub const AUDIENCE: &str = "restate-pg";

/// A key pair as `restate-pg keygen` writes it: `private.pem` and `keys.jwks.json` in a directory of its own.
#[derive(Debug)]
pub struct Keys(tempfile::TempDir);

impl Keys {
    pub fn generate() -> Keys {
        let directory = tempfile::tempdir().expect("a directory for keys");
        run(&["keygen", "--out", directory.path().to_str().expect("a UTF-8 path")]);
        Keys(directory)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A token for `cluster` from `restate-pg token`, good for an hour.
    pub fn token(&self, cluster: &str) -> String {
        let key = self.path().join("private.pem");
        let key = key.to_str().expect("a UTF-8 path");
        let printed = run(&[
            "token",
            "--key",
            key,
            "--cluster",
            cluster,
            "--issuer",
            ISSUER,
            "--audience",
            AUDIENCE,
            "--ttl",
            "1h",
        ]);
        printed.trim_end().to_owned()
    }

    /// Any claims at all, signed with this key.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_under(Header::new(Algorithm::EdDSA), claims)
    }

    /// The same under this header, which gets the id of this key.
    pub fn sign_under(&self, mut header: Header, claims: &Value) -> String {
        let pem = fs::read(self.path().join("private.pem")).expect("the private key");
        header.kid = self.key_id();
        let key = EncodingKey::from_ed_pem(&pem).expect("an Ed25519 key in PEM");
        jsonwebtoken::encode(&header, claims, &key).expect("sign")
    }

    fn key_id(&self) -> Option<String> {
        let set = fs::read(self.path().join("keys.jwks.json")).expect("the key set");
        let set: Value = serde_json::from_slice(&set).expect("a key set in JSON");
        set["keys"][0]["kid"].as_str().map(str::to_owned)
    }
}

/// Good claims for `cluster`, to be spoilt one at a time. `expires_in` counts from now, in seconds.
pub fn claims(cluster: &str, expires_in: i64) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs();
    let now = i64::try_from(now).expect("a date that fits");
    let issued = now.min(now + expires_in) - 60;
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": cluster, "iat": issued, "exp": now + expires_in })
}

/// A token with `alg: none` and an empty signature.
pub fn unsigned(claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.",
        encode(&json!({ "alg": "none", "typ": "JWT" })),
        encode(claims)
    )
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(BINARY).args(arguments).output().expect("run the binary");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8 on standard output")
}
