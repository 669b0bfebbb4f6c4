//! HTTP to one runtime's admin port: `POST /query` and `GET /version`, nothing else, for that port can do everything and asks for no
//! password. Paths are fixed here and redirects are not followed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use datafusion::physical_plan::metrics::Count;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    header::{self, HeaderValue},
};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use tokio::time::timeout;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, crypto::aws_lc_rs};

use super::{
    errors::{self, Failure},
    inflate::{self, Inflate},
    pool::{Body, Pool},
    socket::QuickAckConnector,
};
use crate::{Error, Result, SqlState};

/// What `/query` answers with.
const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";

/// The one compression that is asked for.
const ZSTD: &str = "zstd";

/// A runtime in the same region answers within milliseconds; a dropped SYN is sent again after one second, and after three.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// For the small questions (`/version`, the text of an error): seconds mean that the runtime is stuck.
const SMALL_REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest small reply that is read; a list of all fields in an error message has a few kB.
const SMALL_REPLY_SIZE_MAX: usize = 64 * 1024;

/// The longest that a query may stay silent. The longest pause seen in a healthy runtime was a cross join of 92 s.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// Pooled connections to one runtime.
pub(super) struct HttpClient {
    pool: Pool,
    /// Host and port.
    host: HeaderValue,
    silence_max: Duration,
    /// The runtime was last reached beyond a private network: its replies are compressed.
    is_far: AtomicBool,
}

/// The body of a reply that announces itself as an Arrow stream.
pub(super) struct Reply {
    body: Body,
    /// It is compressed.
    inflate: Option<Inflate>,
    silence_max: Duration,
}

impl Reply {
    /// The next bytes of the stream, inflated; `None` where the body ends as HTTP says it must. Bytes that arrive are counted in
    /// `received`. Whoever stops waiting loses nothing.
    pub(super) async fn next(&mut self, received: &Count) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(inflate) = &mut self.inflate
                && let Some(piece) = inflate.next().map_err(errors::not_zstd)?
            {
                return Ok(Some(piece));
            }
            let frame = match timeout(self.silence_max, self.body.frame()).await {
                Err(_) => return Err(Failure::lasting(errors::silent())),
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => frame.map_err(|error| errors::broken_off(error.to_string()))?,
            };
            let Ok(chunk) = frame.into_data() else { continue };
            received.add(chunk.len());
            match &mut self.inflate {
                Some(inflate) => inflate.feed(chunk),
                None => return Ok(Some(chunk)),
            }
        }
    }
}

impl HttpClient {
    /// `url` is a scheme (`http`, `https`), a host and maybe a port. Certificates are checked against the machine's authorities.
    pub(super) fn new(url: &str) -> Result<Self> {
        let base = parse_base(url)?;
        let tls = match base.scheme_str() {
            Some("https") => tls_builder()?.with_native_roots().map_err(|error| {
                Error::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    "no certificate authorities found on this machine",
                )
                .with_log(error.to_string())
            })?,
            // Nothing is read from the machine for a runtime that is reached without TLS.
            _ => tls_builder()?.with_root_certificates(RootCertStore::empty()),
        };
        Self::with_tls(base, tls.with_no_client_auth())
    }

    /// Trusts these authorities only.
    #[cfg(test)]
    pub(super) fn trusting(url: &str, roots: RootCertStore) -> Result<Self> {
        Self::with_tls(
            parse_base(url)?,
            tls_builder()?.with_root_certificates(roots).with_no_client_auth(),
        )
    }

    fn with_tls(base: Uri, tls: ClientConfig) -> Result<Self> {
        let connector = connector(tls);
        let host = base.authority().map(|host| host.as_str()).unwrap_or_default();
        Ok(HttpClient {
            host: HeaderValue::from_str(host).map_err(Error::internal)?,
            pool: Pool::new(connector, base),
            silence_max: SILENCE_MAX,
            is_far: AtomicBool::new(false),
        })
    }

    #[cfg(test)]
    pub(super) fn with_silence_max(mut self, silence_max: Duration) -> Self {
        self.silence_max = silence_max;
        self
    }

    /// Has replies compressed as those of a remote runtime are.
    #[cfg(test)]
    pub(super) fn take_for_far(&self) {
        self.is_far.store(true, Ordering::Relaxed);
    }

    fn request(&self, method: Method, path: &'static str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from_static(path);
        request.headers_mut().insert(header::HOST, self.host.clone());
        request
    }

    /// Sends a query; returns a reply that announces itself as an Arrow stream, and nothing else.
    pub(super) async fn query(&self, sql: &str) -> Result<Reply, Failure> {
        let body = serde_json::json!({ "query": sql }).to_string();
        let mut request = self.request(Method::POST, "/query", Bytes::from(body));
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static(ARROW_STREAM));
        // Runtimes before 1.7 do not know it and send what they always do.
        if self.is_far.load(Ordering::Relaxed) {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ZSTD));
        }
        let response = timeout(self.silence_max, self.pool.send(request))
            .await
            .map_err(|_| Failure::lasting(errors::silent()))?
            .map_err(|error| errors::from_transport(&error))?;

        if response.status() != StatusCode::OK {
            return Err(refused(response).await);
        }
        let inflate = inflate(response.headers());
        match inflate.filter(|_| is_arrow_stream(response.headers())) {
            Some(inflate) => Ok(Reply {
                body: response.into_body(),
                inflate,
                silence_max: self.silence_max,
            }),
            None => Err(Failure::lasting(errors::not_a_runtime(
                "the reply to a query is not an Arrow stream",
            ))),
        }
    }

    /// What `/version` says, as it stands.
    pub(super) async fn version(&self) -> Result<Bytes, Failure> {
        let request = self.request(Method::GET, "/version", Bytes::new());
        let response = timeout(SMALL_REPLY_TIMEOUT, self.pool.send(request))
            .await
            .map_err(|_| Failure::lasting(errors::silent()))?
            .map_err(|error| errors::from_transport(&error))?;
        if response.status() != StatusCode::OK {
            return Err(refused(response).await);
        }
        // The first that is asked of a runtime, and asked again ever so often: its replies tell where it is.
        if let Some(reached) = response.body().remote() {
            self.is_far.store(inflate::is_far(reached.ip()), Ordering::Relaxed);
        }
        small_body(response.into_body())
            .await
            .ok_or_else(|| Failure::lasting(errors::not_a_runtime("the reply to /version is too long or was cut")))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// Scheme, host and port, and nothing beside them: a path, a query or credentials would silently be dropped otherwise.
fn parse_base(url: &str) -> Result<Uri> {
    let wrong = |why: &str| Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid runtime URL: {why}"));
    let uri: Uri = url.parse().map_err(|_| wrong("it does not parse"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("it must start with http:// or https://"));
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(wrong("it must name a host, without credentials"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong("it must not have a path or a query"));
    }
    Ok(uri)
}

fn connector(tls: ClientConfig) -> HttpsConnector<QuickAckConnector> {
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(QuickAckConnector::new(CONNECT_TIMEOUT))
}

/// What reaches no runtime over TLS.
#[cfg(test)]
pub(super) fn trusting_nobody() -> HttpsConnector<QuickAckConnector> {
    let tls = tls_builder()
        .expect("TLS")
        .with_root_certificates(RootCertStore::empty());
    connector(tls.with_no_client_auth())
}

fn tls_builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)
}

fn is_arrow_stream(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) else {
        return false;
    };
    value
        .split(';')
        .next()
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(ARROW_STREAM))
}

/// How a body is to be read: as it is, or inflated; `None` where it is encoded in a way that was not asked for.
fn inflate(headers: &HeaderMap) -> Option<Option<Inflate>> {
    match headers.get(header::CONTENT_ENCODING) {
        None => Some(None),
        Some(encoding) if encoding == ZSTD => Inflate::new().ok().map(Some),
        Some(_) => None,
    }
}

/// Reads the text of a refusal and says what it means.
async fn refused(response: Response<Body>) -> Failure {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let inflate = inflate(response.headers()).flatten();
    let mut body = small_body(response.into_body()).await.unwrap_or_default();
    if let Some(inflate) = inflate {
        body = small_text(inflate, body).unwrap_or_default();
    }
    errors::from_response(status, retry_after, &body)
}

/// A compressed text of bounded size.
fn small_text(mut inflate: Inflate, body: Bytes) -> Option<Bytes> {
    let mut text = BytesMut::new();
    inflate.feed(body);
    while let Some(piece) = inflate.next().ok()? {
        if text.len() + piece.len() > SMALL_REPLY_SIZE_MAX {
            return None;
        }
        text.extend_from_slice(&piece);
    }
    Some(text.freeze())
}

/// A body of bounded size that arrives in bounded time, or nothing.
async fn small_body(mut body: Body) -> Option<Bytes> {
    let read = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.ok()?.into_data() {
                if bytes.len() + data.len() > SMALL_REPLY_SIZE_MAX {
                    return None;
                }
                bytes.extend_from_slice(&data);
            }
        }
        Some(bytes.freeze())
    };
    timeout(SMALL_REPLY_TIMEOUT, read).await.ok()?
}
