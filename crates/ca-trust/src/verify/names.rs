//! RFC 5922 and web PKI name matching.

use webpki::EndEntityCert;

use super::policy::{NameMode, ReferenceName, VerifyPolicy};
use super::rejection::Rejection;
use crate::cert::{AltName, Certificate};
use crate::diagnose::Cause;

/// Which entry of the certificate proved the name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatchedName {
    /// A `sip` URI.
    SipUri(String),
    /// A DNS name, possibly a wildcard.
    Dns(String),
    /// An IP address.
    Ip,
    /// The common name, under the fallback option.
    CommonName,
    /// The certificate is pinned and was accepted under this name without carrying it.
    Pinned,
}

/// Whether `certificate` proves `reference`, names alone: nothing about trust or dates.
///
/// For certificates verified earlier, for instance to decide whether an inbound connection may carry requests the other
/// way (RFC 5923 §9.1). The policy's `names` and `common_name_fallback` count.
pub fn prove_name(
    certificate: &Certificate,
    reference: &ReferenceName,
    policy: &VerifyPolicy,
) -> Result<MatchedName, Rejection> {
    match EndEntityCert::try_from(certificate.der()) {
        Ok(parsed) => check(certificate, &parsed, reference, policy),
        Err(error) => Err(Rejection::of(Cause::Malformed, certificate, error.to_string())),
    }
}

/// Checks that `leaf` proves `reference`.
pub(super) fn check(
    leaf: &Certificate,
    parsed: &EndEntityCert<'_>,
    reference: &ReferenceName,
    policy: &VerifyPolicy,
) -> Result<MatchedName, Rejection> {
    let matched = match (reference, policy.names) {
        // An address literal never matches a DNS name that looks like it, nor a wildcard (RFC 9525 §6.5).
        (ReferenceName::Ip(ip), _) => leaf.alt_names().contains(&AltName::Ip(*ip)).then_some(MatchedName::Ip),
        (ReferenceName::Dns(domain), NameMode::Rfc5922) => rfc5922(leaf, domain),
        (ReferenceName::Dns(domain), NameMode::WebPki) => {
            let valid = parsed.verify_is_valid_for_subject_name(&reference.to_server_name()).is_ok();
            valid.then(|| MatchedName::Dns(domain.clone()))
        }
    };
    if let Some(matched) = matched {
        return Ok(matched);
    }
    let no_alternative = !leaf.facts().has_alt_names;
    if no_alternative && common_name_matches(leaf, reference) {
        if policy.common_name_fallback {
            return Ok(MatchedName::CommonName);
        }
        let detail = format!("{reference} appears only in the common name");
        return Err(Rejection::of(Cause::NameOnlyInCommonName, leaf, detail));
    }
    Err(refused(leaf, reference, policy))
}

/// RFC 5922 §7.1: identities are the hosts of `sip` URIs without user part; DNS names count only when there is none.
fn rfc5922(leaf: &Certificate, domain: &str) -> Option<MatchedName> {
    let mut identities = leaf.alt_names().iter().filter_map(sip_identity).peekable();
    if identities.peek().is_some() {
        // RFC 5922 §7.2: compared as a whole, without regard to case; no suffix, no wildcard.
        return identities
            .find(|host| host.eq_ignore_ascii_case(domain))
            .map(|host| MatchedName::SipUri(format!("sip:{host}")));
    }
    leaf.alt_names().iter().find_map(|name| match name {
        AltName::Dns(name) if name.eq_ignore_ascii_case(domain) => Some(MatchedName::Dns(name.clone())),
        AltName::Dns(_) | AltName::Uri(_) | AltName::Ip(_) | AltName::Other(_) => None,
    })
}

/// The host of a `sip` URI that names a domain: no user part, port and parameters ignored.
fn sip_identity(name: &AltName) -> Option<&str> {
    let AltName::Uri(uri) = name else { return None };
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") || rest.contains('@') {
        return None;
    }
    let host = rest.split([';', '?']).next()?;
    let host = match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

fn common_name_matches(leaf: &Certificate, reference: &ReferenceName) -> bool {
    match reference {
        ReferenceName::Dns(domain) => {
            leaf.common_name().is_some_and(|name| name.eq_ignore_ascii_case(domain))
        }
        ReferenceName::Ip(_) => false,
    }
}

fn refused(leaf: &Certificate, reference: &ReferenceName, policy: &VerifyPolicy) -> Rejection {
    let shown = leaf.alt_names().iter().take(8).map(AltName::to_string).collect::<Vec<_>>();
    let presented = match (shown.is_empty(), leaf.common_name()) {
        (false, _) => shown.join(", "),
        (true, Some(name)) => format!("no alternative name, common name {name}"),
        (true, None) => "no name".to_owned(),
    };
    let wildcard = leaf.alt_names().iter().find_map(|name| match name {
        AltName::Dns(pattern) if covers(pattern, reference) => Some(pattern.clone()),
        AltName::Dns(_) | AltName::Uri(_) | AltName::Ip(_) | AltName::Other(_) => None,
    });
    match (policy.names, wildcard) {
        (NameMode::Rfc5922, Some(wildcard)) => {
            let detail = format!("{reference} is covered only by the wildcard {wildcard}");
            Rejection::of(Cause::WildcardNotAllowed, leaf, detail)
        }
        (NameMode::Rfc5922 | NameMode::WebPki, _) => Rejection::of(
            Cause::WrongName,
            leaf,
            format!("contacted {reference}, the certificate has {presented}"),
        ),
    }
}

/// Whether a `*.` pattern covers the reference with its left-most label.
fn covers(pattern: &str, reference: &ReferenceName) -> bool {
    match reference {
        ReferenceName::Dns(domain) => match (pattern.strip_prefix("*."), domain.split_once('.')) {
            (Some(suffix), Some((_, rest))) => suffix.eq_ignore_ascii_case(rest),
            (Some(_), None) | (None, _) => false,
        },
        ReferenceName::Ip(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 5922 §7.1: only `sip`, no user part, host alone.
    #[test]
    fn sip_identities_are_hosts_of_plain_sip_uris() {
        for (uri, identity) in [
            ("sip:example.com", Some("example.com")),
            ("SIP:Example.COM", Some("Example.COM")),
            ("sip:example.com:5061", Some("example.com")),
            ("sip:example.com;transport=tls", Some("example.com")),
            ("sip:[2001:db8::1]:5061", Some("2001:db8::1")),
            ("sip:alice@example.com", None),
            ("sips:example.com", None),
            ("https://example.com", None),
            ("sip:", None),
            ("example.com", None),
        ] {
            assert_eq!(sip_identity(&AltName::Uri(uri.to_owned())), identity, "{uri}");
        }
    }
}
