//! What the body is: Content-Type, Content-Disposition, Content-ID (RFC 3261 §20.15 and §20.11, RFC 8262).

use std::{borrow::Cow, fmt};

use super::{
    FaultKind, Header, HeaderFault, Params,
    event::token_and_params,
    lex::{Cursor, ascii},
    text::{Token, Word},
};
use crate::msg::HeaderName;

/// The media type of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentType<'a> {
    /// Such as `application`; compared without case.
    pub kind: &'a str,
    /// Such as `sdp`; compared without case.
    pub subtype: &'a str,
    /// `boundary`, `charset` and further ones.
    pub params: Params<'a>,
}

impl<'a> ContentType<'a> {
    /// A type without parameters.
    #[must_use]
    pub fn new(kind: &'a str, subtype: &'a str) -> Self {
        Self { kind, subtype, params: Params::NONE }
    }

    /// Whether this is `kind/subtype`.
    #[must_use]
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// The delimiter of a multipart body.
    #[must_use]
    pub fn boundary(&self) -> Option<Cow<'a, str>> {
        self.params.get("boundary").map(|v| v.text())
    }
}

impl<'a> Header<'a> for ContentType<'a> {
    const NAME: HeaderName = HeaderName::ContentType;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let kind = cursor.token()?;
        cursor.separator(b'/')?;
        let subtype = cursor.token()?;
        Ok(Self { kind, subtype, params: Params::read(&mut cursor)? })
    }
}

impl fmt::Display for ContentType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", Token(self.kind), Token(self.subtype), self.params)
    }
}

/// What to do with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentDisposition<'a> {
    /// `session`, `render`, `early-session`, `by-reference`, or another token.
    pub disposition: &'a str,
    /// `handling` and further ones.
    pub params: Params<'a>,
}

impl ContentDisposition<'_> {
    /// Whether a receiver that cannot handle the body may go on.
    // RFC 3261 §20.11: handling is required unless it says optional.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.params.token("handling").is_some_and(|h| h.eq_ignore_ascii_case("optional"))
    }
}

impl<'a> Header<'a> for ContentDisposition<'a> {
    const NAME: HeaderName = HeaderName::ContentDisposition;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (disposition, params) = token_and_params(value)?;
        Ok(Self { disposition, params })
    }
}

impl fmt::Display for ContentDisposition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Token(self.disposition), self.params)
    }
}

/// The name of a body or body part that a `cid:` URI points at (RFC 8262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentId<'a>(
    /// Without angle brackets.
    pub &'a str,
);

impl<'a> Header<'a> for ContentId<'a> {
    const NAME: HeaderName = HeaderName::ContentId;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        if !cursor.eat(b'<') {
            return Err(cursor.fault(FaultKind::Separator('<')));
        }
        let id = cursor.take_while(|b| (0x21..0x7F).contains(&b) && b != b'>' && b != b'<');
        if id.is_empty() {
            return Err(cursor.fault(FaultKind::Empty));
        }
        if !cursor.eat(b'>') {
            return Err(cursor.fault(FaultKind::Bracket));
        }
        cursor.end()?;
        Ok(Self(ascii(id)))
    }
}

impl fmt::Display for ContentId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", Word(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 §20.11 and §20.15, RFC 8262 §2.
    #[test]
    fn bodies_are_described() {
        let sdp = ContentType::parse(b"Application / SDP;charset=utf-8").unwrap();
        assert!(sdp.is("application", "sdp"));
        let mixed = ContentType::parse(b"multipart/mixed; boundary=\"unique (1)\"").unwrap();
        assert_eq!(mixed.boundary().as_deref(), Some("unique (1)"));
        assert_eq!(ContentType::parse(mixed.to_string().as_bytes()), Ok(mixed));
        let optional = ContentDisposition::parse(b"render;handling=Optional").unwrap();
        assert!(optional.is_optional() && !ContentDisposition::parse(b"session").unwrap().is_optional());
        assert_eq!(optional.to_string(), "render;handling=Optional");
        assert_eq!(ContentId::parse(b" <a.b@c> ").unwrap(), ContentId("a.b@c"));
        assert_eq!(ContentId("a@b").to_string(), "<a@b>");
    }

    #[test]
    fn malformed_descriptions_are_refused() {
        for bad in ["", "application", "application/", "/sdp", "a/b c", "a/b;", "a/b/c"] {
            assert!(ContentType::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        for bad in ["", "a@b", "<a@b", "<>", "<a b>", "<a@b> x"] {
            assert!(ContentId::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
