//! The words header values are made of: tokens, quoted strings, comments, linear white space (RFC 3261 §25.1).

use super::{FaultKind, HeaderFault, fault::fault};
use crate::msg::token::{Class, TOKEN, is_token_byte, run};

/// A position in a header value.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A cursor over `bytes` after leading white space; [`FaultKind::Empty`] if nothing is left.
    pub(crate) fn begin(bytes: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Self::new(bytes);
        cursor.skip_lws();
        if cursor.at == bytes.len() { Err(fault(FaultKind::Empty, cursor.at)) } else { Ok(cursor) }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn since(&self, from: usize) -> &'a [u8] {
        &self.bytes[from..self.at]
    }

    /// Moves on by `n` bytes, at most to the end.
    pub(crate) fn advance(&mut self, n: usize) {
        self.at = self.bytes.len().min(self.at + n);
    }

    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    // RFC 3261 §25.1: LWS is blanks, also across a line end that is followed by a blank. Other line ends stay and become faults.
    #[inline]
    pub(crate) fn skip_lws(&mut self) {
        // Nearly always there is none.
        if self.peek().is_some_and(|b| b <= b' ') {
            self.skip_some_lws();
        }
    }

    fn skip_some_lws(&mut self) {
        loop {
            match self.rest() {
                [b' ' | b'\t', ..] => self.at += 1,
                [b'\r', b'\n', b' ' | b'\t', ..] => self.at += 3,
                _ => return,
            }
        }
    }

    /// White space, `byte`, white space.
    pub(crate) fn separator(&mut self, byte: u8) -> Result<(), HeaderFault> {
        self.skip_lws();
        if !self.eat(byte) {
            return Err(self.fault(FaultKind::Separator(char::from(byte))));
        }
        self.skip_lws();
        Ok(())
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), HeaderFault> {
        self.skip_lws();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault(FaultKind::Trailing)) }
    }

    pub(crate) fn fault(&self, kind: FaultKind) -> HeaderFault {
        fault(kind, self.at)
    }

    #[inline]
    pub(crate) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|b| !keep(*b)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// As many bytes of `class` as there are.
    #[inline]
    pub(crate) fn take(&mut self, class: &Class) -> &'a [u8] {
        let rest = self.rest();
        let len = run(rest, class);
        self.at += len;
        &rest[..len]
    }

    /// A token of one byte or more.
    pub(crate) fn token(&mut self) -> Result<&'a str, HeaderFault> {
        self.token_bytes().map(ascii)
    }

    pub(crate) fn token_bytes(&mut self) -> Result<&'a [u8], HeaderFault> {
        match self.take(&TOKEN) {
            [] => Err(self.fault(FaultKind::Token)),
            token => Ok(token),
        }
    }

    /// A run of visible ASCII outside quotes that ends before white space, `,`, `;`, `"`, `<` or `>`.
    pub(crate) fn word(&mut self) -> Result<&'a str, HeaderFault> {
        self.word_bytes().map(ascii)
    }

    pub(crate) fn word_bytes(&mut self) -> Result<&'a [u8], HeaderFault> {
        match self.take(&WORD) {
            [] => Err(self.fault(FaultKind::Token)),
            word => Ok(word),
        }
    }

    /// A decimal number up to `max`; the digits must end at a byte that is no part of a token.
    pub(crate) fn number(&mut self, max: u64) -> Result<u64, HeaderFault> {
        let start = self.at;
        let mut number = 0_u64;
        while let Some(digit) = self.peek().map(|b| b.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            // A number beyond 64 bits stays too large.
            number = number.saturating_mul(10).saturating_add(u64::from(digit));
            self.at += 1;
        }
        let is_whole = self.at > start && !self.peek().is_some_and(is_token_byte);
        if is_whole && number <= max && number < u64::MAX {
            Ok(number)
        } else {
            Err(fault(FaultKind::Number(max), start))
        }
    }

    pub(crate) fn number_u32(&mut self) -> Result<u32, HeaderFault> {
        let start = self.at;
        let max = u64::from(u32::MAX);
        u32::try_from(self.number(max)?).map_err(|_| fault(FaultKind::Number(max), start))
    }

    /// The inside of a quoted string, still escaped; the cursor stands on its first `"`.
    pub(crate) fn quoted(&mut self) -> Result<&'a [u8], HeaderFault> {
        let open = self.at;
        if !self.eat(b'"') {
            return Err(self.fault(FaultKind::Quote));
        }
        loop {
            self.take(&QUOTED);
            match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(&self.bytes[open + 1..self.at - 1]);
                }
                // RFC 3261 §25.1: a backslash may quote any octet up to 0x7F but CR and LF.
                [b'\\', b'\r' | b'\n', ..] => return Err(fault(FaultKind::Character, self.at + 1)),
                [b'\\', _, ..] => self.at += 2,
                [b'\r', b'\n', b' ' | b'\t', ..] => self.at += 3,
                [] | [b'\\'] => return Err(fault(FaultKind::Quote, open)),
                [_, ..] => return Err(self.fault(FaultKind::Character)),
            }
        }
    }

    /// The inside of a comment, which may nest; the cursor stands on its `(`.
    pub(crate) fn comment(&mut self) -> Result<&'a [u8], HeaderFault> {
        let open = self.at;
        let mut depth = 0_usize;
        loop {
            match self.rest() {
                [b'(', ..] => depth += 1,
                [b')', ..] if depth == 1 => {
                    self.at += 1;
                    return Ok(&self.bytes[open + 1..self.at - 1]);
                }
                [b')', ..] => depth -= 1,
                [b'\\', b'\r' | b'\n', ..] => return Err(fault(FaultKind::Character, self.at + 1)),
                [b'\\', _, ..] => self.at += 1,
                [b'\r', b'\n', b' ' | b'\t', ..] => self.at += 2,
                [b, ..] if *b == b'\t' || (*b >= b' ' && *b != 0x7F) => {}
                [] => return Err(fault(FaultKind::Comment, open)),
                [_, ..] => return Err(self.fault(FaultKind::Character)),
            }
            self.at += 1;
        }
    }
}

/// Bytes of a class that is all ASCII, as text.
pub(crate) fn ascii(bytes: &[u8]) -> &str {
    debug_assert!(bytes.is_ascii());
    std::str::from_utf8(bytes).unwrap_or_default()
}

pub(crate) fn is_word_byte(byte: u8) -> bool {
    WORD[usize::from(byte)]
}

/// Visible ASCII without `"`, `,`, `;`, `<`, `>`.
static WORD: Class = {
    let mut table = [false; 256];
    let mut b = 0x21;
    while b < 0x7F {
        table[b] = !matches!(b as u8, b'"' | b',' | b';' | b'<' | b'>');
        b += 1;
    }
    table
};

/// What may stand in a quoted string without a backslash; Latin-1 octets are let through, phones send them.
static QUOTED: Class = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = b == 0x09 || (b >= 0x20 && b != 0x7F && b != b'"' as usize && b != b'\\' as usize);
        b += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_spans_folds_but_no_bare_line_ends() {
        for (input, left) in [(" \t\r\n x", "x"), ("\r\nx", "\r\nx"), ("\n x", "\n x"), ("\r x", "\r x")] {
            let mut cursor = Cursor::new(input.as_bytes());
            cursor.skip_lws();
            assert_eq!(cursor.rest(), left.as_bytes(), "{input:?}");
        }
    }

    #[test]
    fn numbers_keep_to_their_limit() {
        let number = |input: &str, max| Cursor::new(input.as_bytes()).number(max);
        assert_eq!(number("00255;", 255), Ok(255));
        assert_eq!(
            number("0000000000000000000000009999999999999999999", u64::MAX),
            Ok(9_999_999_999_999_999_999)
        );
        for (input, max) in [("256", 255), ("", 9), ("-1", 9), ("1x", 9), ("18446744073709551616", u64::MAX)]
        {
            assert_eq!(number(input, max), Err(fault(FaultKind::Number(max), 0)), "{input}");
        }
    }

    #[test]
    fn comments_nest_without_recursion() {
        let deep = "(".repeat(50_000) + &")".repeat(50_000);
        assert_eq!(Cursor::new(deep.as_bytes()).comment().map(<[u8]>::len), Ok(99_998));
        assert_eq!(Cursor::new(b"(a \\) b) c").comment(), Ok(b"a \\) b".as_slice()));
        assert_eq!(Cursor::new(b"((a)").comment(), Err(fault(FaultKind::Comment, 0)));
        assert_eq!(Cursor::new(b"(a\0)").comment(), Err(fault(FaultKind::Character, 2)));
    }

    /// ES-11: line ends and NUL do not hide in quoted strings.
    #[test]
    fn quoted_strings_hold_no_controls() {
        let quoted = |input: &'static [u8]| Cursor::new(input).quoted();
        assert_eq!(quoted(b"\"a\\\"b\" x"), Ok(b"a\\\"b".as_slice()));
        assert_eq!(quoted(b"\"a\r\n b\""), Ok(b"a\r\n b".as_slice()));
        assert_eq!(quoted(b"\"M\xfcller\""), Ok(b"M\xfcller".as_slice()));
        for (bad, kind, at) in [
            (b"\"a\r\nb\"".as_slice(), FaultKind::Character, 2),
            (b"\"a\nb\"", FaultKind::Character, 2),
            (b"\"a\0b\"", FaultKind::Character, 2),
            (b"\"a\\\nb\"", FaultKind::Character, 3),
            (b"\"a", FaultKind::Quote, 0),
            (b"\"a\\", FaultKind::Quote, 0),
        ] {
            assert_eq!(quoted(bad), Err(fault(kind, at)), "{bad:?}");
        }
    }
}
