//! What cannot work about a trunk's configuration, all of it at once.

use std::fmt;
use std::net::IpAddr;

use super::config::{TrunkConfig, TrunkId};
use crate::header::{Header, Route};
use crate::msg::HeaderName;
use crate::msg::token::is_token;
use crate::registration::{Registrar, RegistrationConfig};
use crate::transport::Transport;
use crate::uri::{Host, Uri};

/// A fault in the configuration of a trunk. A trunk with one carries no calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The trunk.
    pub trunk: TrunkId,
    /// Which field, such as `registrations[0].registrar`.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

/// A place our own system receives requests at: a host, name or address, and its port.
pub type Ingress = (String, u16);

/// Headers the stack writes itself; a fixed value would break the request.
const RESERVED: [HeaderName; 17] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::MaxForwards,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::Authorization,
    HeaderName::ProxyAuthorization,
    HeaderName::Require,
    HeaderName::Supported,
    HeaderName::UserToUser,
    HeaderName::SessionExpires,
];

/// Checks one trunk. `own` is where our own system receives requests.
pub fn check(config: &TrunkConfig, own: &[Ingress]) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut problem = |field: String, text: String| found.push(Problem { trunk: config.id, field, text });
    if config.servers.is_empty() && config.registrations.is_empty() {
        problem("servers".into(), "give a SIP server or a registration, or calls have nowhere to go".into());
    }
    for (index, server) in config.servers.iter().enumerate() {
        let registrar =
            Registrar { host: server.host.clone(), port: server.port, transport: config.transport };
        if let Some(text) = hop_fault(&registrar) {
            problem(format!("servers[{index}]"), text);
        }
    }
    for (index, registration) in config.registrations.iter().enumerate() {
        if let Some((field, text)) = registration_fault(registration, own) {
            problem(format!("registrations[{index}].{field}"), text);
        }
    }
    for (index, (name, value)) in config.protocol.custom_headers.iter().enumerate() {
        let field = format!("protocol.custom_headers[{index}]");
        let known = HeaderName::find(name.as_bytes());
        if !is_token(name.as_bytes()) {
            problem(field, format!("{name:?} is no header name; use letters, digits and hyphens"));
        } else if known.is_some_and(|known| RESERVED.contains(&known)) {
            problem(field, format!("{name} is written by the SIP stack; take it out"));
        } else if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
            problem(field, format!("the value of {name} holds control characters; take them out"));
        }
    }
    if config.limits.calls == Some(0) {
        let text = "take the trunk out of service instead of allowing no calls";
        problem("limits.calls".into(), text.into());
    }
    found
}

fn registration_fault(config: &RegistrationConfig, own: &[Ingress]) -> Option<(&'static str, String)> {
    if let Some(text) = hop_fault(&config.registrar) {
        return Some(("registrar", text));
    }
    // ST-007: it would answer itself, and be pending for ever.
    if is_own(&config.registrar, own) {
        let text = format!(
            "{}:{} is this system's own address; enter the carrier's registrar",
            config.registrar.host,
            config.registrar.port_or_default()
        );
        return Some(("registrar", text));
    }
    if let Err(fault) = config.address_of_record() {
        return Some((
            "uri",
            format!("{:?} is no SIP URI: {fault}; write user@domain or the user alone", config.uri),
        ));
    }
    let bad_route = config.route.iter().find(|route| Route::parse(route.as_bytes()).is_err());
    bad_route.map(|route| ("route", format!("{route:?} is no Route: write <sip:proxy.example;lr>")))
}

fn hop_fault(hop: &Registrar) -> Option<String> {
    let host = match Host::parse(&hop.host) {
        Ok(host) => host,
        Err(fault) => return Some(format!("{:?} is no host: {fault}; enter a name or an address", hop.host)),
    };
    // ST-033: a certificate proves a name (RFC 5922 §7.2).
    let needs_name = matches!(hop.transport, Transport::Tls | Transport::Wss);
    (needs_name && host.ip().is_some()).then(|| {
        format!("{} is an address; enter the name in the server's certificate, which TLS needs", hop.host)
    })
}

fn is_own(registrar: &Registrar, own: &[Ingress]) -> bool {
    let Ok(host) = Host::parse(&registrar.host) else { return false };
    let port = registrar.port_or_default();
    own.iter().any(|(name, own_port)| {
        let same = match name.parse::<IpAddr>() {
            Ok(address) => host.ip().is_some_and(|ip| ip.to_canonical() == address.to_canonical()),
            Err(_) => Host::parse(name).is_ok_and(|name| name == host),
        };
        same && *own_port == port
    })
}

/// Whether a URI leads to one of our own places.
pub(super) fn leads_home(uri: &str, own: &[Ingress]) -> bool {
    let Ok(uri) = Uri::parse(uri) else { return false };
    let Some(sip) = uri.view().as_sip() else { return false };
    let transport = sip.transport().and_then(Transport::named).unwrap_or(Transport::Udp);
    is_own(&Registrar { host: sip.host_str().to_owned(), port: sip.port(), transport }, own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trunk::Server;

    fn fields(config: &TrunkConfig) -> Vec<String> {
        let own = [("203.0.113.1".to_owned(), 5060), ("edge.example.net".to_owned(), 5061)];
        check(config, &own).into_iter().map(|problem| problem.field).collect()
    }

    fn registering(host: &str, port: Option<u16>, transport: Transport) -> TrunkConfig {
        let registrar = Registrar { host: host.into(), port, transport };
        let registrations = vec![RegistrationConfig::new(registrar, "genesys@carrier.example")];
        TrunkConfig { registrations, ..TrunkConfig::new(TrunkId(1), "t") }
    }

    /// ST-007: a registrar address that is our own ingress is a configuration error.
    #[test]
    fn registering_with_ourselves_is_refused() {
        for (host, port, transport, refused) in [
            ("203.0.113.1", None, Transport::Udp, true),
            ("203.0.113.1", Some(5080), Transport::Udp, false),
            ("EDGE.example.net", None, Transport::Tls, true),
            ("carrier.example", None, Transport::Tls, false),
        ] {
            let expected: &[&str] = if refused { &["registrations[0].registrar"] } else { &[] };
            assert_eq!(fields(&registering(host, port, transport)), expected, "{host}");
        }
    }

    /// ST-033: TLS to an address is refused, with the reason.
    #[test]
    fn tls_needs_a_name() {
        let mut config = TrunkConfig::new(TrunkId(1), "t");
        config.transport = Transport::Tls;
        config.servers = vec![
            Server { host: "gw1.anywhere.e911cloud.com".into(), port: Some(5061) },
            Server { host: "192.0.2.1".into(), port: Some(5061) },
        ];
        assert_eq!(fields(&config), ["servers[1]"]);
        assert_eq!(
            fields(&registering("[2001:db8::1]", None, Transport::Tls)),
            ["registrations[0].registrar"]
        );
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut config = TrunkConfig::new(TrunkId(1), "t");
        config.limits.calls = Some(0);
        config.protocol.custom_headers = vec![
            ("v".into(), "x".into()),
            ("X Y".into(), "x".into()),
            ("X-Token".into(), "1\r\nVia: evil".into()),
            ("CUSTOM-DEVICE-TOKEN".into(), "1234567".into()),
        ];
        assert_eq!(
            fields(&config),
            [
                "servers",
                "protocol.custom_headers[0]",
                "protocol.custom_headers[1]",
                "protocol.custom_headers[2]",
                "limits.calls"
            ]
        );
    }
}
