//! As much of STUN (RFC 8489) as it takes to learn the address others see: a Binding request and what answers it. Bytes in, bytes out.
//!
//! ```
//! use sip_trunk::stun::{Answer, TransactionId, answer, binding_request};
//!
//! let id = TransactionId([7; 12]);
//! assert!(binding_request(id).starts_with(&[0, 1, 0, 0]));
//! assert_eq!(answer(b"SIP/2.0 200 OK\r\n", id), None);
//! # let _ = Answer::Refused(400);
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What ties an answer to its request: 96 random bits (RFC 8489 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionId(pub [u8; 12]);

/// What a server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The request came from this address.
    Mapped(SocketAddr),
    /// An error response, with its code.
    Refused(u16),
}

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const MAPPED_ADDRESS: u16 = 0x0001;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Below it an attribute must be understood (RFC 8489 §14).
const OPTIONAL: u16 = 0x8000;
/// Attributes that must be understood, and need no action in an answer: SOURCE-ADDRESS and CHANGED-ADDRESS of RFC 3489 §11.2,
/// USERNAME, MESSAGE-INTEGRITY, UNKNOWN-ATTRIBUTES, REALM, NONCE, MESSAGE-INTEGRITY-SHA256.
const HARMLESS: [u16; 8] = [0x0004, 0x0005, 0x0006, 0x0008, 0x000a, 0x0014, 0x0015, 0x001c];

/// A Binding request without attributes.
pub fn binding_request(id: TransactionId) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..2].copy_from_slice(&BINDING_REQUEST.to_be_bytes());
    bytes[4..8].copy_from_slice(&COOKIE);
    bytes[8..].copy_from_slice(&id.0);
    bytes
}

/// Reads the answer to the request of that id; `None` when the bytes are none.
pub fn answer(bytes: &[u8], id: TransactionId) -> Option<Answer> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let length = usize::from(number(header, 2)?);
    // RFC 8489 §6.3: the cookie, the id and the length must fit.
    if header[4..8] != COOKIE || header[8..] != id.0 || length != body.len() || !length.is_multiple_of(4) {
        return None;
    }
    let (mut mapped, mut plain, mut code) = (None, None, None);
    let mut rest = body;
    while !rest.is_empty() {
        let (kind, length) = (number(rest, 0)?, usize::from(number(rest, 2)?));
        let value = rest.get(4..4 + length)?;
        match kind {
            XOR_MAPPED_ADDRESS => mapped = mapped.or(address(value, Some(id))),
            MAPPED_ADDRESS => plain = plain.or(address(value, None)),
            ERROR_CODE => code = code.or(error_code(value)),
            // RFC 8489 §6.3.3: an answer that must be understood and is not is discarded.
            unknown if unknown < OPTIONAL && !HARMLESS.contains(&unknown) => return None,
            _optional => {}
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
    match number(header, 0)? {
        // Servers of RFC 3489 give the address in plain.
        BINDING_SUCCESS => mapped.or(plain).map(Answer::Mapped),
        BINDING_ERROR => code.map(Answer::Refused),
        _other => None,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// RFC 8489 §14.1, §14.2: with an id, the address is exclusive-or'ed with the cookie and the id, lest address translators that
/// rewrite what looks like an address change it.
fn address(value: &[u8], xor: Option<TransactionId>) -> Option<SocketAddr> {
    let mut mask = [0; 16];
    if let Some(id) = xor {
        mask[..4].copy_from_slice(&COOKIE);
        mask[4..].copy_from_slice(&id.0);
    }
    let port = number(value, 2)? ^ u16::from_be_bytes([mask[0], mask[1]]);
    let mut octets = [0; 16];
    let given = &value[4..];
    octets.iter_mut().zip(given).zip(mask).for_each(|((octet, given), mask)| *octet = given ^ mask);
    let ip = match (value[1], given.len()) {
        (1, 4) => IpAddr::from(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])),
        (2, 16) => IpAddr::from(Ipv6Addr::from(octets)),
        _unknown => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// RFC 8489 §14.8.
fn error_code(value: &[u8]) -> Option<u16> {
    let (class, number) = (u16::from(*value.get(2)? & 7), u16::from(*value.get(3)?));
    Some(class * 100 + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id of RFC 5769.
    const ID: TransactionId =
        TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

    fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap();
        let head = [kind.to_be_bytes(), length.to_be_bytes()].concat();
        [&head[..], &COOKIE, &ID.0, attributes].concat()
    }

    /// SOFTWARE "test vector", as in RFC 5769 §2.2.
    const SOFTWARE: &[u8] = b"\x80\x22\x00\x0btest vector ";

    #[test]
    fn rfc5769_s2_2_an_ipv4_response() {
        let xor = b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43";
        let response = message(BINDING_SUCCESS, &[SOFTWARE, xor].concat());
        assert_eq!(answer(&response, ID), Some(Answer::Mapped("192.0.2.1:32853".parse().unwrap())));
        assert_eq!(answer(&response, TransactionId([0; 12])), None);
    }

    #[test]
    fn rfc5769_s2_3_an_ipv6_response() {
        let xor = b"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9";
        let expected = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        assert_eq!(answer(&message(BINDING_SUCCESS, xor), ID), Some(Answer::Mapped(expected)));
    }

    #[test]
    fn older_servers_and_refusals_are_understood() {
        let plain = b"\x00\x01\x00\x08\x00\x01\x13\xc4\xcb\x00\x71\x07";
        let expected = Some(Answer::Mapped("203.0.113.7:5060".parse().unwrap()));
        assert_eq!(answer(&message(BINDING_SUCCESS, plain), ID), expected);
        let refused = b"\x00\x09\x00\x04\x00\x00\x04\x14";
        assert_eq!(answer(&message(BINDING_ERROR, refused), ID), Some(Answer::Refused(420)));
        assert_eq!(answer(&message(BINDING_SUCCESS, b"\x7f\xff\x00\x00"), ID), None, "not understood");
    }

    #[test]
    fn cut_and_wrong_lengths_are_no_answers() {
        let whole = message(BINDING_SUCCESS, b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length], ID), None, "{length}");
        }
        for attribute in [&b"\x00\x20\x00\x04\x00\x01\xa1\x47"[..], b"\x00\x20\x00\x00", b"\x00\x20\xff\xff"]
        {
            assert_eq!(answer(&message(BINDING_SUCCESS, attribute), ID), None, "{attribute:?}");
        }
    }
}
