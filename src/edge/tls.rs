//! The server's TLS: certificate and key, protocol versions, ALPN, resumption.

use std::sync::Arc;

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        sign::CertifiedKey,
        version::{TLS12, TLS13},
    },
};

use super::certificate::Certificate;

/// The protocol name that direct TLS must offer (PostgreSQL 17; registered with IANA).
pub const ALPN: &[u8] = b"postgresql";

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Of a PEM chain and a PEM key (PKCS#8, PKCS#1 or SEC1).
    pub fn parse(certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("its file: {error}"))?;
        if chain.is_empty() {
            return Err("its file holds none".into());
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("its key: {error}"))?;
        Ok(Identity { chain, key })
    }

    /// Ready for use; fails where certificate and key do not belong together.
    pub fn certified(self) -> Result<CertifiedKey, String> {
        CertifiedKey::from_der(self.chain, self.key, &aws_lc_rs::default_provider()).map_err(|error| error.to_string())
    }

    /// A self-signed certificate for this machine's loopback names (ECDSA P-256), valid from now on; for the demo.
    pub fn self_signed() -> Result<Self, String> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(str::to_owned)?;
        Ok(Identity {
            chain: vec![made.cert.der().clone()],
            key,
        })
    }
}

/// TLS 1.2 and 1.3, `certificate` for every name that is asked for, no client certificates, sessions resumed by ticket but no data
/// before the handshake is done.
pub fn acceptor(certificate: Arc<Certificate>) -> Result<TlsAcceptor, String> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Tickets keep the state with the client: a reconnect is cheap, and costs nothing here while it is away.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
