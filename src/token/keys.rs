//! A set of public keys as an issuer publishes it (JWKS, RFC 7517). A key says which algorithms it may verify; a key that
//! is weak, private, ambiguous or of no use here is left out, each with its reason.

use std::{fmt, fs::File, io::Read, path::Path};

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::{Algorithm, jose::BASE64URL};
use crate::limits::JWKS_SIZE_MAX;

/// What RFC 7518 §3.3 asks at least, and what the crypto library verifies at most.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The usable keys of one issuer, and why the others are not.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<String>,
}

#[derive(Clone)]
struct Key {
    kid: Option<String>,
    /// Of the key's type; just one where the JWK has `alg`.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
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

impl KeySet {
    /// Reads a JWKS document. Faults of the document are errors, as is a set without a usable key.
    pub fn parse(jwks: &[u8]) -> Result<KeySet, KeyFault> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<Value>,
        }

        if jwks.len() > JWKS_SIZE_MAX {
            return Err(KeyFault(format!("the JWKS is larger than {JWKS_SIZE_MAX} bytes")));
        }
        // serde_json's message gives the place and what was expected there; the document is public.
        let jwks: Jwks = serde_json::from_slice(jwks).map_err(|fault| KeyFault(format!("not a JWKS: {fault}")))?;

        let mut set = KeySet::default();
        for (index, jwk) in jwks.keys.into_iter().enumerate() {
            match Key::from_jwk(jwk) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.skipped.push(format!("key {}: {reason}", index + 1)),
            }
        }
        set.drop_duplicates();
        if set.keys.is_empty() {
            let reasons = if set.skipped.is_empty() {
                "it is empty".into()
            } else {
                set.skipped.join("; ")
            };
            return Err(KeyFault(format!("the JWKS has no usable key: {reasons}")));
        }
        Ok(set)
    }

    /// Reads a JWKS file.
    pub fn read(path: &Path) -> Result<KeySet, KeyFault> {
        let document = read_document(path)?;
        KeySet::parse(&document).map_err(|fault| KeyFault(format!("{}: {fault}", path.display())))
    }

    /// Of two keys with one `kid` none is used: which of them the issuer means cannot be known, and parsers differ.
    fn drop_duplicates(&mut self) {
        let kids: Vec<Option<String>> = self.keys.iter().map(|key| key.kid.clone()).collect();
        let twice = |kid: &Option<String>| kid.is_some() && kids.iter().filter(|other| *other == kid).count() > 1;
        self.keys.retain(|key| !twice(&key.kid));
        let mut kids: Vec<&String> = kids.iter().filter(|kid| twice(kid)).flatten().collect();
        kids.dedup();
        self.skipped
            .extend(kids.into_iter().map(|kid| format!("kid {kid:?} stands more than once")));
    }

    /// Why keys were left out, for a warning in the log.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether some key can verify one of `algorithms`.
    pub fn serves(&self, algorithms: &[Algorithm]) -> bool {
        self.keys
            .iter()
            .any(|key| key.algorithms.iter().any(|algorithm| algorithms.contains(algorithm)))
    }

    /// The key for a token: the one with its `kid`, or the only one when the token has none.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<VerifyingKey<'_>> {
        let key = match (kid, self.keys.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid.as_deref() == Some(kid))?,
            (None, [key]) => key,
            (None, _) => return None,
        };
        Some(VerifyingKey(key))
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| (&key.kid, &key.algorithms)))
            .finish()
    }
}

/// A key chosen for one token.
pub(super) struct VerifyingKey<'a>(&'a Key);

impl VerifyingKey<'_> {
    /// Whether the key, not the token, says that it is for `algorithm`.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.0.algorithms.contains(&algorithm)
    }

    /// Whether `signature` (base64url) is this key's over `message`. An algorithm that the key is not for verifies nothing.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        self.is_for(algorithm)
            && jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.0.key, algorithm.into())
                .unwrap_or(false)
    }
}

impl Key {
    fn from_jwk(jwk: Value) -> Result<Key, String> {
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

/// The bytes of a JWKS file, one more than allowed at most: [`KeySet::parse`] refuses that.
pub(super) fn read_document(path: &Path) -> Result<Vec<u8>, KeyFault> {
    let limit = u64::try_from(JWKS_SIZE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut document = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut document));
    read.map(|_| document)
        .map_err(|fault| KeyFault(format!("{}: {fault}", path.display())))
}

/// Why keys cannot be read, written or fetched. Fit for the log and the operator, never shown to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault(pub(super) String);

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyFault {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::token::SigningKey;

    fn refused(jwk: Value) -> String {
        KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes())
            .unwrap_err()
            .to_string()
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

    #[test]
    fn a_bad_document_is_a_fault_of_the_whole() {
        for (document, reason) in [
            ("", "not a JWKS"),
            ("<html>", "not a JWKS"),
            ("[]", "not a JWKS"),
            (r#"{"keys": 1}"#, "not a JWKS"),
            (r#"{"keys": []}"#, "empty"),
            (&*" ".repeat(JWKS_SIZE_MAX + 1), "larger than"),
        ] {
            let fault = KeySet::parse(document.as_bytes()).unwrap_err().to_string();
            assert!(fault.contains(reason), "{document:.20}: {fault}");
        }
    }

    #[test]
    fn neither_of_two_keys_with_one_kid_is_used() {
        let jwk = |kid: &str| -> Value {
            let jwks: Value = serde_json::from_str(&SigningKey::generate().unwrap().jwks()).unwrap();
            let mut jwk = jwks["keys"][0].clone();
            jwk["kid"] = kid.into();
            jwk
        };
        let set = json!({ "keys": [jwk("a"), jwk("b"), jwk("a")] });
        let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!(
            (set.len(), set.skipped()),
            (1, &["kid \"a\" stands more than once".to_string()][..])
        );
        assert!(set.find(Some("a")).is_none() && set.find(Some("b")).is_some() && set.find(None).is_some());
    }

    #[test]
    fn one_unusable_key_does_not_spoil_the_set() {
        let jwks: Value = serde_json::from_str(&SigningKey::generate().unwrap().jwks()).unwrap();
        let set = json!({ "keys": [{"kty": "oct", "k": "AA"}, jwks["keys"][0]] });
        let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!((set.len(), set.skipped().len()), (1, 1));
    }
}
