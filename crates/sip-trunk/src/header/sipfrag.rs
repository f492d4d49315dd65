//! Pieces of SIP messages as bodies (RFC 3420), which report the progress of a transfer (RFC 3515 §2.4.5).

use std::fmt;

use super::{
    FaultKind, HeaderFault, Text,
    lex::{Cursor, ascii},
    text::is_hostile,
};

/// A `message/sipfrag` body: perhaps a start line, perhaps headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipFrag<'a> {
    /// The status line, when the piece is from an answer.
    pub status: Option<FragStatus<'a>>,
    /// What follows the status line, or everything if there is none.
    pub rest: &'a [u8],
}

/// The status line of a piece of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragStatus<'a> {
    /// 100 to 699.
    pub code: u16,
    /// The reason phrase.
    pub reason: Text<'a>,
}

impl<'a> SipFrag<'a> {
    /// A piece that is only a status line, as a NOTIFY about a transfer carries it.
    #[must_use]
    pub fn status(code: u16, reason: &'a str) -> Self {
        Self { status: Some(FragStatus { code, reason: reason.into() }), rest: &[] }
    }

    /// Reads the status line, if the body starts with one.
    ///
    /// # Errors
    /// The body starts like a status line but is none.
    // RFC 3420 §2.1: the start line may be missing, then the piece starts with a header.
    pub fn parse(body: &'a [u8]) -> Result<Self, HeaderFault> {
        let Some(version) = body.get(..8).filter(|v| v.eq_ignore_ascii_case(b"SIP/2.0 ")) else {
            return Ok(Self { status: None, rest: body });
        };
        let end = memchr::memchr(b'\n', body).unwrap_or(body.len());
        let rest = body.get(end + 1..).unwrap_or_default();
        let line = body[..end].strip_suffix(b"\r").unwrap_or(&body[..end]);
        let mut cursor = Cursor::new(line);
        cursor.advance(version.len());
        let at = cursor.at();
        let digits = cursor.take_while(|b| b.is_ascii_digit());
        let code = ascii(digits).parse().ok().filter(|code| digits.len() == 3 && (100..700).contains(code));
        let code = code.ok_or(HeaderFault { kind: FaultKind::Number(699), at })?;
        if !cursor.eat(b' ') && cursor.peek().is_some() {
            return Err(cursor.fault(FaultKind::Separator(' ')));
        }
        Ok(Self { status: Some(FragStatus { code, reason: Text::bare(cursor.rest()) }), rest })
    }

    /// Whether the transfer this reports on is decided: the status is final.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.is_some_and(|s| s.code >= 200)
    }
}

/// Prints the status line; control characters in the reason become blanks.
impl fmt::Display for SipFrag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(status) = self.status else { return Ok(()) };
        let reason: String =
            status.reason.decoded().chars().map(|c| if is_hostile(c) { ' ' } else { c }).collect();
        write!(f, "SIP/2.0 {} {reason}\r\n", status.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ST-029 at this layer, RFC 3515 §2.4.5: the progress of a transfer is read and written.
    #[test]
    fn progress_is_a_status_line() {
        for (body, code, last) in [
            ("SIP/2.0 100 Trying", 100, false),
            ("SIP/2.0 200 OK\r\n", 200, true),
            ("sip/2.0 603 Decline\nFrom: x\n", 603, true),
            ("SIP/2.0 486", 486, true),
        ] {
            let frag = SipFrag::parse(body.as_bytes()).unwrap();
            assert_eq!((frag.status.map(|s| s.code), frag.is_final()), (Some(code), last), "{body:?}");
        }
        let written = SipFrag::status(200, "OK\r\nVia: x").to_string();
        assert_eq!(written, "SIP/2.0 200 OK  Via: x\r\n");
        assert_eq!(
            SipFrag::parse(written.as_bytes()).unwrap().status.unwrap().reason.decoded(),
            "OK  Via: x"
        );
    }

    /// RFC 3420 §2.1: a piece without a start line is legal, a broken one is not.
    #[test]
    fn pieces_may_start_with_headers() {
        let frag = SipFrag::parse(b"From: Alice <sip:alice@atlanta.com>\r\n").unwrap();
        assert!(frag.status.is_none() && frag.rest.starts_with(b"From"));
        for bad in
            ["SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 20 x", "SIP/2.0 2000", "SIP/2.0 200OK", "SIP/2.0 "]
        {
            assert!(SipFrag::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
