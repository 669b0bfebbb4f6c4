//! Our server as users start it: `demo`, or `serve --config` with certificate and keys made for the test.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
    time::Duration,
};

use rcgen::CertifiedKey;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    ROOT, free_port,
    process::Process,
    token::{AUDIENCE, ISSUER, Keys},
    wait_for,
};

pub const BINARY: &str = env!("CARGO_BIN_EXE_restate-pg");

/// The server that is driven: the one that was built with the tests, unless another is named.
pub fn binary() -> PathBuf {
    std::env::var_os("RESTATE_PG_BINARY").map_or_else(|| BINARY.into(), PathBuf::from)
}

/// Where a cluster's rows are.
#[derive(Clone, Debug)]
pub enum Data {
    Runtime(String),
    Snapshot(PathBuf),
}

/// The snapshot that the binary carries.
pub fn demo_data() -> Data {
    Data::Snapshot(Path::new(ROOT).join("fixtures/demo"))
}

/// A running `restate-pg serve`.
#[derive(Debug)]
pub struct Server {
    pub process: Process,
    pub keys: Keys,
    pub port: u16,
    directory: tempfile::TempDir,
}

impl Server {
    /// A server shared by the tests that leave nothing behind: cluster `demo` over the demo's snapshot, and `other`, which
    /// nobody may enter with a token for `demo`.
    pub fn shared() -> &'static Server {
        static SHARED: LazyLock<Server> =
            LazyLock::new(|| Server::serve(&[("demo", demo_data()), ("other", demo_data())]));
        &SHARED
    }

    /// Serves `clusters`, with the configuration file of the README.
    pub fn serve(clusters: &[(&str, Data)]) -> Server {
        Server::serve_logging("info", clusters)
    }

    /// As [`Server::serve`], with a log of `level`.
    pub fn serve_logging(level: &str, clusters: &[(&str, Data)]) -> Server {
        Server::serve_edited(level, clusters, |_, configuration| configuration)
    }

    /// As [`Server::serve_logging`], with a configuration that `edit` makes of the usual one; it also gets the server's directory.
    pub fn serve_edited(level: &str, clusters: &[(&str, Data)], edit: impl FnOnce(&Path, String) -> String) -> Server {
        Server::start(Command::new(binary()), level, clusters, edit)
    }

    /// As [`Server::serve`], with so many file descriptors.
    pub fn serve_with_descriptors(count: u32, clusters: &[(&str, Data)]) -> Server {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {count} && exec \"$0\" \"$@\""), &binary()]);
        Server::start(command, "info", clusters, |_, configuration| configuration)
    }

    fn start(
        mut command: Command,
        level: &str,
        clusters: &[(&str, Data)],
        edit: impl FnOnce(&Path, String) -> String,
    ) -> Server {
        let directory = tempfile::tempdir().expect("a directory for the server");
        let keys = Keys::generate();
        let port = free_port();
        let names = ["localhost", "127.0.0.1", "other.example.com"].map(str::to_owned);
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("write a file");
        write("server.crt", &cert.pem());
        write("server.key", &signing_key.serialize_pem());
        fs::copy(
            keys.path().join("keys.jwks.json"),
            directory.path().join("keys.jwks.json"),
        )
        .expect("copy the key set");
        let configuration = edit(directory.path(), configuration(port, clusters));
        write("restate-pg.toml", &configuration);
        command
            .env("RUST_LOG", level)
            .args(["serve", "--config", "restate-pg.toml"])
            .current_dir(directory.path());
        let mut process = Process::start(command, directory.path(), "server");
        listening(&mut process, port);
        Server {
            process,
            keys,
            port,
            directory,
        }
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn token(&self, cluster: &str) -> String {
        self.keys.token(cluster)
    }

    /// The server's certificate, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("server.crt")
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A configuration file beside the server's own, for the subcommands that read one.
    pub fn configuration(&self) -> PathBuf {
        self.directory.path().join("restate-pg.toml")
    }

    /// A TLS client that trusts this server's certificate and nothing else.
    pub fn tls(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(self.certificate()).expect("the server's certificate");
        roots.add(certificate).expect("a usable certificate");
        client_config().with_root_certificates(roots).with_no_client_auth()
    }

    /// tokio-postgres, logged in as `cluster` with a good token; its connection runs on the current runtime.
    pub async fn connect(&self, cluster: &str) -> tokio_postgres::Client {
        let (client, connection) = self
            .config(cluster)
            .connect(tokio_postgres_rustls::MakeRustlsConnect::new(self.tls()))
            .await
            .expect("log in");
        tokio::spawn(connection);
        client
    }

    /// What tokio-postgres needs to log in as `cluster`.
    pub fn config(&self, cluster: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user(cluster)
            .dbname(cluster)
            .password(self.token(cluster))
            .ssl_mode(tokio_postgres::config::SslMode::Require);
        config
    }
}

/// Half of a client configuration: the crypto library is named, for more than one may be linked.
fn client_config() -> tokio_rustls::rustls::ConfigBuilder<ClientConfig, tokio_rustls::rustls::WantsVerifier> {
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
}

/// The README's file with this test's port and clusters.
fn configuration(port: u16, clusters: &[(&str, Data)]) -> String {
    let mut text = format!(
        r#"
[listen]
postgres = "127.0.0.1:{port}"

[tls]
certificate = "server.crt"
key = "server.key"

[[issuer]]
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
keys = "keys.jwks.json"
algorithms = ["EdDSA", "ES256", "RS256"]
cluster_claim = "sub"
"#
    );
    for (name, data) in clusters {
        let data = match data {
            Data::Runtime(url) => format!("runtime = \"{url}\""),
            Data::Snapshot(path) => format!("snapshot = \"{}\"", path.display()),
        };
        text.push_str(&format!("\n[[cluster]]\nname = \"{name}\"\n{data}\n"));
    }
    text
}

/// Waits until the port is open; a process that ends before says why.
pub fn listening(process: &mut Process, port: u16) {
    wait_for("the server's port", Duration::from_secs(60), || {
        if let Some(status) = process.ended() {
            panic!(
                "the server ended with {status} before it listened: {}{}",
                process.stdout(),
                process.stderr()
            );
        }
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
    });
}
