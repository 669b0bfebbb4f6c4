//! A key that signs tokens, in memory and as PEM. Its public half is a JWKS document like any other issuer's.

use aws_lc_rs::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::json;
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use super::{KeyFault, Secret, jose::BASE64URL};

/// An Ed25519 key that signs tokens. Never printed.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    kid: String,
}

impl SigningKey {
    pub fn generate() -> Result<SigningKey, KeyFault> {
        Ed25519KeyPair::generate()
            .map(SigningKey::new)
            .map_err(|_| KeyFault("no key can be generated on this machine".into()))
    }

    /// From the PEM text that [`SigningKey::to_pem`] and `openssl genpkey -algorithm ed25519` write.
    pub fn from_pem(pem: &Secret) -> Result<SigningKey, KeyFault> {
        let fault = || KeyFault("not an Ed25519 private key in PKCS#8 PEM".into());
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose().as_bytes()).map_err(|_| fault())?;
        Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map(SigningKey::new)
            .map_err(|_| fault())
    }

    fn new(pair: Ed25519KeyPair) -> SigningKey {
        // RFC 7638: the members that make the key, in the order of the alphabet, without whitespace.
        let x = BASE64URL.encode(pair.public_key());
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = BASE64URL.encode(digest::digest(&digest::SHA256, members.as_bytes()));
        SigningKey { pair, kid }
    }

    /// PKCS#8 version 1, which every tool reads.
    pub fn to_pem(&self) -> Result<Secret, KeyFault> {
        let der = self
            .pair
            .to_pkcs8v1()
            .map_err(|_| KeyFault("the key cannot be encoded".into()))?;
        // 48 bytes: one line of 64 characters.
        let body = Secret::new(STANDARD.encode(der));
        Ok(Secret::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            body.expose()
        )))
    }

    /// The RFC 7638 thumbprint of the public key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, as a JWKS document.
    pub fn jwks(&self) -> String {
        let key = json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": BASE64URL.encode(self.pair.public_key()),
            "kid": self.kid,
            "alg": "EdDSA",
            "use": "sig",
        });
        format!("{:#}\n", json!({ "keys": [key] }))
    }

    /// A JWT with exactly these claims.
    pub fn sign(&self, claims: &impl Serialize) -> Result<Secret, KeyFault> {
        let header = json!({ "typ": "JWT", "alg": "EdDSA", "kid": self.kid });
        let claims = serde_json::to_vec(claims).map_err(|fault| KeyFault(format!("claims are not JSON: {fault}")))?;
        let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims));
        let signature = BASE64URL.encode(self.pair.sign(message.as_bytes()));
        Ok(Secret::new(format!("{message}.{signature}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A.3: the thumbprint of the key of appendix A.2.
    #[test]
    fn the_kid_is_the_rfc_7638_thumbprint() {
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
        let key = SigningKey::from_pem(&Secret::new(pem)).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(key.to_pem().unwrap().expose(), pem);
        assert!(key.jwks().contains("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    }
}
