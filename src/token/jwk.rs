//! One public key of a JWKS. It says, by its type and its `alg`, which algorithms it may verify: the token does not. A key
//! that is weak, private or of no use here is refused, with the reason.

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::{Algorithm, jose::BASE64URL};

/// What RFC 7518 §3.3 asks at least, and what the crypto library verifies at most.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: Option<String>,
    /// Of the key's type; just one where the JWK has `alg`.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
}

/// A JWK as far as it is read. What it has of the wrong type makes this one key unusable, not the set.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<Value>,
}

impl Key {
    pub(super) fn from_jwk(jwk: Value) -> Result<Key, String> {
        let jwk: Jwk = serde_json::from_value(jwk).map_err(|_| "not a JWK")?;
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err("`use` is not sig".into());
        }
        if jwk
            .key_ops
            .as_ref()
            .is_some_and(|ops| !ops.iter().any(|op| op == "verify"))
        {
            return Err("`key_ops` lacks verify".into());
        }
        if jwk.d.is_some() {
            return Err("it is a private key and must not be published".into());
        }
        let (mut algorithms, key) = match (&*jwk.kty, jwk.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => (vec![Algorithm::EdDSA], ed25519(&jwk)?),
            ("EC", Some("P-256")) => (
                vec![Algorithm::ES256],
                ec(&jwk, &signature::ECDSA_P256_SHA256_FIXED, 32)?,
            ),
            ("EC", Some("P-384")) => (
                vec![Algorithm::ES384],
                ec(&jwk, &signature::ECDSA_P384_SHA384_FIXED, 48)?,
            ),
            ("RSA", _) => (
                Algorithm::ALL.iter().copied().filter(|alg| alg.is_rsa()).collect(),
                rsa(&jwk)?,
            ),
            ("oct", _) => return Err("a shared secret is no public key".into()),
            (kty, crv) => {
                return Err(format!("unsupported type {kty:?}, curve {:?}", crv.unwrap_or_default()));
            }
        };
        if let Some(alg) = &jwk.alg {
            algorithms.retain(|algorithm| algorithm.as_str() == alg);
            if algorithms.is_empty() {
                return Err(format!("`alg` {alg:?} is not for this type of key"));
            }
        }
        Ok(Key {
            kid: jwk.kid,
            algorithms,
            key,
        })
    }
}

fn ed25519(jwk: &Jwk) -> Result<DecodingKey, String> {
    let x = parameter(&jwk.x, "x")?;
    check_point(&signature::ED25519, &x)?;
    if is_small_order(&x) {
        return Err("a point of small order: anyone can sign for it".into());
    }
    Ok(DecodingKey::from_ed_der(&x))
}

/// The y coordinates of edwards25519's points of order 1, 2, 4 and 8, with the two that have a second spelling (mod p). The
/// library takes them, for RFC 8032 does.
const SMALL_ORDER: [&str; 7] = [
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
    "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    "7P_______________________________________38",
    "7f_______________________________________38",
    "7v_______________________________________38",
];

/// Whether eight times the point is nothing. The top bit is the sign of x and does not matter.
fn is_small_order(x: &[u8]) -> bool {
    let mut y = x.to_vec();
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER.contains(&&*BASE64URL.encode(y))
}

fn ec(jwk: &Jwk, curve: &'static dyn VerificationAlgorithm, size: usize) -> Result<DecodingKey, String> {
    let (x, y) = (parameter(&jwk.x, "x")?, parameter(&jwk.y, "y")?);
    if x.len() != size || y.len() != size {
        return Err(format!("`x` and `y` must have {size} bytes"));
    }
    // SEC 1's uncompressed point.
    let point = [&[4], &*x, &*y].concat();
    check_point(curve, &point)?;
    Ok(DecodingKey::from_ec_der(&point))
}

/// Refuses a point that is not on the curve now, not at the first login.
fn check_point(algorithm: &'static dyn VerificationAlgorithm, point: &[u8]) -> Result<(), String> {
    ParsedPublicKey::new(algorithm, point)
        .map(drop)
        .map_err(|_| "not a point of its curve".into())
}

fn rsa(jwk: &Jwk) -> Result<DecodingKey, String> {
    let (n, e) = (parameter(&jwk.n, "n")?, parameter(&jwk.e, "e")?);
    let (n, e) = (without_leading_zeros(&n), without_leading_zeros(&e));
    let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!(
            "an RSA key of {bits} bits, not {} to {}",
            RSA_BITS.start(),
            RSA_BITS.end()
        ));
    }
    // With e = 1 anyone can sign. Exponents of more than 32 bits only make verifying slow.
    if e.len() > 4 || e == [1] || e.last().is_none_or(|byte| byte % 2 == 0) {
        return Err("`e` is not an odd number from 3 to 2^32".into());
    }
    Ok(DecodingKey::from_rsa_raw_components(n, e))
}

fn parameter(value: &Option<String>, name: &str) -> Result<Vec<u8>, String> {
    let value = value.as_ref().ok_or_else(|| format!("`{name}` is missing"))?;
    BASE64URL
        .decode(value)
        .map_err(|_| format!("`{name}` is not base64url"))
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(jwk: Value) -> String {
        Key::from_jwk(jwk).map(|key| key.algorithms).unwrap_err()
    }

    fn number(bytes: usize, first: u8) -> String {
        let mut number = vec![0xff; bytes];
        number[0] = first;
        BASE64URL.encode(number)
    }

    #[test]
    fn weak_and_foreign_keys_are_left_out() {
        let e = "AQAB";
        for (jwk, reason) in [
            (json!({"kty": "RSA", "n": number(64, 0xff), "e": e}), "512 bits"),
            (json!({"kty": "RSA", "n": number(256, 0x7f), "e": e}), "2047 bits"),
            (json!({"kty": "RSA", "n": number(2048, 0xff), "e": e}), "16384 bits"),
            (json!({"kty": "RSA", "n": number(256, 0xff), "e": "AQ"}), "`e` is not"),
            (json!({"kty": "RSA", "n": number(256, 0xff), "e": ""}), "`e` is not"),
            (
                json!({"kty": "RSA", "n": number(256, 0xff), "e": e, "use": "enc"}),
                "not sig",
            ),
            (
                json!({"kty": "RSA", "n": number(256, 0xff), "e": e, "key_ops": ["encrypt"]}),
                "lacks verify",
            ),
            (
                json!({"kty": "RSA", "n": number(256, 0xff), "e": e, "alg": "HS256"}),
                "not for this type",
            ),
            (
                json!({"kty": "RSA", "n": number(256, 0xff), "e": e, "d": "AQAB"}),
                "private key",
            ),
            (json!({"kty": "RSA", "e": e}), "`n` is missing"),
            (json!({"kty": "oct", "k": "c2VjcmV0"}), "shared secret"),
            (
                json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
                "unsupported type",
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": number(32, 1), "y": number(32, 1)}),
                "not a point",
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": number(31, 1), "y": number(32, 1)}),
                "32 bytes",
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": number(31, 1)}),
                "not a point",
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": SMALL_ORDER[1]}),
                "small order",
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": SMALL_ORDER[2]}),
                "small order",
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode([&[0; 31][..], &[0x80]].concat())}),
                "small order",
            ),
            (
                json!({"kty": "OKP", "crv": "X25519", "x": number(32, 1)}),
                "unsupported type",
            ),
            (json!({"kty": 1}), "not a JWK"),
        ] {
            let message = refused(jwk.clone());
            assert!(message.contains(reason), "{jwk}: {message}");
        }
    }
}
