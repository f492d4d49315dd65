//! Certificate trust for telephony: who is trusted for which service, and why a certificate was refused.
//!
//! ```text
//!  .crt / pasted text ──► import ──► TrustStore ──► Anchors (one snapshot per Scope)
//!                          lint      managed + remote, bound to services      │
//!                                                                              ▼
//!                     chain from a peer ─────────────────────────────────► Verifier ──► Verified
//!                                                                                  └──► Rejection { cause, … }
//! ```
//!
//! It is not a TLS library (rustls is) and opens no socket. It never reads the clock: `now` is an argument.
//!
//! ```
//! use std::time::Duration;
//! use ca_trust::{Import, ImportError, Mode, Source};
//! use rustls_pki_types::UnixTime;
//!
//! let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
//! let pasted = "-----BEGIN CERTIFICATE-----\nMIIB*\n-----END CERTIFICATE-----";
//! let refused = Import::read(Source::Text(pasted), Mode::Authorities, now).unwrap_err();
//! assert_eq!(refused, ImportError::BadBase64 { line: 2 });
//! ```

pub mod cert;
pub mod diagnose;
pub mod import;
pub mod store;
pub mod verify;

pub use cert::{Certificate, Fingerprint};
pub use import::{Import, ImportError, Mode, Source};
pub use store::{Anchors, CaId, Scope, Service, Services, StoreError, TrustStore};
pub use verify::{Peer, ReferenceName, Rejection, Verified, Verifier, VerifyPolicy};
