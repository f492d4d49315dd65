//! The chain verdict: webpki builds and checks the path, this module adds what webpki leaves out.
//!
//! | webpki checks | added here |
//! |---|---|
//! | signatures, dates, CA flag, path length, DNS and IP name constraints, extended key usage, revocation lists | dates of the anchor, `keyCertSign`, `cRLSign` of the anchor, anchor's own CA flag and path length, key strength, leaf with CA powers |
//! | DNS names with wildcard, IP addresses | RFC 5922 names, common name on request, pinned servers |
//! | one error | the certificate at fault and the cause |
//!
//! A path that fails an added check does not end the search: another path may be good.

mod conformance;
mod explain;
mod names;
mod path;
mod policy;
mod rejection;
mod report;
mod revocation;

use std::cell::RefCell;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, RevocationCheckDepth, RevocationOptions,
    RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::cert::Certificate;
use crate::diagnose::Cause;
use crate::store::{Anchor, Anchors};

pub use names::{MatchedName, prove_name};
pub use policy::{
    Conformance, Dates, NameMode, Purpose, ReferenceName, ReferenceNameError, Revocation, VerifyPolicy,
};
pub use rejection::Rejection;
pub use report::{ChainReport, Link, LinkStatus};
pub use revocation::{RevocationList, RevocationListError};

/// Whose certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer<'a> {
    /// A server, contacted under this name.
    Server(&'a ReferenceName),
    /// A client; who it is, is read from the certificate afterwards.
    Client,
}

/// A chain that was accepted.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The peer's certificate.
    pub certificate: Certificate,
    /// How many intermediates lie between it and the anchor.
    pub intermediates: usize,
    /// The authority it ends at; `None` for a pinned server and for public anchors without certificate.
    pub anchor: Option<Certificate>,
    /// How the server proved its name; `None` for clients.
    pub name: Option<MatchedName>,
    /// Accepted although expired, under [`Dates::AllowExpired`]: write it to the audit log.
    pub expired: bool,
    /// The certificate asks for a stapled OCSP answer (RFC 7633), which this verification did not look for.
    pub must_staple: bool,
}

/// Judges chains against one snapshot of trust.
#[derive(Clone, Copy)]
pub struct Verifier<'a> {
    /// Who is trusted.
    pub anchors: &'a Anchors,
    /// Which signatures count: `provider.signature_verification_algorithms` of the rustls provider in use.
    pub algorithms: WebPkiSupportedAlgorithms,
    /// What is demanded.
    pub policy: &'a VerifyPolicy,
    /// Revocation lists at hand.
    pub lists: &'a [RevocationList],
}

impl Verifier<'_> {
    /// Judges the peer's certificate `leaf` with the certificates it sent along, in any order.
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        peer: Peer<'_>,
        now: UnixTime,
    ) -> Result<Verified, Rejection> {
        let certificate = Certificate::from_der(leaf)
            .map_err(|error| Rejection::without_certificate(Cause::Malformed, error.to_string()))?;
        if let Some(pin) = self.anchors.is_pinned(leaf) {
            return self.verify_pinned(pin, now);
        }
        let parsed =
            EndEntityCert::try_from(leaf).map_err(|error| explain::unreadable(&certificate, &error))?;
        let at = match self.policy.dates {
            Dates::Enforce => now,
            Dates::AllowExpired => explain::time_within_validity(&certificate, intermediates, now),
        };
        let refused = RefCell::new(None);
        let check_path = |path: &webpki::VerifiedPath<'_>| {
            path::check(path, &certificate, self, at, now).map_err(|rejection| {
                refused.borrow_mut().get_or_insert(rejection);
                webpki::Error::UnknownIssuer
            })
        };
        let lists: Vec<_> = self.usable_lists().collect();
        let verified = parsed.verify_for_usage(
            self.algorithms.all,
            self.anchors.trust_anchors(),
            intermediates,
            at,
            path::usage(self.policy.purpose, peer),
            self.revocation(&lists),
            Some(&check_path),
        );
        let path = match (verified, refused.take()) {
            (Ok(path), _) => path,
            (Err(_), Some(rejection)) => return Err(rejection),
            (Err(error), None) => {
                return Err(explain::path_error(self, &certificate, intermediates, peer, &error, now));
            }
        };
        path::check_leaf(&certificate, self.policy)?;
        let name = match peer {
            Peer::Server(reference) => Some(names::check(&certificate, &parsed, reference, self.policy)?),
            Peer::Client => None,
        };
        Ok(Verified {
            intermediates: path.intermediate_certificates().count(),
            anchor: self.anchors.find(path.anchor()).and_then(Anchor::certificate).cloned(),
            name,
            expired: certificate.is_expired(now),
            must_staple: certificate.must_staple(),
            certificate,
        })
    }

    /// A pinned server is trusted as it is, under whatever name: its identity is its key. Dates still count.
    fn verify_pinned(&self, pin: &Certificate, now: UnixTime) -> Result<Verified, Rejection> {
        if self.policy.dates == Dates::Enforce {
            path::check_dates(pin, Cause::Expired, now)?;
        }
        path::check_key(pin)?;
        Ok(Verified {
            certificate: pin.clone(),
            intermediates: 0,
            anchor: None,
            name: Some(MatchedName::Pinned),
            expired: pin.is_expired(now),
            must_staple: pin.must_staple(),
        })
    }

    /// The lists without those an anchor signed although its key usage forbids it; webpki knows the key usage of
    /// intermediates only.
    fn usable_lists(&self) -> impl Iterator<Item = &CertRevocationList<'static>> {
        let forbidden = |list: &RevocationList| {
            let mut authorities = self.anchors.iter().filter_map(Anchor::certificate);
            authorities.any(|authority| list.is_signed_without_permission(authority))
        };
        self.lists.iter().filter(move |list| !forbidden(list)).map(RevocationList::as_webpki)
    }

    fn revocation<'l>(&self, lists: &'l [&'l CertRevocationList<'static>]) -> Option<RevocationOptions<'l>> {
        let policy = self.policy.revocation;
        let depth = if policy.check_intermediates {
            RevocationCheckDepth::Chain
        } else {
            RevocationCheckDepth::EndEntity
        };
        let status = if policy.deny_unknown { UnknownStatusPolicy::Deny } else { UnknownStatusPolicy::Allow };
        let expiration =
            if policy.deny_expired_list { ExpirationPolicy::Enforce } else { ExpirationPolicy::Ignore };
        let builder = RevocationOptionsBuilder::new(lists).ok()?;
        Some(builder.with_depth(depth).with_status_policy(status).with_expiration_policy(expiration).build())
    }
}
