//! Every setting, defined once: this table drives parsing, the check for unknown keys, the names of environment variables
//! and the reference text.

use std::fmt::Write as _;

/// A table of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Section {
    Listen,
    Tls,
    Issuer,
    Cluster,
    Limits,
}

impl Section {
    pub(super) const ALL: [Section; 5] = [
        Section::Listen,
        Section::Tls,
        Section::Issuer,
        Section::Cluster,
        Section::Limits,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Section::Listen => "listen",
            Section::Tls => "tls",
            Section::Issuer => "issuer",
            Section::Cluster => "cluster",
            Section::Limits => "limits",
        }
    }

    /// Whether there must be one.
    pub(super) const fn is_required(self) -> bool {
        !matches!(self, Section::Limits)
    }

    /// Whether it stands once for each of several things, as `[[name]]`.
    pub(super) const fn repeats(self) -> bool {
        matches!(self, Section::Issuer | Section::Cluster)
    }

    /// Its header, as it stands in the file.
    pub(super) fn header(self) -> String {
        if self.repeats() {
            format!("[[{}]]", self.name())
        } else {
            format!("[{}]", self.name())
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Section::Listen => "Where clients connect.",
            Section::Tls => "How this server shows who it is. Without it nothing starts: passwords are tokens.",
            Section::Issuer => {
                "Whose tokens are accepted. One section for each issuer; every issuer may name every cluster."
            }
            Section::Cluster => {
                "A cluster that clients can name as their user: it has `runtime` or `snapshot`, not both."
            }
            Section::Limits => "How much this process takes on. May be left out; these are the defaults.",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A list of texts; in an environment variable, separated by commas.
    List,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
}

#[derive(Debug)]
pub(super) struct Setting {
    pub(super) section: Section,
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) need: Need,
    /// As it would stand in the file.
    example: &'static str,
    about: &'static str,
}

/// What is when a setting is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    /// This, as it would stand in an environment variable.
    Default(&'static str),
    Optional,
}

macro_rules! settings {
    ($($name:ident = $section:ident $key:literal $kind:ident $need:expr, $example:literal, $about:literal;)*) => {
        $(
            pub(super) const $name: Setting = Setting {
                section: Section::$section,
                key: $key,
                kind: Kind::$kind,
                need: $need,
                example: $example,
                about: $about,
            };
        )*
        pub(super) const SETTINGS: &[Setting] = &[$($name),*];
    };
}

settings! {
    LISTEN_POSTGRES = Listen "postgres" Text Need::Required, r#""0.0.0.0:5432""#,
        "IP address and port for PostgreSQL clients";
    LISTEN_PROXY_PROTOCOL = Listen "proxy_protocol" Flag Need::Default("false"), "false",
        "whether each connection begins with a PROXY protocol header, version 2: only behind a load balancer that sends one";
    TLS_CERTIFICATE = Tls "certificate" Text Need::Required, r#""server.crt""#,
        "PEM file: the certificate, then the chain up to its authority";
    TLS_KEY = Tls "key" Text Need::Required, r#""server.key""#,
        "PEM file: the certificate's private key";
    ISSUER_ISSUER = Issuer "issuer" Text Need::Required, r#""https://auth.example.com""#,
        "`iss`, matched exactly";
    ISSUER_AUDIENCE = Issuer "audience" Text Need::Required, r#""restate-pg""#,
        "`aud` must contain it";
    ISSUER_KEYS = Issuer "keys" Text Need::Required, r#""keys.jwks.json""#,
        "a JWKS file or an https:// URL";
    ISSUER_ALGORITHMS = Issuer "algorithms" List Need::Required, r#"["EdDSA", "ES256", "RS256"]"#,
        "what it signs with, of EdDSA, ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512";
    ISSUER_CLUSTER_CLAIM = Issuer "cluster_claim" Text Need::Default(crate::token::DEFAULT_CLUSTER_CLAIM), r#""sub""#,
        "claim that names the cluster: a string or a list of strings";
    ISSUER_REVOKED = Issuer "revoked" Text Need::Optional, r#""revoked.txt""#,
        "file of the token ids (`jti`) that are no longer accepted, one on each line; read again when it changes (rename a whole one into its place); tokens without an id are then refused";
    CLUSTER_NAME = Cluster "name" Text Need::Required, r#""yourcluster""#,
        "lower-case letters, digits, `-` and `_`, up to 63 bytes";
    CLUSTER_RUNTIME = Cluster "runtime" Text Need::Optional, r#""http://127.0.0.1:9070""#,
        "URL of the runtime's admin port";
    CLUSTER_SNAPSHOT = Cluster "snapshot" Text Need::Optional, r#""snapshots/archive""#,
        "directory that `restate-pg snapshot` wrote";
    LIMITS_SESSIONS = Limits "sessions" Number Need::Default("20000"), "20000",
        "sessions at once; further logins are told 53300";
    LIMITS_SESSIONS_PER_CLUSTER = Limits "sessions_per_cluster" Number Need::Default("5000"), "5000",
        "the same for each cluster";
    LIMITS_LOGIN_TIMEOUT = Limits "login_timeout" Text Need::Default("30s"), r#""30s""#,
        "from accept to a verified password, TLS included; 1h at most";
}

/// What every overriding variable begins with. Two underscores: `RESTATE_PG_…` is left to others.
pub(super) const ENV_PREFIX: &str = "RESTATE_PG__";

impl Setting {
    /// The variable that overrides it.
    fn env_name(&self) -> String {
        let section = self.section.name().to_ascii_uppercase();
        let index = if self.section.repeats() { "0__" } else { "" };
        format!("{ENV_PREFIX}{section}__{index}{}", self.key.to_ascii_uppercase())
    }
}

/// All settings as a commented file, which is itself accepted where its files exist.
pub(super) fn reference() -> String {
    let mut text = String::from(
        "# Relative paths start at the directory of this file. A variable overrides a value, or gives one that is not in\n\
         # the file; lists are separated by commas in it. A section that repeats is counted from 0; a cluster can also be\n\
         # given by its name (RESTATE_PG__CLUSTER__YOUR_CLUSTER__RUNTIME for `your-cluster`).\n",
    );
    for section in Section::ALL {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n# {}\n{}\n", section.about(), section.header());
        for setting in SETTINGS.iter().filter(|setting| setting.section == section) {
            let need = match setting.need {
                Need::Required => String::new(),
                Need::Default(default) => format!(" Default: {default}."),
                Need::Optional => String::new(),
            };
            let _ = writeln!(text, "# {}.{need} {}", setting.about, setting.env_name());
            // What would contradict the settings before it, or name a file that few have.
            let comment = if [CLUSTER_SNAPSHOT.key, ISSUER_REVOKED.key].contains(&setting.key) {
                "# "
            } else {
                ""
            };
            let _ = writeln!(text, "{comment}{} = {}", setting.key, setting.example);
        }
    }
    text
}
