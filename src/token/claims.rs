//! What a token's claims must say. Its signature is verified by the time that they are judged here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::{Identity, Issuer, Reason, Refusal};
use crate::{
    cluster::ClusterName,
    limits::{TOKEN_CLOCK_LEEWAY, TOKEN_LIFETIME_MAX},
};

/// Those of a token's claims that [`judge`] reads.
pub(super) fn judged(mut claims: Map<String, Value>, issuer: &Issuer) -> Map<String, Value> {
    claims.retain(|name, _| {
        matches!(&**name, "iss" | "aud" | "sub" | "jti" | "nbf" | "iat" | "exp") || *name == issuer.cluster_claim
    });
    claims
}

/// Judges verified `claims` for `user` at `now`. Time comes last, and `exp` last of all: a token is called expired only when
/// that is its sole fault.
pub(super) fn judge(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    user: &str,
    now: SystemTime,
) -> Result<Identity, Refusal> {
    if text(claims, "iss")?.as_deref() != Some(&*issuer.issuer) {
        return Err(Reason::UnknownIssuer.into());
    }
    if !contains(claims, "aud", &issuer.audience)? {
        return Err(Reason::Audience.into());
    }
    let cluster: ClusterName = user.parse().map_err(|_| Reason::Cluster)?;
    if !contains(claims, &issuer.cluster_claim, user)? {
        return Err(Reason::Cluster.into());
    }
    // `sub` is a string by RFC 7519, but for the list of clusters that it may be here.
    let subject = if issuer.cluster_claim == "sub" && matches!(claims.get("sub"), Some(Value::Array(_))) {
        None
    } else {
        text(claims, "sub")?
    };
    let id = text(claims, "jti")?;

    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    for name in ["nbf", "iat"] {
        if numeric_date(claims, name)?.is_some_and(|date| date > now + TOKEN_CLOCK_LEEWAY) {
            return Err(Reason::NotYetValid.into());
        }
    }
    let exp = numeric_date(claims, "exp")?.ok_or(Reason::Claims)?;
    if exp > now + TOKEN_LIFETIME_MAX {
        return Err(Reason::Lifetime.into());
    }
    let expires_at = UNIX_EPOCH + exp;
    if now >= exp {
        return Err(Refusal {
            reason: Reason::Expired,
            expired_at: Some(expires_at),
        });
    }
    Ok(Identity {
        cluster,
        subject,
        issuer: issuer.issuer.clone(),
        expires_at,
        id,
    })
}

/// A claim that is a string where it is there.
fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Reason::Claims),
    }
}

/// Whether a claim is `wanted` or a list of strings that has it, byte for byte. An absent claim and a list with anything
/// else in it are faults.
fn contains(claims: &Map<String, Value>, name: &str, wanted: &str) -> Result<bool, Reason> {
    match claims.get(name) {
        Some(Value::String(text)) => Ok(text == wanted),
        Some(Value::Array(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            Ok(texts.ok_or(Reason::Claims)?.contains(&wanted))
        }
        _ => Err(Reason::Claims),
    }
}

/// RFC 7519's NumericDate: time since 1970 in seconds, a JSON number, a fraction allowed. A string, a null or a time before
/// 1970 is a fault, never an absent claim.
fn numeric_date(claims: &Map<String, Value>, name: &str) -> Result<Option<Duration>, Reason> {
    let number = match claims.get(name) {
        None => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(Reason::Claims),
    };
    let date = match number.as_u64() {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => number
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    };
    date.map(Some).ok_or(Reason::Claims)
}
