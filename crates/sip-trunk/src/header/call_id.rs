use std::fmt;

use super::{
    FaultKind, Header, HeaderFault,
    lex::{Cursor, ascii},
};
use crate::msg::HeaderName;

/// The name of a call or registration, compared byte for byte (RFC 3261 §20.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId<'a>(&'a str);

impl<'a> CallId<'a> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> Header<'a> for CallId<'a> {
    const NAME: HeaderName = HeaderName::CallId;

    // RFC 3261 §25.1: `word [ "@" word ]`. Quotes, brackets, commas and semicolons may be part of it.
    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let visible = |b: u8| (0x21..0x7F).contains(&b);
        // The whole value in one pass without an early exit, which the compiler turns into vector instructions.
        if !value.is_empty() && value.iter().fold(true, |all, b| all & visible(*b)) {
            return Ok(Self(ascii(value)));
        }
        let mut cursor = Cursor::begin(value)?;
        let bytes = cursor.take_while(visible);
        let id = ascii(bytes);
        if id.is_empty() {
            return Err(cursor.fault(FaultKind::Character));
        }
        cursor.end()?;
        Ok(Self(id))
    }
}

impl fmt::Display for CallId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::fault::fault;

    /// RFC 3261 §20.8 and RFC 4475 §3.1.1.2: strange words are legal.
    #[test]
    fn any_word_is_a_call_id() {
        for id in ["f81d4fae@foo.bar.com", "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{", "a;b,c"] {
            assert_eq!(CallId::parse(format!(" {id} ").as_bytes()).map(|c| c.as_str()), Ok(id));
        }
    }

    #[test]
    fn white_space_inside_and_controls_are_refused() {
        assert_eq!(CallId::parse(b"a b"), Err(fault(FaultKind::Trailing, 2)));
        assert_eq!(CallId::parse(b"a\r\nb"), Err(fault(FaultKind::Trailing, 1)));
        assert_eq!(CallId::parse(b"\xc3\xa9"), Err(fault(FaultKind::Character, 0)));
        assert_eq!(CallId::parse(b""), Err(fault(FaultKind::Empty, 0)));
    }
}
