//! What a person, a phone or a program asked for, before any plan has looked at it.

use std::fmt;

use arrayvec::ArrayString;
use thiserror::Error;

/// Longest dialled string that is looked at, in bytes.
pub const MAX_DIALLED: usize = 254;

/// Longest number, in characters, `+` included. E.164 needs 16; feature codes with digits behind them need more.
pub const MAX_NUMBER: usize = 32;

/// Digits, `*`, `#` and at most one leading `+`, without separators.
pub(crate) type Digits = ArrayString<MAX_NUMBER>;

/// A dialled string that has been read: either a number or a SIP address.
///
/// ```
/// use numplan::Dialled;
///
/// assert_eq!(Dialled::parse("(317) 555-0123")?.to_string(), "3175550123");
/// assert_eq!(Dialled::parse("tel:+1-317-555-0123")?.to_string(), "+13175550123");
/// assert_eq!(Dialled::parse("sip:alice@example.com")?.to_string(), "alice@example.com");
/// assert!(Dialled::parse("317+5550123").is_err());
/// # Ok::<(), numplan::DialFault>(())
/// ```
#[expect(clippy::large_enum_variant, reason = "kept inline, so that a decision allocates nothing")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialled {
    /// A number as dialled, visual separators removed.
    Number(Number),
    /// `user@host`, without scheme and parameters.
    SipAddress(SipAddress),
}

/// `user@host` of a SIP URI, at most [`MAX_DIALLED`] bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SipAddress(ArrayString<MAX_DIALLED>);

/// Digits, `*` and `#`, with an optional `+` in front (RFC 3966 §3 without visual separators).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Number(Digits);

/// Why a dialled string cannot be a destination. Offsets are bytes from the start of the string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialFault {
    /// Nothing but white space or separators.
    #[error("nothing was dialled")]
    Empty,
    /// Longer than [`MAX_DIALLED`] bytes, or a number longer than [`MAX_NUMBER`] characters.
    #[error("{length} characters are too many for a destination, at most {limit} are accepted")]
    TooLong {
        /// How long it is.
        length: usize,
        /// The limit that was crossed.
        limit: usize,
    },
    /// A control character, tab and line ends included.
    #[error("control character at offset {at}")]
    ControlCharacter {
        /// Offset in bytes.
        at: usize,
    },
    /// A character that changes the direction of text or has no width, so the number shown is not the number dialled.
    #[error("invisible or direction-changing character at offset {at}, retype the number")]
    InvisibleCharacter {
        /// Offset in bytes.
        at: usize,
    },
    /// A digit of another script, such as full-width `５`.
    #[error("digit of another script at offset {at}, type it as {digit}")]
    ForeignDigit {
        /// Offset in bytes.
        at: usize,
        /// The ASCII digit it stands for.
        digit: char,
    },
    /// A `+` that is not the first character.
    #[error("a plus sign may only come first, found one at offset {at}")]
    PlusInside {
        /// Offset in bytes.
        at: usize,
    },
    /// A character that is neither digit nor separator.
    #[error("character {found:?} at offset {at} cannot be dialled")]
    NotDialable {
        /// Offset in bytes.
        at: usize,
        /// The character.
        found: char,
    },
    /// `sip:user:password@host`: credentials are never taken from a dialled string.
    #[error("a SIP address must not carry a password")]
    Credentials,
    /// A SIP address without user or host, with two `@`, or with white space.
    #[error("not a SIP address: {reason}")]
    SipAddress {
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Dialled {
    /// Reads a dialled string: `tel:` and `sip:` forms, national and international numbers with visual separators.
    ///
    /// # Errors
    /// [`DialFault`], with the offset of the first character that cannot be dialled.
    pub fn parse(text: &str) -> Result<Self, DialFault> {
        if text.len() > MAX_DIALLED {
            return Err(DialFault::TooLong { length: text.len(), limit: MAX_DIALLED });
        }
        if let Some(fault) = first_hostile_character(text) {
            return Err(fault);
        }
        let start = text.len() - text.trim_start().len();
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(DialFault::Empty);
        }
        if let Some(rest) = strip_scheme(trimmed, "tel:") {
            return Number::parse(without_parameters(rest), start + 4).map(Dialled::Number);
        }
        for scheme in ["sip:", "sips:"] {
            if let Some(rest) = strip_scheme(trimmed, scheme) {
                return sip_address(rest, start + scheme.len());
            }
        }
        if trimmed.contains('@') {
            return sip_address(trimmed, start);
        }
        Number::parse(trimmed, start).map(Dialled::Number)
    }

    /// The text plans are matched against: the number, or `user@host`.
    pub fn as_str(&self) -> &str {
        match self {
            Dialled::Number(number) => number.as_str(),
            Dialled::SipAddress(address) => address.as_str(),
        }
    }
}

impl fmt::Display for Dialled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl SipAddress {
    /// The text, without scheme and parameters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Number {
    fn parse(text: &str, offset: usize) -> Result<Self, DialFault> {
        let mut digits = Digits::new();
        for (at, c) in text.char_indices() {
            match c {
                // RFC 3966 §5.1.1: visual separators carry no meaning.
                '-' | '.' | '(' | ')' | ' ' => continue,
                '+' if !digits.is_empty() => return Err(DialFault::PlusInside { at: at + offset }),
                '+' | '0'..='9' | '*' | '#' => {
                    if digits.try_push(c).is_err() {
                        return Err(DialFault::TooLong { length: text.len(), limit: MAX_NUMBER });
                    }
                }
                found => return Err(DialFault::NotDialable { at: at + offset, found }),
            }
        }
        if digits.trim_start_matches('+').is_empty() {
            return Err(DialFault::Empty);
        }
        Ok(Self(digits))
    }

    /// A number that was built by this crate from dialable characters.
    pub(crate) fn from_digits(digits: Digits) -> Self {
        Self(digits)
    }

    /// The characters, `+` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits behind a leading `+`, if there is one.
    pub fn international(&self) -> Option<&str> {
        self.0.strip_prefix('+')
    }

    /// The characters without a leading `+`.
    pub fn digits(&self) -> &str {
        self.0.strip_prefix('+').unwrap_or(&self.0)
    }

    /// Whether there is nothing but decimal digits behind an optional `+`.
    pub fn is_decimal(&self) -> bool {
        self.digits().bytes().all(|b| b.is_ascii_digit())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let head = text.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
}

fn without_parameters(text: &str) -> &str {
    text.split([';', '?']).next().unwrap_or(text)
}

fn sip_address(text: &str, offset: usize) -> Result<Dialled, DialFault> {
    let phone = text
        .split(';')
        .skip(1)
        .any(|p| p.split('?').next().is_some_and(|p| p.eq_ignore_ascii_case("user=phone")));
    let (user, rest) = text.rsplit_once('@').ok_or(DialFault::SipAddress { reason: "there is no @" })?;
    let host = without_parameters(rest);
    if user.contains('@') {
        return Err(DialFault::SipAddress { reason: "there are two @" });
    }
    if user.contains(':') {
        return Err(DialFault::Credentials);
    }
    if user.is_empty() || host.is_empty() {
        return Err(DialFault::SipAddress { reason: "user and host are both needed" });
    }
    if text.bytes().any(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'<' | b'>')) {
        return Err(DialFault::SipAddress {
            reason: "white space, quotes and angle brackets are not allowed",
        });
    }
    // RFC 3261 §19.1.1: user=phone says that the user part is a telephone number.
    if phone {
        return Number::parse(without_parameters(user), offset).map(Dialled::Number);
    }
    let mut address = ArrayString::new();
    // The whole text fits MAX_DIALLED, so its parts do.
    let written = address
        .try_push_str(user)
        .and_then(|()| address.try_push_str("@"))
        .and_then(|()| address.try_push_str(host));
    written.map_err(|_| DialFault::TooLong { length: text.len(), limit: MAX_DIALLED })?;
    Ok(Dialled::SipAddress(SipAddress(address)))
}

fn first_hostile_character(text: &str) -> Option<DialFault> {
    if text.bytes().all(|b| (b' '..0x7f).contains(&b)) {
        return None;
    }
    text.char_indices().find_map(|(at, c)| match c {
        ' '..='~' => None,
        c if c.is_control() => Some(DialFault::ControlCharacter { at }),
        // Unicode general category Cf as far as text direction and width are concerned (UAX #9, UTS #39).
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => Some(DialFault::InvisibleCharacter { at }),
        c => Some(match foreign_digit(c) {
            Some(digit) => DialFault::ForeignDigit { at, digit },
            None => DialFault::NotDialable { at, found: c },
        }),
    })
}

/// The decimal digit blocks a phone keyboard can produce, each ten code points from its zero.
fn foreign_digit(c: char) -> Option<char> {
    const ZEROS: [u32; 9] = [0x660, 0x6f0, 0x966, 0x9e6, 0xe50, 0xff10, 0x1d7ce, 0x1d7d8, 0x1d7f6];
    let code = u32::from(c);
    ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))
        .and_then(|zero| char::from_digit(code - zero, 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, DialFault>) {
        assert_eq!(Dialled::parse(text).map(|d| d.to_string()), expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn numbers_lose_their_separators() {
        check("911", Ok("911"));
        check(" +1 (317) 555-0123 ", Ok("+13175550123"));
        check("317.555.0123", Ok("3175550123"));
        check("*67#", Ok("*67#"));
        check("tel:+44-20-7946-0018;ext=42", Ok("+442079460018"));
        check("TEL:911", Ok("911"));
    }

    #[test]
    fn sip_addresses_lose_scheme_and_parameters() {
        check("sip:alice@example.com", Ok("alice@example.com"));
        check("alice@example.com", Ok("alice@example.com"));
        check("sips:alice@example.com;transport=tls?subject=x", Ok("alice@example.com"));
        check("sip:+13175550123@example.com;user=phone", Ok("+13175550123"));
        check("sip:alice@[2001:db8::1]:5062", Ok("alice@[2001:db8::1]:5062"));
    }

    #[test]
    fn what_cannot_be_dialled_says_why() {
        check("", Err(DialFault::Empty));
        check("  ()- ", Err(DialFault::Empty));
        check("+", Err(DialFault::Empty));
        check("911\n", Err(DialFault::ControlCharacter { at: 3 }));
        check("9\u{202e}11", Err(DialFault::InvisibleCharacter { at: 1 }));
        check("９11", Err(DialFault::ForeignDigit { at: 0, digit: '9' }));
        check("٩11", Err(DialFault::ForeignDigit { at: 0, digit: '9' }));
        check("31+7", Err(DialFault::PlusInside { at: 2 }));
        check("++1", Err(DialFault::PlusInside { at: 1 }));
        check("1-800-FLOWERS", Err(DialFault::NotDialable { at: 6, found: 'F' }));
        check("sip:alice:secret@example.com", Err(DialFault::Credentials));
        check("sip:example.com", Err(DialFault::SipAddress { reason: "there is no @" }));
        check("a@b@c", Err(DialFault::SipAddress { reason: "there are two @" }));
        check("@host", Err(DialFault::SipAddress { reason: "user and host are both needed" }));
        check(&"1".repeat(33), Err(DialFault::TooLong { length: 33, limit: MAX_NUMBER }));
        check(&"1".repeat(10_000), Err(DialFault::TooLong { length: 10_000, limit: MAX_DIALLED }));
    }
}
