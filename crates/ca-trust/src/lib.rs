//! Certificate trust for telephony: who is trusted for which service, what edges and phones are issued, and why a
//! handshake failed.
//!
//! ```text
//!  .crt / pasted text ──► import ──► TrustStore ──► Anchors (one snapshot per Scope)
//!                          lint      managed + remote, bound to services      │
//!                                        │                                    ▼
//!                                        │    chain from a peer ─────────► Verifier ──► Verified
//!                                        ▼                                    └───────► Rejection { cause, … }
//!                              ClientTls / ServerTls ── attempt() ──► rustls          │
//!                                        │                              │ error       │
//!                                        └── Capture ───────────────────┴──► Diagnosis { cause, evidence, fix }
//!
//!  Signer ──► issue::Authority ──► edge and phone certificates, revocation lists, rollover; expiry::ExpiryMonitor
//! ```
//!
//! It is not a TLS library (rustls is), opens no socket, and reads no clock: `now` is an argument, and configurations take
//! a time provider. Only [`issue::FileSigner`] touches a file. OCSP and revocation lists are not fetched, sessions are not
//! resumed.
//!
//! ```
//! use std::time::Duration;
//! use ca_trust::issue::{Authority, IssuePolicy, MemorySigner, Seed, SigningKeyType};
//! use ca_trust::{Import, ImportError, Mode, Service, Source, TrustStore};
//! use rustls_pki_types::UnixTime;
//!
//! let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
//! let signer = MemorySigner::generate(SigningKeyType::EcdsaP384)?;
//! let root = Authority::create_root("Example AG", Box::new(signer), IssuePolicy::default(), &Seed([7; 32]), now)?;
//! let mut store = TrustStore::new();
//! store.install_managed(root.certificate().clone())?;
//! assert_eq!(store.anchors(Service::Sip.into()).iter().count(), 1);
//!
//! let pasted = "-----BEGIN CERTIFICATE-----\nMIIB*\n-----END CERTIFICATE-----";
//! let refused = Import::read(Source::Text(pasted), Mode::Authorities, now).unwrap_err();
//! assert_eq!(refused, ImportError::BadBase64 { line: 2 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Features: `rustls-ring` (default) and `rustls-aws-lc-rs` only add `tls::ring_provider` and
//! `tls::aws_lc_rs_provider`; every configuration takes the provider as an argument. Issuing signs with `ring`.

pub mod cert;
pub mod diagnose;
pub mod expiry;
pub mod import;
pub mod issue;
pub mod store;
pub mod tls;
pub mod verify;

pub use cert::{Certificate, Fingerprint};
pub use diagnose::{Cause, Diagnosis};
pub use import::{Import, ImportError, Mode, Source};
pub use store::{Anchors, CaId, Scope, Service, Services, StoreError, TrustStore};
pub use verify::{Peer, ReferenceName, Rejection, Verified, Verifier, VerifyPolicy};
