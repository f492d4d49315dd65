//! Client and server sides.

use std::fmt;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::identity::{ClientIdentity, HotIdentities};
use super::verifiers::{ClientVerifier, HotTrust, ServerVerifier};
use super::{Capture, Identities, TlsConfigError, TlsProfile};
use crate::store::{Anchors, Scope, TrustStore};
use crate::verify::{Rejection, RevocationList, Verified};

impl TrustStore {
    /// The client side of connections in `scope`, with the trust of this moment.
    ///
    /// ```no_run
    /// # #[cfg(feature = "rustls-ring")]
    /// # fn example(store: &ca_trust::TrustStore) -> Result<(), ca_trust::tls::TlsConfigError> {
    /// use ca_trust::{Service, tls::{TlsProfile, ring_provider}};
    ///
    /// let trunk = store.client_config(Service::Sip, &TlsProfile::trunk(), ring_provider())?;
    /// let (config, capture) = trunk.attempt()?;
    /// # let _ = (config, capture);
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_config(
        &self,
        scope: impl Into<Scope>,
        profile: &TlsProfile,
        provider: Arc<CryptoProvider>,
    ) -> Result<ClientTls, TlsConfigError> {
        ClientTls::new(self.anchors(scope.into()), profile, provider)
    }

    /// The server side of connections in `scope`: presents `identities` and demands client certificates as `auth` says.
    pub fn server_config(
        &self,
        scope: impl Into<Scope>,
        profile: &TlsProfile,
        provider: Arc<CryptoProvider>,
        identities: Identities,
        auth: ClientAuth,
    ) -> Result<ServerTls, TlsConfigError> {
        ServerTls::new(self.anchors(scope.into()), profile, provider, identities, auth)
    }
}

/// What both sides share.
struct Side {
    profile: TlsProfile,
    provider: Arc<CryptoProvider>,
    trust: Arc<HotTrust>,
    identities: Arc<HotIdentities>,
    clock: Arc<dyn TimeProvider>,
}

impl Side {
    fn new(
        anchors: Anchors,
        profile: &TlsProfile,
        provider: &CryptoProvider,
        identities: Identities,
    ) -> Result<Self, TlsConfigError> {
        Ok(Self {
            provider: profile.narrow(provider)?,
            profile: profile.clone(),
            trust: Arc::new(HotTrust::new(anchors)),
            identities: Arc::new(HotIdentities::new(identities)),
            clock: Arc::new(DefaultTimeProvider),
        })
    }
}

/// The client side of one kind of connection.
pub struct ClientTls(Side);

impl ClientTls {
    /// Trusts `anchors`; usually called through [`TrustStore::client_config`].
    pub fn new(
        anchors: Anchors,
        profile: &TlsProfile,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsConfigError> {
        let tls = Self(Side::new(anchors, profile, &provider, Identities::none())?);
        tls.attempt().map(|_| tls)
    }

    /// Uses another clock than the system's.
    pub fn with_clock(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Presents the default of `identities` to servers that ask, if the profile allows. From the next attempt on.
    pub fn set_identities(&self, identities: Identities) {
        self.0.identities.set(identities);
    }

    /// Replaces trust and revocation lists. From the next handshake on.
    pub fn set_trust(&self, anchors: Anchors, lists: Vec<RevocationList>) {
        self.0.trust.set(anchors, lists);
    }

    /// A configuration for one connection, and what will be observed on it. Connect with the configured domain as server
    /// name, wherever DNS sends the connection (RFC 5922 §7.3).
    pub fn attempt(&self) -> Result<(Arc<ClientConfig>, Capture), TlsConfigError> {
        let Side { profile, provider, trust, identities, clock } = &self.0;
        let capture = Capture::default();
        let verifier = ServerVerifier {
            trust: trust.clone(),
            policy: profile.verify,
            algorithms: provider.signature_verification_algorithms,
            capture: capture.clone(),
        };
        let identity = ClientIdentity {
            identities: identities.clone(),
            present: profile.present_certificate,
            capture: capture.clone(),
        };
        let mut config = ClientConfig::builder_with_details(provider.clone(), clock.clone())
            .with_protocol_versions(profile.versions())
            .map_err(TlsConfigError::Rustls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(identity));
        config.resumption = Resumption::disabled();
        Ok((Arc::new(config), capture))
    }

    pub(super) fn anchors(&self) -> Anchors {
        self.0.trust.current().anchors.clone()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("profile", &self.0.profile).finish_non_exhaustive()
    }
}

/// What a server demands of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// No certificate is asked for.
    None,
    /// Asked for; a client without one is let in, a bad one is refused.
    Optional,
    /// A valid certificate, or no connection.
    Required,
    /// As `Required`, but expired device certificates pass: phones cannot renew what the factory burnt in. Each use
    /// shows in [`PeerIdentity::Expired`].
    RequiredAllowExpired,
    /// Every client is let in, and only a valid certificate authenticates it; the others must bring a one-time token.
    TokenBootstrap,
}

/// Who the client is, by its certificate.
#[derive(Clone, Debug)]
pub enum PeerIdentity {
    /// A valid certificate.
    Trusted(Box<Verified>),
    /// Valid but for its age, under [`ClientAuth::RequiredAllowExpired`].
    Expired(Box<Verified>),
    /// Nothing that authenticates: no certificate, or one that was let through for a token.
    Unauthenticated(Option<Box<Rejection>>),
}

/// The server side of one kind of connection.
pub struct ServerTls {
    side: Side,
    auth: ClientAuth,
}

impl ServerTls {
    /// Trusts `anchors` for client certificates; usually called through [`TrustStore::server_config`].
    pub fn new(
        anchors: Anchors,
        profile: &TlsProfile,
        provider: Arc<CryptoProvider>,
        identities: Identities,
        auth: ClientAuth,
    ) -> Result<Self, TlsConfigError> {
        let tls = Self { side: Side::new(anchors, profile, &provider, identities)?, auth };
        tls.attempt().map(|_| tls)
    }

    /// Uses another clock than the system's.
    pub fn with_clock(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.side.clock = clock;
        self
    }

    /// Presents other certificates from the next handshake on; established connections stay.
    pub fn set_identities(&self, identities: Identities) {
        self.side.identities.set(identities);
    }

    /// Replaces trust and revocation lists. From the next handshake on.
    pub fn set_trust(&self, anchors: Anchors, lists: Vec<RevocationList>) {
        self.side.trust.set(anchors, lists);
    }

    /// A configuration for one connection, and what will be observed on it.
    pub fn attempt(&self) -> Result<(Arc<ServerConfig>, Capture), TlsConfigError> {
        let Side { profile, provider, identities, clock, .. } = &self.side;
        let capture = Capture::default();
        let builder = ServerConfig::builder_with_details(provider.clone(), clock.clone())
            .with_protocol_versions(profile.versions())
            .map_err(TlsConfigError::Rustls)?
            .with_client_cert_verifier(Arc::new(self.verifier(capture.clone())));
        let mut config = builder.with_cert_resolver(identities.clone());
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok((Arc::new(config), capture))
    }

    /// Who the client of an established connection is: `presented` is rustls' `peer_certificates()`.
    pub fn identify(&self, presented: Option<&[CertificateDer<'_>]>, now: UnixTime) -> PeerIdentity {
        let Some([leaf, intermediates @ ..]) = presented else {
            return PeerIdentity::Unauthenticated(None);
        };
        match self.verifier(Capture::default()).judge(leaf, intermediates, now) {
            Ok(verified) if verified.expired => PeerIdentity::Expired(Box::new(verified)),
            Ok(verified) => PeerIdentity::Trusted(Box::new(verified)),
            Err(rejection) => PeerIdentity::Unauthenticated(Some(Box::new(rejection))),
        }
    }

    fn verifier(&self, capture: Capture) -> ClientVerifier {
        ClientVerifier {
            trust: self.side.trust.clone(),
            policy: self.side.profile.verify,
            algorithms: self.side.provider.signature_verification_algorithms,
            auth: self.auth,
            capture,
        }
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls")
            .field("profile", &self.side.profile)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}
