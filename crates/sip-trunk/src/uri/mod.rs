//! URIs: `sip:`, `sips:`, `tel:`, `urn:`, and any other scheme as opaque text.
//!
//! [`UriRef`] borrows the received bytes and holds nothing but offsets; [`Uri`] owns its text. Both were checked when they
//! were made, so every accessor is infallible. [`UriRef::kind`] opens the view that fits the scheme:
//!
//! ```
//! use sip_trunk::uri::{Host, UriKind, UriRef};
//!
//! let uri = UriRef::parse(b"sip:+12025550123;tgrp=TG-1;trunk-context=example.com@[2001:db8::7]:5080;user=phone")?;
//! let UriKind::Sip(sip) = uri.kind() else { unreachable!() };
//! assert_eq!(sip.port(), Some(5080));
//! assert!(matches!(sip.host(), Host::V6(_)));
//! assert_eq!(sip.telephone().and_then(|t| t.trunk_group()), Some("TG-1"));
//! # Ok::<(), sip_trunk::uri::UriFault>(())
//! ```
//!
//! Characters the grammar forbids but phones send unescaped (`#`, `[`, `|` in a user part) are accepted; what could end the
//! URI early or break out of a header (`<`, `>`, `"`, white space, controls, bytes above 0x7E) is not.

mod build;
mod compare;
mod fault;
mod host;
mod params;
pub mod percent;
mod sip;
mod tel;
mod transport;
mod urn;

pub(crate) use host::HostPort;

pub use build::{SipUriBuilder, Uri};
pub use fault::{UriFault, UriFaultKind};
pub use host::Host;
pub use params::{UriHeaders, UriParams};
pub use sip::SipUri;
pub use tel::{Digits, TelUri, Telephone};
pub use transport::Transport;
pub use urn::UrnUri;

use std::fmt;

use fault::fault;

use crate::msg::token::{Class, run};

/// The most `;name=value` parameters one URI may carry; one more is refused.
pub const MAX_PARAMS: usize = 100;

/// A checked URI borrowed from the bytes it was received in.
///
/// `==` compares text; [`UriRef::equivalent`] compares by the rules of the scheme.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UriRef<'a> {
    text: &'a str,
    at: Layout,
}

/// The scheme of a URI; an open set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme<'a> {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// `urn:`
    Urn,
    /// Any other scheme, as written.
    Other(&'a str),
}

/// A URI opened by its scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UriKind<'a> {
    /// `sip:` and `sips:`.
    Sip(SipUri<'a>),
    /// `tel:`.
    Tel(TelUri<'a>),
    /// `urn:`.
    Urn(UrnUri<'a>),
    /// Another scheme: only the text is known.
    Other(UriRef<'a>),
}

/// Byte offsets of the parts, so that a borrowed and an owned URI share one parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Layout {
    form: Form,
    /// Of the `:` after the scheme.
    colon: u16,
    /// SIP: end of the user part, or of the scheme when there is none.
    user_end: u16,
    /// SIP: first byte of the host. Others: first byte after the scheme.
    body: u16,
    /// SIP: end of the host. tel: end of the number. urn: end of the namespace.
    body_end: u16,
    /// First byte after the port or number: `;`, `?` or the end.
    params: u16,
    /// The `?`, or the end.
    headers: u16,
    port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Sip,
    Sips,
    Tel,
    Urn,
    Other,
}

impl<'a> UriRef<'a> {
    /// Checks `bytes` as one whole URI.
    ///
    /// # Errors
    /// Says what is wrong and at which byte.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, UriFault> {
        if bytes.len() > usize::from(u16::MAX) {
            return Err(fault(UriFaultKind::TooLong, usize::from(u16::MAX)));
        }
        let (form, colon) = scheme(bytes)?;
        let marks = check_characters(bytes, colon + 1)?;
        // Every byte was just found to be visible ASCII.
        let text = std::str::from_utf8(bytes).map_err(|e| fault(UriFaultKind::Character, e.valid_up_to()))?;
        let blank = Layout {
            form,
            colon: short(colon),
            user_end: short(colon),
            body: short(colon + 1),
            body_end: short(bytes.len()),
            params: short(bytes.len()),
            headers: short(bytes.len()),
            port: None,
        };
        let at = match form {
            Form::Sip | Form::Sips => sip::layout(text, blank, marks)?,
            Form::Tel => tel::layout(text, blank)?,
            Form::Urn => urn::layout(text, blank)?,
            Form::Other if bytes.len() == colon + 1 => return Err(fault(UriFaultKind::Empty, colon + 1)),
            Form::Other => blank,
        };
        Ok(Self { text, at })
    }

    /// The whole URI as received.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme<'a> {
        match self.at.form {
            Form::Sip => Scheme::Sip,
            Form::Sips => Scheme::Sips,
            Form::Tel => Scheme::Tel,
            Form::Urn => Scheme::Urn,
            Form::Other => Scheme::Other(self.slice(0, self.at.colon)),
        }
    }

    /// The view that fits the scheme.
    #[must_use]
    pub fn kind(&self) -> UriKind<'a> {
        match self.at.form {
            Form::Sip | Form::Sips => UriKind::Sip(SipUri(*self)),
            Form::Tel => UriKind::Tel(TelUri(*self)),
            Form::Urn => UriKind::Urn(UrnUri(*self)),
            Form::Other => UriKind::Other(*self),
        }
    }

    /// The view of a `sip:` or `sips:` URI.
    #[must_use]
    pub fn as_sip(&self) -> Option<SipUri<'a>> {
        matches!(self.at.form, Form::Sip | Form::Sips).then_some(SipUri(*self))
    }

    /// The telephone number of a `tel:` URI or in the user part of a `sip:` URI.
    #[must_use]
    pub fn telephone(&self) -> Option<Telephone<'a>> {
        match self.kind() {
            UriKind::Sip(sip) => sip.telephone(),
            UriKind::Tel(tel) => Some(tel.telephone()),
            UriKind::Urn(_) | UriKind::Other(_) => None,
        }
    }

    /// Whether both name the same resource by the rules of their scheme: RFC 3261 §19.1.4 for `sip:` and `sips:`,
    /// RFC 3966 §4 for `tel:`, RFC 5031 for `urn:service`; other schemes compare as text after the scheme.
    ///
    /// The relation is symmetric but, as the RFC notes for parameters, not transitive.
    #[must_use]
    pub fn equivalent(&self, other: &UriRef<'_>) -> bool {
        compare::equivalent(*self, *other)
    }

    /// A copy that owns its text.
    #[must_use]
    pub fn to_uri(&self) -> Uri {
        Uri::from_checked(self.text.into(), self.at)
    }

    fn slice(&self, from: u16, to: u16) -> &'a str {
        &self.text[usize::from(from)..usize::from(to)]
    }
}

impl fmt::Display for UriRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl fmt::Debug for UriRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UriRef({})", self.text)
    }
}

// RFC 3986 §3.1: a letter, then letters, digits, `+`, `-` and `.`; case does not matter.
fn scheme(bytes: &[u8]) -> Result<(Form, usize), UriFault> {
    match bytes {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', ..] => return Ok((Form::Sip, 3)),
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', ..] => return Ok((Form::Sips, 4)),
        [b't' | b'T', b'e' | b'E', b'l' | b'L', b':', ..] => return Ok((Form::Tel, 3)),
        [b'u' | b'U', b'r' | b'R', b'n' | b'N', b':', ..] => return Ok((Form::Urn, 3)),
        _ => {}
    }
    let colon = memchr::memchr(b':', bytes).ok_or(fault(UriFaultKind::Scheme, 0))?;
    let name = &bytes[..colon];
    let letters = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if !name.first().is_some_and(u8::is_ascii_alphabetic) || !name.iter().all(letters) {
        return Err(fault(UriFaultKind::Scheme, 0));
    }
    Ok((Form::Other, colon))
}

/// Where the delimiters of a SIP URI stand, found while its characters are checked.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    /// The first `:` of the user part; before an `@` is found, the first one after the scheme.
    colon: Option<usize>,
    /// The first `@`.
    at: Option<usize>,
    /// The first `?` behind the `@`, or at all.
    question: Option<usize>,
    /// Semicolons between the `@` and the `?`.
    params: usize,
    /// What is wrong with the first bad parameter there.
    bad_param: Option<UriFault>,
}

impl Marks {
    /// Judges the parameter behind the `;` at `at`.
    fn param(&mut self, at: usize, next: Option<&u8>) {
        self.params += 1;
        if self.params > MAX_PARAMS {
            self.bad_param.get_or_insert(fault(UriFaultKind::TooManyParams, at));
        } else if matches!(next, None | Some(b';' | b'=' | b'?')) {
            self.bad_param.get_or_insert(fault(UriFaultKind::Param, at + 1));
        }
    }
}

fn check_characters(bytes: &[u8], from: usize) -> Result<Marks, UriFault> {
    let mut marks = Marks::default();
    let mut at = from;
    loop {
        at += run(&bytes[at..], &PLAIN);
        let Some(mark) = bytes.get(at) else { return Ok(marks) };
        match mark {
            b':' => {
                marks.colon.get_or_insert(at);
            }
            b'?' => {
                marks.question.get_or_insert(at);
            }
            b';' if marks.question.is_none() => marks.param(at, bytes.get(at + 1)),
            b';' => {}
            b'@' if marks.at.is_none() => {
                marks = Marks { colon: marks.colon.or(Some(at)), at: Some(at), ..Marks::default() };
            }
            b'@' => {}
            b'%' => {
                // RFC 3986 §2.1: `%` is always followed by two hexadecimal digits.
                if !matches!(bytes.get(at + 1..at + 3), Some(hex) if hex.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(fault(UriFaultKind::Escape, at));
                }
                at += 2;
            }
            _ => return Err(fault(UriFaultKind::Character, at)),
        }
        at += 1;
    }
}

/// Visible ASCII without `"`, `<`, `>`, and without what [`check_characters`] looks at more closely.
static PLAIN: Class = {
    let mut table = [false; 256];
    let mut b = 0x21;
    while b < 0x7F {
        table[b] = !matches!(b as u8, b'"' | b'<' | b'>' | b'%' | b':' | b';' | b'@' | b'?');
        b += 1;
    }
    table
};

/// Offsets fit: the length was checked first.
fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(input: &str, kind: UriFaultKind, at: usize) {
        assert_eq!(UriRef::parse(input.as_bytes()), Err(fault(kind, at)), "{input}");
    }

    /// ES-10: IPv6 hosts, tel:, urn:service:sos and unknown schemes are all URIs.
    #[test]
    fn every_scheme_is_read() {
        for (input, scheme) in [
            ("sip:alice@example.com", Scheme::Sip),
            ("SIPS:alice@[2001:db8::1]", Scheme::Sips),
            ("tel:+1-201-555-0123", Scheme::Tel),
            ("urn:service:sos", Scheme::Urn),
            ("nobodyKnowsThisScheme:totallyopaquecontent", Scheme::Other("nobodyKnowsThisScheme")),
            ("http://www.example.com", Scheme::Other("http")),
            ("isbn:2983792873", Scheme::Other("isbn")),
        ] {
            let uri = UriRef::parse(input.as_bytes()).expect(input);
            assert_eq!(uri.scheme(), scheme);
            assert_eq!(uri.to_string(), input);
        }
    }

    /// ES-11: nothing that ends a line, a quoted string or a bracket gets into a URI.
    #[test]
    fn characters_that_break_out_are_refused() {
        for bad in ["\r", "\n", "\0", " ", "\t", "<", ">", "\"", "\u{7f}", "\u{202e}"] {
            refused(&format!("sip:a{bad}b@example.com"), UriFaultKind::Character, 5);
        }
    }

    #[test]
    fn a_broken_escape_or_scheme_is_refused_where_it_stands() {
        refused("sip:a%4@example.com", UriFaultKind::Escape, 5);
        refused("sip:a%", UriFaultKind::Escape, 5);
        refused("1sip:a@b", UriFaultKind::Scheme, 0);
        refused("alice", UriFaultKind::Scheme, 0);
        refused("x:", UriFaultKind::Empty, 2);
    }
}
