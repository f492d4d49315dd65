//! The answer to a message that cannot be processed.

use bytes::Bytes;
use thiserror::Error;

use super::diagnostic::{Code, Severity};
use super::draft::Draft;
use super::hygiene;
use super::method::Method;
use super::name::HeaderName;
use super::scan::Scan;
use super::status::reason_phrase;

/// Why nothing is sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Silence {
    /// No finding calls for an answer: process the message.
    #[error("the message may be processed")]
    NothingWrong,
    /// The bytes are not SIP, or a keep-alive.
    #[error("nothing recognisable arrived")]
    NotSip,
    /// Responses are dropped, never answered (RFC 3261 §18.1.2).
    #[error("responses are never answered")]
    Response,
    /// An ACK is never answered (RFC 3261 §17).
    #[error("an ACK is never answered")]
    Ack,
    /// Without a Via nobody could match the answer.
    #[error("there is no via to answer to")]
    NoVia,
    /// The caller's mistake: a tag must be a token.
    #[error("the to tag is not a token: give letters and digits")]
    BadTag,
}

/// Builds the final response a refused request is owed: 400, 414, 416, 420, 505, 513 or what else the worst finding
/// asks for, with Via, From, To, Call-ID and CSeq taken over as far as they were found.
///
/// `to_tag` identifies this element's answer (RFC 3261 §8.2.6.2); a stateless element derives it from the request so
/// that retransmissions get the same one.
///
/// # Errors
/// The reason why silence is right.
pub fn error_reply(scan: &Scan, to_tag: &str) -> Result<Bytes, Silence> {
    let Some(message) = &scan.message else { return Err(Silence::NotSip) };
    if !message.is_request() {
        return Err(Silence::Response);
    }
    let worst = scan.diagnostics.worst().filter(|worst| worst.severity >= Severity::Unsupported);
    let Some(worst) = worst else { return Err(Silence::NothingWrong) };
    if message.method() == Some(Method::Ack) {
        return Err(Silence::Ack);
    }
    if message.header(HeaderName::Via).is_none() {
        return Err(Silence::NoVia);
    }
    let status = worst.code.status().unwrap_or(400);
    let reason = format!("{} ({})", reason_phrase(status), worst.code);
    let mut reply = Draft::response_saying(status, &reason).reply(message, status, to_tag);
    if status == 420 {
        // RFC 3261 §8.2.2.3: Unsupported names each extension that was asked for in vain.
        let mut tags = Vec::new();
        for found in
            scan.diagnostics.iter().filter(|found| matches!(found.code, Code::UnsupportedExtension(_)))
        {
            if !tags.is_empty() {
                tags.extend_from_slice(b", ");
            }
            hygiene::write_clean(&mut tags, found.span.of(message.received()));
        }
        reply = reply.header(HeaderName::Unsupported, tags);
    }
    reply.finish().map_err(|_| Silence::BadTag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::{Message, Scanner};

    fn reply(text: &str) -> Result<String, Silence> {
        let scan = Scanner::default().datagram(Bytes::copy_from_slice(text.as_bytes()));
        error_reply(&scan, "t").map(|reply| {
            let reply = Message::from_datagram(reply).unwrap();
            String::from_utf8(reply.as_bytes().to_vec()).unwrap()
        })
    }

    const HEADERS: &str = "v: SIP/2.0/UDP a\r\nFrom: <sip:x>\r\nTo: <sip:y>\r\ni: c\r\nCSeq: 1 INFO\r\n";
    const TAKEN: &str = "Via: SIP/2.0/UDP a\r\nFrom: <sip:x>\r\nTo: <sip:y>;tag=t\r\nCall-ID: c\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn each_fault_has_its_status() {
        let long = "u".repeat(9_000);
        let many = "Z: 1\r\n".repeat(300);
        for (line, more, status) in [
            ("INFO sip:a SIP/7.0", "", "505 Version Not Supported (the SIP version is not 2.0)"),
            ("INFO sip:a b SIP/2.0", "", "400 Bad Request (the Request-URI is not a URI)"),
            ("INFO sip:a SIP/2.0", "l: -1\r\n", "400 Bad Request (Content-Length is not a usable number)"),
            (
                &format!("INFO sip:{long} SIP/2.0"),
                "",
                "414 Request-URI Too Long (the Request-URI exceeds the size limit)",
            ),
            ("INFO sip:a SIP/2.0", &many, "513 Message Too Large (more header fields than the limit)"),
        ] {
            let found = reply(&format!("{line}\r\n{HEADERS}{more}\r\n")).unwrap();
            assert_eq!(found, format!("SIP/2.0 {status}\r\n{TAKEN}"));
        }
    }

    #[test]
    fn what_is_missing_is_left_out_and_what_is_dirty_is_cleaned() {
        let found = reply("INFO sip:a SIP/2.0\r\nv: a\0b\n c\r\nl: x\r\n\r\n").unwrap();
        assert!(found.ends_with("\r\nVia: a?b c\r\nContent-Length: 0\r\n\r\n"), "{found}");
    }

    #[test]
    fn silence_has_a_reason() {
        assert_eq!(reply("SIP/2.0 999 x\r\nv: a\r\n\r\n"), Err(Silence::Response));
        assert_eq!(reply("ACK sip:a SIP/3.0\r\nv: a\r\n\r\n"), Err(Silence::Ack));
        assert_eq!(reply("INFO sip:a SIP/3.0\r\n\r\n"), Err(Silence::NoVia));
        assert_eq!(reply("GET / HTTP/1.1\r\n\r\n"), Err(Silence::NotSip));
        assert_eq!(reply("\r\n\r\n"), Err(Silence::NotSip));
        assert_eq!(reply(&format!("INFO sip:a SIP/2.0\r\n{HEADERS}\r\n")), Err(Silence::NothingWrong));
        let scan = Scanner::default().datagram(Bytes::from(format!("INFO sip:a SIP/3.0\r\n{HEADERS}\r\n")));
        assert_eq!(error_reply(&scan, "a b"), Err(Silence::BadTag));
    }
}
