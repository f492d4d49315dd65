//! The strict profile: rules of RFC 5280 and of the web PKI's baseline whose violation endangers nobody by itself.

use std::net::IpAddr;

use x509_parser::asn1_rs::{Oid, oid};

use super::Rejection;
use crate::cert::{AltName, Certificate, ExtensionFact, SUBJECT_ALT_NAME};
use crate::diagnose::Cause;
use crate::import::odd_serial;

const SUBJECT_KEY_ID: Oid<'_> = oid!(2.5.29.14);
const NAME_CONSTRAINTS: Oid<'_> = oid!(2.5.29.30);
const AUTHORITY_KEY_ID: Oid<'_> = oid!(2.5.29.35);
const POLICY_CONSTRAINTS: Oid<'_> = oid!(2.5.29.36);
const EXTENDED_KEY_USAGE: Oid<'_> = oid!(2.5.29.37);
const AUTHORITY_INFO_ACCESS: Oid<'_> = oid!(1.3.6.1.5.5.7.1.1);
const ANY_PURPOSE: &str = "2.5.29.37.0";

/// Rules for the peer's own certificate.
pub(super) fn leaf(leaf: &Certificate) -> Result<(), Rejection> {
    every(leaf)?;
    serial(leaf)?;
    let facts = leaf.facts();
    let fail = |detail: &str| Err(violation(leaf, detail));
    if facts.authority_key_id.is_none() {
        return fail("it has no authority key identifier (RFC 5280 §4.2.1.1)");
    }
    if find(leaf, &NAME_CONSTRAINTS).is_some() {
        return fail("it has name constraints without being an authority (RFC 5280 §4.2.1.10)");
    }
    if let Some(purposes) = &facts.extended_key_usage {
        if purposes.iter().any(|purpose| purpose == ANY_PURPOSE) {
            return fail("it may be used for any purpose (CA/Browser Forum baseline §7.1.2.7)");
        }
        if find(leaf, &EXTENDED_KEY_USAGE).is_some_and(|extension| extension.critical) {
            return fail("its extended key usage is critical (CA/Browser Forum baseline §7.1.2.7)");
        }
    }
    if let Some(names) = find(leaf, &SUBJECT_ALT_NAME) {
        let empty_subject = facts.subject.is_empty();
        if empty_subject != names.critical {
            return fail(
                "its alternative names must be critical exactly when the subject is empty (§4.2.1.6)",
            );
        }
    }
    leaf.alt_names().iter().try_for_each(|name| alt_name(leaf, name))?;
    match &facts.common_name {
        Some(name) if is_respelled(name, leaf.alt_names()) => {
            fail("its common name spells a name otherwise than its alternative names (baseline §7.1.4.3)")
        }
        Some(_) | None => Ok(()),
    }
}

/// Rules for an authority below the anchor.
pub(super) fn authority(authority: &Certificate) -> Result<(), Rejection> {
    every(authority)?;
    serial(authority)?;
    every_authority(authority)?;
    match &authority.facts().authority_key_id {
        Some(_) => Ok(()),
        None => Err(violation(authority, "it has no authority key identifier (RFC 5280 §4.2.1.1)")),
    }
}

/// Rules for the anchor.
pub(super) fn anchor(anchor: &Certificate) -> Result<(), Rejection> {
    every(anchor)?;
    every_authority(anchor)?;
    let facts = anchor.facts();
    let fail = |detail: &str| Err(violation(anchor, detail));
    if facts.basic_constraints.is_some_and(|constraints| !constraints.critical) {
        return fail("its basic constraints are not critical (RFC 5280 §4.2.1.9)");
    }
    if anchor.is_self_issued() && find(anchor, &AUTHORITY_KEY_ID).is_some() {
        // CA/Browser Forum baseline §7.1.2.1.3: the key identifier alone, equal to the subject's own.
        if facts.authority_key_names_issuer || facts.authority_key_id != facts.subject_key_id {
            return fail("its authority key identifier is not its own key (baseline §7.1.2.1.3)");
        }
    }
    if facts.extended_key_usage.is_some() && anchor.is_self_issued() {
        return fail("a root must not limit its purposes (CA/Browser Forum baseline §7.1.2.1)");
    }
    Ok(())
}

/// Not asked of anchors: public roots with serial number zero are in every trust store.
fn serial(certificate: &Certificate) -> Result<(), Rejection> {
    if odd_serial(&certificate.facts().serial) {
        let detail = "its serial number is zero, negative or longer than 20 octets (RFC 5280 §4.1.2.2)";
        return Err(violation(certificate, detail));
    }
    Ok(())
}

fn every(certificate: &Certificate) -> Result<(), Rejection> {
    let facts = certificate.facts();
    let fail = |detail: &str| Err(violation(certificate, detail));
    if facts.issuer.is_empty() {
        return fail("its issuer is empty (RFC 5280 §4.1.2.4)");
    }
    if facts.fractional_dates {
        return fail("its dates have fractions of a second (RFC 5280 §4.1.2.5)");
    }
    for id in &[SUBJECT_KEY_ID, AUTHORITY_KEY_ID, AUTHORITY_INFO_ACCESS] {
        if find(certificate, id).is_some_and(|extension| extension.critical) {
            return fail("a key identifier or information access extension is critical (RFC 5280 §4.2)");
        }
    }
    if find(certificate, &POLICY_CONSTRAINTS).is_some_and(|extension| !extension.critical) {
        return fail("its policy constraints are not critical (RFC 5280 §4.2.1.11)");
    }
    if facts.extensions.iter().any(|extension| extension.malformed) {
        return fail("one of its extensions is damaged");
    }
    let repeated = facts.extensions.iter().enumerate();
    let repeated =
        repeated.filter(|(at, it)| facts.extensions[..*at].iter().any(|earlier| earlier.oid == it.oid));
    if repeated.count() > 0 {
        return fail("an extension appears twice (RFC 5280 §4.2)");
    }
    Ok(())
}

fn every_authority(authority: &Certificate) -> Result<(), Rejection> {
    let facts = authority.facts();
    if facts.subject.is_empty() {
        return Err(violation(authority, "its subject is empty (RFC 5280 §4.1.2.6)"));
    }
    if facts.subject_key_id.is_none() {
        return Err(violation(authority, "it has no subject key identifier (RFC 5280 §4.2.1.2)"));
    }
    match find(authority, &NAME_CONSTRAINTS) {
        Some(extension) if extension.constrains_nothing => {
            Err(violation(authority, "its name constraints are empty (RFC 5280 §4.2.1.10)"))
        }
        Some(extension) if extension.constrains_dotted_name => {
            Err(violation(authority, "a DNS name constraint begins with a dot (RFC 5280 §4.2.1.10)"))
        }
        Some(_) | None => Ok(()),
    }
}

fn alt_name(leaf: &Certificate, name: &AltName) -> Result<(), Rejection> {
    let AltName::Dns(name) = name else { return Ok(()) };
    let fail = |detail: &str| Err(violation(leaf, detail));
    if name.contains('_') {
        return fail("a DNS name has an underscore (RFC 5280 §4.2.1.6)");
    }
    if name.parse::<IpAddr>().is_ok() {
        return fail("an IP address stands as a DNS name (RFC 5280 §4.2.1.6)");
    }
    // Without a public suffix list only the certain case is known: a wildcard directly below a top-level domain.
    if name == "*" || name.strip_prefix("*.").is_some_and(|suffix| !suffix.contains('.')) {
        return fail("a wildcard covers a whole top-level domain (CA/Browser Forum baseline §3.2.2.6)");
    }
    Ok(())
}

/// A common name that is an address must be written canonically, an international name as in the alternative names,
/// and any name in their case: two readers would otherwise see two names. A common name that is simply another name is
/// frequent, and nobody looks at it.
fn is_respelled(name: &str, alt_names: &[AltName]) -> bool {
    let listed = alt_names.iter().any(|alt| matches!(alt, AltName::Dns(dns) if dns == name));
    let other_case = |alt: &AltName| matches!(alt, AltName::Dns(dns) if dns.eq_ignore_ascii_case(name));
    let odd_address = match name.parse::<IpAddr>() {
        Ok(address) => address.to_string() != name,
        Err(_) => name.split('.').all(is_number),
    };
    let international = !name.is_ascii() || name.split('.').any(|label| label.starts_with("xn--"));
    !listed && (odd_address || international || alt_names.iter().any(other_case))
}

/// Decimal or, as old resolvers read addresses, hexadecimal.
fn is_number(part: &str) -> bool {
    match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()),
    }
}

fn find<'a>(certificate: &'a Certificate, oid: &Oid<'_>) -> Option<&'a ExtensionFact> {
    certificate.facts().extensions.iter().find(|extension| extension.oid == *oid)
}

fn violation(certificate: &Certificate, detail: &str) -> Rejection {
    Rejection::of(Cause::NonConformant, certificate, detail)
}
