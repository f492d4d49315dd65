//! The trust store of one organization: one managed authority, and remote authorities bound to services.
//!
//! A value without I/O. The application persists [`TrustStore::remote`] and replays it with [`TrustStore::restore`].

mod anchors;
mod error;
mod service;

use std::collections::BTreeMap;
use std::fmt;

use rustls_pki_types::UnixTime;

use crate::cert::{Certificate, Fingerprint};
use crate::import::{Import, Lint, Mode, lint_authority};

pub use anchors::{Anchor, AnchorOrigin, Anchors, Scope};
pub use error::StoreError;
pub use service::{Service, ServiceError, Services};

/// The permission every change to remote authorities needs.
pub const MANAGE_PERMISSION: &str = "Telephony > Plugin > All";

/// Identifies an authority: the SHA-256 fingerprint of its certificate, which never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaId(Fingerprint);

impl CaId {
    /// The id of `certificate`.
    pub fn of(certificate: &Certificate) -> Self {
        Self(certificate.fingerprint())
    }

    /// The fingerprint behind the id.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0
    }
}

impl fmt::Display for CaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Who asks for a change. Closures from a permission name to `bool` implement it.
pub trait Access {
    /// Whether the caller holds `permission`.
    fn allows(&self, permission: &str) -> bool;
}

impl<F: Fn(&str) -> bool> Access for F {
    fn allows(&self, permission: &str) -> bool {
        self(permission)
    }
}

/// Where the trunks are that the authority is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// Trunks of the customer's own edges: remote authorities apply.
    ByocPremises,
    /// Trunks of the cloud: only public authorities are trusted, and this store is the wrong place.
    ByocCloud,
}

/// Whether a record of the list is the platform's or the customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaType {
    /// Maintained by the platform, read-only.
    Managed,
    /// Imported by the customer.
    Remote,
}

/// One imported authority, or one pinned server certificate.
#[derive(Clone, Debug)]
pub struct RemoteCa {
    certificate: Certificate,
    pinned: bool,
    services: Services,
    imported_at: UnixTime,
}

impl RemoteCa {
    /// The certificate; immutable once stored.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether only this very server certificate is trusted, and nothing it signed.
    pub fn is_pinned_server(&self) -> bool {
        self.pinned
    }

    /// What it is trusted for.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// When it was imported.
    pub fn imported_at(&self) -> UnixTime {
        self.imported_at
    }

    /// Remarks on it as of `now`.
    pub fn lints(&self, now: UnixTime) -> Vec<Lint> {
        lint_authority(&self.certificate, now)
    }
}

/// What [`TrustStore::add`] did with each certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Newly stored.
    pub stored: Vec<CaId>,
    /// Stored before; left as they were.
    pub duplicates: Vec<CaId>,
    /// Of those newly stored: the same key as an authority stored before, with other dates. `(new, old)`.
    pub renewals: Vec<(CaId, CaId)>,
}

/// A trunk that relies on an authority, told by the application when one is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkUse {
    /// The trunk as shown to the user.
    pub trunk: String,
    /// A disabled trunk does not stand in the way.
    pub enabled: bool,
}

/// One organization's certificate authorities.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    managed: Vec<Certificate>,
    remote: BTreeMap<CaId, RemoteCa>,
    public: Vec<rustls_pki_types::TrustAnchor<'static>>,
}

impl TrustStore {
    /// Remote authorities one organization may keep.
    pub const MAX_REMOTE: usize = 1_000;

    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the public authorities (for instance `webpki_roots::TLS_SERVER_ROOTS`) that profiles for cloud trunks and
    /// outbound HTTPS use. They never mix with remote authorities.
    pub fn with_public_roots(
        mut self,
        roots: impl IntoIterator<Item = rustls_pki_types::TrustAnchor<'static>>,
    ) -> Self {
        self.public.extend(roots);
        self
    }

    /// Installs the organization's managed authority. A platform operation: no customer permission leads here.
    pub fn install_managed(&mut self, authority: Certificate) -> Result<CaId, StoreError> {
        if !self.managed.is_empty() {
            return Err(StoreError::ManagedExists);
        }
        let id = CaId::of(&authority);
        self.managed.push(authority);
        Ok(id)
    }

    /// Replaces the set of managed roots during a rollover; the platform's operation.
    /// The first is the one that issues.
    pub fn set_managed_roots(&mut self, roots: impl IntoIterator<Item = Certificate>) {
        self.managed = roots.into_iter().collect();
    }

    /// The managed authority that issues now.
    pub fn managed(&self) -> Option<&Certificate> {
        self.managed.first()
    }

    /// Stores what an import found, trusted for `services`.
    ///
    /// A bundle may mix new and known certificates; only one without anything new is refused.
    pub fn add(
        &mut self,
        access: &dyn Access,
        import: &Import,
        services: &Services,
        deployment: Deployment,
        now: UnixTime,
    ) -> Result<Added, StoreError> {
        permitted(access)?;
        if deployment == Deployment::ByocCloud {
            return Err(StoreError::WrongWorkflow);
        }
        if import.usable().iter().any(|imported| self.is_managed(&CaId::of(&imported.certificate))) {
            return Err(StoreError::ManagedIsReadOnly { operation: "add" });
        }
        let mut added = Added::default();
        let mut new = Vec::new();
        for imported in import.usable() {
            let id = CaId::of(&imported.certificate);
            if self.remote.contains_key(&id) {
                added.duplicates.push(id);
                continue;
            }
            let key = imported.certificate.key_fingerprint();
            let renewed = self.remote.iter().filter(|(_, known)| known.certificate.key_fingerprint() == key);
            added.renewals.extend(renewed.map(|(old, _)| (id, *old)));
            added.stored.push(id);
            new.push((id, imported.certificate.clone()));
        }
        if new.is_empty() {
            let known = added.duplicates.first().copied();
            return Err(known.map_or(StoreError::Services(ServiceError::NoneSelected), StoreError::Duplicate));
        }
        if self.remote.len() + new.len() > Self::MAX_REMOTE {
            return Err(StoreError::Full { limit: Self::MAX_REMOTE });
        }
        let pinned = import.mode() == Mode::PinnedServer;
        for (id, certificate) in new {
            let record = RemoteCa { certificate, pinned, services: services.clone(), imported_at: now };
            self.remote.insert(id, record);
        }
        Ok(added)
    }

    /// Changes what a remote authority is trusted for: the only thing about it that can be edited.
    pub fn set_services(
        &mut self,
        access: &dyn Access,
        id: CaId,
        services: Services,
    ) -> Result<(), StoreError> {
        permitted(access)?;
        self.refuse_managed(id, "edit")?;
        let record = self.remote.get_mut(&id).ok_or(StoreError::NotFound(id))?;
        record.services = services;
        Ok(())
    }

    /// Refuses: a saved certificate is immutable. Exists so that an API has one place to ask.
    pub fn replace_certificate(&mut self, access: &dyn Access, id: CaId) -> Result<(), StoreError> {
        permitted(access)?;
        self.refuse_managed(id, "edit")?;
        self.remote.get(&id).ok_or(StoreError::NotFound(id))?;
        Err(StoreError::CertificateIsImmutable)
    }

    /// Deletes a remote authority. An enabled trunk among `used_by` needs `force`.
    pub fn delete(
        &mut self,
        access: &dyn Access,
        id: CaId,
        used_by: &[TrunkUse],
        force: bool,
    ) -> Result<RemoteCa, StoreError> {
        permitted(access)?;
        self.refuse_managed(id, "delete")?;
        if !self.remote.contains_key(&id) {
            return Err(StoreError::NotFound(id));
        }
        if let Some(user) = used_by.iter().find(|user| user.enabled && !force) {
            return Err(StoreError::InUse { trunk: user.trunk.clone() });
        }
        self.remote.remove(&id).ok_or(StoreError::NotFound(id))
    }

    /// Puts back a record read from storage, without permission check or linting.
    pub fn restore(
        &mut self,
        certificate: Certificate,
        pinned: bool,
        services: Services,
        imported_at: UnixTime,
    ) {
        let record = RemoteCa { certificate, pinned, services, imported_at };
        self.remote.insert(CaId::of(&record.certificate), record);
    }

    /// One remote authority.
    pub fn get(&self, id: CaId) -> Option<&RemoteCa> {
        self.remote.get(&id)
    }

    /// Every remote authority, in the order of their ids.
    pub fn remote(&self) -> impl Iterator<Item = (CaId, &RemoteCa)> {
        self.remote.iter().map(|(id, record)| (*id, record))
    }

    /// The rows of the administration list: type, id and the name to show, managed first.
    pub fn list(&self) -> Vec<(CaType, CaId, String)> {
        let managed = self.managed.iter().map(|ca| (CaType::Managed, CaId::of(ca), ca.display_name()));
        let remote =
            self.remote.iter().map(|(id, record)| (CaType::Remote, *id, record.certificate.display_name()));
        managed.chain(remote).collect()
    }

    /// Everything trusted in `scope`, as a snapshot.
    pub fn anchors(&self, scope: Scope) -> Anchors {
        Anchors::select(self, scope)
    }

    fn is_managed(&self, id: &CaId) -> bool {
        self.managed.iter().any(|managed| CaId::of(managed) == *id)
    }

    fn refuse_managed(&self, id: CaId, operation: &'static str) -> Result<(), StoreError> {
        if self.is_managed(&id) { Err(StoreError::ManagedIsReadOnly { operation }) } else { Ok(()) }
    }
}

fn permitted(access: &dyn Access) -> Result<(), StoreError> {
    if access.allows(MANAGE_PERMISSION) { Ok(()) } else { Err(StoreError::PermissionDenied) }
}
