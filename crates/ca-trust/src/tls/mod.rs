//! rustls configurations from the trust store, with the provider the application chose.
//!
//! ```text
//!  TrustStore::client_config(scope, profile, provider) ─► ClientTls ─ attempt() ─► (Arc<ClientConfig>, Capture)
//!  TrustStore::server_config(scope, profile, provider) ─► ServerTls ─ attempt() ─► (Arc<ServerConfig>, Capture)
//!                                                          │ set_trust, set_identities: from the next handshake on
//! ```
//!
//! One attempt is one connection: its [`Capture`] holds what a [`crate::Diagnosis`] needs. Sessions are not resumed and
//! 0-RTT is off: a certificate revoked or an authority deleted counts for every new connection, and early data could be
//! replayed (RFC 8446 §8).

mod capture;
mod config;
mod gate;
mod handshake;
mod identity;
mod probe;
mod profile;
mod verifiers;

use thiserror::Error;

pub use capture::Capture;
pub use config::{ClientAuth, ClientTls, PeerIdentity, ServerTls};
pub use gate::{Deadline, GateEvent, GateId, GateLimits, GateRefusal, HandshakeGate};
pub use handshake::{Connection, complete_handshake};
pub use identity::{Identities, Identity};
pub use probe::{ProbeReport, probe};
pub use profile::{TlsProfile, Versions};

#[cfg(feature = "rustls-ring")]
/// The `ring` provider, for applications that have no preference.
pub fn ring_provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(feature = "rustls-aws-lc-rs")]
/// The `aws-lc-rs` provider, for applications that want FIPS-validated or post-quantum key exchange.
pub fn aws_lc_rs_provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Why no configuration could be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// The provider does not implement what the profile asks for.
    #[error("the crypto provider lacks {0}; choose another provider or profile")]
    ProviderLacks(&'static str),
    /// No certificate, or an unreadable one, where an own certificate is needed.
    #[error("the own certificate chain is empty or unreadable")]
    EmptyChain,
    /// Certificate and key do not belong together, or the key is of an unsupported kind.
    #[error("the private key cannot be used with its certificate: {0}")]
    Key(#[source] rustls::Error),
    /// rustls refuses the combination.
    #[error("the TLS settings contradict each other: {0}")]
    Rustls(#[source] rustls::Error),
}
