//! Own certificates that can be replaced while connections run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{Capture, TlsConfigError};
use crate::cert::Certificate;

/// A certificate chain with its private key, ready for handshakes. The key cannot be read back.
#[derive(Clone)]
pub struct Identity {
    certificate: Certificate,
    key: Arc<CertifiedKey>,
}

impl Identity {
    /// Takes the chain to present (own certificate first) and its key; they must belong together.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsConfigError> {
        let first = chain.first().ok_or(TlsConfigError::EmptyChain)?;
        let certificate = Certificate::from_der(first).map_err(|_| TlsConfigError::EmptyChain)?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(TlsConfigError::Key)?;
        Ok(Self { certificate, key: Arc::new(key) })
    }

    /// Staples an OCSP answer (DER), fetched and refreshed by the application.
    pub fn with_ocsp(self, response: Vec<u8>) -> Self {
        let mut key = (*self.key).clone();
        key.ocsp = Some(response);
        Self { key: Arc::new(key), ..self }
    }

    /// The own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The identities in use: one by default, others by server name. Replacing one affects handshakes from then on;
/// established connections keep what they have.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    default: Option<Identity>,
    by_name: BTreeMap<String, Identity>,
}

impl Identities {
    /// One identity for everybody.
    pub fn one(identity: Identity) -> Self {
        Self { default: Some(identity), by_name: BTreeMap::new() }
    }

    /// None: fitting for clients that do not authenticate.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an identity for clients that ask for `name` (RFC 5922 §7.8: virtual hosting needs it). Without a default
    /// identity, clients that ask for other names are refused.
    pub fn with_name(mut self, name: &str, identity: Identity) -> Self {
        self.by_name.insert(name.to_ascii_lowercase(), identity);
        self
    }
}

/// The shared, swappable cell.
#[derive(Debug, Default)]
pub(super) struct HotIdentities(RwLock<Arc<Identities>>);

impl HotIdentities {
    pub(super) fn new(identities: Identities) -> Self {
        Self(RwLock::new(Arc::new(identities)))
    }

    pub(super) fn set(&self, identities: Identities) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identities);
    }

    fn current(&self) -> Arc<Identities> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for HotIdentities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let identities = self.current();
        let named = hello.server_name().and_then(|name| identities.by_name.get(&name.to_ascii_lowercase()));
        named.or(identities.default.as_ref()).map(|identity| identity.key.clone())
    }
}

/// The client side for one attempt: remembers that the server asked.
#[derive(Debug)]
pub(super) struct ClientIdentity {
    pub(super) identities: Arc<HotIdentities>,
    pub(super) present: bool,
    pub(super) capture: Capture,
}

impl ResolvesClientCert for ClientIdentity {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let identity = self.identities.current().default.clone().filter(|_| self.present);
        self.capture.certificate_was_requested(identity.is_some());
        identity.map(|identity| identity.key)
    }

    /// Always, so that a request is noticed even when there is nothing to present.
    fn has_certs(&self) -> bool {
        true
    }
}
