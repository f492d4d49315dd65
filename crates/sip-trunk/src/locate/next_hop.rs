//! What a next-hop URI says about where to go, before any name is looked up (RFC 3263 §4).

use std::net::IpAddr;
use std::sync::Arc;

use crate::transport::Transport;
use crate::uri::{Host, UriRef};

/// The host, port and transport of a next-hop URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NextHop {
    pub(super) host: HopHost,
    pub(super) port: Option<u16>,
    pub(super) transport: Option<Transport>,
    /// `sips:`: only TLS will do.
    pub(super) secure: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HopHost {
    /// Lower case, without a final dot.
    Name(Arc<str>),
    Address(IpAddr),
}

/// Why a URI is no next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextHopError {
    /// No `sip:` or `sips:` URI, or a transport nobody here speaks.
    NotAHop,
    /// TLS to an address.
    TlsNeedsName,
}

impl NextHop {
    /// Reads a URI. `preferred` is the transport to use where the URI names none.
    pub(crate) fn parse(uri: &str, preferred: Option<Transport>) -> Result<Self, NextHopError> {
        let uri = UriRef::parse(uri.as_bytes()).ok().and_then(|uri| uri.as_sip());
        let uri = uri.ok_or(NextHopError::NotAHop)?;
        let secure = uri.is_secure();
        let named = match uri.transport() {
            Some(named) => Some(Transport::named(named).ok_or(NextHopError::NotAHop)?),
            None => preferred,
        };
        let transport = match (named, secure) {
            (None, _) => None,
            (Some(Transport::Udp), true) if uri.transport().is_some() => return Err(NextHopError::NotAHop),
            // RFC 3261 §26.2.2: with sips, tcp means TLS over TCP; likewise ws (RFC 7118 §5.3).
            (Some(Transport::Udp | Transport::Tcp), true) => Some(Transport::Tls),
            (Some(Transport::Ws), true) => Some(Transport::Wss),
            (Some(named), _) => Some(named),
        };
        // RFC 3263 §4: maddr, where present, is the target.
        let maddr = uri.param("maddr").and_then(|text| Host::parse(text).ok());
        let host = match maddr.unwrap_or(uri.host()) {
            Host::Name(name) => {
                HopHost::Name(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into())
            }
            Host::V4(address) => HopHost::Address(address.into()),
            Host::V6(address) => HopHost::Address(address.into()),
        };
        let hop = Self { host, port: uri.port(), transport, secure };
        let needs_tls = secure || transport.is_some_and(Transport::is_secure);
        if needs_tls && matches!(hop.host, HopHost::Address(_)) {
            // RFC 5922 §7.2: a certificate proves a domain, not an address.
            return Err(NextHopError::TlsNeedsName);
        }
        Ok(hop)
    }

    /// The transport when neither the URI nor DNS decides: UDP, or TLS for `sips:` (RFC 3263 §4.1).
    pub(super) fn default_transport(&self) -> Transport {
        self.transport.unwrap_or(if self.secure { Transport::Tls } else { Transport::Udp })
    }

    /// The name a certificate must have, and a WebSocket handshake names.
    pub(super) fn server_name(&self, transport: Transport) -> Option<Arc<str>> {
        match &self.host {
            HopHost::Name(name) if transport.is_secure() || transport == Transport::Ws => Some(name.clone()),
            HopHost::Name(_) | HopHost::Address(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(uri: &str) -> Result<(Option<Transport>, Option<u16>), NextHopError> {
        NextHop::parse(uri, None).map(|hop| (hop.transport, hop.port))
    }

    #[test]
    fn the_transport_follows_from_scheme_and_parameter() {
        assert_eq!(hop("sip:example.com"), Ok((None, None)));
        assert_eq!(hop("sip:a@example.com:5070;transport=TCP"), Ok((Some(Transport::Tcp), Some(5070))));
        assert_eq!(hop("sips:example.com;transport=tcp"), Ok((Some(Transport::Tls), None)));
        assert_eq!(hop("sips:example.com;transport=ws"), Ok((Some(Transport::Wss), None)));
        assert_eq!(hop("sips:example.com;transport=udp"), Err(NextHopError::NotAHop));
        assert_eq!(hop("sip:example.com;transport=sctp"), Err(NextHopError::NotAHop));
        assert_eq!(hop("tel:+12025550123"), Err(NextHopError::NotAHop));
        let preferred = NextHop::parse("sip:example.com", Some(Transport::Tls)).map(|hop| hop.transport);
        assert_eq!(preferred, Ok(Some(Transport::Tls)));
    }

    /// ST-033: TLS goes to a name that a certificate can prove, never to a bare address.
    #[test]
    fn tls_to_an_address_is_refused() {
        for uri in ["sips:192.0.2.1", "sip:192.0.2.1;transport=tls", "sips:a@[2001:db8::1]:5061"] {
            assert_eq!(hop(uri), Err(NextHopError::TlsNeedsName), "{uri}");
        }
        assert!(hop("sips:carrier.example").is_ok());
    }

    #[test]
    fn maddr_is_the_target() {
        let hop = NextHop::parse("sip:example.com;maddr=192.0.2.9", None).unwrap();
        assert_eq!(hop.host, HopHost::Address("192.0.2.9".parse().unwrap()));
    }
}
