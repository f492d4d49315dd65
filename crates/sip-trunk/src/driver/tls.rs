//! TLS as the application wants it: a configuration for each handshake, and words for those that fail.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::endpoint::TlsFault;
use crate::transport::{SocketId, TlsPeer};

/// Gives the configuration of each TLS handshake. A change counts from the next handshake on.
pub trait Tls: Send + Sync {
    /// For a connection to `server_name`.
    ///
    /// # Errors
    /// Why there is none; told as the cause of the failed handshake.
    fn client(&self, server_name: &str) -> Result<Handshake<ClientConfig>, TlsFault>;

    /// For a connection that came to `listener`.
    ///
    /// # Errors
    /// As [`client`](Self::client).
    fn server(&self, listener: SocketId) -> Result<Handshake<ServerConfig>, TlsFault>;
}

/// The configuration of one handshake.
pub struct Handshake<C> {
    /// What rustls uses.
    pub config: Arc<C>,
    /// Turns what rustls said about the failure into what people should read, with the certificate it is about.
    pub explain: Option<Explain>,
}

/// Explains a failed handshake from the text of its error.
pub type Explain = Box<dyn FnOnce(String) -> TlsFault + Send>;

impl<C> fmt::Debug for Handshake<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("explain", &self.explain.is_some()).finish_non_exhaustive()
    }
}

/// One client and one server configuration, which may be replaced while connections run. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct TlsConfigs(Arc<RwLock<Configs>>);

#[derive(Debug, Default)]
struct Configs {
    client: Option<Client>,
    server: Option<Arc<ServerConfig>>,
}

#[derive(Debug, Clone)]
struct Client {
    config: Arc<ClientConfig>,
    verifier: Option<Arc<dyn ServerCertVerifier>>,
}

impl TlsConfigs {
    /// No TLS until configurations are set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The configuration of connections to peers. With its verifier given once more, a certificate that is refused is
    /// told together with the cause; rustls alone keeps it to itself.
    pub fn set_client(&self, config: Arc<ClientConfig>, verifier: Option<Arc<dyn ServerCertVerifier>>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).client = Some(Client { config, verifier });
    }

    /// The configuration of connections from peers, its certificate included.
    pub fn set_server(&self, config: Arc<ServerConfig>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).server = Some(config);
    }
}

impl Tls for TlsConfigs {
    fn client(&self, _server_name: &str) -> Result<Handshake<ClientConfig>, TlsFault> {
        let configs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Client { config, verifier } = configs.client.clone().ok_or_else(|| unconfigured("connecting"))?;
        let Some(verifier) = verifier else { return Ok(Handshake { config, explain: None }) };
        let seen = Arc::new(Mutex::new(None));
        let mut config = (*config).clone();
        let recorder = Recorder { verifier, seen: seen.clone() };
        config.dangerous().set_certificate_verifier(Arc::new(recorder));
        let explain: Explain = Box::new(move |text| {
            let certificate = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
            TlsFault { text, certificate }
        });
        Ok(Handshake { config: Arc::new(config), explain: Some(explain) })
    }

    fn server(&self, _listener: SocketId) -> Result<Handshake<ServerConfig>, TlsFault> {
        let configs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let config = configs.server.clone().ok_or_else(|| unconfigured("listening"))?;
        Ok(Handshake { config, explain: None })
    }
}

fn unconfigured(what: &str) -> TlsFault {
    TlsFault { text: format!("no TLS configuration was given for {what}"), certificate: None }
}

/// A verifier that remembers what it was shown.
#[derive(Debug)]
struct Recorder {
    verifier: Arc<dyn ServerCertVerifier>,
    seen: Arc<Mutex<Option<Bytes>>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let der = Bytes::copy_from_slice(end_entity);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(der);
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The fault of a handshake that ended with `error`.
pub(super) fn fault(error: &io::Error, explain: Option<Explain>) -> TlsFault {
    let text = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))) => {
            other.0.to_string()
        }
        Some(error) => error.to_string(),
        None => error.to_string(),
    };
    match explain {
        Some(explain) => explain(text),
        None => TlsFault { text, certificate: None },
    }
}

/// What a finished handshake says about the peer.
pub(super) fn peer(connection: &rustls::CommonState, server_name: Option<&str>) -> TlsPeer {
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    TlsPeer {
        names: certificate.map(|certificate| names(certificate)).unwrap_or_default(),
        certificate: certificate.map(|certificate| Bytes::copy_from_slice(certificate)),
        server_name: server_name.map(str::to_owned),
    }
}

/// RFC 5922 §7.1: SIP domains among the alternative names; DNS names only where there are none.
fn names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let (mut domains, mut dns) = (Vec::new(), Vec::new());
    for name in &names.value.general_names {
        if let GeneralName::URI(uri) = name
            && let Some(domain) = uri.strip_prefix("sip:").filter(|domain| !domain.contains('@'))
        {
            domains.push(domain.to_ascii_lowercase());
        } else if let GeneralName::DNSName(name) = name {
            dns.push(name.to_ascii_lowercase());
        }
    }
    if domains.is_empty() { dns } else { domains }
}
