//! Route sets, and whether the address in a Contact leads to its owner.

use std::net::IpAddr;

use crate::header::{NameAddr, RecordRoute};
use crate::msg::Message;
use crate::uri::UriRef;

/// The Record-Route elements of a message in the order received, each in angle brackets.
pub(super) fn recorded(message: &Message) -> Vec<Box<str>> {
    message.all::<RecordRoute<'_>>().filter_map(Result::ok).map(|route| route.to_string().into()).collect()
}

/// The URI of a route element.
pub(super) fn uri_of(route: &str) -> &str {
    NameAddr::parse(route.as_bytes()).map_or(route, |address| address.uri.as_str())
}

pub(super) fn is_loose(route: &str) -> bool {
    let address = NameAddr::parse(route.as_bytes());
    address.is_ok_and(|address| address.uri.as_sip().is_some_and(|sip| sip.is_loose_router()))
}

/// Whether `target` names an inside address while its owner's messages came from the outside address `source`.
///
/// Requests to such a target are sent back the way its messages came; every other one is routed by RFC 3263.
pub(super) fn peer_is_behind_nat(target: &str, source: IpAddr) -> bool {
    let Ok(uri) = UriRef::parse(target.as_bytes()) else { return false };
    let inside = uri.as_sip().and_then(|sip| sip.host().ip());
    inside.is_some_and(|inside| inside != source && is_private(inside) && !is_private(source))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        // RFC 6598: carrier-grade NAT uses 100.64.0.0/10.
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inside_contact_with_an_outside_source_is_behind_nat() {
        for (target, source, expected) in [
            ("sip:b@192.168.1.7:5062", "203.0.113.9", true),
            ("sip:b@100.64.3.1", "203.0.113.9", true),
            ("sip:b@192.168.1.7", "192.168.1.1", false),
            ("sip:b@198.51.100.4", "203.0.113.9", false),
            ("sip:b@example.com", "203.0.113.9", false),
            ("sip:b@[fd00::7]", "2001:db8::1", true),
            ("tel:+1", "203.0.113.9", false),
        ] {
            assert_eq!(
                peer_is_behind_nat(target, source.parse().unwrap()),
                expected,
                "{target} from {source}"
            );
        }
    }
}
