//! SIP over WebSocket: one WebSocket message carries one SIP message (RFC 7118).

use bytes::Bytes;

use crate::msg::{Code, Scan, Scanner};

/// The WebSocket message type to send a SIP message in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// The whole message is UTF-8.
    Text,
    /// It is not, so that a text message would fail the connection.
    Binary,
}

/// What one WebSocket message held.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a box would be the allocation the scanner avoids")]
pub enum Received {
    /// Two CRLF: a keep-alive to answer with one (RFC 7118 §6, RFC 5626 §3.5.1).
    Ping,
    /// One CRLF: the answer to an own keep-alive.
    Pong,
    /// A SIP message, or an attempt at one.
    Message(Scan),
}

/// Reads the payload of one text or binary WebSocket message.
///
/// RFC 7118 §5: a WebSocket message carries exactly one SIP message, so octets behind the body, which a datagram may
/// have, are refused here. RFC 7118 §5: Content-Length may be left out.
pub fn receive(scanner: &Scanner, payload: Bytes) -> Received {
    match &payload[..] {
        b"\r\n\r\n" => return Received::Ping,
        b"\r\n" => return Received::Pong,
        _ => {}
    }
    let mut scan = scanner.datagram(payload);
    let behind =
        scan.diagnostics.iter().find(|found| found.code == Code::TrailingOctets).map(|found| found.span);
    if let Some(span) = behind {
        scan.diagnostics.push(Code::SecondMessage, span);
    }
    Received::Message(scan)
}

/// Which type to send `message` in. RFC 7118 §4.2: binary as soon as one octet is not UTF-8.
pub fn opcode(message: &[u8]) -> Opcode {
    if std::str::from_utf8(message).is_ok() { Opcode::Text } else { Opcode::Binary }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(payload: &'static [u8]) -> Scan {
        match receive(&Scanner::default(), Bytes::from_static(payload)) {
            Received::Message(scan) => scan,
            Received::Ping | Received::Pong => panic!("a keep-alive"),
        }
    }

    /// RFC 7118 §5: one message each; its length may be left out, but must not lie.
    #[test]
    fn a_websocket_message_holds_exactly_one_sip_message() {
        assert!(scan(b"OPTIONS sip:a SIP/2.0\r\n\r\nbody").accepted().is_ok());
        assert!(scan(b"OPTIONS sip:a SIP/2.0\r\nl: 4\r\n\r\nbody").accepted().is_ok());
        for bad in
            [&b"OPTIONS sip:a SIP/2.0\r\nl: 5\r\n\r\nbody"[..], b"OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nbody"]
        {
            assert!(scan(bad).accepted().is_err());
        }
    }

    /// RFC 7118 §6.
    #[test]
    fn keep_alives_are_told_apart() {
        let receive = |bytes| receive(&Scanner::default(), Bytes::from_static(bytes));
        assert!(matches!(receive(b"\r\n\r\n"), Received::Ping));
        assert!(matches!(receive(b"\r\n"), Received::Pong));
    }

    #[test]
    fn text_goes_as_text() {
        assert_eq!(opcode("INVITE \u{e9}".as_bytes()), Opcode::Text);
        assert_eq!(opcode(b"INVITE \xe9"), Opcode::Binary);
    }
}
