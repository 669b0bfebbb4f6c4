//! What the values mean, and whether what they name is there. Goes on after each fault: all are wanted.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use hyper::Uri;
use tokio_rustls::rustls::{
    self, InconsistentKeys,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::{
    Cluster, Config, Data, Faults, Limits, Listen, Place, Tls,
    raw::{Entry, Located, Raw},
    setting::*,
};
use crate::{
    cluster::ClusterName,
    limits::LOGIN_TIMEOUT_MAX,
    token::{Algorithm, Issuer, KeySet, KeySource, KeyUrl, check_revoked, parse_duration},
};

/// None when there was a fault; faults may also come with a result.
pub(super) fn build(raw: &Raw, dir: &Path, faults: &mut Faults) -> Option<Config> {
    let mut builder = Builder { dir, faults };
    for section in Section::ALL.into_iter().filter(|section| section.is_required()) {
        if !raw.mentions(section) {
            builder
                .faults
                .add(Place::Line(1), format!("there is no {}", section.header()));
        }
    }
    let listen = raw
        .entries(Section::Listen)
        .first()
        .and_then(|entry| builder.listen(entry));
    let tls = raw.entries(Section::Tls).first().and_then(|entry| builder.tls(entry));
    let issuers: Vec<_> = raw
        .entries(Section::Issuer)
        .iter()
        .map(|entry| builder.issuer(entry))
        .collect();
    let clusters: Vec<_> = raw
        .entries(Section::Cluster)
        .iter()
        .map(|entry| builder.cluster(entry))
        .collect();
    let limits = match raw.entries(Section::Limits).first() {
        Some(entry) => builder.limits(entry),
        None => Some(Limits::default()),
    };
    // By name, even where the rest of a section is wrong.
    builder.once(raw.entries(Section::Issuer), &ISSUER_ISSUER);
    builder.once(raw.entries(Section::Cluster), &CLUSTER_NAME);
    Some(Config {
        listen: listen?,
        tls: tls?,
        issuers: issuers.into_iter().collect::<Option<_>>()?,
        clusters: clusters.into_iter().collect::<Option<_>>()?,
        limits: limits?,
    })
}

struct Builder<'a> {
    dir: &'a Path,
    faults: &'a mut Faults,
}

impl Builder<'_> {
    fn listen(&mut self, entry: &Entry) -> Option<Listen> {
        let address = entry.text(&LISTEN_POSTGRES, self.faults);
        let postgres = address.and_then(|Located { value, place }| match value.parse() {
            Ok(postgres) => Some(postgres),
            Err(_) => self.fault(place, format!("{value:?} is not an IP address and a port")),
        });
        let proxy_protocol = self.parsed(entry, &LISTEN_PROXY_PROTOCOL, |text| {
            text.parse().map_err(|_| "not true or false".into())
        });
        Some(Listen {
            postgres: postgres?,
            proxy_protocol: proxy_protocol?,
        })
    }

    fn limits(&mut self, entry: &Entry) -> Option<Limits> {
        let count = |text: &str| match text.parse() {
            // No machine has file descriptors for more.
            Ok(count) if (1..=1_000_000).contains(&count) => Ok(count),
            _ => Err("not a number from 1 to 1000000".into()),
        };
        let sessions = self.parsed(entry, &LIMITS_SESSIONS, count);
        let sessions_per_cluster = self.parsed(entry, &LIMITS_SESSIONS_PER_CLUSTER, count);
        let login_timeout = self.parsed(entry, &LIMITS_LOGIN_TIMEOUT, |text| match parse_duration(text)? {
            timeout if timeout.is_zero() => Err("no time at all".into()),
            timeout if timeout > LOGIN_TIMEOUT_MAX => Err("longer than 1h".into()),
            timeout => Ok(timeout),
        });
        Some(Limits {
            sessions: sessions?,
            sessions_per_cluster: sessions_per_cluster?,
            login_timeout: login_timeout?,
        })
    }

    /// What a setting that has a default says.
    fn parsed<T>(&mut self, entry: &Entry, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let Located { value, place } = entry.text(setting, self.faults)?;
        match parse(&value) {
            Ok(value) => Some(value),
            Err(fault) => self.fault(place, format!("`{}` is {value:?}: {fault}", setting.key)),
        }
    }

    fn tls(&mut self, entry: &Entry) -> Option<Tls> {
        let certificate = entry
            .text(&TLS_CERTIFICATE, self.faults)
            .and_then(|file| self.pem(file, certificates));
        let key = entry
            .text(&TLS_KEY, self.faults)
            .and_then(|file| self.pem(file, private_key));
        let ((certificate, _, chain), (key, place, private)) = (certificate?, key?);
        match CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()) {
            Ok(_) => Some(Tls { certificate, key }),
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                let message = format!("{} is not the key of {}", key.display(), certificate.display());
                self.fault(place, message)
            }
            Err(fault) => self.fault(place, format!("{}, {}: {fault}", certificate.display(), key.display())),
        }
    }

    /// Reads a PEM file. Gives its path, and the place that named it.
    fn pem<T>(&mut self, file: Located<String>, parse: fn(&[u8]) -> Result<T, String>) -> Option<(PathBuf, Place, T)> {
        let path = self.dir.join(&file.value);
        let parsed = std::fs::read(&path)
            .map_err(|fault| fault.to_string())
            .and_then(|pem| parse(&pem));
        match parsed {
            Ok(parsed) => Some((path, file.place, parsed)),
            Err(fault) => self.fault(file.place, format!("{}: {fault}", path.display())),
        }
    }

    fn issuer(&mut self, entry: &Entry) -> Option<Issuer> {
        let issuer = entry.text(&ISSUER_ISSUER, self.faults);
        let audience = entry.text(&ISSUER_AUDIENCE, self.faults);
        let algorithms = entry
            .list(&ISSUER_ALGORITHMS, self.faults)
            .and_then(|names| self.algorithms(names));
        let keys = entry
            .text(&ISSUER_KEYS, self.faults)
            .and_then(|source| self.keys(source, algorithms.as_deref().unwrap_or(Algorithm::ALL)));
        let cluster_claim = entry
            .text(&ISSUER_CLUSTER_CLAIM, self.faults)
            .and_then(|claim| self.cluster_claim(claim));
        let revoked = self.revoked(entry);
        Some(Issuer {
            issuer: issuer?.value,
            audience: audience?.value,
            keys: keys?,
            algorithms: algorithms?,
            cluster_claim: cluster_claim?,
            revoked: revoked?,
        })
    }

    fn revoked(&mut self, entry: &Entry) -> Option<Option<PathBuf>> {
        if !entry.has(&ISSUER_REVOKED) {
            return Some(None);
        }
        let Located { value, place } = entry.text(&ISSUER_REVOKED, self.faults)?;
        let path = self.dir.join(value);
        match check_revoked(&path) {
            Ok(()) => Some(Some(path)),
            Err(fault) => self.fault(place, fault.to_string()),
        }
    }

    fn algorithms(&mut self, names: Vec<Located<String>>) -> Option<Vec<Algorithm>> {
        let mut algorithms = Vec::new();
        let before = self.faults.faults.len();
        for Located { value, place } in names {
            match value.parse::<Algorithm>() {
                Ok(algorithm) if algorithms.contains(&algorithm) => {
                    self.faults.add(place, format!("{algorithm} stands twice"));
                }
                Ok(algorithm) => algorithms.push(algorithm),
                Err(fault) => self.faults.add(place, format!("{value:?}: {fault}")),
            }
        }
        (self.faults.faults.len() == before).then_some(algorithms)
    }

    /// A URL is not fetched here: its server may be down when this one starts.
    fn keys(&mut self, source: Located<String>, algorithms: &[Algorithm]) -> Option<KeySource> {
        let Located { value, place } = source;
        if value.contains("://") {
            return match value.parse::<KeyUrl>() {
                Ok(url) => Some(KeySource::Url(url)),
                Err(fault) => self.fault(place, format!("{value:?}: {fault}")),
            };
        }
        let path = self.dir.join(&value);
        match KeySet::read(&path) {
            Ok(set) if set.serves(algorithms) => Some(KeySource::File(path)),
            Ok(_) => self.fault(
                place,
                format!("{}: no key is for the algorithms of this issuer", path.display()),
            ),
            Err(fault) => self.fault(place, fault.to_string()),
        }
    }

    fn cluster_claim(&mut self, claim: Located<String>) -> Option<String> {
        // RFC 7519 gives these a meaning of their own, and it is checked.
        if ["iss", "aud", "exp", "nbf", "iat", "jti"].contains(&&*claim.value) {
            return self.fault(claim.place, format!("claim `{}` cannot name the cluster", claim.value));
        }
        Some(claim.value)
    }

    fn cluster(&mut self, entry: &Entry) -> Option<Cluster> {
        let name = entry
            .text(&CLUSTER_NAME, self.faults)
            .and_then(|name| match name.value.parse::<ClusterName>() {
                Ok(name) => Some(name),
                Err(fault) => self.fault(name.place, format!("{:?}: {fault}", name.value)),
            });
        let data = match (
            entry.text(&CLUSTER_RUNTIME, self.faults),
            entry.text(&CLUSTER_SNAPSHOT, self.faults),
        ) {
            (Some(runtime), None) => self.runtime(runtime),
            (None, Some(snapshot)) => self.snapshot(snapshot),
            (Some(_), Some(snapshot)) => {
                self.fault(snapshot.place, "a cluster has `runtime` or `snapshot`, not both".into())
            }
            (None, None) if entry.has(&CLUSTER_RUNTIME) || entry.has(&CLUSTER_SNAPSHOT) => None,
            (None, None) => self.fault(entry.place.clone(), "the cluster lacks `runtime` or `snapshot`".into()),
        };
        Some(Cluster {
            name: name?,
            data: data?,
        })
    }

    fn runtime(&mut self, url: Located<String>) -> Option<Data> {
        // A fault does not repeat the URL: it may hold a password.
        let fault = match url.value.parse::<Uri>() {
            Err(_) => "`runtime` is not a URL",
            Ok(uri) if !matches!(uri.scheme_str(), Some("http" | "https")) => {
                "`runtime` must be an http:// or https:// URL"
            }
            Ok(uri) if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) => {
                "`runtime` must not have credentials"
            }
            Ok(uri) if !matches!(uri.path(), "" | "/") || uri.query().is_some() || url.value.contains('#') => {
                "`runtime` must have no path: a scheme, a host and a port"
            }
            Ok(uri) => return Some(Data::Runtime(uri)),
        };
        self.fault(url.place, fault.into())
    }

    fn snapshot(&mut self, dir: Located<String>) -> Option<Data> {
        let path = self.dir.join(&dir.value);
        match std::fs::read_dir(&path) {
            Ok(_) => Some(Data::Snapshot(path)),
            Err(fault) => self.fault(dir.place, format!("{}: {fault}", path.display())),
        }
    }

    /// Reports every section after the first that gives `setting` the same text.
    fn once(&mut self, entries: &[Entry], setting: &Setting) {
        let mut seen: HashMap<String, Place> = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.has(setting)) {
            // Its own faults are reported already; they are dropped as duplicates.
            let Some(Located { value, place }) = entry.text(setting, self.faults) else {
                continue;
            };
            match seen.get(&value) {
                None => drop(seen.insert(value, place)),
                Some(first) => {
                    let message = match first {
                        Place::Line(line) => format!("{value:?} stands in line {line} already"),
                        Place::Variable(name) => format!("{value:?} stands in {name} already"),
                        Place::File => format!("{value:?} stands twice"),
                    };
                    self.faults.add(place, message);
                }
            }
        }
    }

    fn fault<T>(&mut self, place: Place, message: String) -> Option<T> {
        self.faults.add(place, message);
        None
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("there is no certificate in it".into()),
        Ok(chain) => Ok(chain),
        Err(fault) => Err(format!("not a PEM file of certificates: {fault}")),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| "there is no unencrypted private key in it".into())
}
