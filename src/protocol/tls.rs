//! TLS towards clients and towards the server, and the hash that binds SCRAM to a channel. Reads no
//! files: certificates and keys come in as PEM bytes.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::socket::Socket;
use super::stream::Stream;

/// The application protocol name of PostgreSQL (PostgreSQL documentation, 55.2.11).
pub const ALPN: &[u8] = b"postgresql";

/// Why TLS settings can not be used. The caller adds the file's name.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not PEM, or nothing of the wanted kind in it.
    #[error("no usable {what} in the PEM text")]
    Pem {
        /// What was looked for.
        what: &'static str,
    },
    /// Certificate, key or trust anchors do not work together.
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
    /// The client authorities are not usable.
    #[error("{0}")]
    ClientAuthorities(#[from] rustls::server::VerifierBuilderError),
}

/// TLS as the gateway offers it to clients.
#[derive(Clone)]
pub struct TlsServer {
    acceptor: TlsAcceptor,
    endpoint: Option<Arc<[u8]>>,
}

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}

/// What is known of a client's TLS channel.
#[derive(Debug, Clone)]
pub struct TlsFacts {
    /// The tls-server-end-point hash of our certificate; `None` when its signature has no hash
    /// that RFC 5929 defines (Ed25519, RSA-PSS): channel binding is not offered then.
    pub endpoint: Option<Arc<[u8]>>,
    /// The names in a client certificate that one of the client authorities signed.
    pub client_names: Vec<String>,
}

impl TlsServer {
    /// Takes the certificate chain (leaf first), its key and the authorities that sign client
    /// certificates, all as PEM. With authorities a client may send a certificate; none must.
    pub fn from_pem(
        chain: &[u8],
        key: &[u8],
        client_authorities: Option<&[u8]>,
    ) -> Result<Self, TlsError> {
        let chain = certificates(chain, "certificate")?;
        let endpoint = chain.first().and_then(|leaf| endpoint_hash(leaf)).map(Arc::from);
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| TlsError::Pem { what: "private key" })?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match client_authorities {
            Some(authorities) => {
                let roots = Arc::new(roots(authorities)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .allow_unauthenticated()
                    .build()?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), endpoint })
    }

    /// The handshake. The socket must not have been read beyond the SSLRequest: what a client has
    /// sent too early is then part of the handshake, and breaks it.
    pub(super) async fn accept(
        &self,
        socket: Socket,
    ) -> io::Result<(Stream, TlsFacts, Option<Vec<u8>>)> {
        let stream = self.acceptor.accept(socket).await?;
        let connection = stream.get_ref().1;
        let client_names = connection
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|leaf| certificate_names(leaf))
            .unwrap_or_default();
        let alpn = connection.alpn_protocol().map(<[u8]>::to_vec);
        let facts = TlsFacts { endpoint: self.endpoint.clone(), client_names };
        Ok((Stream::Tls(Box::new(stream.into())), facts, alpn))
    }
}

/// TLS towards the server.
#[derive(Clone)]
pub enum TlsClient {
    /// Plain TCP.
    Disable,
    /// TLS or nothing.
    Enabled(TlsConnector),
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disable => "Disable",
            Self::Enabled(_) => "Enabled",
        })
    }
}

impl TlsClient {
    /// Encrypted, and whoever answers is believed, as libpq's `sslmode=require`.
    pub fn require() -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Unverified(Arc::clone(&provider)));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self::enabled(config))
    }

    /// Encrypted, signed by one of these authorities, and for the host name that was asked for.
    pub fn verify_full(authorities: &[u8]) -> Result<Self, TlsError> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(authorities)?)
            .with_no_client_auth();
        Ok(Self::enabled(config))
    }

    fn enabled(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![ALPN.to_vec()];
        Self::Enabled(TlsConnector::from(Arc::new(config)))
    }
}

/// The handshake towards the server, after it has said `S`. Returns the endpoint hash as well.
pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    connector: &TlsConnector,
    host: &str,
    socket: S,
) -> io::Result<(tokio_rustls::client::TlsStream<S>, Option<Vec<u8>>)> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = connector.connect(name, socket).await?;
    let endpoint = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| chain.first())
        .and_then(|leaf| endpoint_hash(leaf));
    Ok((stream, endpoint))
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| TlsError::Pem { what })?;
    if found.is_empty() { Err(TlsError::Pem { what }) } else { Ok(found) }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "authority certificate")? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// The tls-server-end-point hash of a certificate (RFC 5929, section 4.1): with the hash function
/// of its signature, SHA-256 in place of MD5 and SHA-1.
pub fn endpoint_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // RSA with MD5, SHA-1, SHA-256; ECDSA with SHA-1, SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => Some(Sha256::digest(certificate).to_vec()),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => {
            Some(Sha384::digest(certificate).to_vec())
        }
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => {
            Some(Sha512::digest(certificate).to_vec())
        }
        _ => None,
    }
}

/// The common name and the DNS and e-mail names of a certificate.
fn certificate_names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let mut names: Vec<String> = parsed
        .subject()
        .iter_common_name()
        .filter_map(|name| name.as_str().ok().map(str::to_owned))
        .collect();
    if let Ok(Some(alternatives)) = parsed.subject_alternative_name() {
        for name in &alternatives.value.general_names {
            if let GeneralName::DNSName(name) | GeneralName::RFC822Name(name) = name {
                names.push((*name).to_owned());
            }
        }
    }
    // A NUL inside a name is a known way to make two readers see two names.
    names.retain(|name| !name.contains('\0'));
    names
}

/// Believes any certificate; the handshake's signatures are still checked.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
