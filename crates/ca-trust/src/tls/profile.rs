//! TLS settings by purpose.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, NamedGroup, SupportedProtocolVersion};

use super::TlsConfigError;
use crate::verify::{NameMode, VerifyPolicy};

/// Which TLS versions are offered. Older ones do not exist in rustls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// TLS 1.2 and 1.3.
    Tls12And13,
    /// TLS 1.2 alone.
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

static BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
static ONLY_TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
static ONLY_TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Settings of one kind of connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsProfile {
    /// The versions offered.
    pub versions: Versions,
    /// Cipher suites in order of preference; empty for the provider's own.
    pub cipher_suites: Vec<CipherSuite>,
    /// Key exchange groups in order of preference; empty for the provider's own.
    pub groups: Vec<NamedGroup>,
    /// What is demanded of the peer's certificate.
    pub verify: VerifyPolicy,
    /// Whether a client presents a certificate when it has one and is asked.
    pub present_certificate: bool,
    /// The port used when none is configured.
    pub port: u16,
}

impl TlsProfile {
    /// Trunks to carriers, PBXs and SBCs: TLS 1.2 and 1.3, RFC 5922 names.
    pub fn trunk() -> Self {
        Self {
            versions: Versions::Tls12And13,
            cipher_suites: Vec::new(),
            groups: Vec::new(),
            verify: VerifyPolicy::sip(),
            present_certificate: true,
            port: 5061,
        }
    }

    /// Genesys BYOC Cloud: TLS 1.2 alone, ECDHE with RSA certificates and AES-GCM, P-384 first, one-way TLS. Use it with
    /// [`crate::Scope::CloudTrunk`]: only public authorities are trusted.
    pub fn genesys_byoc_cloud() -> Self {
        Self {
            versions: Versions::Tls12,
            cipher_suites: vec![
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            ],
            groups: vec![NamedGroup::secp384r1, NamedGroup::secp256r1],
            verify: VerifyPolicy { names: NameMode::WebPki, ..VerifyPolicy::default() },
            present_certificate: false,
            port: 5061,
        }
    }

    /// Provisioning over HTTPS: TLS 1.2 and 1.3, wildcards allowed.
    pub fn provisioning() -> Self {
        Self { verify: VerifyPolicy::default(), port: 443, ..Self::trunk() }
    }

    /// The edge's link to its control plane: TLS 1.3, mutual. Use it with [`crate::Scope::ControlLink`].
    pub fn control_link() -> Self {
        Self { versions: Versions::Tls13, verify: VerifyPolicy::default(), port: 443, ..Self::trunk() }
    }

    pub(super) fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        match self.versions {
            Versions::Tls12And13 => BOTH,
            Versions::Tls12 => ONLY_TLS12,
            Versions::Tls13 => ONLY_TLS13,
        }
    }

    /// The application's provider, narrowed and ordered by this profile.
    pub(super) fn narrow(&self, provider: &CryptoProvider) -> Result<Arc<CryptoProvider>, TlsConfigError> {
        let mut narrowed = provider.clone();
        if !self.cipher_suites.is_empty() {
            let find = |suite: &CipherSuite| {
                provider.cipher_suites.iter().find(|offered| offered.suite() == *suite).copied()
            };
            narrowed.cipher_suites = self.cipher_suites.iter().filter_map(find).collect();
            if narrowed.cipher_suites.is_empty() {
                return Err(TlsConfigError::ProviderLacks("a cipher suite of the profile"));
            }
        }
        if !self.groups.is_empty() {
            let find = |group: &NamedGroup| {
                provider.kx_groups.iter().find(|offered| offered.name() == *group).copied()
            };
            narrowed.kx_groups = self.groups.iter().filter_map(find).collect();
            if narrowed.kx_groups.is_empty() {
                return Err(TlsConfigError::ProviderLacks("a key exchange group of the profile"));
            }
        }
        Ok(Arc::new(narrowed))
    }
}
