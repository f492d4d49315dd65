//! Header fields as they stand in the received bytes.

use std::borrow::Cow;

use super::name::HeaderName;

/// One header field by offsets; 16 bytes, so that 64 of them stay on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) start: u32,
    pub(super) value_start: u32,
    pub(super) value_end: u32,
    pub(super) name_len: u16,
    pub(super) id: Option<HeaderName>,
    pub(super) irregular: bool,
}

const _: () = assert!(size_of::<Field>() == 16);

impl Field {
    pub(super) fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        &bytes[start..start + usize::from(self.name_len)]
    }

    pub(super) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.value_start as usize..self.value_end as usize]
    }
}

/// What a header is asked for by: a known name, or the text of any name.
///
/// Text that spells a known name in any case or its compact form is that known name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldName<'a> {
    /// A name this crate knows.
    Known(HeaderName),
    /// Any other, compared without regard to ASCII case.
    Other(&'a str),
}

impl FieldName<'_> {
    /// The name as it is written into a message.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(name) => name.as_str(),
            Self::Other(text) => text,
        }
    }

    #[inline]
    pub(super) fn matches(&self, field: &Field, bytes: &[u8]) -> bool {
        match self {
            Self::Known(name) => field.id == Some(*name),
            Self::Other(text) => {
                field.id.is_none() && field.name(bytes).eq_ignore_ascii_case(text.as_bytes())
            }
        }
    }
}

impl From<HeaderName> for FieldName<'_> {
    #[inline]
    fn from(name: HeaderName) -> Self {
        Self::Known(name)
    }
}

impl<'a> From<&'a str> for FieldName<'a> {
    fn from(text: &'a str) -> Self {
        HeaderName::find(text.as_bytes()).map_or(Self::Other(text), Self::Known)
    }
}

/// One header field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderField<'a> {
    /// The name's id, where it is a known one.
    pub known: Option<HeaderName>,
    /// The name as it was spelt.
    pub name: &'a [u8],
    /// The value without white space at its ends; folds inside are kept.
    pub value: &'a [u8],
}

impl<'a> HeaderField<'a> {
    /// The value on one line: each fold replaced by a single space (RFC 3261 §7.3.1). Borrows when nothing is folded.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        if memchr::memchr(b'\n', self.value).is_none() {
            return Cow::Borrowed(self.value);
        }
        let mut line = Vec::with_capacity(self.value.len());
        let mut rest = self.value;
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            let kept = rest[..at].trim_ascii_end();
            line.extend_from_slice(kept);
            line.push(b' ');
            rest = rest[at..].trim_ascii_start();
        }
        line.extend_from_slice(rest);
        Cow::Owned(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfolding_leaves_one_space_per_fold() {
        let field = |value: &'static str| HeaderField { known: None, name: b"S", value: value.as_bytes() };
        assert!(matches!(field("a  b").unfolded(), Cow::Borrowed(b"a  b")));
        assert_eq!(&*field("a \r\n\t b\r\n c").unfolded(), b"a b c");
    }

    #[test]
    fn names_given_as_text_find_their_id() {
        assert_eq!(FieldName::from("v"), FieldName::Known(HeaderName::Via));
        assert_eq!(FieldName::from("CALL-ID"), FieldName::Known(HeaderName::CallId));
        assert_eq!(FieldName::from("X-Mine"), FieldName::Other("X-Mine"));
    }
}
