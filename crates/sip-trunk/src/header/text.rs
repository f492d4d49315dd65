use std::{borrow::Cow, fmt};

use super::lex::is_word_byte;
use crate::msg::token::is_token_byte;

/// Human text in a header: a display name, a reason, a realm. Decoded only when asked.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a>(Form<'a>);

#[derive(Debug, Clone, Copy)]
enum Form<'a> {
    /// Between quotes on the wire, escapes and folds included.
    Quoted(&'a [u8]),
    /// Words without quotes on the wire.
    Bare(&'a [u8]),
    /// Given by the program.
    Plain(&'a str),
}

impl<'a> Text<'a> {
    pub(crate) fn quoted(inside: &'a [u8]) -> Self {
        Self(Form::Quoted(inside))
    }

    pub(crate) fn bare(words: &'a [u8]) -> Self {
        Self(Form::Bare(words))
    }

    /// The text: escapes resolved, folds turned into one blank, octets that are not UTF-8 read as Latin-1. It may hold
    /// control characters that were escaped on the wire; printing this value replaces those by blanks.
    #[must_use]
    pub fn decoded(&self) -> Cow<'a, str> {
        let (bytes, escaped) = match self.0 {
            Form::Plain(text) => return Cow::Borrowed(text),
            Form::Quoted(bytes) => (bytes, memchr::memchr2(b'\\', b'\r', bytes).is_some()),
            Form::Bare(bytes) => (bytes, memchr::memchr(b'\r', bytes).is_some()),
        };
        if !escaped {
            return match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(latin1(bytes)),
            };
        }
        let bytes = unescape(bytes, matches!(self.0, Form::Quoted(_)));
        Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|e| latin1(e.as_bytes())))
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.0 {
            Form::Quoted(bytes) | Form::Bare(bytes) => bytes.is_empty(),
            Form::Plain(text) => text.is_empty(),
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Form::Plain(text))
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.decoded() == other.decoded()
    }
}

impl Eq for Text<'_> {}

/// Prints a quoted string.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, &self.decoded())
    }
}

fn unescape(bytes: &[u8], quoted: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return out,
            [b'\\', byte, rest @ ..] if quoted => {
                out.push(*byte);
                rest
            }
            // RFC 3261 §7.3.1: a fold, with the blanks around it, means one space.
            [b'\r', b'\n', rest @ ..] => {
                let kept = out.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |n| n + 1);
                out.truncate(kept);
                out.push(b' ');
                &rest[rest.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(rest.len())..]
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

/// Writes a quoted string; control and direction-changing characters become blanks, so nothing can break out or mislead.
pub(crate) fn write_quoted(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                f.write_char('\\')?;
                f.write_char(c)?;
            }
            _ => f.write_char(if is_hostile(c) { ' ' } else { c })?,
        }
    }
    f.write_char('"')
}

/// Controls, line separators, and the bidirectional controls that make text read backwards.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Prints a token: whatever may not stand in one is left out.
pub(crate) struct Token<'a>(pub(crate) &'a str);

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_only(f, self.0, is_token_byte)
    }
}

/// Prints a run of visible ASCII such as a host or Call-ID: whatever else is left out.
pub(crate) struct Word<'a>(pub(crate) &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_only(f, self.0, is_word_byte)
    }
}

fn write_only(f: &mut fmt::Formatter<'_>, text: &str, keep: impl Fn(u8) -> bool) -> fmt::Result {
    text.split(|c: char| !u8::try_from(c).is_ok_and(&keep)).try_for_each(|run| f.write_str(run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::lex::Cursor;
    use proptest::prelude::*;

    #[test]
    fn text_is_decoded_only_as_far_as_needed() {
        assert!(matches!(Text::quoted(b"Alice Carrier").decoded(), Cow::Borrowed("Alice Carrier")));
        assert_eq!(Text::quoted(br#"a \"b\" \\ c"#).decoded(), r#"a "b" \ c"#);
        assert_eq!(Text::quoted(b"a \r\n\t b").decoded(), "a b");
        assert_eq!(Text::quoted(b"M\xfcller").decoded(), "Müller");
        assert_eq!(Text::quoted("Müller".as_bytes()).decoded(), "Müller");
        assert_eq!(Text::bare(b"a\\b").decoded(), "a\\b");
    }

    /// ES-11: line ends, NUL, escape sequences and bidirectional controls are never printed.
    #[test]
    fn printing_leaves_no_hostile_character() {
        let text = Text::from("a\r\nVia: x\0\u{1b}[2J\u{202e}b\"\\\u{85}");
        assert_eq!(text.to_string(), "\"a  Via: x  [2J b\\\"\\\\ \"");
        assert_eq!(Token("a b\r\n;c\u{e9}").to_string(), "abc");
        assert_eq!(Word("a@b\r\n, c").to_string(), "a@bc");
    }

    proptest! {
        #[test]
        fn printed_text_is_read_back(text in "[^\\p{C}\u{2028}\u{2029}]{0,24}") {
            let printed = Text::from(text.as_str()).to_string();
            let mut cursor = Cursor::new(printed.as_bytes());
            prop_assert_eq!(Text::quoted(cursor.quoted().unwrap()).decoded(), text);
            prop_assert!(cursor.end().is_ok());
        }
    }
}
