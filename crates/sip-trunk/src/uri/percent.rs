//! Percent encoding (RFC 3986 §2.1) and the characters each part of a SIP URI leaves bare (RFC 3261 §25.1).

use std::{borrow::Cow, fmt::Write};

/// Decodes `%HH`; borrows when there is none. The result may hold any byte, also NUL, CR and LF.
#[must_use]
pub fn decode(text: &str) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text.as_bytes());
    }
    Cow::Owned(Octets::new(text).map(|o| o.byte).collect())
}

/// Decodes `%HH` to text; octets that are not UTF-8 become U+FFFD. For showing, never for comparing.
#[must_use]
pub fn decode_text(text: &str) -> Cow<'_, str> {
    match decode(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(
            String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
        ),
    }
}

/// Which characters may stand bare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The user part.
    User,
    /// The password.
    Password,
    /// Name or value of a parameter.
    Param,
    /// Name or value of a header.
    Header,
}

/// Appends `bytes` to `out`, escaping whatever `part` does not leave bare.
pub fn encode_into(out: &mut String, part: Part, bytes: &[u8]) {
    for byte in bytes {
        if bare(part, *byte) {
            out.push(char::from(*byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// `bytes` escaped for `part`.
#[must_use]
pub fn encode(part: Part, bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    encode_into(&mut out, part, bytes);
    out
}

// RFC 3261 §25.1: unreserved, plus what user, password, param and header each add.
fn bare(part: Part, byte: u8) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
        return true;
    }
    let extra: &[u8] = match part {
        Part::User => b"&=+$,;?/",
        Part::Password => b"&=+$,",
        Part::Param => b"[]/:&+$",
        Part::Header => b"[]/?:+$",
    };
    extra.contains(&byte)
}

/// The octets of a URI part; an escaped reserved character stays distinguishable from a bare one.
#[derive(Debug, Clone)]
pub(crate) struct Octets<'a> {
    rest: std::slice::Iter<'a, u8>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Octet {
    pub(crate) byte: u8,
    /// Written as `%HH` although reserved: `%3B` is not `;`.
    pub(crate) guarded: bool,
}

impl<'a> Octets<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes().iter() }
    }
}

impl Iterator for Octets<'_> {
    type Item = Octet;

    fn next(&mut self) -> Option<Octet> {
        let byte = *self.rest.next()?;
        if byte != b'%' {
            return Some(Octet { byte, guarded: false });
        }
        let (high, low) = match self.rest.as_slice() {
            [high, low, ..] => (nibble(*high), nibble(*low)),
            _ => (None, None),
        };
        let (Some(high), Some(low)) = (high, low) else { return Some(Octet { byte, guarded: false }) };
        self.rest.nth(1);
        let byte = high << 4 | low;
        Some(Octet { byte, guarded: b";/?:@&=+$,".contains(&byte) })
    }
}

fn nibble(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decoding_borrows_when_nothing_is_escaped() {
        assert!(matches!(decode("alice"), Cow::Borrowed(b"alice")));
        assert_eq!(decode("%61lice%00"), b"alice\0".as_slice());
        assert_eq!(decode("100%"), b"100%".as_slice());
        assert_eq!(decode_text("%ff"), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn encoding_then_decoding_gives_the_bytes_back(bytes: Vec<u8>) {
            for part in [Part::User, Part::Password, Part::Param, Part::Header] {
                let text = encode(part, &bytes);
                prop_assert_eq!(decode(&text).into_owned(), bytes.clone());
                prop_assert!(text.bytes().all(|b| (0x21..0x7F).contains(&b)));
            }
        }
    }
}
