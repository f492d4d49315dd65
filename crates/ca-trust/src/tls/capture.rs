//! What was seen during one handshake: the material of a diagnosis.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls_pki_types::CertificateDer;

use crate::verify::Rejection;

/// How many octets from the peer are kept: enough to recognise SIP, HTTP and old SSL.
const FIRST_OCTETS: usize = 64;
/// How many certificates of a peer are kept.
const MOST_CERTIFICATES: usize = 16;

/// Observations of one handshake, shared between the configuration and whoever asks for a diagnosis. Public material
/// only: certificates and the first octets the peer sent in the clear.
#[derive(Clone, Debug, Default)]
pub struct Capture(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    chain: Vec<CertificateDer<'static>>,
    rejection: Option<Rejection>,
    stapled: bool,
    certificate_requested: bool,
    certificate_presented: bool,
    first_octets: Vec<u8>,
}

impl Capture {
    /// Notes octets received from the peer, before rustls sees them. Only the first 64 of a connection are kept.
    pub fn received(&self, octets: &[u8]) {
        let mut seen = self.seen();
        let room = FIRST_OCTETS - seen.first_octets.len();
        let kept = &octets[..octets.len().min(room)];
        seen.first_octets.extend_from_slice(kept);
    }

    /// The certificates the peer presented, its own first; empty before they arrived.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.seen().chain.clone()
    }

    /// Why the peer's certificate was refused, if it was.
    pub fn rejection(&self) -> Option<Rejection> {
        self.seen().rejection.clone()
    }

    /// Whether the server stapled an OCSP answer.
    pub fn stapled(&self) -> bool {
        self.seen().stapled
    }

    /// The first octets the peer sent.
    pub fn first_octets(&self) -> Vec<u8> {
        self.seen().first_octets.clone()
    }

    /// Whether the server asked for a client certificate, and whether one was presented.
    pub fn client_certificate(&self) -> (bool, bool) {
        let seen = self.seen();
        (seen.certificate_requested, seen.certificate_presented)
    }

    pub(super) fn presented(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        rejection: Option<&Rejection>,
        stapled: bool,
    ) {
        let mut seen = self.seen();
        let chain = std::iter::once(end_entity).chain(intermediates).take(MOST_CERTIFICATES);
        seen.chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        seen.rejection = rejection.cloned();
        seen.stapled = stapled;
    }

    pub(super) fn certificate_was_requested(&self, presented: bool) {
        let mut seen = self.seen();
        seen.certificate_requested = true;
        seen.certificate_presented |= presented;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
