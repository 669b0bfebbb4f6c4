//! Whole files, good and bad, with the lines that their faults are reported for.

use std::{ffi::OsString, fs};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::*;
use crate::token::{Algorithm, KeySource, SigningKey};

/// The documentation's file.
const EXAMPLE: &str = r#"[listen]
postgres = "0.0.0.0:5432"

[tls]
certificate = "server.crt"
key = "server.key"

[[issuer]]
issuer = "https://auth.example.com"       # `iss`, matched exactly
audience = "restate-pg"                   # `aud` must contain it
keys = "keys.jwks.json"                   # a JWKS file or an https:// URL
algorithms = ["EdDSA", "ES256", "RS256"]
cluster_claim = "sub"                     # claim that names the cluster: a string or a list of strings

[[cluster]]
name = "yourcluster"
runtime = "http://127.0.0.1:9070"

[[cluster]]
name = "archive"
snapshot = "snapshots/archive"
"#;

/// A directory with everything that [`EXAMPLE`] names.
struct Dir(TempDir);

impl Dir {
    fn new() -> Dir {
        let dir = Dir(tempfile::tempdir().unwrap());
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".into()]).unwrap();
        dir.write("server.crt", &cert.pem());
        dir.write("server.key", &signing_key.serialize_pem());
        dir.write("keys.jwks.json", &SigningKey::generate().unwrap().jwks());
        fs::create_dir_all(dir.0.path().join("snapshots/archive")).unwrap();
        dir
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn load(&self, text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
        self.write("restate-pg.toml", text);
        let env = env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let dir = format!("{}/", self.0.path().display());
        Config::load(&self.0.path().join("restate-pg.toml"), env).map_err(|faults| faults.to_string().replace(&dir, ""))
    }
}

#[test]
fn the_documented_file_is_accepted_as_it_stands() {
    let dir = Dir::new();
    let config = dir
        .load(EXAMPLE, &[("PATH", "/bin"), ("RESTATE_PG_LOG", "info")])
        .unwrap();
    assert_eq!(config.listen.postgres, "0.0.0.0:5432".parse().unwrap());
    assert_eq!(
        (config.listen.proxy_protocol, config.limits),
        (false, Limits::default())
    );
    assert_eq!(config.tls.certificate, dir.0.path().join("server.crt"));
    assert_eq!(config.tls.key, dir.0.path().join("server.key"));
    let [issuer] = config.issuers.as_slice() else {
        panic!("{config:?}")
    };
    assert_eq!(
        (&*issuer.issuer, &*issuer.audience),
        ("https://auth.example.com", "restate-pg")
    );
    assert_eq!(
        (&*issuer.cluster_claim, issuer.algorithms.as_slice()),
        ("sub", &[Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256][..])
    );
    assert!(matches!(&issuer.keys, KeySource::File(path) if *path == dir.0.path().join("keys.jwks.json")));
    let clusters: Vec<_> = config
        .clusters
        .iter()
        .map(|cluster| (cluster.name.as_str(), &cluster.data))
        .collect();
    assert_eq!(
        clusters,
        [
            ("yourcluster", &Data::Runtime("http://127.0.0.1:9070".parse().unwrap())),
            ("archive", &Data::Snapshot(dir.0.path().join("snapshots/archive"))),
        ]
    );
}

#[test]
fn the_reference_is_an_accepted_file_and_names_every_setting() {
    let reference = Config::reference();
    let config = Dir::new().load(&reference, &[]).unwrap();
    assert_eq!(config.clusters.len(), 1);
    assert_eq!(config.limits, Limits::default(), "the reference gives the defaults");
    for setting in setting::SETTINGS {
        assert!(reference.contains(&format!("{} = ", setting.key)), "{setting:?}");
    }
    assert!(reference.contains("RESTATE_PG__CLUSTER__0__RUNTIME") && reference.contains("RESTATE_PG__TLS__KEY"));
}

#[test]
fn every_fault_is_reported_at_once_with_its_line() {
    let dir = Dir::new();
    let faults = dir
        .load(
            r#"[listen]
postgres = "localhost"
http = "0.0.0.0:8080"

[tls]
certificate = "missing.crt"
key = 5

[[issuer]]
issuer = "https://auth.example.com"
audience = ""
keys = "keys.jwks.json"
algorithms = ["EdDSA", "HS256",
    "none", "EdDSA"]
cluster_claim = "aud"

[[issuer]]
issuer = "https://auth.example.com"
audience = "restate-pg"
keys = "http://auth.example.com/keys"
algorithms = []

[[cluster]]
name = "Prod"
runtime = "http://127.0.0.1:9070/query"

[[cluster]]
name = "both"
runtime = "http://127.0.0.1:9070"
snapshot = "snapshots/archive"

[[cluster]]
name = "both"

[[cluster]]
name = "gone"
snapshot = "snapshots/gone"

[[cluster]]
runtime = "ftp://127.0.0.1"

[extra]
"#,
            &[],
        )
        .unwrap_err();
    let algorithms = "not one of EdDSA, ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512";
    let expected = format!(
        r#"restate-pg.toml:2: "localhost" is not an IP address and a port
restate-pg.toml:3: unknown key in [listen] `http`, not one of postgres, proxy_protocol
restate-pg.toml:6: missing.crt: No such file or directory (os error 2)
restate-pg.toml:7: `key` must be a string
restate-pg.toml:11: `audience` is empty
restate-pg.toml:13: "HS256": unknown algorithm, {algorithms}
restate-pg.toml:14: "none": unknown algorithm, {algorithms}
restate-pg.toml:14: EdDSA stands twice
restate-pg.toml:15: claim `aud` cannot name the cluster
restate-pg.toml:18: "https://auth.example.com" stands in line 10 already
restate-pg.toml:20: "http://auth.example.com/keys": keys must come over https:// (http:// only from a loopback address)
restate-pg.toml:21: `algorithms` is empty
restate-pg.toml:24: "Prod": a cluster name may only hold lower-case letters, digits, `-` and `_`
restate-pg.toml:25: `runtime` must have no path: a scheme, a host and a port
restate-pg.toml:30: a cluster has `runtime` or `snapshot`, not both
restate-pg.toml:32: the cluster lacks `runtime` or `snapshot`
restate-pg.toml:33: "both" stands in line 28 already
restate-pg.toml:37: snapshots/gone: No such file or directory (os error 2)
restate-pg.toml:39: [[cluster]] lacks `name`
restate-pg.toml:40: `runtime` must be an http:// or https:// URL
restate-pg.toml:42: unknown section `extra`, not one of listen, tls, issuer, cluster, limits"#
    );
    assert_eq!(faults, expected);
}

#[test]
fn a_missing_section_is_a_fault_and_tls_is_no_exception() {
    let dir = Dir::new();
    assert_eq!(
        dir.load("", &[]).unwrap_err(),
        "restate-pg.toml:1: there is no [[cluster]]\n\
         restate-pg.toml:1: there is no [[issuer]]\n\
         restate-pg.toml:1: there is no [listen]\n\
         restate-pg.toml:1: there is no [tls]"
    );
    let without_tls = EXAMPLE.replace("[tls]\ncertificate = \"server.crt\"\nkey = \"server.key\"\n", "");
    let loopback = without_tls.replace("0.0.0.0", "127.0.0.1");
    assert_eq!(
        dir.load(&loopback, &[]).unwrap_err(),
        "restate-pg.toml:1: there is no [tls]"
    );
}

#[test]
fn broken_toml_is_reported_beside_the_rest() {
    let broken = EXAMPLE
        .replace("0.0.0.0:5432\"", "nowhere\"")
        .replace("key = \"server.key\"", "key = ");
    let faults = Dir::new().load(&broken, &[]).unwrap_err();
    let lines: Vec<_> = faults.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert!(
        lines.contains(&"restate-pg.toml:2") && lines.contains(&"restate-pg.toml:6"),
        "{faults}"
    );

    let twice = EXAMPLE.replace("postgres =", "postgres = \"127.0.0.1:1\"\npostgres =");
    assert!(
        Dir::new()
            .load(&twice, &[])
            .unwrap_err()
            .starts_with("restate-pg.toml:3: duplicate key")
    );
}

#[test]
fn a_section_of_the_wrong_shape_is_shown_how_it_is_written() {
    let dir = Dir::new();
    let single = EXAMPLE.replacen("[[issuer]]", "[issuer]", 1);
    assert_eq!(
        dir.load(&single, &[]).unwrap_err(),
        "restate-pg.toml:8: write [[issuer]] here"
    );
    let double = EXAMPLE.replace("[tls]", "[[tls]]");
    assert_eq!(
        dir.load(&double, &[]).unwrap_err(),
        "restate-pg.toml:4: write [tls] here"
    );
    for list in ["[]", "[1]", "[{name = \"a\", runtime = \"http://h:1\"}, 1]"] {
        let clusters = EXAMPLE.split("[[cluster]]").next().unwrap();
        let faults = dir.load(&format!("cluster = {list}\n{clusters}"), &[]).unwrap_err();
        assert_eq!(faults, "restate-pg.toml:1: write [[cluster]] here", "{list}");
    }
}

#[test]
fn certificate_and_key_must_parse_and_match() {
    let dir = Dir::new();
    let other = generate_simple_self_signed(["localhost".into()])
        .unwrap()
        .signing_key
        .serialize_pem();
    dir.write("server.key", &other);
    assert_eq!(
        dir.load(EXAMPLE, &[]).unwrap_err(),
        "restate-pg.toml:6: server.key is not the key of server.crt"
    );

    dir.write("server.key", "");
    dir.write("server.crt", "no PEM");
    assert_eq!(
        dir.load(EXAMPLE, &[]).unwrap_err(),
        "restate-pg.toml:5: server.crt: there is no certificate in it\n\
         restate-pg.toml:6: server.key: there is no unencrypted private key in it"
    );
    dir.write(
        "server.crt",
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    );
    assert!(
        dir.load(EXAMPLE, &[])
            .unwrap_err()
            .contains("server.crt: not a PEM file of certificates")
    );
}

#[test]
fn a_jwks_must_have_a_key_for_the_algorithms() {
    let dir = Dir::new();
    let only_rsa = EXAMPLE.replace(r#"["EdDSA", "ES256", "RS256"]"#, r#"["RS256"]"#);
    let fault = "restate-pg.toml:11: keys.jwks.json: no key is for the algorithms of this issuer";
    assert_eq!(dir.load(&only_rsa, &[]).unwrap_err(), fault);
    dir.write("keys.jwks.json", r#"{"keys":[{"kty":"oct","k":"AA"}]}"#);
    let fault =
        "restate-pg.toml:11: keys.jwks.json: the JWKS has no usable key: key 1: a shared secret is no public key";
    assert_eq!(dir.load(EXAMPLE, &[]).unwrap_err(), fault);
}

#[test]
fn variables_override_any_value() {
    let dir = Dir::new();
    fs::create_dir(dir.0.path().join("elsewhere")).unwrap();
    // The file's own values are wrong where a variable stands for them.
    let text = EXAMPLE
        .replace("0.0.0.0:5432", "nowhere")
        .replace("http://127.0.0.1:9070", "nowhere");
    let config = dir
        .load(
            &text,
            &[
                ("RESTATE_PG__LISTEN__POSTGRES", "[::1]:1234"),
                ("RESTATE_PG__ISSUER__0__ALGORITHMS", "EdDSA, ES384"),
                ("RESTATE_PG__CLUSTER__0__RUNTIME", "https://runtime:9070/"),
                ("RESTATE_PG__CLUSTER__ARCHIVE__SNAPSHOT", "elsewhere"),
                ("RESTATE_PG__CLUSTER__2__NAME", "third"),
                ("RESTATE_PG__CLUSTER__2__SNAPSHOT", "elsewhere"),
            ],
        )
        .unwrap();
    assert_eq!(config.listen.postgres, "[::1]:1234".parse().unwrap());
    assert_eq!(config.issuers[0].algorithms, [Algorithm::EdDSA, Algorithm::ES384]);
    let elsewhere = Data::Snapshot(dir.0.path().join("elsewhere"));
    let clusters: Vec<_> = config
        .clusters
        .iter()
        .map(|cluster| (cluster.name.as_str(), &cluster.data))
        .collect();
    let runtime = Data::Runtime("https://runtime:9070/".parse().unwrap());
    assert_eq!(
        clusters,
        [
            ("yourcluster", &runtime),
            ("archive", &elsewhere),
            ("third", &elsewhere)
        ]
    );
}

#[test]
fn an_empty_file_can_be_filled_by_variables_alone() {
    let clusters: Vec<_> = (0..12)
        .map(|n| (format!("RESTATE_PG__CLUSTER__{n}__NAME"), format!("c{n}")))
        .collect();
    let runtimes: Vec<_> = (0..12)
        .map(|n| {
            (
                format!("RESTATE_PG__CLUSTER__{n}__RUNTIME"),
                format!("http://c{n}:9070"),
            )
        })
        .collect();
    let mut env = vec![
        ("RESTATE_PG__LISTEN__POSTGRES", "127.0.0.1:0"),
        ("RESTATE_PG__TLS__CERTIFICATE", "server.crt"),
        ("RESTATE_PG__TLS__KEY", "server.key"),
        ("RESTATE_PG__ISSUER__0__ISSUER", "restate-pg"),
        ("RESTATE_PG__ISSUER__0__AUDIENCE", "restate-pg"),
        ("RESTATE_PG__ISSUER__0__KEYS", "https://auth.example.com/keys"),
        ("RESTATE_PG__ISSUER__0__ALGORITHMS", "EdDSA"),
    ];
    env.extend(
        clusters
            .iter()
            .chain(&runtimes)
            .map(|(name, value)| (&**name, &**value)),
    );
    let config = Dir::new().load("", &env).unwrap();
    assert_eq!(config.clusters.len(), 12);
    assert_eq!(config.clusters[10].name.as_str(), "c10");
    assert_eq!(config.issuers[0].cluster_claim, "sub");
}

#[test]
fn a_variable_that_means_nothing_is_a_fault_under_its_name() {
    let faults = Dir::new()
        .load(
            EXAMPLE,
            &[
                ("RESTATE_PG__LISTEN__POSTGRES", "nowhere"),
                ("RESTATE_PG__LISTEN__0__POSTGRES", "127.0.0.1:1"),
                ("RESTATE_PG__LISTEN__HTTP", "127.0.0.1:1"),
                ("RESTATE_PG__listen__postgres", "127.0.0.1:1"),
                ("RESTATE_PG__CLUSTER__RUNTIME", "http://h:1"),
                ("RESTATE_PG__CLUSTER__7__RUNTIME", "http://h:1"),
                ("RESTATE_PG__CLUSTER__OTHER__RUNTIME", "http://h:1"),
                ("RESTATE_PG__CLUSTER__ARCHIVE__RUNTIME", "http://h:1"),
                ("RESTATE_PG__", "x"),
            ],
        )
        .unwrap_err();
    assert_eq!(
        faults,
        r#"restate-pg.toml:21: a cluster has `runtime` or `snapshot`, not both
RESTATE_PG__: no setting has this variable
RESTATE_PG__CLUSTER__7__RUNTIME: there are only 2 of [[cluster]]
RESTATE_PG__CLUSTER__OTHER__RUNTIME: no [[cluster]] has this name
RESTATE_PG__CLUSTER__RUNTIME: no setting has this variable
RESTATE_PG__LISTEN__0__POSTGRES: no setting has this variable
RESTATE_PG__LISTEN__HTTP: no setting has this variable
RESTATE_PG__LISTEN__POSTGRES: "nowhere" is not an IP address and a port
RESTATE_PG__listen__postgres: no setting has this variable"#
    );
}

#[test]
fn a_runtime_is_a_scheme_a_host_and_a_port() {
    let dir = Dir::new();
    let load = |url: &str| dir.load(EXAMPLE, &[("RESTATE_PG__CLUSTER__0__RUNTIME", url)]);
    for url in [
        "http://127.0.0.1:9070",
        "https://runtime.example.com",
        "http://[::1]:9070/",
    ] {
        assert!(load(url).is_ok(), "{url}");
    }
    for url in [
        "runtime:9070",
        "127.0.0.1:9070",
        "http://h/x",
        "http://h?a=b",
        "http://h#a",
        "http://u:secret@h",
        "unix:/s",
    ] {
        let faults = load(url).unwrap_err();
        assert!(
            faults.starts_with("RESTATE_PG__CLUSTER__0__RUNTIME: `runtime`") && !faults.contains("secret"),
            "{faults}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_one_fault() {
    let dir = Dir::new();
    let faults = Config::load(&dir.0.path().join("none.toml"), []).unwrap_err();
    assert!(
        faults
            .to_string()
            .ends_with("none.toml: No such file or directory (os error 2)"),
        "{faults}"
    );
    assert_eq!(faults.iter().count(), 1);
}

#[test]
fn limits_and_the_proxy_protocol_can_be_set_in_the_file_and_by_variable() {
    let dir = Dir::new();
    let text = EXAMPLE.replace(
        "[tls]",
        "proxy_protocol = true\n\n[limits]\nsessions = 1_000\nlogin_timeout = \"5s\"\n\n[tls]",
    );
    let config = dir
        .load(&text, &[("RESTATE_PG__LIMITS__SESSIONS_PER_CLUSTER", "10")])
        .unwrap();
    assert!(config.listen.proxy_protocol);
    let expected = Limits {
        sessions: 1_000,
        sessions_per_cluster: 10,
        login_timeout: Duration::from_secs(5),
    };
    assert_eq!(config.limits, expected);
    let off = dir
        .load(&text, &[("RESTATE_PG__LISTEN__PROXY_PROTOCOL", "false")])
        .unwrap();
    assert!(!off.listen.proxy_protocol);
}

#[test]
fn limits_that_cannot_be_are_faults() {
    let dir = Dir::new();
    let limits = "[limits]\nsessions = 0\nsessions_per_cluster = 0x10\nlogin_timeout = \"0s\"\n\n[tls]";
    let text = EXAMPLE.replace("[tls]", &format!("proxy_protocol = \"yes\"\n\n{limits}"));
    assert_eq!(
        dir.load(&text, &[("RESTATE_PG__LISTEN__PROXY_PROTOCOL", "1")])
            .unwrap_err(),
        "restate-pg.toml:4: `proxy_protocol` must be true or false\n\
         restate-pg.toml:7: `sessions` is \"0\": not a number from 1 to 1000000\n\
         restate-pg.toml:8: `sessions_per_cluster` must be a whole number\n\
         restate-pg.toml:9: `login_timeout` is \"0s\": no time at all\n\
         RESTATE_PG__LISTEN__PROXY_PROTOCOL: `proxy_protocol` is \"1\": not true or false"
    );
    let text = |timeout: &str| EXAMPLE.replace("[tls]", &format!("[limits]\nlogin_timeout = \"{timeout}\"\n\n[tls]"));
    assert_eq!(
        dir.load(&text("61m"), &[]).unwrap_err(),
        "restate-pg.toml:5: `login_timeout` is \"61m\": longer than 1h"
    );
    let longest = dir.load(&text("1h"), &[]).unwrap().limits.login_timeout;
    assert_eq!(longest, Duration::from_secs(3600));
}

#[test]
fn limits_that_are_left_out_are_as_if_there_were_no_such_section() {
    let dir = Dir::new();
    let empty = dir.load(&EXAMPLE.replace("[tls]", "[limits]\n\n[tls]"), &[]).unwrap();
    assert_eq!(empty.limits, Limits::default());
    assert_eq!(dir.load(EXAMPLE, &[]).unwrap().limits, Limits::default());
}

#[test]
fn a_list_of_revoked_tokens_must_be_there() {
    let dir = Dir::new();
    let text = EXAMPLE.replace("cluster_claim = \"sub\" ", "revoked = \"revoked.txt\"");
    let faults = dir.load(&text, &[]).unwrap_err();
    assert!(faults.starts_with("restate-pg.toml:13: revoked.txt: "), "{faults}");
    dir.write("revoked.txt", "# none\n");
    let config = dir.load(&text, &[]).unwrap();
    assert_eq!(config.issuers[0].revoked, Some(dir.0.path().join("revoked.txt")));
}
