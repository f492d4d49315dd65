use std::{fmt, net::IpAddr};

use super::{
    FaultKind, Header, HeaderFault, Params,
    lex::Cursor,
    text::{Token, Word},
};
use crate::{
    msg::HeaderName,
    uri::{Host, HostPort, Transport},
};

/// One hop a request has taken (RFC 3261 §20.42).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// How the request was sent.
    pub transport: Transport<'a>,
    /// Whom the answer goes to, unless `received` says otherwise.
    pub host: Host<'a>,
    /// The port of that host, when written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and further ones.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// The transaction id.
    #[must_use]
    pub fn branch(&self) -> Option<&'a str> {
        self.params.token("branch")
    }

    // RFC 3261 §8.1.1.7: branches of this version start with a magic cookie; others are not unique.
    /// The transaction id, if it was made to RFC 3261 and is therefore unique.
    #[must_use]
    pub fn unique_branch(&self) -> Option<&'a str> {
        self.branch().filter(|b| b.get(..7).is_some_and(|c| c.eq_ignore_ascii_case("z9hG4bK")) && b.len() > 7)
    }

    /// The address the request really came from (RFC 3261 §18.2.1).
    // RFC 5118 §4.5: an IPv6 address is found with and without brackets.
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.token("received")?;
        text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).parse().ok()
    }

    /// RFC 3581: `None` without `rport`; `Some(None)` when the sender asks for it; `Some(Some(port))` once filled in.
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.find("rport")?;
        Some(value.and_then(|v| v.token()).and_then(|v| v.parse().ok()))
    }

    /// The multicast or fixed address to answer to.
    #[must_use]
    pub fn maddr(&self) -> Option<&'a str> {
        self.params.token("maddr")
    }

    /// The multicast time to live.
    #[must_use]
    pub fn ttl(&self) -> Option<u8> {
        self.params.number("ttl").and_then(|n| u8::try_from(n).ok())
    }
}

impl<'a> Header<'a> for Via<'a> {
    const NAME: HeaderName = HeaderName::Via;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        if cursor.rest().starts_with(b"SIP/2.0/") {
            cursor.advance(8);
        } else {
            // RFC 3261 §25.1: name, version and transport with optional white space around the slashes.
            expect(&mut cursor, "SIP")?;
            cursor.separator(b'/')?;
            expect(&mut cursor, "2.0")?;
            cursor.separator(b'/')?;
        }
        let transport = Transport::of_token(cursor.token_bytes()?);
        let blank = cursor.at();
        cursor.skip_lws();
        if cursor.at() == blank {
            return Err(cursor.fault(FaultKind::Separator(' ')));
        }
        let (host, port) = sent_by(&mut cursor)?;
        Ok(Self { transport, host, port, params: Params::read(&mut cursor)? })
    }
}

fn expect(cursor: &mut Cursor<'_>, word: &str) -> Result<(), HeaderFault> {
    let at = cursor.at();
    if cursor.token()?.eq_ignore_ascii_case(word) {
        Ok(())
    } else {
        Err(HeaderFault { kind: FaultKind::Token, at })
    }
}

fn sent_by<'a>(cursor: &mut Cursor<'a>) -> Result<(Host<'a>, Option<u16>), HeaderFault> {
    let start = cursor.at();
    let misplaced = |e: crate::uri::UriFault| HeaderFault { kind: FaultKind::Host, at: start + e.at };
    let rest = cursor.rest();
    let end =
        rest.iter().position(|b| matches!(b, b';' | b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(rest.len());
    // `host : port` may have white space around the colon, which a URI may not.
    let written = rest[..end].strip_suffix(b":").unwrap_or(&rest[..end]);
    let read = HostPort::read(written).map_err(misplaced)?;
    let (host, port, used) = (read.host(written), read.port, read.len);
    cursor.advance(used);
    if port.is_some() || used < written.len() {
        return Ok((host, port));
    }
    let before = cursor.clone();
    cursor.skip_lws();
    if !cursor.eat(b':') {
        *cursor = before;
        return Ok((host, None));
    }
    cursor.skip_lws();
    let port = cursor.number(u64::from(u16::MAX))?;
    Ok((host, u16::try_from(port).ok()))
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} ", Token(self.transport.as_str()))?;
        match self.host {
            Host::Name(name) => write!(f, "{}", Word(name))?,
            host @ (Host::V4(_) | Host::V6(_)) => write!(f, "{host}")?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    fn via(value: &str) -> Via<'_> {
        Via::parse(value.as_bytes()).unwrap_or_else(|e| panic!("{value}: {e}"))
    }

    #[test]
    fn the_usual_parts_are_found() {
        let via =
            via("SIP/2.0/UDP 203.0.113.10:5080;rport=5081;received=203.0.113.9;branch=z9hG4bKNy2r;ttl=16");
        assert_eq!(via.transport, Transport::Udp);
        assert_eq!((via.host.to_string().as_str(), via.port), ("203.0.113.10", Some(5080)));
        assert_eq!((via.branch(), via.unique_branch()), (Some("z9hG4bKNy2r"), Some("z9hG4bKNy2r")));
        assert_eq!(via.rport(), Some(Some(5081)));
        assert_eq!(via.received(), "203.0.113.9".parse().ok());
        assert_eq!(via.ttl(), Some(16));
    }

    /// RFC 4475 §3.1.1.1: white space and folds are allowed between all parts.
    #[test]
    fn white_space_is_allowed_everywhere() {
        let folded = via("SIP  / 2.0\r\n  /UDP\r\n    192.0.2.2;branch=390skdjuw");
        assert_eq!((folded.branch(), folded.unique_branch()), (Some("390skdjuw"), None));
        let spaced = via("SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ");
        assert_eq!((spaced.transport, spaced.branch()), (Transport::Tcp, Some("z9hG4bK9ikj8")));
        assert_eq!(via("SIP/2.0/UDP h : 5070 ;rport").port, Some(5070));
        assert_eq!(via("SIP/2.0/UDP h: 5070").port, Some(5070));
        assert_eq!(via("sip/2.0/udp h").transport, Transport::Udp);
    }

    /// RFC 5118 §4.5: IPv6 in sent-by and in received, with and without brackets. ES-10 and ES-09 rest on it.
    #[test]
    fn ipv6_is_read_in_both_places() {
        let via = via("SIP/2.0/UDP [2001:db8::9:1]:5060;received=[2001:db8::9:255];branch=z9hG4bKas3-111");
        assert!(matches!(via.host, Host::V6(_)));
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
        let bare = Via::parse(b"SIP/2.0/UDP [::1];received=2001:db8::9:255").unwrap();
        assert_eq!(bare.received(), via.received());
    }

    #[test]
    fn an_unknown_transport_is_kept() {
        assert_eq!(via("SIP/2.0/UNKNOWN h;branch=z9hG4bKx").transport.as_str(), "UNKNOWN");
        assert_eq!(via("SIP/2.0/UDP h;branch=z9hG4bK").unique_branch(), None);
        assert_eq!(via("SIP/2.0/UDP h;rport").rport(), Some(None));
    }

    #[test]
    fn malformed_hops_are_refused() {
        for (input, kind, at) in [
            ("", FaultKind::Empty, 0),
            ("SIP/2.0/UDP", FaultKind::Separator(' '), 11),
            ("SIP/2.0/UDP ", FaultKind::Host, 12),
            ("SIP/3.0/UDP h", FaultKind::Token, 4),
            ("SIP-2.0/UDP h", FaultKind::Token, 0),
            ("SIP/2.0 h", FaultKind::Separator('/'), 8),
            ("SIP/2.0/UDP h:", FaultKind::Number(65535), 14),
            ("SIP/2.0/UDP h:70000", FaultKind::Host, 14),
            ("SIP/2.0/UDP 1.2.3.4.5", FaultKind::Host, 12),
            ("SIP/2.0/UDP h;;branch=1", FaultKind::Param, 14),
            ("SIP/2.0/UDP h x", FaultKind::Trailing, 14),
            ("SIP/2.0/UDP h, SIP/2.0/UDP i", FaultKind::Trailing, 13),
            (";;,;,,", FaultKind::Token, 0),
        ] {
            assert_eq!(Via::parse(input.as_bytes()), Err(HeaderFault { kind, at }), "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_hops_are_read_back(transport in "UDP|TCP|TLS|WSS|[A-Z]{2,8}", ip: Ipv6Addr, port: Option<u16>, branch in "[a-zA-Z0-9.]{1,20}", rport: Option<u16>) {
            let rport = rport.map(|p| p.to_string());
            let pairs = [("branch", Some(branch.as_str())), ("rport", rport.as_deref())];
            let via = Via { transport: Transport::parse(&transport), host: Host::V6(ip), port, params: Params::from_pairs(&pairs) };
            let printed = via.to_string();
            prop_assert_eq!(Via::parse(printed.as_bytes()).unwrap(), via);
        }
    }
}
