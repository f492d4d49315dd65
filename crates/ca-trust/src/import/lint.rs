//! What an administrator should know about an authority before relying on it.

use std::fmt;

use rustls_pki_types::UnixTime;

use crate::cert::{Certificate, SignatureAlgorithm, rfc3339};

/// A stable code for one remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LintCode {
    /// Its validity is over; no chain through it is accepted.
    Expired,
    /// Its validity has not begun.
    NotYetValid,
    /// No key usage extension; RFC 5280 §4.2.1.3 wants one.
    NoKeyUsage,
    /// May not sign revocation lists, so its own lists are ignored.
    CannotSignRevocationLists,
    /// Basic constraints are not marked critical (RFC 5280 §4.2.1.9).
    ConstraintsNotCritical,
    /// No subject key identifier (RFC 5280 §4.2.1.2).
    NoSubjectKeyId,
    /// The serial number is zero, negative or longer than 20 octets (RFC 5280 §4.1.2.2).
    OddSerial,
    /// Signed with SHA-1 or MD5. Harmless in a root, refused in an intermediate.
    WeakSignature,
    /// Name constraints of a form webpki does not know; every chain through it is refused.
    UnsupportedNameConstraints,
    /// An intermediate: trusting it directly ends the chain here, the root above it is not needed.
    Intermediate,
    /// Valid for more than 30 years, or without an end.
    VeryLongLived,
}

/// One remark on one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Which remark.
    pub code: LintCode,
    /// The remark as a sentence fragment, with the fact it rests on.
    pub detail: String,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Remarks on an authority as of `now`, most important first.
pub fn lint_authority(certificate: &Certificate, now: UnixTime) -> Vec<Lint> {
    let mut lints = lint_dates(certificate, now);
    let mut remark = |code, detail: &str| lints.push(Lint { code, detail: detail.to_owned() });
    let facts = certificate.facts();
    let unsupported = facts.extensions.iter().any(|extension| extension.constrains_unsupported_names);
    if unsupported {
        remark(
            LintCode::UnsupportedNameConstraints,
            "it constrains names other than DNS and IP; chains through it are refused",
        );
    }
    match facts.key_usage {
        None => remark(LintCode::NoKeyUsage, "it has no key usage extension"),
        Some(usage) if !usage.crl_sign => {
            remark(
                LintCode::CannotSignRevocationLists,
                "its key usage does not allow signing revocation lists",
            );
        }
        Some(_) => {}
    }
    if matches!(facts.signature, SignatureAlgorithm::Sha1 | SignatureAlgorithm::Md5) {
        let detail = if certificate.is_self_issued() {
            "it is signed with an obsolete hash; as a root that does no harm"
        } else {
            "it is signed with an obsolete hash; usable only because it is trusted directly"
        };
        remark(LintCode::WeakSignature, detail);
    }
    if facts.basic_constraints.is_some_and(|constraints| !constraints.critical) {
        remark(LintCode::ConstraintsNotCritical, "its basic constraints are not marked critical");
    }
    if facts.subject_key_id.is_none() {
        remark(LintCode::NoSubjectKeyId, "it has no subject key identifier");
    }
    if odd_serial(&facts.serial) {
        remark(LintCode::OddSerial, "its serial number is zero, negative or longer than 20 octets");
    }
    if !certificate.is_self_issued() {
        remark(LintCode::Intermediate, "it is an intermediate; it will be trusted without the root above it");
    }
    const THIRTY_YEARS: i64 = 30 * 366 * 86_400;
    if facts.not_after.saturating_sub(facts.not_before) > THIRTY_YEARS {
        remark(LintCode::VeryLongLived, "it is valid for more than 30 years");
    }
    lints
}

/// Remarks on the validity dates alone.
pub(super) fn lint_dates(certificate: &Certificate, now: UnixTime) -> Vec<Lint> {
    if certificate.is_expired(now) {
        let detail = format!("it expired on {}", rfc3339(certificate.not_after()));
        return vec![Lint { code: LintCode::Expired, detail }];
    }
    if certificate.is_not_yet_valid(now) {
        let detail = format!("it becomes valid on {}", rfc3339(certificate.not_before()));
        return vec![Lint { code: LintCode::NotYetValid, detail }];
    }
    Vec::new()
}

/// Why this certificate cannot vouch for others, or `None` when it can.
pub(super) fn why_not_an_authority(certificate: &Certificate) -> Option<&'static str> {
    let facts = certificate.facts();
    match facts.basic_constraints {
        Some(constraints) if !constraints.ca => return Some("is a server or client certificate (CA:FALSE)"),
        // RFC 5280 §4.2.1.9: without the extension a version 3 key must not verify certificates.
        None if facts.version >= 3 => {
            return Some("has no basic constraints, so it is no certificate authority");
        }
        None => return Some("is an X.509 version 1 certificate, which cannot say that it is an authority"),
        Some(_) => {}
    }
    if facts.key_usage.is_some_and(|usage| !usage.key_cert_sign) {
        return Some("may not sign certificates (key usage without keyCertSign)");
    }
    if webpki::anchor_from_trusted_cert(certificate.der()).is_err() {
        return Some("cannot be used as a trust anchor; its structure is damaged");
    }
    certificate.key().weakness().map(|_| "has a key that TLS refuses as too weak")
}

/// RFC 5280 §4.1.2.2: a positive integer of at most 20 octets.
pub(crate) fn odd_serial(serial: &[u8]) -> bool {
    serial.first().is_none_or(|first| *first >= 0x80)
        || serial.iter().all(|octet| *octet == 0)
        || serial.len() > 20
}
