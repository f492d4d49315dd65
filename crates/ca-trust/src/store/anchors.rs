//! A snapshot of what is trusted where.

use rustls_pki_types::TrustAnchor;

use super::{Service, TrustStore};
use crate::cert::{Certificate, Fingerprint};

/// For which kind of connection trust is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A telephony service: the managed authority and the remote authorities bound to it.
    Service(Service),
    /// Trunks of the cloud: public authorities only.
    CloudTrunk,
    /// The edge's link to its control plane: the managed authority only.
    ControlLink,
    /// HTTPS to third parties (webhooks, location servers): public authorities only.
    OutboundHttps,
}

impl From<Service> for Scope {
    fn from(service: Service) -> Self {
        Self::Service(service)
    }
}

/// Where an anchor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorOrigin {
    /// The organization's managed authority.
    Managed,
    /// Imported by the customer.
    Remote,
    /// Public, or given as a bare trust anchor.
    Public,
}

/// One trusted authority.
#[derive(Clone, Debug)]
pub struct Anchor {
    pub(crate) origin: AnchorOrigin,
    /// The certificate, absent for public roots given as bare anchors (they have no dates).
    pub(crate) certificate: Option<Certificate>,
}

impl Anchor {
    /// Where it comes from.
    pub fn origin(&self) -> AnchorOrigin {
        self.origin
    }

    /// Its certificate, where it was given as one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
}

/// Everything trusted in one [`Scope`]; immutable.
#[derive(Clone, Debug, Default)]
pub struct Anchors {
    /// Parallel to `trust`.
    list: Vec<Anchor>,
    trust: Vec<TrustAnchor<'static>>,
    pins: Vec<Certificate>,
    scope: Option<Scope>,
    /// Trusted in this store, but for other services: only diagnosis looks here.
    elsewhere: Vec<Elsewhere>,
}

/// A remote authority that is stored but not trusted in this scope.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    pub(crate) certificate: Certificate,
    pub(crate) services: Vec<Service>,
}

impl Anchors {
    /// Trust in exactly these authorities, without a store.
    ///
    /// Certificates that cannot be an anchor at all (unreadable to webpki) are left out.
    pub fn from_certificates(authorities: impl IntoIterator<Item = Certificate>) -> Self {
        let mut anchors = Self::default();
        for certificate in authorities {
            anchors.push(AnchorOrigin::Remote, certificate);
        }
        anchors
    }

    /// Adds a server certificate that is trusted as it is.
    pub fn with_pinned_server(mut self, certificate: Certificate) -> Self {
        self.pins.push(certificate);
        self
    }

    pub(super) fn select(store: &TrustStore, scope: Scope) -> Self {
        let mut anchors = Self { scope: Some(scope), ..Self::default() };
        match scope {
            Scope::Service(_) | Scope::ControlLink => {
                for managed in &store.managed {
                    anchors.push(AnchorOrigin::Managed, managed.clone());
                }
            }
            Scope::CloudTrunk | Scope::OutboundHttps => {
                for root in &store.public {
                    anchors.list.push(Anchor { origin: AnchorOrigin::Public, certificate: None });
                    anchors.trust.push(root.clone());
                }
            }
        }
        for record in store.remote.values() {
            let trusted_here = matches!(scope, Scope::Service(service) if record.services.contains(service));
            if !trusted_here {
                let services = record.services.iter().collect();
                anchors.elsewhere.push(Elsewhere { certificate: record.certificate.clone(), services });
            } else if record.pinned {
                anchors.pins.push(record.certificate.clone());
            } else {
                anchors.push(AnchorOrigin::Remote, record.certificate.clone());
            }
        }
        anchors
    }

    /// The trusted authorities.
    pub fn iter(&self) -> impl Iterator<Item = &Anchor> {
        self.list.iter()
    }

    /// The trusted authorities as webpki takes them.
    pub fn trust_anchors(&self) -> &[TrustAnchor<'static>] {
        &self.trust
    }

    /// Server certificates trusted as they are.
    pub fn pinned_servers(&self) -> &[Certificate] {
        &self.pins
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.trust.is_empty() && self.pins.is_empty()
    }

    /// The anchor behind a webpki trust anchor of this snapshot.
    pub(crate) fn find(&self, anchor: &TrustAnchor<'_>) -> Option<&Anchor> {
        let same =
            |candidate: &TrustAnchor<'_>| std::ptr::eq(candidate.subject.as_ref(), anchor.subject.as_ref());
        self.trust.iter().position(same).map(|index| &self.list[index])
    }

    pub(crate) fn is_pinned(&self, leaf: &[u8]) -> Option<&Certificate> {
        if self.pins.is_empty() {
            return None;
        }
        let wanted = Fingerprint::of(leaf);
        self.pins.iter().find(|pin| pin.fingerprint() == wanted)
    }

    pub(crate) fn scope(&self) -> Option<Scope> {
        self.scope
    }

    pub(crate) fn elsewhere(&self) -> &[Elsewhere] {
        &self.elsewhere
    }

    fn push(&mut self, origin: AnchorOrigin, certificate: Certificate) {
        if let Ok(trust) = webpki::anchor_from_trusted_cert(certificate.der()) {
            self.trust.push(trust.to_owned());
            self.list.push(Anchor { origin, certificate: Some(certificate) });
        }
    }
}
