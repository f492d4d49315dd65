//! The checks webpki leaves out, on a path it has accepted.

use rustls_pki_types::UnixTime;
use webpki::{ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, VerifiedPath};

use super::policy::{Conformance, Dates, Purpose, VerifyPolicy};
use super::{Peer, Rejection, Verifier, conformance};
use crate::cert::{Certificate, rfc3339};
use crate::diagnose::Cause;
use crate::store::Anchor;

/// RFC 5924 §3.1: id-kp-sipDomain, 1.3.6.1.5.5.7.3.20.
const SIP_DOMAIN: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x14];
const SIP_DOMAIN_DECODED: &[usize] = &[1, 3, 6, 1, 5, 5, 7, 3, 20];
const ANY_PURPOSE: &[usize] = &[2, 5, 29, 37, 0];

/// Everything about a complete path: `at` is the time webpki judged by, `now` the real one.
pub(super) fn check(
    path: &VerifiedPath<'_>,
    leaf: &Certificate,
    verifier: &Verifier<'_>,
    at: UnixTime,
    now: UnixTime,
) -> Result<(), Rejection> {
    let policy = verifier.policy;
    let anchor = verifier.anchors.find(path.anchor()).and_then(Anchor::certificate);
    let intermediates = path
        .intermediate_certificates()
        .map(|intermediate| Certificate::from_der(&intermediate.der()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Rejection::without_certificate(Cause::Malformed, error.to_string()))?;
    // RFC 5280 §4.2.1.9: self-issued intermediates do not count.
    let depth = intermediates.iter().filter(|authority| !authority.is_self_issued()).count();
    if policy.max_intermediates.is_some_and(|most| depth > most) {
        let detail = format!("{depth} intermediates, the policy allows fewer");
        return Err(Rejection::of(Cause::PathTooLong, leaf, detail));
    }
    for authority in intermediates.iter().chain(anchor) {
        check_authority(authority)?;
    }
    if let Some(anchor) = anchor {
        check_anchor(anchor, depth, policy, at, now)?;
    }
    require_status(verifier, anchor, now)?;
    if policy.conformance == Conformance::Strict {
        conformance::leaf(leaf)?;
        for authority in &intermediates {
            conformance::authority(authority)?;
        }
        anchor.map_or(Ok(()), conformance::anchor)?;
    }
    Ok(())
}

/// Checks on the peer's own certificate that do not depend on the path.
pub(super) fn check_leaf(leaf: &Certificate, policy: &VerifyPolicy) -> Result<(), Rejection> {
    check_key(leaf)?;
    // RFC 5280 §4.2.1.9: keyCertSign without CA:TRUE must not be asserted; such a leaf is an authority in disguise.
    let signs = leaf.key_usage().is_some_and(|usage| usage.key_cert_sign);
    if signs && !leaf.is_ca() && policy.dates == Dates::Enforce {
        return Err(Rejection::of(Cause::CaUsedAsPeer, leaf, "its key usage allows signing certificates"));
    }
    Ok(())
}

pub(super) fn check_key(certificate: &Certificate) -> Result<(), Rejection> {
    match certificate.key().weakness() {
        Some(weakness) => Err(Rejection::of(Cause::WeakKey, certificate, format!("it has {weakness}"))),
        None => Ok(()),
    }
}

pub(super) fn check_dates(certificate: &Certificate, expired: Cause, now: UnixTime) -> Result<(), Rejection> {
    if certificate.is_expired(now) {
        let detail = format!("it expired on {}", rfc3339(certificate.not_after()));
        return Err(Rejection::of(expired, certificate, detail));
    }
    if certificate.is_not_yet_valid(now) {
        let (begin, now) = (rfc3339(certificate.not_before()), rfc3339(crate::cert::seconds(now)));
        let detail = format!("it is valid from {begin}, the clock here says {now}");
        return Err(Rejection::of(Cause::NotYetValid, certificate, detail));
    }
    Ok(())
}

/// RFC 5280 §6.1.4 (n): with a key usage extension, keyCertSign must be set.
fn check_authority(authority: &Certificate) -> Result<(), Rejection> {
    if authority.key_usage().is_some_and(|usage| !usage.key_cert_sign) {
        return Err(Rejection::of(Cause::NotAnAuthority, authority, "its key usage has no keyCertSign"));
    }
    check_key(authority)
}

/// RFC 5280 §6.2 leaves anchor checks to the implementation. Trust given by import is trust in what the certificate
/// says, so its dates, its CA flag and its path length hold.
fn check_anchor(
    anchor: &Certificate,
    depth: usize,
    policy: &VerifyPolicy,
    at: UnixTime,
    now: UnixTime,
) -> Result<(), Rejection> {
    match policy.dates {
        Dates::Enforce => check_dates(anchor, Cause::AuthorityExpired, at)?,
        Dates::AllowExpired if anchor.is_not_yet_valid(now) => {
            check_dates(anchor, Cause::AuthorityExpired, now)?;
        }
        Dates::AllowExpired => {}
    }
    match anchor.basic_constraints() {
        Some(constraints) if !constraints.ca => {
            return Err(Rejection::of(Cause::NotAnAuthority, anchor, "it says CA:FALSE"));
        }
        Some(constraints) => {
            let most = constraints.path_len.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
            if most.is_some_and(|most| depth > most) {
                let detail = format!("{depth} intermediates below it, it allows fewer");
                return Err(Rejection::of(Cause::PathTooLong, anchor, detail));
            }
        }
        None if anchor.facts().version >= 3 => {
            return Err(Rejection::of(Cause::NotAnAuthority, anchor, "it has no basic constraints"));
        }
        None => {}
    }
    let unknown =
        anchor.facts().extensions.iter().find(|extension| extension.critical && !extension.understood);
    if let Some(extension) = unknown {
        let detail = format!("critical extension {}", extension.oid.to_id_string());
        return Err(Rejection::of(Cause::UnknownCriticalExtension, anchor, detail));
    }
    Ok(())
}

/// webpki asks for a status only when it has lists at all; the policy asks for one even then.
fn require_status(
    verifier: &Verifier<'_>,
    anchor: Option<&Certificate>,
    _now: UnixTime,
) -> Result<(), Rejection> {
    let unusable = |authority: &Certificate| {
        verifier.lists.iter().any(|list| list.is_signed_without_permission(authority))
    };
    if let Some(anchor) = anchor.filter(|anchor| unusable(anchor)) {
        let detail = "its key usage has no cRLSign, so its revocation list does not count";
        return Err(Rejection::of(Cause::RevocationListUnusable, anchor, detail));
    }
    if verifier.policy.revocation.deny_unknown && verifier.lists.is_empty() {
        let detail = "no revocation list is loaded and the policy demands one";
        return Err(Rejection::without_certificate(Cause::RevocationUnknown, detail));
    }
    Ok(())
}

/// Which extended key usage a certificate that limits them must have.
pub(super) fn usage(purpose: Purpose, peer: Peer<'_>) -> Usage {
    match (purpose, peer) {
        (Purpose::Tls, Peer::Server(_)) => Usage::Tls(KeyUsage::server_auth()),
        (Purpose::Tls, Peer::Client) => Usage::Tls(KeyUsage::client_auth()),
        (Purpose::SipDomain, _) => Usage::SipDomain,
    }
}

pub(super) enum Usage {
    Tls(KeyUsage),
    SipDomain,
}

impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, ids: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        match self {
            Self::Tls(usage) => usage.validate(ids),
            // RFC 5924 §4: without the extension any use is fine; with it, sipDomain or any purpose.
            Self::SipDomain => {
                let present =
                    ids.map(|id| id.map(|id| id.to_decoded_oid())).collect::<Result<Vec<_>, _>>()?;
                let fits = present.is_empty()
                    || present.iter().any(|id| *id == SIP_DOMAIN_DECODED || *id == ANY_PURPOSE);
                if fits {
                    return Ok(());
                }
                let required = KeyUsage::required_if_present(SIP_DOMAIN);
                let context = webpki::RequiredEkuNotFoundContext { required, present };
                Err(webpki::Error::RequiredEkuNotFoundContext(context))
            }
        }
    }
}
