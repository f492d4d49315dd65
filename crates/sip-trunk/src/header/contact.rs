use std::fmt;

use super::{FaultKind, Header, HeaderFault, NameAddr, lex::Cursor};
use crate::msg::HeaderName;

/// Where to reach a user agent, or `*` for every binding (RFC 3261 §20.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `*`: in a REGISTER with `Expires: 0`, all bindings.
    Any,
    /// One address.
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// The address, unless this is `*`.
    #[must_use]
    pub fn address(&self) -> Option<&NameAddr<'a>> {
        match self {
            Self::Any => None,
            Self::Address(address) => Some(address),
        }
    }

    /// The `expires` parameter in seconds.
    // RFC 3261 §20.10: a malformed value counts as 3600 s; a number too large as the largest.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        let value = self.address()?.params.find("expires")?;
        let digits = value.and_then(|v| v.token()).filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
        Some(digits.map_or(3600, |d| d.parse().unwrap_or(u32::MAX)))
    }

    /// The `q` parameter in thousandths, 0 to 1000.
    // RFC 3261 §25.1: 0 to 1 with at most three decimals.
    #[must_use]
    pub fn q(&self) -> Option<u16> {
        let value = self.address()?.params.token("q")?;
        let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
        if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let thousandths = thousandths_of(decimals);
        match whole {
            "0" => Some(thousandths),
            "1" if thousandths == 0 => Some(1000),
            _ => None,
        }
    }
}

/// Up to three decimals as thousandths.
fn thousandths_of(decimals: &str) -> u16 {
    let mut place = 100;
    decimals.bytes().fold(0, |sum, digit| {
        let sum = sum + u16::from(digit - b'0') * place;
        place /= 10;
        sum
    })
}

impl<'a> Header<'a> for Contact<'a> {
    const NAME: HeaderName = HeaderName::Contact;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        if !cursor.eat(b'*') {
            return NameAddr::parse(value).map(Self::Address);
        }
        match cursor.end() {
            Ok(()) => Ok(Self::Any),
            // A display name may start with an asterisk.
            Err(_) => {
                NameAddr::parse(value).map(Self::Address).map_err(|_| cursor.fault(FaultKind::Trailing))
            }
        }
    }
}

impl fmt::Display for Contact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(value: &str) -> Contact<'_> {
        Contact::parse(value.as_bytes()).unwrap_or_else(|e| panic!("{value}: {e}"))
    }

    #[test]
    fn an_asterisk_means_all() {
        assert_eq!(contact(" * "), Contact::Any);
        assert!(contact("*69 <sip:*69@h>").address().is_some());
        assert_eq!(Contact::parse(b"*;expires=0").unwrap_err().kind, FaultKind::Trailing);
    }

    /// RFC 3261 §20.10: q and expires with their odd values.
    #[test]
    fn q_and_expires_are_read_with_the_rules_for_odd_values() {
        for (value, q) in [
            ("0.7", Some(700)),
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("0", Some(0)),
            ("0.05", Some(50)),
            ("1.1", None),
            ("0.1234", None),
            ("-1", None),
            ("x", None),
        ] {
            assert_eq!(contact(&format!("<sip:a@b>;q={value}")).q(), q, "{value}");
        }
        for (value, seconds) in [("=60", 60), ("=abc", 3600), ("", 3600), ("=4294967296", u32::MAX)] {
            assert_eq!(contact(&format!("<sip:a@b>;expires{value}")).expires(), Some(seconds), "{value}");
        }
        assert_eq!(contact("<sip:a@b>").expires(), None);
    }
}
