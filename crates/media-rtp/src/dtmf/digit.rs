//! The sixteen digits and the hook flash.

use std::fmt;

/// One DTMF digit, or the hook flash that travels the same ways.
///
/// `Debug` hides which one it is, as digits may belong to a card number; `Display` and [`Digit::to_char`] show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digit(u8);

impl Digit {
    /// The hook flash, written `!`. It has no tone.
    pub const FLASH: Digit = Digit(16);

    /// From `0`–`9`, `*`, `#`, `A`–`D` in either case, or `!` for a flash.
    pub const fn from_char(c: char) -> Option<Digit> {
        match c {
            '0'..='9' => Some(Digit(c as u8 - b'0')),
            '*' => Some(Digit(10)),
            '#' => Some(Digit(11)),
            'A'..='D' => Some(Digit(c as u8 - b'A' + 12)),
            'a'..='d' => Some(Digit(c as u8 - b'a' + 12)),
            '!' => Some(Digit::FLASH),
            _ => None,
        }
    }

    /// The character, letters in upper case.
    pub const fn to_char(self) -> char {
        b"0123456789*#ABCD!"[self.0 as usize] as char
    }

    /// From an RTP event code.
    // RFC 4733 §3.2: codes 0–15 in the order 0–9, *, #, A–D; 16 is the flash of RFC 2833.
    pub const fn from_code(code: u8) -> Option<Digit> {
        if code <= 16 { Some(Digit(code)) } else { None }
    }

    /// The RTP event code, 0..=16.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The two frequencies in Hz, low group first; `None` for the flash.
    // ITU-T Q.23 table 1.
    pub const fn frequencies(self) -> Option<(u16, u16)> {
        const LOW: [u16; 4] = [697, 770, 852, 941];
        const HIGH: [u16; 4] = [1209, 1336, 1477, 1633];
        let key = match self.0 {
            0 => 13,
            digit @ 1..=9 => digit - 1 + (digit - 1) / 3,
            10 => 12,
            11 => 14,
            letter @ 12..=15 => (letter - 12) * 4 + 3,
            _ => return None,
        };
        Some((LOW[key as usize / 4], HIGH[key as usize % 4]))
    }

    /// Every digit of a string such as `*72#`, so that a mistake shows before anything is sent.
    ///
    /// # Errors
    /// [`NotADigit`] with the first character that is none.
    pub fn parse_all(text: &str) -> Result<Vec<Digit>, NotADigit> {
        text.chars().map(|c| Digit::from_char(c).ok_or(NotADigit(c))).collect()
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit(•)")
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_char())
    }
}

/// A character that is no DTMF digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a DTMF digit; use 0-9, *, #, A-D, or ! for a flash")]
pub struct NotADigit(pub char);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_keeps_its_code_and_has_its_own_tones() {
        let mut tones = std::collections::BTreeSet::new();
        for (code, c) in "0123456789*#ABCD".chars().enumerate() {
            let digit = Digit::from_char(c).unwrap();
            assert_eq!((digit.code(), digit.to_char()), (code as u8, c));
            assert_eq!(Digit::from_code(code as u8), Some(digit));
            tones.insert(digit.frequencies().unwrap());
        }
        assert_eq!(tones.len(), 16);
        let pad = [('1', 697, 1209), ('5', 770, 1336), ('9', 852, 1477), ('0', 941, 1336), ('D', 941, 1633)];
        for (c, low, high) in pad {
            assert_eq!(Digit::from_char(c).unwrap().frequencies(), Some((low, high)), "{c}");
        }
        assert_eq!(Digit::FLASH.frequencies(), None);
        assert_eq!(Digit::from_code(17), None);
    }

    #[test]
    fn debug_output_does_not_show_the_digit() {
        assert_eq!(
            format!("{:?}", Digit::parse_all("4111").unwrap()),
            "[Digit(•), Digit(•), Digit(•), Digit(•)]"
        );
        assert_eq!(Digit::parse_all("12x"), Err(NotADigit('x')));
    }
}
