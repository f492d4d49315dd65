//! The one record of a failed handshake.

use std::net::SocketAddr;

use serde::Serialize;

use super::{Diagnosis, Side};
use crate::cert::rfc3339;

/// A handshake failed: exactly one of these per failure, for logs, counters and the administration's event list. Made
/// from a [`Diagnosis`], so it holds names, dates and fingerprints and no octet of any key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandshakeFailed {
    /// The trunk or service the connection belongs to, where it is known.
    pub trunk: Option<String>,
    /// The peer's address.
    pub peer: SocketAddr,
    /// `client` when we connected, `server` when we accepted.
    pub side: &'static str,
    /// The stable cause code.
    pub cause: &'static str,
    /// The facts.
    pub detail: String,
    /// What to do.
    pub fix: &'static str,
    /// Subject of the certificate at fault.
    pub subject: Option<String>,
    /// Its issuer.
    pub issuer: Option<String>,
    /// Its last second of validity, RFC 3339.
    pub not_after: Option<String>,
    /// Its SHA-256 fingerprint.
    pub fingerprint: Option<String>,
}

impl HandshakeFailed {
    /// The event for one failure.
    pub fn new(trunk: Option<&str>, peer: SocketAddr, side: Side, diagnosis: &Diagnosis) -> Self {
        let evidence = diagnosis.evidence.as_ref();
        Self {
            trunk: trunk.map(str::to_owned),
            peer,
            side: match side {
                Side::Client => "client",
                Side::Server => "server",
            },
            cause: diagnosis.cause.code(),
            detail: diagnosis.detail.clone(),
            fix: diagnosis.fix(),
            subject: evidence.map(|evidence| evidence.subject.clone()),
            issuer: evidence.map(|evidence| evidence.issuer.clone()),
            not_after: evidence.map(|evidence| rfc3339(evidence.not_after)),
            fingerprint: evidence.map(|evidence| evidence.fingerprint.to_string()),
        }
    }

    /// Writes the event as one `tracing` warning with target `tls.handshake`.
    pub fn log(&self) {
        tracing::warn!(
            target: "tls.handshake",
            trunk = self.trunk.as_deref(),
            peer = %self.peer,
            side = self.side,
            cause = self.cause,
            detail = %self.detail,
            subject = self.subject.as_deref(),
            issuer = self.issuer.as_deref(),
            not_after = self.not_after.as_deref(),
            fingerprint = self.fingerprint.as_deref(),
            fix = self.fix,
            "TLS handshake failed"
        );
    }
}
