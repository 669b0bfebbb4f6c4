//! The other side: keys and tokens made on the command line and by the demo. A production issuer is somebody else's
//! program.

use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::rand;
use base64::Engine;
use serde_json::{Map, Value};

use super::{KeyFault, Secret, SigningKey, jose::BASE64URL};
use crate::{cluster::ClusterName, limits::TOKEN_LIFETIME_MAX};

/// `iss` of a token made without `--issuer`: this program, for it signed it. An issuer section that names it and the
/// file that `keygen` wrote accepts such tokens.
pub const DEFAULT_ISSUER: &str = "restate-pg";

/// `aud` of a token made without `--audience`, and what the documentation's configuration expects there.
pub const DEFAULT_AUDIENCE: &str = "restate-pg";

/// The claim that names the cluster, unless configured otherwise.
pub const DEFAULT_CLUSTER_CLAIM: &str = "sub";

/// How long a token lives by default: long enough for a session at a terminal, short enough to be left lying about.
pub const DEFAULT_TTL: Duration = Duration::from_secs(60 * 60);

/// What a token shall say.
#[derive(Clone, Debug)]
pub struct IssueOptions {
    /// At least one: the clusters that it opens.
    pub clusters: Vec<ClusterName>,
    pub issuer: String,
    pub audience: String,
    /// More than nothing, and no more than any server takes.
    pub ttl: Duration,
    /// The claim for the clusters.
    pub cluster_claim: String,
    /// `sub`, where that is not already the claim for the clusters.
    pub subject: Option<String>,
}

impl IssueOptions {
    /// A token for these clusters, with every default.
    pub fn new(clusters: Vec<ClusterName>) -> IssueOptions {
        IssueOptions {
            clusters,
            issuer: DEFAULT_ISSUER.into(),
            audience: DEFAULT_AUDIENCE.into(),
            ttl: DEFAULT_TTL,
            cluster_claim: DEFAULT_CLUSTER_CLAIM.into(),
            subject: None,
        }
    }
}

/// Makes a token: `iss`, `aud`, the clusters (a string for one, a list for several), `iat`, `exp` and a random `jti`.
pub fn issue(key: &SigningKey, options: &IssueOptions, now: SystemTime) -> Result<Secret, KeyFault> {
    let clusters: Value = match options.clusters.as_slice() {
        [] => return Err(KeyFault("a token needs a cluster".into())),
        [cluster] => cluster.as_str().into(),
        clusters => clusters.iter().map(ClusterName::as_str).collect(),
    };
    if options.ttl < Duration::from_secs(1) || options.ttl > TOKEN_LIFETIME_MAX {
        return Err(KeyFault("a token lives from one second to 366 days".into()));
    }
    let mut id = [0; 16];
    rand::fill(&mut id).map_err(|_| KeyFault("this machine has no random numbers".into()))?;
    let now = now
        .duration_since(UNIX_EPOCH)
        .map_err(|_| KeyFault("the clock stands before 1970".into()))?
        .as_secs();

    let mut claims = Map::new();
    claims.insert("iss".into(), options.issuer.as_str().into());
    claims.insert("aud".into(), options.audience.as_str().into());
    if let Some(subject) = &options.subject {
        claims.insert("sub".into(), subject.as_str().into());
    }
    if claims.insert(options.cluster_claim.clone(), clusters).is_some() {
        return Err(KeyFault(format!(
            "claim `{}` cannot also name the clusters",
            options.cluster_claim
        )));
    }
    for (name, value) in [
        ("iat", now.into()),
        ("exp", now.saturating_add(options.ttl.as_secs()).into()),
        ("jti", Value::from(BASE64URL.encode(id))),
    ] {
        if claims.insert(name.into(), value).is_some() {
            return Err(KeyFault(format!("claim `{name}` cannot name the clusters")));
        }
    }
    key.sign(&claims)
}

/// Writes `private.pem` (mode 0600) and `keys.jwks.json` into a directory, which is made if need be. A file that exists is
/// never overwritten: with it every token signed so far would be void.
pub fn keygen(dir: &Path) -> Result<(), KeyFault> {
    let key = SigningKey::generate()?;
    let (private, public) = (dir.join("private.pem"), dir.join("keys.jwks.json"));
    std::fs::create_dir_all(dir).map_err(|fault| KeyFault(format!("{}: {fault}", dir.display())))?;
    if public.exists() {
        return Err(KeyFault(format!("{}: exists already", public.display())));
    }
    write_new(&private, 0o600, key.to_pem()?.expose())?;
    write_new(&public, 0o644, &key.jwks())
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), KeyFault> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|fault| match fault.kind() {
        std::io::ErrorKind::AlreadyExists => KeyFault(format!("{}: exists already", path.display())),
        _ => KeyFault(format!("{}: {fault}", path.display())),
    })
}

/// `90s`, `30m`, `1h`, `7d`: one number, one unit.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let fault = || "a duration is a number and a unit: 90s, 30m, 1h or 7d".to_string();
    let unit = text.chars().last().ok_or_else(fault)?;
    let number = text
        .strip_suffix(unit)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = number.and_then(|digits| digits.parse().ok()).ok_or_else(fault)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(fault()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604_800), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in [
            "",
            "s",
            "1",
            "1w",
            "-1h",
            "+1h",
            "1.5h",
            "1h30m",
            " 1h",
            "99999999999999999999s",
            "1ü",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn keygen_never_overwrites_and_hides_the_private_key() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("new/keys");
        keygen(&dir).unwrap();
        let private = dir.join("private.pem");
        let mode = std::fs::metadata(&private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let pem = std::fs::read_to_string(&private).unwrap();
        let key = SigningKey::from_pem(&Secret::new(&*pem)).unwrap();
        assert_eq!(std::fs::read_to_string(dir.join("keys.jwks.json")).unwrap(), key.jwks());

        assert!(keygen(&dir).unwrap_err().to_string().contains("exists already"));
        std::fs::remove_file(dir.join("keys.jwks.json")).unwrap();
        assert!(keygen(&dir).unwrap_err().to_string().contains("exists already"));
        assert_eq!(std::fs::read_to_string(&private).unwrap(), pem);
    }

    #[test]
    fn a_token_is_short_enough_to_paste() {
        let key = SigningKey::generate().unwrap();
        let clusters = |count: usize| (0..count).map(|n| format!("cluster-{n}").parse().unwrap()).collect();
        let token = issue(&key, &IssueOptions::new(clusters(1)), SystemTime::now()).unwrap();
        assert!(token.expose().len() < 500, "{}", token.expose().len());
        let token = issue(&key, &IssueOptions::new(clusters(20)), SystemTime::now()).unwrap();
        assert!(token.expose().len() < 900, "{}", token.expose().len());
    }

    #[test]
    fn what_cannot_be_verified_is_not_issued() {
        let key = SigningKey::generate().unwrap();
        let good = IssueOptions::new(vec!["demo".parse().unwrap()]);
        for options in [
            IssueOptions::new(vec![]),
            IssueOptions {
                ttl: Duration::ZERO,
                ..good.clone()
            },
            IssueOptions {
                ttl: TOKEN_LIFETIME_MAX + Duration::from_secs(1),
                ..good.clone()
            },
            IssueOptions {
                subject: Some("alice".into()),
                ..good.clone()
            },
            IssueOptions {
                cluster_claim: "exp".into(),
                ..good.clone()
            },
            IssueOptions {
                cluster_claim: "aud".into(),
                ..good
            },
        ] {
            assert!(issue(&key, &options, SystemTime::now()).is_err(), "{options:?}");
        }
    }
}
