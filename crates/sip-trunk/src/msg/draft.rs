//! Writing new requests and responses.

use bytes::Bytes;
use thiserror::Error;

use super::edit::decimal;
use super::field::FieldName;
use super::hygiene;
use super::message::Message;
use super::method::Method;
use super::name::HeaderName;
use super::scan::Scanner;
use super::status::reason_phrase;
use super::token::{is_token, trim_lws};

/// Why a draft cannot become a message. The first mistake is the one reported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DraftError {
    /// A value would end its line or smuggle control characters.
    #[error("the value of {0} holds a line end or control character: remove it or encode it")]
    UnsafeText(String),
    /// A header name or the method is not a token.
    #[error("{0:?} is not a token: use letters, digits and -.!%*_+`'~")]
    NotAToken(String),
    /// The Request-URI holds white space or brackets.
    #[error("the Request-URI {0:?} holds white space, brackets or control characters: escape them")]
    BadRequestUri(String),
    /// A status code outside 100 to 699.
    #[error("{0} is no status code: give one from 100 to 699")]
    BadStatusCode(u16),
    /// Content-Length was given by hand.
    #[error("content-length is computed from the body: do not give it")]
    ContentLengthGiven,
    /// The result is larger than a message may be.
    #[error("the message does not pass the scanner: {0}")]
    Refused(String),
}

/// A message being written, header by header in the order given. Content-Length is added by itself.
///
/// ```
/// use sip_trunk::msg::{Draft, HeaderName, Method};
/// let options = Draft::request(&Method::Options, "sip:carrier.example.net")
///     .header(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
///     .header("X-Tenant", "blue")
///     .finish()?;
/// assert!(options.ends_with(b"X-Tenant: blue\r\nContent-Length: 0\r\n\r\n"));
/// # Ok::<(), sip_trunk::msg::DraftError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Draft {
    start: Vec<u8>,
    headers: Vec<u8>,
    body: Bytes,
    fault: Option<DraftError>,
}

impl Draft {
    /// A new request.
    pub fn request(method: &Method<'_>, uri: impl AsRef<str>) -> Self {
        let uri = uri.as_ref();
        let forbidden = |byte: u8| byte <= b' ' || byte == 0x7f || matches!(byte, b'<' | b'>' | b'"');
        let fault = if !is_token(method.as_str().as_bytes()) {
            Some(DraftError::NotAToken(method.as_str().to_owned()))
        } else if uri.is_empty() || uri.bytes().any(forbidden) {
            Some(DraftError::BadRequestUri(uri.to_owned()))
        } else {
            None
        };
        Self::new(format!("{method} {uri} SIP/2.0\r\n").into_bytes(), fault)
    }

    /// A new response with its registered reason phrase.
    pub fn response(code: u16) -> Self {
        Self::response_saying(code, reason_phrase(code))
    }

    /// A new response with a reason phrase of your own.
    pub fn response_saying(code: u16, reason: &str) -> Self {
        let fault = if !(100..700).contains(&code) {
            Some(DraftError::BadStatusCode(code))
        } else if !hygiene::is_safe_value(reason.as_bytes()) {
            Some(DraftError::UnsafeText("the reason phrase".into()))
        } else {
            None
        };
        Self::new(format!("SIP/2.0 {code} {reason}\r\n").into_bytes(), fault)
    }

    /// The response to `request`, with Via, From, To, Call-ID and CSeq taken over (RFC 3261 §8.2.6).
    ///
    /// `to_tag` is added to To unless it carries a tag already or `code` is 100. Add Record-Route, which answers that
    /// create a dialog repeat (RFC 3261 §12.1.1), with [`copy`](Self::copy).
    pub fn reply_to(request: &Message, code: u16, to_tag: &str) -> Self {
        Self::response(code).reply(request, code, to_tag)
    }

    /// As [`reply_to`](Self::reply_to), with a reason phrase of your own.
    pub fn reply_saying(request: &Message, code: u16, reason: &str, to_tag: &str) -> Self {
        Self::response_saying(code, reason).reply(request, code, to_tag)
    }

    pub(super) fn reply(mut self, request: &Message, code: u16, to_tag: &str) -> Self {
        self = self.copy(request, HeaderName::Via).copy_first(request, HeaderName::From);
        if let Some(to) = request.header(HeaderName::To) {
            let mut value = Vec::with_capacity(to.len() + to_tag.len() + 5);
            hygiene::write_clean(&mut value, to);
            if code != 100 && !has_tag(&value) {
                if !is_token(to_tag.as_bytes()) {
                    self.fail(DraftError::NotAToken(to_tag.to_owned()));
                }
                value.extend_from_slice(b";tag=");
                value.extend_from_slice(to_tag.as_bytes());
            }
            self = self.header(HeaderName::To, value);
        }
        self = self.copy_first(request, HeaderName::CallId).copy_first(request, HeaderName::CSeq);
        // RFC 3261 §8.2.6.1: a 100 repeats Timestamp.
        if code == 100 { self.copy(request, HeaderName::Timestamp) } else { self }
    }

    /// Adds a header line. The value may be anything that prints to bytes.
    pub fn header<'n>(mut self, name: impl Into<FieldName<'n>>, value: impl AsRef<[u8]>) -> Self {
        let name = name.into();
        let (text, value) = (name.as_str(), value.as_ref());
        if name == FieldName::Known(HeaderName::ContentLength) {
            self.fail(DraftError::ContentLengthGiven);
        } else if !is_token(text.as_bytes()) {
            self.fail(DraftError::NotAToken(text.to_owned()));
        } else if !hygiene::is_safe_value(value) {
            self.fail(DraftError::UnsafeText(text.to_owned()));
        } else {
            self.write_header(text, value);
        }
        self
    }

    /// Adds every header of that name from another message, each on one clean line.
    pub fn copy<'n>(self, from: &Message, name: impl Into<FieldName<'n>>) -> Self {
        self.copy_up_to(usize::MAX, from, name.into())
    }

    /// Sets the body and its Content-Type.
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.header(HeaderName::ContentType, content_type).body_without_type(body)
    }

    /// Sets the body alone, for a Content-Type that is among the headers already.
    pub fn body_without_type(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes to send.
    ///
    /// # Errors
    /// The first mistake made while drafting.
    pub fn finish(mut self) -> Result<Bytes, DraftError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let length = self.body.len();
        let mut out = self.start;
        out.reserve_exact(self.headers.len() + length + 44);
        out.append(&mut self.headers);
        out.extend_from_slice(b"Content-Length: ");
        out.extend_from_slice(decimal(length, &mut [0; 20]));
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&self.body);
        Ok(Bytes::from(out))
    }

    /// The message as the scanner sees it, for code that keeps what it sent.
    ///
    /// # Errors
    /// The first mistake made while drafting, or [`DraftError::Refused`] when the result crosses a limit.
    pub fn into_message(self) -> Result<Message, DraftError> {
        Scanner::default().datagram(self.finish()?).accepted().map_err(|scan| {
            let worst = scan.diagnostics.worst().map(|worst| worst.code.to_string());
            DraftError::Refused(worst.unwrap_or_default())
        })
    }

    /// The bytes to send, with `top`, whole header lines, above all others. The draft stays, for another attempt.
    pub(crate) fn finish_below(&self, top: &[u8]) -> Result<Bytes, DraftError> {
        self.check()?;
        let length = self.body.len();
        let parts = [&self.start[..], top, &self.headers, b"Content-Length: "];
        let mut out = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + length + 24);
        parts.iter().for_each(|part| out.extend_from_slice(part));
        out.extend_from_slice(decimal(length, &mut [0; 20]));
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&self.body);
        Ok(Bytes::from(out))
    }

    /// Whether it can become a message.
    pub(crate) fn check(&self) -> Result<(), DraftError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// How many bytes it will be.
    pub(crate) fn len(&self) -> usize {
        const LENGTH_AND_END: usize = 24;
        self.start.len() + self.headers.len() + self.body.len() + LENGTH_AND_END
    }

    /// The method of a request; `None` for a response.
    pub(crate) fn method(&self) -> Option<Method<'_>> {
        let method = self.start.split(|&byte| byte == b' ').next()?;
        if method.starts_with(b"SIP/") { None } else { Method::parse(method) }
    }

    /// The Request-URI of a request; `None` for a response.
    pub(crate) fn request_uri(&self) -> Option<&str> {
        self.method()?;
        std::str::from_utf8(self.start.split(|&byte| byte == b' ').nth(1)?).ok()
    }

    /// The body.
    pub(crate) fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Removes CSeq and returns its number, so that each attempt at the request gets one of its own.
    pub(crate) fn take_cseq(&mut self) -> Option<u32> {
        let mut at = 0;
        let line = self.headers.split_inclusive(|&byte| byte == b'\n').find_map(|line| {
            let start = at;
            at += line.len();
            let is_cseq = line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"CSeq:"));
            is_cseq.then_some(start..at)
        })?;
        let value = std::str::from_utf8(&self.headers[line.start + 5..line.end]).ok()?;
        let number = value.split_ascii_whitespace().next()?.parse().ok()?;
        self.headers.drain(line);
        Some(number)
    }

    /// The status of a response; `None` for a request.
    pub(crate) fn status(&self) -> Option<u16> {
        let status = self.start.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }

    fn new(start: Vec<u8>, fault: Option<DraftError>) -> Self {
        Self { start, headers: Vec::with_capacity(512), body: Bytes::new(), fault }
    }

    fn copy_first(self, from: &Message, name: HeaderName) -> Self {
        self.copy_up_to(1, from, name.into())
    }

    fn copy_up_to(mut self, count: usize, from: &Message, name: FieldName<'_>) -> Self {
        let bytes = from.received();
        for field in from.fields().iter().filter(|field| name.matches(field, bytes)).take(count) {
            self.headers.extend_from_slice(name.as_str().as_bytes());
            self.headers.extend_from_slice(b": ");
            hygiene::write_clean(&mut self.headers, field.value(bytes));
            self.headers.extend_from_slice(b"\r\n");
        }
        self
    }

    fn write_header(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.headers.extend_from_slice(part);
        }
    }

    fn fail(&mut self, fault: DraftError) {
        self.fault.get_or_insert(fault);
    }
}

/// Whether an address carries a `tag` parameter; also for values too broken to parse.
fn has_tag(address: &[u8]) -> bool {
    let (mut quoted, mut bracketed, mut at, mut param) = (false, false, 0, None);
    while at < address.len() {
        let is_end = matches!(address[at], b';') && !quoted && !bracketed;
        if is_end {
            if param.is_some_and(|from| is_tag(&address[from..at])) {
                return true;
            }
            param = Some(at + 1);
        }
        match address[at] {
            b'\\' if quoted => at += 1,
            b'"' if !bracketed => quoted = !quoted,
            b'<' if !quoted => bracketed = true,
            b'>' if !quoted => bracketed = false,
            _ => {}
        }
        at += 1;
    }
    param.is_some_and(|from| is_tag(&address[from..]))
}

fn is_tag(param: &[u8]) -> bool {
    let name = param.split(|&byte| byte == b'=').next().unwrap_or_default();
    trim_lws(name).eq_ignore_ascii_case(b"tag")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(to: &str) -> Message {
        let text = format!(
            "INVITE sip:b@example.com SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1,\r\n SIP/2.0/UDP b\r\nVia: SIP/2.0/UDP c\r\n\
             f: <sip:a@example.com>;tag=1\r\nt: {to}\r\ni: x@y\r\nCSeq: 1 INVITE\r\nTimestamp: 5\r\n\
             Record-Route: <sip:p;lr>\r\nContent-Length: 0\r\n\r\n"
        );
        Message::from_datagram(text.into_bytes()).unwrap()
    }

    /// RFC 3261 §8.2.6.2: Via, From, Call-ID and CSeq are equal; To gets a tag where it has none.
    #[test]
    fn replies_take_over_what_identifies_the_request() {
        let reply = Draft::reply_to(&request("<sip:b@example.com;tag=no>"), 180, "77").finish().unwrap();
        assert_eq!(
            std::str::from_utf8(&reply).unwrap(),
            "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\nVia: SIP/2.0/UDP c\r\n\
             From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com;tag=no>;tag=77\r\nCall-ID: x@y\r\n\
             CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        let tagged = Draft::reply_to(&request("\"x>;tag=\" <sip:b> ; TAG = 5"), 200, "77")
            .copy(&request("x"), HeaderName::RecordRoute)
            .into_message()
            .unwrap();
        assert_eq!(tagged.header(HeaderName::To), Some(&b"\"x>;tag=\" <sip:b> ; TAG = 5"[..]));
        assert_eq!(tagged.header(HeaderName::RecordRoute), Some(&b"<sip:p;lr>"[..]));
    }

    /// RFC 3261 §8.2.6.1: 100 adds no tag and repeats Timestamp.
    #[test]
    fn trying_adds_no_tag() {
        let trying = Draft::reply_to(&request("sip:b@example.com"), 100, "77").into_message().unwrap();
        assert_eq!(trying.header(HeaderName::To), Some(&b"sip:b@example.com"[..]));
        assert_eq!(trying.header(HeaderName::Timestamp), Some(&b"5"[..]));
    }

    /// ES-11: nothing written can end its line early.
    #[test]
    fn mistakes_are_refused_with_the_first_reason() {
        let draft = || Draft::request(&Method::Options, "sip:a");
        let fails = |draft: Draft| draft.finish().unwrap_err();
        assert_eq!(fails(draft().header("X-A", "a\r\nVia: b")), DraftError::UnsafeText("X-A".into()));
        assert_eq!(fails(draft().header("X y", "a")), DraftError::NotAToken("X y".into()));
        assert_eq!(fails(draft().header("l", "0")), DraftError::ContentLengthGiven);
        assert_eq!(
            fails(Draft::request(&Method::Options, "sip:a b")),
            DraftError::BadRequestUri("sip:a b".into())
        );
        assert_eq!(fails(Draft::response(99)), DraftError::BadStatusCode(99));
        assert_eq!(
            fails(Draft::response_saying(200, "a\nb")),
            DraftError::UnsafeText("the reason phrase".into())
        );
        assert_eq!(
            fails(Draft::reply_to(&request("x"), 200, "a b").header("l", "0")),
            DraftError::NotAToken("a b".into())
        );
    }

    #[test]
    fn a_body_brings_its_length() {
        let message =
            Draft::request(&Method::Message, "sip:a").body("text/plain", &b"hi"[..]).into_message().unwrap();
        assert_eq!(message.body(), b"hi");
        assert_eq!(message.header(HeaderName::ContentLength), Some(&b"2"[..]));
    }
}
