//! Headers that are one number (RFC 3261 §20.14, §20.19, §20.22, §20.23).

use std::{fmt, time::Duration};

use super::{Header, HeaderFault, lex::Cursor};
use crate::msg::HeaderName;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($int:ty))+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl<'a> Header<'a> for $name {
            const NAME: HeaderName = HeaderName::$name;

            fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
                let mut cursor = Cursor::begin(value)?;
                let number = cursor.number(u64::from(<$int>::MAX))?;
                cursor.end()?;
                // In range: the limit was checked while reading.
                Ok(Self(<$int>::try_from(number).unwrap_or(<$int>::MAX)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numbers! {
    /// How many more hops a request may take, 0 to 255 (RFC 3261 §20.22).
    MaxForwards(u8)
    /// Lifetime of a registration, subscription or invitation, in seconds (RFC 3261 §20.19).
    Expires(u32)
    /// The shortest registration the registrar takes, in seconds (RFC 3261 §20.23).
    MinExpires(u32)
    /// Size of the body in bytes (RFC 3261 §20.14).
    ContentLength(u32)
}

impl Expires {
    /// As a duration.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{FaultKind, fault::fault};

    #[test]
    fn numbers_are_read_within_their_range() {
        assert_eq!(MaxForwards::parse(b" 0068\t"), Ok(MaxForwards(68)));
        assert_eq!(Expires::parse(b"4294967295"), Ok(Expires(u32::MAX)));
        assert_eq!(Expires(60).duration(), Duration::from_secs(60));
        assert_eq!(ContentLength(349).to_string(), "349");
    }

    /// RFC 4475 §3.1.2.3, §3.1.2.5 and §3.1.2.6, ES-05: negative, overlarge and non-numeric values are faults.
    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(MaxForwards::parse(b"256"), Err(fault(FaultKind::Number(255), 0)));
        for bad in ["-999", "18446744073709551616", "4294967296", "1 1", "1,1", "0x10", "", "1;a"] {
            assert!(ContentLength::parse(bad.as_bytes()).is_err(), "{bad}");
            assert!(Expires::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
