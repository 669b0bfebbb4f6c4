//! One GET of a JWKS: bounded in size and time, never redirected.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, Uri, header, http::uri::Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio_rustls::rustls::crypto::aws_lc_rs;

use super::KeyFault;
use crate::{error::causes, limits::JWKS_SIZE_MAX};

/// Where an issuer publishes its keys: an `https://` URL, or `http://` on a loopback address, where nobody stands between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUrl(Uri);

impl FromStr for KeyUrl {
    type Err = KeyFault;

    fn from_str(url: &str) -> Result<Self, KeyFault> {
        let uri: Uri = url.parse().map_err(|_| KeyFault("not a URL".into()))?;
        let authority = uri.authority().ok_or_else(|| KeyFault("the URL has no host".into()))?;
        if authority.as_str().contains('@') {
            return Err(KeyFault("a URL of public keys needs no credentials".into()));
        }
        match uri.scheme_str() {
            Some("https") => Ok(KeyUrl(uri)),
            Some("http") if is_loopback(authority.host()) => Ok(KeyUrl(uri)),
            Some("http") => Err(KeyFault(
                "keys must come over https:// (http:// only from a loopback address)".into(),
            )),
            _ => Err(KeyFault("keys come from a file or an https:// URL".into())),
        }
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A client for one URL.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    url: KeyUrl,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    timeout: Duration,
}

impl Fetcher {
    pub(super) fn new(url: KeyUrl, timeout: Duration) -> Result<Fetcher, KeyFault> {
        let builder = HttpsConnectorBuilder::new();
        let connector = if url.0.scheme() == Some(&Scheme::HTTP) {
            // No TLS will be spoken: a machine without root certificates can still do this.
            let roots = tokio_rustls::rustls::RootCertStore::empty();
            let config =
                tokio_rustls::rustls::ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
                    .with_safe_default_protocol_versions()
                    .map_err(|fault| KeyFault(format!("TLS is not available: {fault}")))?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
            builder.with_tls_config(config).https_or_http()
        } else {
            builder
                .with_provider_and_native_roots(aws_lc_rs::default_provider())
                .map_err(|fault| KeyFault(format!("this machine's root certificates cannot be read: {fault}")))?
                .https_only()
        };
        // A fetch every few minutes: a connection kept open in between would mostly be found dead.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector.enable_http1().build());
        Ok(Fetcher { url, client, timeout })
    }

    /// The body of a 200 answer.
    pub(super) async fn fetch(&self) -> Result<Vec<u8>, KeyFault> {
        match tokio::time::timeout(self.timeout, self.get()).await {
            Ok(result) => result,
            Err(_) => Err(KeyFault(format!("no answer within {:?}", self.timeout))),
        }
    }

    async fn get(&self) -> Result<Vec<u8>, KeyFault> {
        let request = Request::get(self.url.0.clone())
            .header(header::ACCEPT, "application/json, application/jwk-set+json")
            .header(header::USER_AGENT, concat!("restate-pg/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|fault| KeyFault(fault.to_string()))?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|fault| KeyFault(causes(&fault)))?;
        // A redirect too: whoever could answer with one could point this server at its neighbours.
        if response.status() != StatusCode::OK {
            return Err(KeyFault(format!("the server answered {}", response.status())));
        }
        // None was asked for, and none is undone: a few bytes may stand for gigabytes.
        let encodings = response.headers().get_all(header::CONTENT_ENCODING);
        if encodings.iter().any(|encoding| encoding != "identity") {
            return Err(KeyFault("the answer is compressed, which was not asked for".into()));
        }
        match Limited::new(response.into_body(), JWKS_SIZE_MAX).collect().await {
            Ok(body) => Ok(body.to_bytes().to_vec()),
            Err(fault) if fault.is::<http_body_util::LengthLimitError>() => {
                Err(KeyFault(format!("the JWKS is larger than {JWKS_SIZE_MAX} bytes")))
            }
            Err(fault) => Err(KeyFault(format!("the answer broke off: {fault}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for url in [
            "https://auth.example.com/keys",
            "http://127.0.0.1:80/k",
            "http://[::1]:80/",
            "http://localhost/",
        ] {
            assert!(url.parse::<KeyUrl>().is_ok(), "{url}");
        }
        for url in [
            "http://auth.example.com/keys",
            "http://169.254.169.254/",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "https://user:password@auth.example.com/",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
            "https://",
            "/keys.json",
        ] {
            assert!(url.parse::<KeyUrl>().is_err(), "{url}");
        }
    }
}
