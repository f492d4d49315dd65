//! Messages of [rsip 0.4](https://docs.rs/rsip/0.4), both ways.
//!
//! ```
//! use sip_trunk::msg::Message;
//!
//! let received = Message::from_datagram(
//!     &b"OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1,\r\n SIP/2.0/UDP 192.0.2.2\r\nl: 0\r\n\r\n"[..],
//! ).unwrap();
//! let theirs = rsip::SipMessage::try_from(&received)?;
//! let back = Message::try_from(&theirs)?;
//! assert_eq!(back.values("Via").count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! On the way to rsip compact names become long ones, folds become spaces and lists of Via, Contact, Route and Record-Route
//! one line each, because rsip reads neither. What it cannot hold is refused with an [`RsipRefusal`]; nothing is lost
//! silently. On the way back everything is written anew and read by this crate's scanner.
//!
//! | in a message | rsip 0.4 | this conversion |
//! |---|---|---|
//! | a method beyond the fourteen registered ones, or in another case | no value for it, or the wrong one | [`RsipRefusal::Method`] |
//! | Request-URI with an IPv6 host, `tel:`, `urn:` or another scheme | does not parse | [`RsipRefusal::RequestUri`] |
//! | header text that is not UTF-8 | refuses the message | [`RsipRefusal::NotUtf8`] |
//! | header names rsip finds unreadable | refuses the message | [`RsipRefusal::Unreadable`] |
//! | compact names | unknown headers | long names |
//! | folded values | refuses the message | one line |
//! | several Via, Contact, Route in one line | drops all but the first, or fails | one line each |
//! | a body that is not UTF-8 | kept, but corrupted by its own printing | kept; this crate prints it |
//! | octets behind the body, line ends in front | part of the body; refused | left out |
//! | IPv6, other transports and quoted escapes in Via, From, To, Contact | kept as text; `typed()` fails | kept as text |
//! | reason phrase of a registered status code | always the registered one | the registered one comes back |

use rsip::{SipMessage, StatusCode};
use thiserror::Error;

use crate::msg::{Draft, DraftError, FieldName, HeaderName, Message, Method, StartLine};

/// Why rsip cannot hold a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RsipRefusal {
    /// rsip knows fourteen methods, and this is none of them.
    #[error("rsip has no value for the method {0}: handle it without rsip")]
    Method(String),
    /// rsip cannot read this Request-URI.
    #[error("rsip cannot read the request-uri {0}: handle it without rsip")]
    RequestUri(String),
    /// A header, the reason phrase or the Request-URI is not UTF-8.
    #[error("rsip holds text only, and {0} is not utf-8: handle it without rsip")]
    NotUtf8(String),
    /// rsip refuses the message, or would change it.
    #[error("rsip cannot hold this message ({0}): handle it without rsip")]
    Unreadable(String),
}

impl TryFrom<&Message> for SipMessage {
    type Error = RsipRefusal;

    fn try_from(message: &Message) -> Result<Self, RsipRefusal> {
        let mut text = start_line(message)?;
        let mut count = 0;
        for field in message.headers() {
            let name = match field.known {
                Some(name) => name.as_str(),
                None => utf8(field.name, "a header name")?,
            };
            let line = field.unfolded();
            for value in lines(field.known, &line) {
                let value = utf8(value, name)?;
                text.push_str(&format!("{name}: {value}\r\n"));
                count += 1;
            }
        }
        text.push_str("\r\n");
        let mut theirs = Self::try_from(text).map_err(|error| RsipRefusal::Unreadable(error.to_string()))?;
        theirs.body_mut().extend_from_slice(message.body());
        let headers = match &theirs {
            Self::Request(request) => request.headers.iter().count(),
            Self::Response(response) => response.headers.iter().count(),
        };
        if headers != count {
            return Err(RsipRefusal::Unreadable(format!("{headers} of {count} headers were read")));
        }
        Ok(theirs)
    }
}

impl TryFrom<&SipMessage> for Message {
    type Error = DraftError;

    /// Writes the message anew; Content-Length follows the body, whatever the header said.
    fn try_from(theirs: &SipMessage) -> Result<Self, DraftError> {
        let (draft, headers, body) = match theirs {
            SipMessage::Request(request) => {
                let method = request.method.to_string();
                let method = Method::parse(method.as_bytes()).ok_or(DraftError::NotAToken(method.clone()))?;
                (Draft::request(&method, request.uri.to_string()), &request.headers, &request.body)
            }
            SipMessage::Response(response) => {
                let draft = if let StatusCode::Other(code, reason) = &response.status_code {
                    Draft::response_saying(*code, reason)
                } else {
                    Draft::response(response.status_code.code())
                };
                (draft, &response.headers, &response.body)
            }
        };
        let draft = headers.iter().fold(draft, |draft, header| {
            let line = header.to_string();
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let name = FieldName::from(name.trim());
            if name == FieldName::Known(HeaderName::ContentLength) {
                return draft;
            }
            draft.header(name, value.trim())
        });
        draft.body_without_type(body.clone()).into_message()
    }
}

fn start_line(message: &Message) -> Result<String, RsipRefusal> {
    match message.start_line() {
        StartLine::Request { method, uri } => {
            // rsip compares methods without regard to case, so that `Invite` would turn into `INVITE`.
            if matches!(method, Method::Other(_)) {
                return Err(RsipRefusal::Method(method.to_string()));
            }
            let uri = utf8(uri, "the request-uri")?;
            let read = rsip::Uri::try_from(uri).map(|read| read.to_string());
            if read.as_deref() != Ok(uri) {
                return Err(RsipRefusal::RequestUri(uri.to_owned()));
            }
            Ok(format!("{method} {uri} SIP/2.0\r\n"))
        }
        StartLine::Response { code, reason } => {
            let reason = utf8(reason, "the reason phrase")?;
            Ok(format!("SIP/2.0 {code} {reason}\r\n"))
        }
    }
}

/// The values to write on lines of their own.
fn lines(name: Option<HeaderName>, line: &[u8]) -> Vec<&[u8]> {
    let split = matches!(
        name,
        Some(HeaderName::Via | HeaderName::Contact | HeaderName::Route | HeaderName::RecordRoute)
    );
    if split { crate::header::split_list(line).collect() } else { vec![line] }
}

fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, RsipRefusal> {
    std::str::from_utf8(bytes).map_err(|_| RsipRefusal::NotUtf8(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::from_datagram(text.to_owned().into_bytes()).unwrap()
    }

    #[test]
    fn what_rsip_would_lose_is_spelt_out_for_it() {
        let received = message(
            "INVITE sip:b@example.com SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1 ,\r\n SIP/2.0/TCP b\r\n\
             f: <sip:a@example.com>;tag=1\r\nX-Mine: kept\r\nm: <sip:a,b@c>, \"x, y\" <sip:d>\r\nl: 2\r\n\r\n\u{0}\u{1}",
        );
        let theirs = SipMessage::try_from(&received).unwrap();
        assert_eq!(theirs.body(), &[0, 1]);
        let back = Message::try_from(&theirs).unwrap();
        assert_eq!(
            std::str::from_utf8(back.as_bytes()).unwrap(),
            "INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP b\r\n\
             From: <sip:a@example.com>;tag=1\r\nX-Mine: kept\r\nContact: <sip:a,b@c>\r\nContact: \"x, y\" <sip:d>\r\n\
             Content-Length: 2\r\n\r\n\u{0}\u{1}"
        );
    }

    #[test]
    fn binary_bodies_survive() {
        let mut bytes = b"MESSAGE sip:a SIP/2.0\r\nl: 256\r\n\r\n".to_vec();
        bytes.extend(0..=255u8);
        let received = Message::from_datagram(bytes).unwrap();
        let back = Message::try_from(&SipMessage::try_from(&received).unwrap()).unwrap();
        assert_eq!(back.body(), received.body());
    }

    #[test]
    fn what_rsip_cannot_hold_is_refused_with_its_reason() {
        let refusal = |line: &str, header: &str| {
            SipMessage::try_from(&message(&format!("{line}\r\nVia: SIP/2.0/UDP a\r\n{header}\r\n")))
                .unwrap_err()
        };
        assert_eq!(refusal("NEWTHING sip:a SIP/2.0", ""), RsipRefusal::Method("NEWTHING".into()));
        assert_eq!(refusal("invite sip:a SIP/2.0", ""), RsipRefusal::Method("invite".into()));
        for uri in ["sip:[2001:db8::1]", "tel:+12025550123", "urn:service:sos", "sip:[2001:db8::1]:5060;lr"] {
            assert_eq!(refusal(&format!("INVITE {uri} SIP/2.0"), ""), RsipRefusal::RequestUri(uri.into()));
        }
        let latin =
            Message::from_datagram(&b"OPTIONS sip:a SIP/2.0\r\nSubject: M\xfcller\r\n\r\n"[..]).unwrap();
        assert_eq!(SipMessage::try_from(&latin).unwrap_err(), RsipRefusal::NotUtf8("Subject".into()));
    }

    /// ES-11: text put into rsip's strings cannot smuggle a line on its way out.
    #[test]
    fn injected_lines_do_not_come_back() {
        let mut theirs = SipMessage::try_from(&message("OPTIONS sip:a SIP/2.0\r\n\r\n")).unwrap();
        if let SipMessage::Request(request) = &mut theirs {
            request.headers.push(rsip::Header::Other("X".into(), "a\r\nVia: b".into()));
        }
        assert_eq!(Message::try_from(&theirs).unwrap_err(), DraftError::UnsafeText("Session-Expires".into()));
    }

    #[test]
    fn responses_keep_code_and_headers() {
        let received = message("SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP a\r\nCSeq: 1 INVITE\r\n\r\n");
        let back = Message::try_from(&SipMessage::try_from(&received).unwrap()).unwrap();
        assert_eq!(back.status(), Some(486));
        assert_eq!(back.header("CSeq"), Some(&b"1 INVITE"[..]));
    }
}
