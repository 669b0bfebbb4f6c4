//! What a statement costs by way of the server, against asking the runtime for it directly.
//!
//!     RESTATE_URL=http://127.0.0.1:9070 RESTATE_PG_BINARY=target/release/restate-pg cargo bench --profile dev --bench rewrites
//!
//! `RESTATE_URL` is the admin port of a running Restate server, which is only read; `RESTATE_PG_BINARY` a built server (without it, the one
//! of the profile that cargo builds this with), started here as `restate-pg demo`. `ROUNDS` (30) is how often each statement is asked,
//! `ONLY` a part of a statement's name. This is a client: it links neither the server nor its engine, so its own profile matters little.
//!
//! Each round asks for every statement three times, one right after the other: directly as curl does (`POST /query`, an Arrow stream, on
//! a connection that stays open, acknowledgements as the kernel sends them), directly with TCP_QUICKACK, without which a reply of several
//! chunks waits 40 ms, and through the server by tokio-postgres (simple queries, over TLS as the server wants it). Medians.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_postgres::Client;
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Name and text. `$ID`, `$IDS`, `$SERVICE` and `$KEY` are taken from the runtime's own rows.
const STATEMENTS: &[(&str, &str)] = &[
    ("select 1", "select 1"),
    ("status id=", "select * from sys_invocation_status where id = '$ID'"),
    ("view id=, all columns", "select * from sys_invocation where id = '$ID'"),
    (
        "view id=, stored columns",
        "select id, target, created_at from sys_invocation where id = '$ID'",
    ),
    (
        "view id in 100",
        "select id, target, status from sys_invocation where id in ($IDS)",
    ),
    (
        "journal id=",
        "select id, index, entry_type from sys_journal where id = '$ID'",
    ),
    (
        "status lower(id)=",
        "select id from sys_invocation_status where lower(id) = lower('$ID')",
    ),
    (
        "status id like",
        "select id from sys_invocation_status where id like '$ID%'",
    ),
    (
        "status id = (subquery)",
        "select target from sys_invocation_status where id = (select max(id) from sys_invocation_status where id = '$ID')",
    ),
    (
        "status id = trim(…)::varchar",
        "select target from sys_invocation_status where id = trim(' $ID ')::varchar",
    ),
    (
        "journal id in (live ids)",
        "select id, index from sys_journal where id in (select id from sys_invocation_state)",
    ),
    (
        "status service key",
        "select id, target from sys_invocation_status where target_service_key = '$KEY'",
    ),
    (
        "view service key",
        "select id, status from sys_invocation where target_service_key = '$KEY'",
    ),
    (
        "state service key",
        "select key, value_utf8 from state where service_name = '$SERVICE' and service_key = '$KEY'",
    ),
    (
        "state service key, one key",
        "select value_utf8 from state where service_name = '$SERVICE' and service_key = '$KEY' and key = '$STATE'",
    ),
    ("view limit 1", "select * from sys_invocation limit 1"),
    ("view limit 100", "select * from sys_invocation limit 100"),
    (
        "view status = running",
        "select id, target from sys_invocation where status = 'running'",
    ),
    (
        "view status = backing-off",
        "select id, retry_count from sys_invocation where status = 'backing-off'",
    ),
    (
        "view count of running",
        "select count(*) as n from sys_invocation where status = 'running'",
    ),
    ("state table", "select * from sys_invocation_state"),
    ("count of status", "select count(*) as n from sys_invocation_status"),
    ("count of view", "select count(*) as n from sys_invocation"),
    (
        "count of completed",
        "select count(*) as n from sys_invocation where status = 'completed'",
    ),
    ("count of journal", "select count(*) as n from sys_journal"),
    ("count of state", "select count(*) as n from state"),
    (
        "group by status",
        "select status, count(*) as n from sys_invocation group by status",
    ),
    (
        "group by service",
        "select target_service_name, count(*) as n from sys_invocation group by 1",
    ),
    (
        "view top 10",
        "select id, status from sys_invocation order by created_at desc limit 10",
    ),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Ok(url) = env::var("RESTATE_URL") else {
        // `cargo test --benches` and `cargo bench` without a runtime have nothing to measure.
        println!("RESTATE_URL names no runtime: nothing is measured");
        return;
    };
    let rounds: usize = env::var("ROUNDS")
        .ok()
        .map_or(30, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let only = env::var("ONLY").unwrap_or_default();
    let binary = env::var("RESTATE_PG_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_restate-pg").to_owned());

    let host = url
        .strip_prefix("http://")
        .expect("RESTATE_URL is http://host:port")
        .trim_end_matches('/');
    let mut as_curl = Direct::open(host, false);
    let mut quick = Direct::open(host, true);
    let server = Server::start(&binary, &url);
    let client = server.connect().await;

    let values = values(&client).await;
    let statements: Vec<(&str, String)> = STATEMENTS
        .iter()
        .filter(|(name, _)| name.contains(&only))
        .map(|(name, sql)| {
            let sql = values
                .iter()
                .fold(sql.to_string(), |sql, (name, value)| sql.replace(name, value));
            (*name, sql)
        })
        .collect();

    let mut times: Vec<[Vec<Duration>; 3]> = vec![<[Vec<Duration>; 3]>::default(); statements.len()];
    let mut refused: BTreeMap<&str, String> = BTreeMap::new();
    // The first round is not counted: it opens what is opened once, and lets the server learn what it asks a cluster once.
    for round in 0..=rounds {
        for ((name, sql), times) in statements.iter().zip(&mut times) {
            let measured = [as_curl.query(sql), quick.query(sql), through(&client, sql).await];
            for (time, times) in measured.into_iter().zip(times) {
                match time {
                    Ok(time) if round > 0 => times.push(time),
                    Ok(_) => {}
                    Err(words) => drop(refused.insert(name, words)),
                }
            }
        }
        if round == 0 {
            // What is looked for in the background is found by then.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    println!("{url}, {rounds} rounds, server {binary}; medians in ms");
    println!(
        "{:<30} {:>9} {:>9} {:>9} {:>9} {:>9}  within 1.1 × direct + 1 ms",
        "", "direct", "quickack", "server", "ratio", "to quick"
    );
    for ((name, _), times) in statements.iter().zip(&mut times) {
        if let Some(words) = refused.get(name) {
            println!("{name:<30} {words}");
            continue;
        }
        let [direct, quick, server] = times.each_mut().map(|times| median(times).as_secs_f64() * 1_000.0);
        println!(
            "{name:<30} {direct:>9.2} {quick:>9.2} {server:>9.2} {:>9.2} {:>9.2}  {}",
            server / direct,
            server / quick,
            if server <= 1.1 * direct + 1.0 { "yes" } else { "NO" }
        );
    }
}

/// What takes the place of `$…` in the statements: an invocation that is completed, a hundred of them, an object and one of its keys.
async fn values(client: &Client) -> Vec<(&'static str, String)> {
    let texts = async |sql: &str| -> Vec<Vec<String>> {
        let messages = client.simple_query(sql).await.expect("a row to start from");
        let rows = messages.into_iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| {
            (0..row.len())
                .map(|i| row.get(i).unwrap_or_default().to_owned())
                .collect()
        })
        .collect()
    };
    let ids = texts("select id from sys_invocation_status where status = 'completed' limit 100").await;
    let ids: Vec<String> = ids.into_iter().flatten().collect();
    let object = texts(
        "select s.service_name, s.service_key, min(s.key), count(*) from state s \
         group by 1, 2 order by 4 desc, 1, 2 limit 1",
    )
    .await;
    let [service, key, state, ..] = object.first().expect("an object with state").as_slice() else {
        panic!("three columns");
    };
    vec![
        (
            "$IDS",
            ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", "),
        ),
        ("$ID", ids.first().expect("a completed invocation").clone()),
        ("$SERVICE", service.clone()),
        ("$KEY", key.clone()),
        ("$STATE", state.clone()),
    ]
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

async fn through(client: &Client, sql: &str) -> Result<Duration, String> {
    let start = Instant::now();
    match client.simple_query(sql).await {
        Ok(_) => Ok(start.elapsed()),
        Err(error) => Err(error
            .as_db_error()
            .map_or(error.to_string(), |error| error.message().to_owned())),
    }
}

/// One open connection to the runtime.
struct Direct {
    stream: BufReader<TcpStream>,
    host: String,
    quick: bool,
}

impl Direct {
    fn open(host: &str, quick: bool) -> Self {
        let stream = TcpStream::connect(host).expect("the runtime's port");
        // As curl does.
        stream.set_nodelay(true).expect("a socket option");
        Direct {
            stream: BufReader::new(stream),
            host: host.to_owned(),
            quick,
        }
    }

    /// Reads a reply to its end, and forgets it.
    fn query(&mut self, sql: &str) -> Result<Duration, String> {
        let start = Instant::now();
        let body = serde_json::json!({ "query": sql }).to_string();
        let request = format!(
            "POST /query HTTP/1.1\r\nHost: {}\r\nUser-Agent: curl\r\nAccept: */*\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .map_err(|error| error.to_string())?;
        self.reply().map_err(|error| error.to_string())??;
        Ok(start.elapsed())
    }

    fn reply(&mut self) -> std::io::Result<Result<usize, String>> {
        let status = self.line()?;
        let mut length = None;
        loop {
            let line = self.line()?.to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse::<usize>().ok();
            }
        }
        let mut body = Vec::new();
        match length {
            Some(length) => self.take(length, &mut body)?,
            None => loop {
                let size = usize::from_str_radix(&self.line()?, 16).map_err(std::io::Error::other)?;
                self.take(size, &mut body)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            },
        }
        Ok(match status.contains(" 200 ") {
            true => Ok(body.len()),
            false => Err(String::from_utf8_lossy(&body).into_owned()),
        })
    }

    fn line(&mut self) -> std::io::Result<String> {
        self.acknowledge();
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn take(&mut self, size: usize, body: &mut Vec<u8>) -> std::io::Result<()> {
        self.acknowledge();
        let start = body.len();
        body.resize(start + size, 0);
        self.stream.read_exact(&mut body[start..])
    }

    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        if self.quick {
            let _ = socket2::SockRef::from(self.stream.get_ref()).set_tcp_quickack(true);
        }
    }
}

/// A running `restate-pg demo`; ends with this.
struct Server {
    process: Child,
    port: u16,
    token: String,
}

impl Server {
    fn start(binary: &str, url: &str) -> Self {
        let mut process = Command::new(binary)
            .args(["demo", "--port", "0", "--runtime", url])
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the server");
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().expect("its output"));
        stdout.read_line(&mut line).expect("the line that it prints");
        // Whatever else it prints is read, so that it never waits.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let part = |name: &str| {
            let rest = line.split(name).nth(1).expect("a part of the printed line");
            rest.split([' ', '"']).next().expect("its value").to_owned()
        };
        Server {
            process,
            port: part("port=").parse().expect("a port"),
            token: part("PGPASSWORD="),
        }
    }

    async fn connect(&self) -> Client {
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(trusting());
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user("demo")
            .dbname("demo")
            .password(&self.token)
            .ssl_mode(tokio_postgres::config::SslMode::Require)
            .connect(tls)
            .await
            .expect("log in");
        tokio::spawn(connection);
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// TLS to the demo's own certificate, which nobody signed, on loopback.
fn trusting() -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Loopback(provider)))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Loopback(Arc<CryptoProvider>);

impl ServerCertVerifier for Loopback {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
