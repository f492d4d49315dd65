//! TLS of an edge: the organization's certificate authorities, and the certificate this edge shows.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use ca_trust::cert::Certificate;
use ca_trust::store::Anchors;
use ca_trust::tls::{
    Capture, ClientAuth, ClientTls, Identities, Identity, ServerTls, TlsConfigError, TlsProfile,
    ring_provider,
};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sip_trunk::driver::{Explain, Handshake, Tls};
use sip_trunk::endpoint::TlsFault;
use sip_trunk::transport::SocketId;
use telco_model::Organization;
use telco_model::entity::AuthorityService;
use thiserror::Error;

/// Trust and identity of an edge, for its SIP connections.
///
/// Carriers and phones are trusted by the authorities the organization has imported for SIP, and by bundles of public ones. A peer
/// that shows a certificate must show a good one; one that shows none is known by other means.
#[derive(Debug)]
pub struct EdgeTls(RwLock<Arc<Sides>>);

/// What new connections are made with.
#[derive(Debug)]
struct Sides {
    client: ClientTls,
    server: Option<ServerTls>,
}

/// Why there is no TLS.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EdgeTlsError {
    /// An authority of the organization cannot be read.
    #[error("the certificate authority {name:?} cannot be read: {error}")]
    Authority {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        error: pem::Error,
    },
    /// A file is not PEM.
    #[error("{what} is not PEM: {error}")]
    Pem {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        error: pem::Error,
    },
    /// Certificate, key and settings do not go together.
    #[error(transparent)]
    Config(#[from] TlsConfigError),
}

impl EdgeTls {
    /// Trusts the organization's authorities and those of `bundles` (PEM); `own` is the chain and the key this edge shows (PEM),
    /// without which it accepts no TLS connections.
    ///
    /// # Errors
    /// [`EdgeTlsError`].
    pub fn new(
        organization: &Organization,
        own: Option<(&[u8], &[u8])>,
        bundles: &[Vec<u8>],
    ) -> Result<Self, EdgeTlsError> {
        let (provider, profile) = (ring_provider(), TlsProfile::trunk());
        let anchors = anchors(organization, bundles)?;
        let client = ClientTls::new(anchors.clone(), &profile, provider.clone())?;
        let Some((chain, key)) = own else { return Ok(Self::of(client, None)) };
        let not_pem = |what| move |error| EdgeTlsError::Pem { what, error };
        let chain = certificates(chain).map_err(not_pem("the certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(not_pem("the key"))?;
        let identities = Identities::one(Identity::new(chain, key, &provider)?);
        client.set_identities(identities.clone());
        let auth = if anchors.is_empty() { ClientAuth::None } else { ClientAuth::Optional };
        let server = ServerTls::new(anchors, &profile, provider, identities, auth)?;
        Ok(Self::of(client, Some(server)))
    }

    fn of(client: ClientTls, server: Option<ServerTls>) -> Self {
        Self(RwLock::new(Arc::new(Sides { client, server })))
    }

    /// Takes over trust and certificate of another one, for new connections: after a renewal, or when authorities have changed.
    /// Connections that are up stay as they are.
    pub fn replace(&self, other: &Self) {
        let sides = other.sides();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = sides;
    }

    fn sides(&self) -> Arc<Sides> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn anchors(organization: &Organization, bundles: &[Vec<u8>]) -> Result<Anchors, EdgeTlsError> {
    let (mut authorities, mut pinned) = (Vec::new(), Vec::new());
    let trusted = organization.certificate_authorities();
    for authority in trusted.filter(|authority| authority.services.contains(&AuthorityService::Sip)) {
        let read = certificates(authority.certificate.as_bytes());
        let name = || authority.name.to_string();
        let read = read.map_err(|error| EdgeTlsError::Authority { name: name(), error })?;
        let (of_authorities, of_servers): (Vec<_>, Vec<_>) = usable(&read).partition(Certificate::is_ca);
        authorities.extend(of_authorities);
        pinned.extend(of_servers);
    }
    for bundle in bundles {
        let read =
            certificates(bundle).map_err(|error| EdgeTlsError::Pem { what: "a trust bundle", error })?;
        authorities.extend(usable(&read));
    }
    let anchors = Anchors::from_certificates(authorities);
    Ok(pinned.into_iter().fold(anchors, Anchors::with_pinned_server))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// Those of a list that can be read; bundles of operating systems hold curious ones.
fn usable<'c>(list: &'c [CertificateDer<'static>]) -> impl Iterator<Item = Certificate> + 'c {
    list.iter().filter_map(|certificate| Certificate::from_der(certificate).ok())
}

impl Tls for EdgeTls {
    fn client(&self, _server_name: &str) -> Result<Handshake<ClientConfig>, TlsFault> {
        let (config, capture) = self.sides().client.attempt().map_err(|error| unusable(&error))?;
        Ok(Handshake { config, explain: Some(explain(capture)) })
    }

    fn server(&self, _listener: SocketId) -> Result<Handshake<ServerConfig>, TlsFault> {
        let sides = self.sides();
        let server = sides.server.as_ref().ok_or_else(|| TlsFault {
            text: "this edge has no certificate to show".into(),
            certificate: None,
        })?;
        let (config, capture) = server.attempt().map_err(|error| unusable(&error))?;
        Ok(Handshake { config, explain: Some(explain(capture)) })
    }
}

fn unusable(error: &TlsConfigError) -> TlsFault {
    TlsFault { text: error.to_string(), certificate: None }
}

/// What people should read: why the certificate was refused and what to do, where that is what it was.
fn explain(capture: Capture) -> Explain {
    Box::new(move |text| {
        let certificate = capture.chain().first().map(|leaf| Bytes::copy_from_slice(leaf));
        match capture.rejection() {
            Some(rejection) => TlsFault {
                text: format!("{rejection}; {}", rejection.cause.fix()),
                certificate: rejection.certificate.map(|it| Bytes::copy_from_slice(it.der())).or(certificate),
            },
            None => TlsFault { text, certificate },
        }
    })
}
