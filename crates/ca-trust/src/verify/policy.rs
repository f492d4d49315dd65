//! What a verification demands.

use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::{DnsName, ServerName};
use thiserror::Error;

/// How a peer certificate must carry the contacted name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameMode {
    /// RFC 5922 §7.1 and §7.2: `sip` URIs without user part, and only if there are none DNS names; no wildcard.
    Rfc5922,
    /// DNS names with `*` as the left-most label allowed, as web browsers do.
    WebPki,
}

/// Which purpose a certificate that limits its purposes must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `serverAuth` of a server, `clientAuth` of a client.
    Tls,
    /// RFC 5924 §4: `sipDomain` or `anyExtendedKeyUsage`.
    SipDomain,
}

/// What revocation lists decide. Lists are given to the verifier; none are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whether a certificate that no list covers is refused.
    pub deny_unknown: bool,
    /// Whether a list past its next update is refused; otherwise it is still used.
    pub deny_expired_list: bool,
    /// Whether intermediates are checked too, or only the peer's own certificate.
    pub check_intermediates: bool,
}

/// What validity dates decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// Every certificate of the path, the anchor included, must be valid now.
    Enforce,
    /// Expired certificates pass, as of a time when they were valid. For phones whose factory certificate cannot be
    /// renewed; [`super::Verified::expired`] reports it for the audit log.
    AllowExpired,
}

/// How much of RFC 5280 is enforced beyond what protects a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conformance {
    /// What protects the connection; private authorities with cosmetic faults pass.
    Secure,
    /// Every rule of RFC 5280 and of the web PKI's baseline this crate knows, cosmetic ones included.
    Strict,
}

/// What a verification demands of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyPolicy {
    /// How the name must appear.
    pub names: NameMode,
    /// Whether the common name counts when there is no alternative name at all.
    pub common_name_fallback: bool,
    /// Which purpose is demanded.
    pub purpose: Purpose,
    /// What revocation lists decide.
    pub revocation: Revocation,
    /// What validity dates decide.
    pub dates: Dates,
    /// Intermediates allowed between peer and anchor, self-issued ones not counted; `None` leaves the search's own
    /// bound of six.
    pub max_intermediates: Option<usize>,
    /// How much of RFC 5280 is enforced.
    pub conformance: Conformance,
}

impl VerifyPolicy {
    /// For SIP peers: RFC 5922 names, everything else as [`VerifyPolicy::default`].
    pub fn sip() -> Self {
        Self { names: NameMode::Rfc5922, ..Self::default() }
    }

    /// For servers of the public web PKI: wildcards allowed, every rule enforced.
    pub fn web_pki() -> Self {
        Self { names: NameMode::WebPki, conformance: Conformance::Strict, ..Self::default() }
    }
}

impl Default for VerifyPolicy {
    /// WebPKI names, TLS purposes, dates enforced; revocation lists used where present and never past their date.
    fn default() -> Self {
        Self {
            names: NameMode::WebPki,
            common_name_fallback: false,
            purpose: Purpose::Tls,
            revocation: Revocation {
                deny_unknown: false,
                deny_expired_list: true,
                check_intermediates: true,
            },
            dates: Dates::Enforce,
            max_intermediates: None,
            conformance: Conformance::Secure,
        }
    }
}

/// The name a peer certificate must prove.
///
/// For SIP this is the domain being contacted as configured, never the target an SRV record pointed to
/// (RFC 5922 §7.3): whoever controls DNS must not choose the name that is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceName {
    /// A DNS name, lower case, without final dot.
    Dns(String),
    /// An address literal; only an iPAddress entry can match it.
    Ip(IpAddr),
}

/// Why a text cannot be a reference name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a DNS name in ASCII form nor an IP address")]
pub struct ReferenceNameError;

impl ReferenceName {
    /// Reads a domain or an address literal, IPv6 with or without brackets.
    pub fn parse(text: &str) -> Result<Self, ReferenceNameError> {
        let unbracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = unbracketed.parse() {
            return Ok(Self::Ip(ip));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        // DnsName takes a final dot as well; one is enough.
        if name.ends_with('.') || DnsName::try_from(name.as_str()).is_err() {
            return Err(ReferenceNameError);
        }
        Ok(Self::Dns(name))
    }

    /// As rustls takes it for server name indication.
    pub fn to_server_name(&self) -> ServerName<'static> {
        match self {
            Self::Ip(ip) => ServerName::IpAddress((*ip).into()),
            Self::Dns(name) => match DnsName::try_from(name.clone()) {
                Ok(name) => ServerName::DnsName(name),
                Err(_) => unreachable!("checked when the reference name was made"),
            },
        }
    }

    /// From what rustls was asked to connect to.
    pub(crate) fn from_server_name(name: &ServerName<'_>) -> Self {
        if let ServerName::IpAddress(ip) = name {
            return Self::Ip((*ip).into());
        }
        let name = name.to_str();
        Self::Dns(name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase())
    }
}

impl fmt::Display for ReferenceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(ip) => write!(f, "{ip}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_names_are_read_in_one_form() {
        let dns = |name: &str| Ok(ReferenceName::Dns(name.to_owned()));
        assert_eq!(ReferenceName::parse("Sip.Example.COM."), dns("sip.example.com"));
        assert_eq!(ReferenceName::parse("[2001:DB8::1]"), ReferenceName::parse("2001:db8:0::1"));
        for text in ["", ".", "example.com..", "exämple.com", "a b", "*.example.com", "sip:example.com"] {
            assert_eq!(ReferenceName::parse(text), Err(ReferenceNameError), "{text}");
        }
    }
}
