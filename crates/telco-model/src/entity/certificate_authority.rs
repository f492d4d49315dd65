//! Certificate authorities the organization trusts or is.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink};
use crate::value::{CertificateAuthorityId, Name, Text};

/// A certificate authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateAuthority {
    /// Identifies the authority.
    pub id: CertificateAuthorityId,
    /// Unique name.
    pub name: Name,
    /// The subject's common name.
    pub common_name: Text,
    /// Who manages it.
    pub kind: AuthorityKind,
    /// The certificate, PEM.
    pub certificate: String,
    /// What it is trusted for.
    #[serde(default)]
    pub services: BTreeSet<AuthorityService>,
    /// The first moment it is valid.
    pub not_before: Option<Timestamp>,
    /// The last moment it is valid.
    pub not_after: Option<Timestamp>,
}

/// Who manages a certificate authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorityKind {
    /// The system: one per organization, read-only.
    Managed,
    /// The customer: imported, so that a remote TLS endpoint is trusted.
    Remote,
}

/// A service a certificate authority is trusted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorityService {
    /// SIP over TLS.
    Sip,
    /// Provisioning of edges.
    Provision,
    /// Provisioning of phones.
    ProvisionPhone,
}

impl Entity for CertificateAuthority {
    fn references(&self, _: &mut Sink<'_>) {}

    fn unique_keys(&self, keys: &mut Vec<super::UniqueKey>) {
        keys.push(super::UniqueKey::name(self));
        if self.kind == AuthorityKind::Managed {
            keys.push(super::UniqueKey::ManagedAuthority);
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        let pem = self.certificate.trim();
        if !pem.starts_with("-----BEGIN CERTIFICATE-----") || !pem.ends_with("-----END CERTIFICATE-----") {
            check.problem("certificate", "certificate.not_pem", "the certificate must be PEM text");
        }
        if self.certificate.len() > 64 * 1024 {
            check.problem("certificate", "certificate.too_long", "the certificate may have at most 64 KiB");
        }
        if self.not_before.zip(self.not_after).is_some_and(|(from, to)| from > to) {
            check.problem("not_after", "certificate.dates", "the certificate must not end before it begins");
        }
    }
}
