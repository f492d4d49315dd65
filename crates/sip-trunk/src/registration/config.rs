//! What a registration is told about itself.

use std::time::Duration;

use crate::auth::{ClientConfig, RealmBinding, Secret};
use crate::transport::Transport;
use crate::uri::{Host, Uri, UriFault};

/// An address of record and the registrar that binds it to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationConfig {
    /// The carrier's registrar.
    pub registrar: Registrar,
    /// The SIP URI that is registered, as the carrier gave it: `sip:user@domain`, `user@domain`, or `user` alone, which
    /// means the registrar's domain.
    pub uri: String,
    /// User and password; `None` where the carrier knows us by our address.
    pub account: Option<Account>,
    /// User part of the Contact the carrier is to send calls to; that of the URI unless given.
    pub contact_user: Option<String>,
    /// The lifetime asked for; 1 hour. The registrar decides.
    pub expires: Duration,
    /// Proxies on the way to the registrar, as values of Route.
    pub route: Vec<String>,
    /// RFC 5626: the instance that registers, such as `urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF`, and the number of
    /// the flow. The carrier then sends calls down the flow that registered.
    pub outbound: Option<(String, u32)>,
    /// When to try, and try again.
    pub pace: Pace,
}

/// Where a registrar listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrar {
    /// A name or an address; IPv6 in brackets.
    pub host: String,
    /// The port. Without one DNS decides (RFC 3263), and where it says nothing 5060, or 5061 for TLS.
    pub port: Option<u16>,
    /// The transport.
    pub transport: Transport,
}

impl Registrar {
    /// The URI requests go to: `sip:carrier.example:5061;transport=tls`.
    ///
    /// # Errors
    /// The host is no host.
    pub fn next_hop(&self) -> Result<String, UriFault> {
        let uri = Uri::sip(self.host.as_str()).param("transport", self.transport.uri_param());
        let uri = self.port.map_or(uri.clone(), |port| uri.port(port));
        uri.build().map(|uri| uri.to_string())
    }

    /// The port in effect when DNS says nothing else.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(self.transport.default_port())
    }
}

/// User and password at a registrar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user name as the carrier gave it, with or without a domain.
    pub username: String,
    /// The password itself, not its hash.
    pub password: Secret,
    /// The realm it is for. `None`: the first realm the registrar names, and afterwards no other.
    pub realm: Option<String>,
}

impl Account {
    /// For the digest client, bound to one peer.
    pub fn to_client(&self, peer: &str) -> ClientConfig {
        ClientConfig {
            username: self.username.clone(),
            password: self.password.clone(),
            realm: self.realm.clone().map_or(RealmBinding::FirstSeen, RealmBinding::Exactly),
            peer: peer.to_owned(),
            ..ClientConfig::default()
        }
    }
}

/// How often a registration is checked and tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A binding is refreshed at least this often, however long it lasts, so that its loss is noticed: after 75 s and the
    /// 32 s an unanswered request takes, that is within two minutes.
    pub check_every: Duration,
    /// Until the second try after a failure that may be the network's; doubled each time. 20 s.
    pub retry_first: Duration,
    /// At most; 5 min.
    pub retry_most: Duration,
    /// Until the second try after a refusal that only a change of configuration mends; doubled each time. 60 s.
    pub refused_first: Duration,
    /// At most; 30 min (RFC 5626 §4.5).
    pub refused_most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            check_every: Duration::from_secs(75),
            retry_first: Duration::from_secs(20),
            retry_most: Duration::from_secs(300),
            refused_first: Duration::from_secs(60),
            refused_most: Duration::from_secs(1800),
        }
    }
}

impl RegistrationConfig {
    /// A registration of `uri` at `registrar`, without credentials.
    pub fn new(registrar: Registrar, uri: impl Into<String>) -> Self {
        Self {
            registrar,
            uri: uri.into(),
            account: None,
            contact_user: None,
            expires: Duration::from_secs(3600),
            route: Vec::new(),
            outbound: None,
            pace: Pace::default(),
        }
    }

    /// The address of record: scheme, user and domain of the configured URI, with what it leaves out filled in.
    ///
    /// # Errors
    /// The URI, or the registrar's host, is malformed.
    pub fn address_of_record(&self) -> Result<Uri, UriFault> {
        let text = self.uri.trim();
        let (secure, rest) = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => (false, rest),
            Some(_) | None => (false, text),
        };
        let scheme = if secure { "sips" } else { "sip" };
        let domain = self.registrar.host.as_str();
        let at = rest.rfind('@');
        // `user` without domain; but `sip:carrier.example` is a domain without user.
        let full = match at {
            Some(_) => format!("{scheme}:{rest}"),
            None if rest.len() < text.len() && Host::parse(rest).is_ok() && rest.contains('.') => {
                format!("{scheme}:{rest}")
            }
            None => format!("{scheme}:{rest}@{domain}"),
        };
        let uri = Uri::parse(&full)?;
        // RFC 3261 §10.2: the address of record has neither port nor parameters that would say how to reach it.
        Ok(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registrar(host: &str, port: Option<u16>, transport: Transport) -> Registrar {
        Registrar { host: host.into(), port, transport }
    }

    /// ST-006: the SIP URI is taken with or without its domain.
    #[test]
    fn the_uri_is_completed_from_the_registrar() {
        let record = |uri: &str| {
            let registrar = registrar("sip.carrier.example", None, Transport::Tls);
            RegistrationConfig::new(registrar, uri).address_of_record().map(|uri| uri.to_string())
        };
        assert_eq!(record("genesys").unwrap(), "sip:genesys@sip.carrier.example");
        assert_eq!(record("sip:genesys").unwrap(), "sip:genesys@sip.carrier.example");
        assert_eq!(record("genesys@carrier.example").unwrap(), "sip:genesys@carrier.example");
        assert_eq!(record("sip:genesys@carrier.example").unwrap(), "sip:genesys@carrier.example");
        assert_eq!(record("SIPS:+12025550100@carrier.example").unwrap(), "sips:+12025550100@carrier.example");
        assert_eq!(record("sip:carrier.example").unwrap(), "sip:carrier.example");
        assert!(record("a b").is_err());
    }

    /// ST-009: 5060, or 5061 for TLS, when no port is given; and then DNS is asked first.
    #[test]
    fn ports_have_defaults() {
        assert_eq!(registrar("c.example", None, Transport::Udp).port_or_default(), 5060);
        assert_eq!(registrar("c.example", None, Transport::Tls).port_or_default(), 5061);
        assert_eq!(registrar("c.example", Some(5080), Transport::Tls).port_or_default(), 5080);
        let hop = |port| registrar("c.example", port, Transport::Tls).next_hop().unwrap();
        assert_eq!(
            (hop(None).as_str(), hop(Some(5081)).as_str()),
            ("sip:c.example;transport=tls", "sip:c.example:5081;transport=tls")
        );
        assert!(registrar("c example", None, Transport::Udp).next_hop().is_err());
    }
}
