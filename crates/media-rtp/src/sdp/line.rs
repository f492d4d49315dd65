//! One line of a session description, as it was received.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

/// How a line ended on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// CR LF, what RFC 8866 §5 asks for.
    CrLf,
    /// A bare LF, which parsers should accept.
    Lf,
    /// Nothing: the last line of a body without a final line end.
    None,
}

impl LineEnd {
    pub(crate) fn bytes(self) -> &'static [u8] {
        match self {
            Self::CrLf => b"\r\n",
            Self::Lf => b"\n",
            Self::None => b"",
        }
    }
}

/// One line: its bytes without the line end, the line end, and its number in the input.
///
/// `Debug` hides keys and passwords (`a=crypto`, `a=ice-pwd`, `k=`); the bytes do not.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    raw: Bytes,
    end: LineEnd,
    number: u32,
}

impl Line {
    pub(crate) fn received(raw: Bytes, end: LineEnd, number: u32) -> Self {
        Self { raw, end, number }
    }

    /// A new line. CR, LF and NUL in the value are left out, so that no value can add a line.
    #[must_use]
    pub fn new(kind: u8, value: &str) -> Self {
        Self::of_parts(kind, &[value])
    }

    /// A new line whose value is in several parts.
    pub(crate) fn of_parts(kind: u8, parts: &[&str]) -> Self {
        let mut raw = Vec::with_capacity(2 + parts.iter().map(|part| part.len()).sum::<usize>());
        raw.extend_from_slice(&[kind, b'=']);
        for part in parts {
            part.split(['\r', '\n', '\0']).for_each(|clean| raw.extend_from_slice(clean.as_bytes()));
        }
        Self { raw: raw.into(), end: LineEnd::CrLf, number: 0 }
    }

    /// The type letter of `x=value`; `None` when the line has another form.
    #[must_use]
    pub fn kind(&self) -> Option<u8> {
        match *self.raw {
            [kind, b'=', ..] => Some(kind),
            _ => None,
        }
    }

    /// The bytes after `x=`; the whole line when it has another form.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        if self.kind().is_some() { &self.raw[2..] } else { &self.raw }
    }

    /// The value as text. What is not UTF-8 is read as Latin-1, the usual cause.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match std::str::from_utf8(self.value()) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(self.value().iter().copied().map(char::from).collect()),
        }
    }

    /// The value as UTF-8 text.
    pub(crate) fn utf8(&self) -> Option<&str> {
        std::str::from_utf8(self.value()).ok()
    }

    /// Name and value of an `a=` line; `None` for other lines.
    #[must_use]
    pub fn attribute(&self) -> Option<(&[u8], Option<&[u8]>)> {
        if self.kind() != Some(b'a') {
            return None;
        }
        let value = self.value();
        Some(match value.iter().position(|b| *b == b':') {
            Some(colon) => (&value[..colon], Some(&value[colon + 1..])),
            None => (value, None),
        })
    }

    /// Whether this is an `a=` line with this name.
    pub(crate) fn is_attribute(&self, name: &str) -> bool {
        // RFC 8866 §6: attribute names are case-sensitive; peers that write `a=RTPMAP` are read all the same.
        self.kind() == Some(b'a')
            && self.value().split_at_checked(name.len()).is_some_and(|(start, rest)| {
                matches!(rest, [] | [b':', ..]) && start.eq_ignore_ascii_case(name.as_bytes())
            })
    }

    /// The whole line without its end.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// How the line ended.
    #[must_use]
    pub fn end(&self) -> LineEnd {
        self.end
    }

    /// The line's number in the input, counted from 1; 0 for a line made by this program.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = [&b"a=crypto:"[..], b"a=ice-pwd:", b"k="];
        match secret.iter().find(|prefix| {
            self.raw.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        }) {
            Some(prefix) => write!(f, "{}: \"{}***\"", self.number, String::from_utf8_lossy(prefix)),
            None => write!(f, "{}: \"{}\"", self.number, self.raw.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_add_a_line() {
        assert_eq!(Line::new(b's', "a\r\nm=audio 1 RTP/AVP 0\0").raw(), b"s=am=audio 1 RTP/AVP 0");
    }

    /// ES-35: keys do not reach a log through `Debug`.
    #[test]
    fn debug_hides_keys() {
        let line = Line::new(b'a', "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0");
        assert_eq!(format!("{line:?}"), "0: \"a=crypto:***\"");
        let line = Line::new(b'a', "CRYPTO:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0");
        assert!(!format!("{line:?}").contains("c2VjcmV0"));
        assert_eq!(format!("{:?}", Line::new(b'k', "prompt")), "0: \"k=***\"");
    }

    #[test]
    fn latin_1_is_readable() {
        let line = Line::received(Bytes::from_static(b"s=caf\xe9"), LineEnd::Lf, 3);
        assert_eq!(line.text(), "café");
        assert_eq!(line.utf8(), None);
    }
}
