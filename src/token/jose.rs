//! The compact form of a signed JWT, read strictly: one text has one reading here, or none. Says nothing about whom it
//! comes from: nothing in it is believed until its signature is verified.

use std::fmt;

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Algorithm, Reason};
use crate::limits::{KEY_ID_SIZE_MAX, TOKEN_SIZE_MAX};

/// base64url as RFC 7515 has it: no padding, and no second spelling of the same bytes (trailing bits are zero).
pub(super) const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

/// A JWT cut into its parts, none of them verified.
pub(super) struct Unverified<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) claims: Map<String, Value>,
    /// Header and claims as they were signed.
    pub(super) message: &'a str,
    /// The signature in base64url.
    pub(super) signature: &'a str,
}

impl<'a> Unverified<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Reason> {
        if token.len() > TOKEN_SIZE_MAX {
            return Err(Reason::TooLarge);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(Reason::Malformed)?;
        let header = object(header)?;
        let claims = object(claims)?;
        BASE64URL.decode(signature).map_err(|_| Reason::Malformed)?;
        let (algorithm, kid) = read_header(&header)?;
        Ok(Unverified {
            algorithm,
            kid,
            claims,
            message,
            signature,
        })
    }
}

/// What of the header is used. `jku`, `x5u`, `jwk` and `x5c` would let a token bring its own key: they are not looked at.
fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), Reason> {
    // Extensions that must be understood, and an unencoded payload: none is understood here (RFC 7515 §4.1.11, RFC 7797).
    if header.contains_key("crit") || header.get("b64").is_some_and(|b64| b64 != &Value::Bool(true)) {
        return Err(Reason::Malformed);
    }
    // Other kinds of JWT (logout, DPoP, security events) say so in `typ`; RFC 8725 §3.11 has them kept apart.
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if is_access_token_type(typ) => {}
        Some(_) => return Err(Reason::Malformed),
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if kid.len() <= KEY_ID_SIZE_MAX => Some(kid.clone()),
        Some(_) => return Err(Reason::Malformed),
    };
    let algorithm = match header.get("alg") {
        Some(Value::String(algorithm)) => algorithm.parse().map_err(|_| Reason::Algorithm)?,
        _ => return Err(Reason::Malformed),
    };
    Ok((algorithm, kid))
}

/// `JWT` (RFC 7519) or `at+jwt` (RFC 9068), as media types: case does not matter, `application/` may stand before it.
fn is_access_token_type(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

fn object(part: &str) -> Result<Map<String, Value>, Reason> {
    let bytes = BASE64URL.decode(part).map_err(|_| Reason::Malformed)?;
    let Object(object) = serde_json::from_slice(&bytes).map_err(|_| Reason::Malformed)?;
    Ok(object)
}

/// A JSON object in which no key stands twice: of two, parsers disagree on which counts.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
                let mut object = Map::new();
                while let Some((key, value)) = access.next_entry::<String, Value>()? {
                    if object.insert(key, value).is_some() {
                        return Err(serde::de::Error::custom("a key stands twice"));
                    }
                }
                Ok(Object(object))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}
