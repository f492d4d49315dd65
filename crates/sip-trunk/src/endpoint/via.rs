//! The top Via: what we write into it, and what senders of requests are found by.

use std::net::SocketAddr;

use crate::header::{Header, Params, Via};
use crate::locate::Target;
use crate::msg::{Edits, HeaderName, Message, Scanner};
use crate::transport::Transport;
use crate::uri::Host;

/// Notes in the top Via where a request came from, where its own statement is not enough to answer it: `received`
/// (RFC 3261 §18.2.1), and the value of `rport` (RFC 3581 §4).
pub(super) fn stamp(message: Message, remote: SocketAddr, force_rport: bool) -> Message {
    let Some(element) = message.values(HeaderName::Via).next() else { return message };
    let Ok(via) = Via::parse(element) else { return message };
    let address = remote.ip().to_canonical();
    let wants_port = via.rport().is_some() || force_rport;
    let is_honest = via.host.ip() == Some(address);
    if !wants_port && is_honest && via.params.find("received").is_none() {
        return message;
    }
    let Some(span) = message.span_of(element) else { return message };
    // A sender has no business filling these in: what it says about itself is not what others see.
    if via.params.find("received").is_some() || via.rport().is_some_and(|port| port.is_some()) {
        return restated(&message, &via, remote);
    }
    let received = format!(";received={address}");
    match via.params.iter().find(|(name, _)| name.eq_ignore_ascii_case("rport")) {
        Some((name, _)) => {
            let behind = message.span_of(name.as_bytes()).map_or(span.end, |name| name.end);
            message.inserted(behind as usize, format!("={}{received}", remote.port()).as_bytes())
        }
        None if force_rport => {
            message.inserted(span.end as usize, format!("{received};rport={}", remote.port()).as_bytes())
        }
        None => message.inserted(span.end as usize, received.as_bytes()),
    }
}

/// The rare way: the whole element is written anew.
fn restated(message: &Message, via: &Via<'_>, remote: SocketAddr) -> Message {
    let (address, port) = (remote.ip().to_canonical().to_string(), remote.port().to_string());
    let texts: Vec<_> =
        via.params.iter().map(|(name, value)| (name, value.map(|value| value.text()))).collect();
    let ours = |name: &str| name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport");
    let mut pairs: Vec<_> =
        texts.iter().filter(|(name, _)| !ours(name)).map(|(name, text)| (*name, text.as_deref())).collect();
    pairs.push(("received", Some(&address)));
    if via.rport().is_some() {
        pairs.push(("rport", Some(&port)));
    }
    let element = Via { params: Params::from_pairs(&pairs), ..*via }.to_string();
    let mut edits = Edits::new(message);
    edits.pop_via();
    if edits.push_via(element).is_err() {
        return message.clone();
    }
    Scanner::default().datagram(edits.finish()).message.unwrap_or_else(|| message.clone())
}

/// Where the answer to a datagram goes (RFC 3261 §18.2.2, RFC 3581 §4). `message` has been [`stamp`]ed.
///
/// `maddr` is not followed: it lets anybody direct answers at anybody.
pub(super) fn answer_address(message: &Message, remote: SocketAddr, force_rport: bool) -> SocketAddr {
    let via = message.values(HeaderName::Via).next().and_then(|element| Via::parse(element).ok());
    match via {
        Some(via) if via.rport().is_none() && !force_rport => {
            SocketAddr::new(remote.ip(), via.port.unwrap_or(5060))
        }
        Some(_) | None => remote,
    }
}

/// Where a new connection for an answer goes when the one its request came by is gone (RFC 3261 §18.2.2): the address
/// the request came from, at the port its sender listens on. `None` when the answer does not say, or when nothing could
/// prove who listens there.
pub(super) fn fallback_target(answer: &Message) -> Option<Target> {
    let via = Via::parse(answer.values(HeaderName::Via).next()?).ok()?;
    let transport = Transport::named(via.transport)
        .filter(|transport| matches!(transport, Transport::Tcp | Transport::Tls))?;
    let address = via.received().or_else(|| via.host.ip())?;
    let remote = SocketAddr::new(address, via.port.unwrap_or(transport.default_port()));
    let name = match via.host {
        Host::Name(name) => Some(name.to_ascii_lowercase().into()),
        Host::V4(_) | Host::V6(_) => None,
    };
    match transport.is_secure() {
        true => name.map(|name| Target::new(transport, remote, Some(name))),
        false => answer.status().map(|_| Target::new(transport, remote, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(via: &str, remote: &str, force: bool) -> String {
        let text = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: {via}\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 4\r\n\r\nbody"
        );
        let message = stamp(Message::from_datagram(text).unwrap(), remote.parse().unwrap(), force);
        // Offsets must be those a fresh scan finds.
        let again = Message::from_datagram(message.to_bytes()).unwrap();
        assert!(again.headers().eq(message.headers()));
        assert_eq!((again.body(), message.body()), (&b"body"[..], &b"body"[..]));
        String::from_utf8(message.header(HeaderName::Via).unwrap().to_vec()).unwrap()
    }

    /// RFC 3261 §18.2.1, RFC 3581 §4; RFC 5118 §4.5 for IPv6 without brackets.
    #[test]
    fn the_source_of_a_request_is_noted_in_its_top_via() {
        for (via, remote, expected) in [
            ("SIP/2.0/UDP 192.0.2.1", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1"),
            ("SIP/2.0/UDP host;branch=z", "192.0.2.1:9", "SIP/2.0/UDP host;branch=z;received=192.0.2.1"),
            (
                "SIP/2.0/UDP 10.0.0.1;rport;branch=z",
                "192.0.2.1:9",
                "SIP/2.0/UDP 10.0.0.1;rport=9;received=192.0.2.1;branch=z",
            ),
            (
                "SIP/2.0/UDP 192.0.2.1:9;rport",
                "192.0.2.1:9",
                "SIP/2.0/UDP 192.0.2.1:9;rport=9;received=192.0.2.1",
            ),
            (
                "SIP/2.0/UDP a, SIP/2.0/UDP b",
                "192.0.2.1:9",
                "SIP/2.0/UDP a;received=192.0.2.1, SIP/2.0/UDP b",
            ),
            ("SIP/2.0/UDP a", "[2001:db8::1]:9", "SIP/2.0/UDP a;received=2001:db8::1"),
            ("SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:9", "SIP/2.0/UDP 192.0.2.1"),
        ] {
            assert_eq!(stamped(via, remote, false), expected);
        }
        assert_eq!(stamped("SIP/2.0/UDP a", "192.0.2.1:9", true), "SIP/2.0/UDP a;received=192.0.2.1;rport=9");
    }

    /// What a sender claims about its own source is replaced.
    #[test]
    fn a_claimed_source_is_replaced() {
        assert_eq!(
            stamped("SIP/2.0/UDP a;received=203.0.113.9;rport=1;x=\"y z\"", "192.0.2.1:9", false),
            "SIP/2.0/UDP a;x=\"y z\";received=192.0.2.1;rport=9"
        );
    }
}
