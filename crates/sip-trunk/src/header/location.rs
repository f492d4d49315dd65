//! Where the caller is (RFC 6442).

use std::{borrow::Cow, fmt};

use super::{
    FaultKind, Header, HeaderFault, Params, address::addresses, event::token_and_params, lex::Cursor,
    text::Token,
};
use crate::{
    msg::HeaderName,
    uri::{Scheme, percent},
};

addresses! {
    /// One location of the caller, by value or by reference (RFC 6442 §4.1).
    Geolocation
}

impl<'a> Geolocation<'a> {
    /// The Content-ID, without brackets, of the body part that holds the location; `None` if it is a reference to fetch.
    // RFC 6442 §4.1: a `cid:` URI (RFC 2392) points at a body part of the same message.
    #[must_use]
    pub fn body_part(&self) -> Option<Cow<'a, str>> {
        let (scheme, id) = self.0.uri.as_str().split_once(':')?;
        scheme.eq_ignore_ascii_case("cid").then(|| percent::decode_text(id))
    }

    /// Whether the location has to be fetched: by SIP, presence or HTTP.
    #[must_use]
    pub fn is_reference(&self) -> bool {
        match self.0.uri.scheme() {
            Scheme::Sip | Scheme::Sips => true,
            Scheme::Other(scheme) => ["http", "https", "pres"].iter().any(|s| s.eq_ignore_ascii_case(scheme)),
            Scheme::Tel | Scheme::Urn => false,
        }
    }
}

/// Whether proxies may look at the location to route by it (RFC 6442 §4.2); an open set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeolocationRouting<'a> {
    /// They may.
    Yes,
    /// They must not.
    No,
    /// Another token, which counts as no.
    Other(&'a str),
}

impl<'a> Header<'a> for GeolocationRouting<'a> {
    const NAME: HeaderName = HeaderName::GeolocationRouting;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (token, _) = token_and_params(value)?;
        Ok(match token {
            t if t.eq_ignore_ascii_case("yes") => Self::Yes,
            t if t.eq_ignore_ascii_case("no") => Self::No,
            t => Self::Other(t),
        })
    }
}

impl fmt::Display for GeolocationRouting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No => f.write_str("no"),
            Self::Other(token) => Token(token).fmt(f),
        }
    }
}

/// What was wrong with the location (RFC 6442 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeolocationError<'a> {
    /// 100 to 500 by the RFC, up to three digits.
    pub code: u16,
    /// `code` with the meaning in words, and further ones.
    pub params: Params<'a>,
}

impl<'a> GeolocationError<'a> {
    /// The meaning in words.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.params.get("code").map(|v| v.text())
    }
}

impl<'a> Header<'a> for GeolocationError<'a> {
    const NAME: HeaderName = HeaderName::GeolocationError;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let at = cursor.at();
        let code = u16::try_from(cursor.number(999)?)
            .map_err(|_| HeaderFault { kind: FaultKind::Number(999), at })?;
        Ok(Self { code, params: Params::read(&mut cursor)? })
    }
}

impl fmt::Display for GeolocationError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.code, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6442 §4.1 and §5: by value, by reference.
    #[test]
    fn locations_are_values_or_references() {
        let value = Geolocation::parse(b"<cid:target123@atlanta.example.com>").unwrap();
        assert_eq!(value.body_part().as_deref(), Some("target123@atlanta.example.com"));
        assert!(!value.is_reference());
        let reference = Geolocation::parse(b"<https://lis.example.com/abc?x=1>;inserted-by=\"p\"").unwrap();
        assert_eq!(reference.body_part(), None);
        assert!(reference.is_reference());
        assert!(Geolocation::parse(b"<sips:3sdefrhy2jj7@lis.atlanta.example.com>").unwrap().is_reference());
    }

    /// RFC 6442 §4.2 and §4.3.
    #[test]
    fn routing_and_errors_are_read_and_printed() {
        assert_eq!(GeolocationRouting::parse(b"Yes"), Ok(GeolocationRouting::Yes));
        assert_eq!(GeolocationRouting::parse(b"maybe").map(|g| g.to_string()).as_deref(), Ok("maybe"));
        let error = GeolocationError::parse(b"100 ;code=\"Cannot Process Location\"").unwrap();
        assert_eq!((error.code, error.text().as_deref()), (100, Some("Cannot Process Location")));
        assert_eq!(GeolocationError::parse(error.to_string().as_bytes()), Ok(error));
        assert!(GeolocationError::parse(b"1000").is_err());
    }
}
